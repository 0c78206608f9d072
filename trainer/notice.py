"""Listens for the warning that this machine will be taken.

Whoever trains looks here at every safe point, so a warning never breaks into a step or a save. But it is
heard at once, in every phase: a thread of ours reads signals from a pipe, also while the main thread is deep
in a kernel, looks for the file, and ends the process when the notice is over. Clouds' metadata services are
asked by another thread.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn
from weakref import WeakSet

from .notice_clouds import Source
from .spool import identity_of, is_left_over, read_notice

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
STOPPED = 75
LOOK_EVERY_S = 0.1  # For the file, and for the end of the notice.
RESERVE_S = 1.0  # Of a notice, to end in; never more than a quarter of it.
LEAVE_WITHIN_S = 1.0


_listening: WeakSet[NoticeWatch] = WeakSet()


def _forget_in_child() -> None:
    for watch in list(_listening):
        watch._forget_in_child()


os.register_at_fork(after_in_child=_forget_in_child)


class NoticeWatch:
    """Remembers the first warning, and when the machine goes.

    Args:
        file: A file whose appearance is a warning too: see `spool.write_notice`. One left over from a former
            start is none.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._left_over = identity_of(file) if file is not None and is_left_over(file) else None
        self._source: str | None = None
        self._heard_at, self._gone_at, self._stop_at = 0.0, float("inf"), float("inf")  # Monotonic.
        self._is_told = False  # The deadline was named, not assumed.
        self._hinted: str | None = None
        self._hints_heard: set[tuple[str, str]] = set()
        self._former: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._pipe: tuple[int, int] | None = None
        self._former_pipe = -1
        self._watching: threading.Thread | None = None
        self._over = threading.Event()
        self._assumed_s: float | None = None
        self._leave: Callable[[], None] = lambda: None

    def listen(self, signals: tuple[signal.Signals, ...] = SIGNALS) -> None:
        """Take the signals over, where called in the main thread; watch for the file in any."""
        if threading.current_thread() is threading.main_thread():
            self._former = {each: signal.signal(each, self._hear) for each in signals}
            self._pipe = os.pipe()
            for end in self._pipe:
                os.set_blocking(end, False)
            self._former_pipe = signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
            _listening.add(self)
        self._watch()

    def _forget_in_child(self) -> None:
        """In a process forked from ours: the signals of a child, such as a pool's worker, are no notice."""
        if self._pipe is not None:
            signal.set_wakeup_fd(-1)
            for end in self._pipe:
                os.close(end)
            self._pipe = None
        ends = signal.SIG_DFL
        self._former = {each: ends if handler is None else handler for each, handler in self._former.items()}
        self._give_back()

    def _give_back(self) -> None:
        """Put the former handlers back, where nobody has put another in the place of ours meanwhile."""
        for each, handler in self._former.items():
            if handler is not None and signal.getsignal(each) == self._hear:  # None: not of Python's making.
                signal.signal(each, handler)
        self._former = {}

    def _hear(self, number: int, frame: FrameType | None) -> None:
        """Remember a signal, then do what whoever had it before does; a default action would end us."""
        self.hear(signal.Signals(number).name)
        former = self._former.get(signal.Signals(number))
        if callable(former):
            with suppress(SystemExit):  # To leave is what comes next, at a safe point.
                former(number, frame)

    def retake(self) -> None:
        """Take the signals again, where a framework has put its own handlers in the place of ours."""
        for each in self._former:
            signal.signal(each, self._hear)

    def _watch(self) -> None:
        if self._watching is None:
            self._watching = threading.Thread(target=self._keep_watching, name="notice", daemon=True)
            self._watching.start()

    def _keep_watching(self) -> None:
        while not self._over.is_set():
            pause_s = max(0.0, min(LOOK_EVERY_S, self._stop_at - time.monotonic()))
            self._read_signals(pause_s)
            self.heard()
            if time.monotonic() >= self._stop_at and not self._over.is_set():
                self._stop_hard()

    def _read_signals(self, within_s: float) -> None:
        """Read signal numbers as the system writes them, whatever the main thread is doing."""
        pipe = self._pipe
        if pipe is None:
            self._over.wait(within_s)
            return
        with suppress(OSError, ValueError):  # Closed meanwhile.
            if select.select([pipe[0]], [], [], within_s)[0]:
                numbers = os.read(pipe[0], 64)
                for number in {*numbers} & {int(each) for each in self._former}:
                    self.hear(signal.Signals(number).name)
                if self._former_pipe >= 0:
                    os.write(self._former_pipe, numbers)  # Whoever had signals written before us.

    def ask(self, source: Source) -> None:
        """Ask a metadata service from now on, from a thread of its own."""
        self._watch()
        threading.Thread(target=self._ask, args=(source,), name="notice-ask", daemon=True).start()

    def _ask(self, source: Source) -> None:
        while not self._over.is_set() and not self._is_told:
            heard = source.poll()
            if heard is not None and heard.is_certain:
                self.hear(heard.source, heard.left_s)
            elif heard is not None:
                self._hint(heard.source, heard.which)
            self._over.wait(source.poll_every_s)

    def _hint(self, source: str, which: str) -> None:
        if (source, which) not in self._hints_heard:  # A service repeats it at every question.
            self._hints_heard.add((source, which))
            self._hinted = source

    def hear(self, source: str, left_s: float | None = None) -> None:
        """Remember a warning: the first counts, and the first that names a time says when the machine goes.

        Runs in a signal handler too, so it takes no lock and starts nothing.

        Args:
            left_s: Seconds until the machine goes, where the warning names them.
        """
        is_first = self._source is None
        if is_first:
            self._heard_at, self._source = time.monotonic(), source
        if left_s is not None and not self._is_told:
            self._is_told = True
            self._goes_in(left_s, time.monotonic())
        elif is_first and self._assumed_s is not None:
            self._goes_in(self._assumed_s, self._heard_at)

    def _goes_in(self, seconds: float, since: float) -> None:
        self._gone_at = since + seconds
        self._stop_at = self._gone_at - min(RESERVE_S, seconds / 4)

    def heard(self) -> str | None:
        """Return where a warning came from (`SIGTERM`, `aws instance-action`, `file`), or None."""
        file = None if self._source is not None else self._file
        if file is not None and identity_of(file) not in (None, self._left_over):
            self.hear(*read_notice(file))
        return self._source

    def take_hint(self) -> str | None:
        """Return once that the machine may go soon, None for nothing new."""
        hint, self._hinted = self._hinted, None
        return hint

    @property
    def left_s(self) -> float | None:
        """Seconds until the machine goes; None where nothing was said or assumed."""
        return None if self._gone_at == float("inf") else max(0.0, self._gone_at - time.monotonic())

    def stop_hard_after(self, seconds: float | None, leave: Callable[[], None] = lambda: None) -> None:
        """End the process when a notice is over, wherever it then is.

        Args:
            seconds: How long a notice is assumed to be that does not say so itself; None assumes nothing, and
                such a notice ends nothing.
            leave: Called right before, in another thread, and waited for a second.
        """
        self._assumed_s, self._leave = seconds, leave
        if seconds is not None and self._source is not None and not self._is_told:
            self._goes_in(seconds, self._heard_at)  # Heard before anybody could say how long it is.
        self._watch()

    def _stop_hard(self) -> NoReturn:
        print("lowtide-run: the notice is over and training has not come to a safe point", file=sys.stderr)
        leaving = threading.Thread(target=self._leave, daemon=True)
        leaving.start()
        leaving.join(LEAVE_WITHIN_S)  # It may wait for what the stuck thread holds.
        os._exit(STOPPED)  # The writer process finishes what was sealed.

    def disarm(self) -> None:
        """Ask nobody any more, and end nothing: training is over."""
        self._over.set()

    def close(self) -> None:
        """Give the signals back to whoever had them."""
        self.disarm()
        if self._pipe is not None:
            signal.set_wakeup_fd(self._former_pipe)
            if self._watching is not None and self._watching is not threading.current_thread():
                self._watching.join(10 * LOOK_EVERY_S)  # It reads from the pipe.
            pipe, self._pipe = self._pipe, None
            for end in pipe:
                os.close(end)
        self._give_back()
