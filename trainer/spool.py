"""Where a node keeps its run log and its phase word, and how the log is read back.

A spool outlives the process that wrote it: a launcher reads it after a SIGKILL. A line may
therefore be torn, and a torn line was never an event.
"""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

IMPORTED_AT = time.time()
WRAPPED_S = 10.0  # A wrapper, such as torchrun, may be up so long before the process that trains.


def spool_path(spool_dir: Path | str, attempt: int, node: str) -> Path:
    """Return the file of one node's run log in one attempt."""
    return Path(spool_dir) / f"attempt-{attempt}-node-{node}.jsonl"


def phase_path(spool_dir: Path | str, attempt: int, node: str) -> Path:
    """Return the file of one node's phase word in one attempt."""
    return Path(spool_dir) / f"attempt-{attempt}-node-{node}.phase"


def notice_path(spool_dir: Path | str, attempt: int, node: str) -> Path:
    """Return the file whose appearance tells one node that its machine will be taken."""
    return Path(spool_dir) / f"attempt-{attempt}-node-{node}.notice"


def read_from(path: Path | str, offset: int) -> tuple[list[dict[str, Any]], int]:
    """Return the whole events after byte `offset`, and the offset behind the last of them."""
    with open(path, "rb") as file:
        file.seek(offset)
        raw = file.read()
    whole = raw[: raw.rfind(b"\n") + 1]
    events = (_parse(line) for line in whole.splitlines())
    return [event for event in events if event is not None], offset + len(whole)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:  # A full disk tore it.
        return None
    return event if isinstance(event, dict) else None


def read_spool(path: Path | str) -> list[dict[str, Any]]:
    """Return every whole event of a spool in the order written; none where there is no file."""
    try:
        return read_from(path, 0)[0]
    except FileNotFoundError:
        return []


def write_notice(path: Path | str, source: str, at: datetime | None = None) -> None:
    """Tell a node that its machine will be taken: for whoever hears it elsewhere, such as a launcher.

    Args:
        path: From `notice_path`; the file appears whole or not at all.
        source: Who said so, as it stands in the run log.
        at: When the machine goes, where that is known.
    """
    told = {"source": source, "at": None if at is None else at.astimezone(UTC).isoformat()}
    unfinished = Path(f"{path}.{os.getpid()}")
    unfinished.write_text(json.dumps(told))
    os.replace(unfinished, path)


def read_notice(path: Path | str) -> tuple[str, float | None]:
    """Return who gave a notice and the seconds left; an empty file, or any other, is one as well."""
    try:
        told = json.loads(Path(path).read_bytes())
        source, at = told["source"], told["at"]
        left_s = None if at is None else (datetime.fromisoformat(at) - datetime.now(UTC)).total_seconds()
    except (OSError, ValueError, KeyError, TypeError):
        return "file", None
    if not isinstance(source, str) or not source.isprintable():
        return "file", None
    return source, None if left_s is None else max(0.0, left_s)


def identity_of(path: Path | str) -> tuple[int, int] | None:
    """Return what tells a file from one that is put in its place later; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def is_left_over(path: Path | str) -> bool:
    """Tell a notice of before from one for this process, which may have come while it was still importing.

    One of before was written earlier than this process and its wrappers began, or names a time that was over.
    """
    began_at = process_began_at()
    try:
        if os.stat(path).st_mtime < began_at - WRAPPED_S:
            return True
        at = json.loads(Path(path).read_bytes())["at"]
        return at is not None and datetime.fromisoformat(at).timestamp() < began_at
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return False


def process_began_at() -> float:
    """Return the wall time at which this process began, or was importing already where nobody tells."""
    try:
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age_s = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return IMPORTED_AT
    return min(IMPORTED_AT, time.time() - age_s)
