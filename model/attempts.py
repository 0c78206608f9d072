"""A run's events sorted into attempts: who was rented when, which steps it made, how it ended.

Events are the dicts a run log ships, already validated. Billing runs from the launcher's
`started` to its `preempted` or `ended`; the trainer's own words never move a bill.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from .validity import aware

Event = Mapping[str, Any]
LAUNCHER = "launcher"
LEAD_NODE = "0"  # Its steps stand for the whole gang's.


def instant(event: Event) -> datetime:
    """Return when an event was written: the end of what its `seconds` lasted."""
    at = event["at"]
    return aware("Event time", at if isinstance(at, datetime) else datetime.fromisoformat(at))


def begun(event: Event) -> datetime:
    """Return when what an event reports began."""
    return instant(event) - timedelta(seconds=float(event.get("seconds") or 0.0))


@dataclass(frozen=True, slots=True)
class Step:
    """One training step of one attempt, in wall time."""

    number: int
    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One start of a run in one pool, in wall time."""

    number: int
    pool_id: str | None
    from_at: datetime  # Billing begins.
    until_at: datetime  # Billing ends, or the newest word of the run where it has not.
    ended: bool
    preempted: bool
    with_notice: bool
    done: bool
    saves: int  # Committed.
    steps: tuple[Step, ...]
    restored: tuple[Event, ...]
    captured: tuple[Event, ...]
    resumed_after: int | None  # Number of the last step it built on; None until that is known.
    problems: tuple[str, ...]

    @property
    def first_step_at(self) -> datetime:
        """When its first step began; its end where it made none."""
        return min((step.from_at for step in self.steps), default=self.until_at)


def attempts_of(events: Sequence[Event]) -> list[Attempt]:
    """Return attempts in order of their number, from events in order of time.

    Waiting is between attempts and opens none. An attempt that never ended is taken to run
    until the newest event, or until its own newest where a later attempt exists.
    """
    by_number: dict[int, list[Event]] = {}
    for event in events:
        if event["event"] != "waiting":
            by_number.setdefault(int(event["attempt"]), []).append(event)
    last = max(by_number, default=0)
    return [
        _attempt(number, by_number[number], events[-1] if number == last else by_number[number][-1], last)
        for number in sorted(by_number)
    ]


def _attempt(number: int, events: Sequence[Event], newest: Event, last: int) -> Attempt:
    starts = list(_named(events, "started", LAUNCHER))
    ends = [e for e in events if e["node"] == LAUNCHER and e["event"] in ("preempted", "ended")]
    losses = list(_named(events, "preempted", LAUNCHER))
    restored = tuple(_named(events, "restored", LEAD_NODE))
    steps = tuple(Step(int(e["step"]), begun(e), instant(e)) for e in _named(events, "step", LEAD_NODE))
    from_at = instant(starts[0]) if starts else instant(events[0])
    return Attempt(
        number=number,
        pool_id=starts[0].get("pool_id") if starts else None,
        from_at=from_at,
        until_at=max(from_at, instant(ends[0]) if ends else instant(newest)),
        ended=bool(ends),
        preempted=bool(losses),
        with_notice=any(e.get("with_notice") for e in losses),
        done=any(e["event"] == "ended" and e.get("reason") == "done" for e in events),
        saves=sum(1 for _ in _named(events, "committed", LEAD_NODE)),
        steps=steps,
        restored=restored,
        captured=tuple(_named(events, "captured", LEAD_NODE)),
        resumed_after=_resumed_after(steps, restored),
        problems=tuple(_problems(number, starts, ends, _numbers(steps, restored), last)),
    )


def _named(events: Sequence[Event], name: str, node: str) -> Iterator[Event]:
    return (e for e in events if e["event"] == name and e["node"] == node)


def _resumed_after(steps: Sequence[Step], restored: Sequence[Event]) -> int | None:
    known = [step.number - 1 for step in steps[:1]] + [int(e["step"]) for e in restored]
    return min(known, default=None)


def _numbers(steps: Sequence[Step], restored: Sequence[Event]) -> list[int]:
    """Return the step numbers of an attempt, from the one it built on; a whole record has no hole."""
    if not steps:
        return []
    return [int(restored[-1]["step"]) if restored else 0, *(step.number for step in steps)]


def _problems(
    number: int, starts: Sequence[Event], ends: Sequence[Event], numbers: Sequence[int], last: int
) -> Iterator[str]:
    """Yield what the record of an attempt lacks."""
    if not starts:
        yield f"Attempt {number} has no started event of the launcher, so its pool and cost are unknown."
    if not ends and number < last:
        yield f"Attempt {number} never ended, yet attempt {last} began; its bill stops at its last event."
    gaps = sum(b != a + 1 for a, b in pairwise(numbers))
    if gaps:
        yield f"Attempt {number} lacks steps at {gaps} places in their numbering; their time is no progress."
