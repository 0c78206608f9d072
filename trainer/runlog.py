"""What a trainer reports: run events, spooled to disk first and shipped after.

This is a door of the trainer: standard library only. Each event is one line, written by one
system call, so that what a killed process had said is still there. A run log states what
happened and draws no conclusions.

`python -m trainer.runlog --schema` prints the JSON Schema that stands beside this file.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .errors import EventError, ServiceUnreachable
from .events import SCHEMA_VERSION, complete, event_schema, validate_event
from .fields import instant_text
from .phase import Phase, read_phase
from .ship import Shipper, ship_spool
from .spool import notice_path, phase_path, read_notice, read_spool, spool_path, write_notice

__all__ = [
    "EventError",
    "Phase",
    "RunLog",
    "ServiceUnreachable",
    "Shipper",
    "environment",
    "event_schema",
    "notice_path",
    "phase_path",
    "read_notice",
    "read_phase",
    "read_spool",
    "ship_spool",
    "spool_path",
    "validate_event",
    "write_notice",
]


def _wall_now() -> datetime:
    return datetime.now(UTC)


class RunLog:
    """The run log of one node in one attempt. Goes on where a former process of the same key stopped.

    Args:
        spool_dir: Folder of the spool, made if absent.
        clock: Tells wall time; `at` of every event.
    """

    def __init__(
        self,
        spool_dir: Path | str,
        run_id: str,
        attempt: int,
        node: str,
        clock: Callable[[], datetime] = _wall_now,
    ) -> None:
        self.node = node
        self.path = spool_path(spool_dir, attempt, node)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._head = {"schema_version": SCHEMA_VERSION, "run_id": run_id, "attempt": attempt, "node": node}
        self._clock = clock
        self._lock = threading.Lock()
        self._seq = _drop_torn_line(self.path)
        self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self, event: str, **fields: Any) -> dict[str, Any]:
        """Append one event and return it. Fields that may be null may be left out.

        Raises:
            EventError: The fields are not those of this event.
        """
        with self._lock:
            at = instant_text(self._clock(), "microseconds")
            line = {**self._head, "seq": self._seq + 1, "at": at, "event": event, **complete(event, fields)}
            validate_event(line)
            os.write(self._file, json.dumps(line, separators=(",", ":")).encode() + b"\n")
            self._seq += 1
        return line

    def close(self) -> None:
        """Close the file; the events stay, and a later one is an OSError."""
        with self._lock:
            file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _drop_torn_line(path: Path) -> int:
    """Cut a half-written last line off, and return the last sequence number used, 0 for none."""
    events = read_spool(path)
    if path.exists():
        raw = path.read_bytes()
        os.truncate(path, raw.rfind(b"\n") + 1)
    return int(events[-1]["seq"]) if events else 0


def environment() -> dict[str, str | None]:
    """Return what this node runs, as the `started` event wants it, without loading torch."""
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = None
    return {"python": platform.python_version(), "torch": torch, "platform": platform.platform()}


if __name__ == "__main__":
    if sys.argv[1:] != ["--schema"]:
        sys.exit("usage: python -m trainer.runlog --schema")
    print(json.dumps(event_schema(), indent=2))
