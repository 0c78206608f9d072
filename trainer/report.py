"""A short report on one trainer process, drawn from its own run events.

It is what a launcher needs in order to know a training script: seconds of a step, of a save's
pause, of a start and of a restore. All seconds are real ones; None is unknown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any


def process_born_at() -> float:
    """Return when this process was started, in Unix seconds; now where the system does not tell."""
    try:
        after_name = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
        uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return time.time()
    started_s = int(after_name[19]) / os.sysconf("SC_CLK_TCK")  # Field 22, counted behind the name.
    return time.time() - (uptime_s - started_s)


def report(events: list[dict[str, Any]], *, born_at: float) -> dict[str, Any]:
    """Return the report on the last process in a spool.

    Args:
        events: The spool.
        born_at: When that process was started, Unix seconds.
    """
    own = _last_process(events)
    steps, restored, ended = _of(own, "step"), _of(own, "restored"), _of(own, "ended")
    restore_s = restored[0]["seconds"] if restored else 0.0
    return {
        "steps": ended[-1]["step"] if ended else None,
        "step_seconds_median": _median(each["seconds"] for each in steps),
        "pause_seconds_median": _median(each["seconds"] for each in _of(own, "captured")),
        "boot_seconds": _unix(steps[0]) - steps[0]["seconds"] - born_at - restore_s if steps else None,
        "restore_seconds": restore_s,
        "weights_sha256": ended[-1]["weights_sha256"] if ended else None,
        "final_loss": steps[-1]["loss"] if steps else None,
    }


def _last_process(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    starts = [place for place, event in enumerate(events) if event["event"] == "started"]
    return events[starts[-1] :] if starts else []


def _of(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] == kind]


def _median(values: Iterable[float]) -> float | None:
    listed = list(values)
    return median(listed) if listed else None


def _unix(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["at"]).timestamp()
