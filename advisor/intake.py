"""Which of the events a node sends may be stored: the run log's own rules, and room on the calendar.

One malformed event is refused alone, with its place in the batch, so that it never holds up
the rest of a spool.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from model.errors import ImpossibleInput
from trainer.runlog import EventError, validate_event

from .progress import RunClock


def sift_events(
    events: Sequence[dict[str, Any]], run_id: str, attempts: int, clock: RunClock
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the events that may be stored, and `{index, reason}` of the others."""
    good: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    for index, event in enumerate(events):
        reason = why_not(event, run_id, attempts, clock)
        if reason:
            rejected.append({"index": index, "reason": reason})
        else:
            good.append(event)
    return good, rejected


def why_not(event: dict[str, Any], run_id: str, attempts: int, clock: RunClock) -> str | None:
    """Return why an event may not be stored, or None."""
    try:
        validate_event(event)
        until = datetime.fromisoformat(event["at"])
        clock.market_at(until)
        clock.market_at(until - timedelta(seconds=float(event.get("seconds", 0.0))))
    except EventError as wrong:
        return f"{wrong.seen} {wrong.fix}"
    except (ImpossibleInput, ValueError, OverflowError):
        return f"Its time {event['at']!r} or its seconds lie outside any calendar."
    if event["run_id"] != run_id:
        return f"It belongs to run {event['run_id']!r}."
    if event["attempt"] > attempts:
        return f"Attempt {event['attempt']} was never issued; the newest is {attempts}."
    return None
