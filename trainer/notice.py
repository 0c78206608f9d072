"""Listens for the warning that this machine will be taken.

Whoever trains looks here at every safe point, so a warning never breaks into a step or a save. But it is
heard at once, in every phase: signals reach a thread of ours through a pipe, also while the main thread is
deep in a kernel, and that thread arms the hard stop. Clouds' metadata services are asked by another thread.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from .notice_clouds import Source

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
STOPPED = 75


class NoticeWatch:
    """Remembers the first warning, and when the machine goes.

    Args:
        file: A file whose appearance is a warning too, for clouds that warn by other means.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._source: str | None = None
        self._gone_at: float | None = None  # By the monotonic clock.
        self._hinted: str | None = None
        self._former: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
        self._pipe: tuple[int, int] | None = None
        self._over = threading.Event()
        self._assumed_s: float | None = None
        self._leave: Callable[[], None] = lambda: None

    def listen(self, signals: tuple[signal.Signals, ...] = SIGNALS) -> None:
        """Take the signals over. Only the main thread can; elsewhere the file is all there is."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._former = {each: signal.signal(each, self._hear) for each in signals}
        self._pipe = os.pipe()
        for end in self._pipe:
            os.set_blocking(end, end == self._pipe[0])
        signal.set_wakeup_fd(self._pipe[1], warn_on_full_buffer=False)
        arguments = self._pipe[0], set(signals)
        thread = threading.Thread(target=self._hear_at_once, args=arguments, daemon=True)
        thread.start()

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.hear(signal.Signals(number).name)

    def _hear_at_once(self, pipe: int, signals: set[signal.Signals]) -> None:
        """Read signal numbers as the system writes them, whatever the main thread is doing."""
        with suppress(OSError):
            while numbers := os.read(pipe, 64):
                for number in numbers:
                    if number in signals:
                        self.hear(signal.Signals(number).name)
        os.close(pipe)

    def ask(self, source: Source) -> None:
        """Ask a metadata service from now on, from a thread of its own."""
        threading.Thread(target=self._ask, args=(source,), name="notice", daemon=True).start()

    def _ask(self, source: Source) -> None:
        while not self._over.is_set() and self._source is None:
            heard = source.poll()
            if heard is not None and heard.is_certain:
                left_s = None if heard.at is None else (heard.at - datetime.now(UTC)).total_seconds()
                self.hear(heard.source, left_s)
            elif heard is not None:
                self._hinted = heard.source
            self._over.wait(source.poll_every_s)

    def hear(self, source: str, left_s: float | None = None) -> None:
        """Remember a warning; the first counts, and the hard stop is armed by it.

        Args:
            left_s: Seconds until the machine goes, where the warning names them.
        """
        if self._source is not None:
            return
        self._source = source
        seconds = left_s if left_s is not None else self._assumed_s
        if seconds is not None:
            self._gone_at = time.monotonic() + seconds
            threading.Thread(target=self._stop_hard, args=(seconds,), daemon=True).start()

    def heard(self) -> str | None:
        """Return where a warning came from (`SIGTERM`, `aws instance-action`, `file`), or None."""
        if self._source is None and self._file is not None and self._file.exists():
            self.hear("file")
        return self._source

    def take_hint(self) -> str | None:
        """Return once that the machine may go soon, None for nothing new."""
        hint, self._hinted = self._hinted, None
        return hint

    @property
    def left_s(self) -> float | None:
        """Seconds until the machine goes; None where nothing was said or assumed."""
        return None if self._gone_at is None else max(0.0, self._gone_at - time.monotonic())

    def stop_hard_after(self, seconds: float | None, leave: Callable[[], None] = lambda: None) -> None:
        """Assume so many seconds of notice, and end the process when they are over, wherever it then is.

        Args:
            seconds: None arms nothing.
            leave: Called right before, in another thread; must be quick and must not raise.
        """
        self._assumed_s, self._leave = seconds, leave

    def _stop_hard(self, seconds: float) -> None:
        if self._over.wait(max(0.0, seconds)):
            return
        print("lowtide-run: the notice is over and training has not come to a safe point", file=sys.stderr)
        with suppress(Exception):
            self._leave()
        os._exit(STOPPED)  # The writer process finishes what was sealed.

    def disarm(self) -> None:
        """Ask nobody any more, and end nothing: training is over."""
        self._over.set()

    def close(self) -> None:
        """Give the signals back to whoever had them."""
        self.disarm()
        if self._pipe is not None:
            signal.set_wakeup_fd(-1)
            os.close(self._pipe[1])  # The thread reads to the end, and closes its own.
            self._pipe = None
        for each, handler in self._former.items():
            signal.signal(each, handler)
        self._former = {}
