"""Passes on to a trainer what its launcher hears: that the machine will be taken.

A launcher may hear what the node does not: a signal to itself, where it runs on the node and the trainer has
a process group of its own, or word from a provider's API. It writes the notice where the trainer looks for it
at every moment, and lets the trainer do the rest.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any

from trainer.runlog import notice_path, write_notice

from .cloud import Lease

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
STOPPED = 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A machine will be taken: who said so, and when, where that is known."""

    source: str
    at: datetime | None = None  # Wall time.


Warner = Callable[[Lease], Warned | None]  # Asked at every tick, so it answers at once; None for nothing.


class LauncherTaken(SystemExit):
    """The launcher itself was told to go: its trainer was warned and has ended, nothing new is started."""

    def __init__(self) -> None:
        super().__init__(STOPPED)


class Forwarder(AbstractContextManager["Forwarder"]):
    """Listens for as long as its context lasts, where that is in the main thread, and asks `warner`."""

    def __init__(self, spool: Path, node: str, warner: Warner = lambda _: None) -> None:
        self._spool, self._node, self._warner = spool, node, warner
        self._own: Warned | None = None  # What was said to this very process.
        self._told: set[int] = set()  # Attempts.
        self._former: dict[signal.Signals, Any] = {}
        self.is_at_work = False  # A trainer runs, and is to have the notice first.

    def __enter__(self) -> Forwarder:
        if threading.current_thread() is threading.main_thread():
            self._former = {each: signal.signal(each, self._hear) for each in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._former.items():
            signal.signal(each, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self._own = self._own or Warned(source=f"launcher {signal.Signals(number).name}")
        if not self.is_at_work:
            self.leave_if_taken()

    def forward(self, attempt: int, lease: Lease) -> None:
        """Tell the trainer of an attempt, once, where there is something to tell."""
        if attempt in self._told:
            return
        warned = self._own or self._warner(lease)
        if warned is not None:
            self._told.add(attempt)
            write_notice(notice_path(self._spool, attempt, self._node), warned.source, warned.at)

    def leave_if_taken(self) -> None:
        """Raise LauncherTaken where this process was told to go."""
        if self._own is not None:
            raise LauncherTaken
