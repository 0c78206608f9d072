"""Listens for the warning that this machine will be taken.

A signal handler only remembers what it heard; whoever trains looks here at every safe point. So
a warning is heard in every phase, also while torch is still loading or a save is under way, and
it never breaks into one.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class NoticeWatch:
    """Remembers the first warning.

    Args:
        file: A file whose appearance is a warning too, for clouds that warn by other means.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._signal: str | None = None
        self._former: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}

    def listen(self, signals: tuple[signal.Signals, ...] = SIGNALS) -> None:
        """Take the signals over. Only the main thread can; elsewhere the file is all there is."""
        if threading.current_thread() is threading.main_thread():
            self._former = {each: signal.signal(each, self._hear) for each in signals}

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self._signal = self._signal or signal.Signals(number).name

    def heard(self) -> str | None:
        """Return where a warning came from (`SIGTERM`, `SIGUSR1`, `file`), None for no warning."""
        if self._signal is None and self._file is not None and self._file.exists():
            self._signal = "file"
        return self._signal

    def close(self) -> None:
        """Give the signals back to whoever had them."""
        for each, handler in self._former.items():
            signal.signal(each, handler)
        self._former = {}
