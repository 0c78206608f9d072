"""What is being read at this moment, for whoever watches; and one reader per source at a time.

Kept in memory only: it is true while the process lives, and what survives is in the store.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from model.errors import EnvironmentTrouble

from .ingest import IngestReport, Progress


class PassStopped(EnvironmentTrouble):
    """The service is going down; what was committed of the pass is kept."""

    slug = "pass-stopped"


@dataclass(slots=True, kw_only=True)
class Underway:
    """One source that is being read, with the rows committed so far."""

    source_id: str
    started_at: datetime
    rows_in: int = 0
    rows_new: int = 0
    batches: int = 0


@dataclass(slots=True, kw_only=True)
class Errand:
    """What somebody asked to be collected: how many parts it has, how many are done, rows so far."""

    parts: int = 0  # Files, or jobs of feeds; 0: not known yet.
    done: int = 0
    rows_in: int = 0
    at: str | None = None  # The file or source that is read now.
    _before: int = 0  # Rows of the parts that are done.

    def note(self, report: IngestReport) -> None:
        """Take in the progress of one file; another origin means that the last one is done."""
        if report.origin != self.at:
            self.done += self.at is not None
            self.at, self._before = report.origin, self.rows_in
        self.rows_in = self._before + report.rows_in


class Activity:
    """The sources under way. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Condition()
        self._underway: dict[str, Underway] = {}
        self._errands: list[Errand] = []
        self._stopping = False

    @contextmanager
    def reading(self, source_id: str, at: datetime) -> Iterator[Progress]:
        """Hold a source while it is read; waits for another reader of it. Yields the progress to call.

        Raises:
            PassStopped: From waiting or from the progress, when `stop` was called.
        """
        with self._lock:
            self._lock.wait_for(lambda: self._stopping or source_id not in self._underway)
            self.check()
            mine = self._underway[source_id] = Underway(source_id=source_id, started_at=at)

        def progress(report: IngestReport) -> None:
            mine.rows_in, mine.rows_new = report.rows_in, report.rows_new
            mine.batches += 1
            self.check()

        try:
            yield progress
        finally:
            with self._lock:
                del self._underway[source_id]
                self._lock.notify_all()

    @contextmanager
    def errand(self) -> Iterator[Errand]:
        """Count what somebody asked for."""
        mine = Errand()
        with self._lock:
            self._errands.append(mine)
        try:
            yield mine
        finally:
            with self._lock:
                self._errands.remove(mine)

    def underway(self) -> list[Underway]:
        """What is being read now, the oldest first."""
        with self._lock:
            return sorted(self._underway.values(), key=lambda each: each.started_at)

    def errands(self) -> list[Errand]:
        """What was asked for and is not done."""
        with self._lock:
            return list(self._errands)

    @property
    def stopping(self) -> bool:
        """The service goes down: whatever takes long is to end."""
        return self._stopping

    def check(self) -> None:
        """Stop here if the service goes down.

        Raises:
            PassStopped: It does.
        """
        if self._stopping:
            raise PassStopped(
                "The service was stopped while this source was read.",
                fix="What was committed is kept; the next pass goes on from there.",
            )

    def stop(self, grace_s: float) -> bool:
        """Let every reader end after its batch; True when all have within `grace_s` seconds."""
        with self._lock:
            self._stopping = True
            self._lock.notify_all()
            return self._lock.wait_for(lambda: not self._underway, timeout=grace_s)
