"""Where every instant of a run went: stretches that tile its attempts, and the gaps between.

A stretch is in wall time, a segment is the same in market time. Each billed instant is in
exactly one stretch: overlaps are cut, and what no event explains is idle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from .attempts import Attempt, Event, begun, instant

Kind = Literal["boot", "restore", "run", "save", "lost", "waiting", "idle"]
HOURS_OF: dict[Kind, str] = {
    "boot": "restart",
    "restore": "restart",
    "run": "useful",
    "lost": "lost",
    "save": "stall",
    "idle": "other",
    "waiting": "waiting",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a run in market time, for a chart or an account."""

    attempt: int | None  # None between attempts.
    pool_id: str | None
    kind: Kind
    from_at: datetime
    until_at: datetime


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of a run in wall time."""

    attempt: int | None
    pool_id: str | None
    kind: Kind
    from_at: datetime
    until_at: datetime

    def segment(self, market_at: Callable[[datetime], datetime]) -> Segment:
        """Return the stretch in market time."""
        return Segment(
            attempt=self.attempt,
            pool_id=self.pool_id,
            kind=self.kind,
            from_at=market_at(self.from_at),
            until_at=market_at(self.until_at),
        )


def billed_stretches(attempt: Attempt, attempts: Sequence[Attempt]) -> list[Stretch]:
    """Return stretches that tile one attempt's billed time, in order.

    A step is lost where a later attempt built on an earlier one than it, else run.
    """
    kept_until = _kept_until(attempt, attempts)
    spans: list[tuple[Kind, datetime, datetime]] = [
        ("run" if kept_until is None or step.number <= kept_until else "lost", step.from_at, step.until_at)
        for step in attempt.steps
    ]
    spans += [("save", begun(e), instant(e)) for e in attempt.captured]
    spans += [("restore", begun(e), instant(e)) for e in attempt.restored]
    return list(_tiled(attempt, sorted(spans, key=lambda span: span[1:])))


def _kept_until(attempt: Attempt, attempts: Sequence[Attempt]) -> int | None:
    """Return the last step of this attempt that later attempts built on; None where all are."""
    later = (a.resumed_after for a in attempts if a.number > attempt.number)
    return min((n for n in later if n is not None), default=None)


def _tiled(attempt: Attempt, spans: Sequence[tuple[Kind, datetime, datetime]]) -> Iterator[Stretch]:
    """Yield spans cut to the attempt and to one another, with what lies between them."""
    working_at = attempt.first_step_at
    cursor = attempt.from_at

    def until(kind: Kind, at: datetime) -> Iterator[Stretch]:
        nonlocal cursor
        at = min(at, attempt.until_at)
        if at > cursor:
            yield Stretch(attempt.number, attempt.pool_id, kind, cursor, at)
            cursor = at

    def unexplained(at: datetime) -> Iterator[Stretch]:
        yield from until("boot", min(at, working_at))  # Image, process, warm-up: before the first step.
        yield from until("idle", at)

    for kind, from_at, until_at in spans:
        yield from unexplained(from_at)
        yield from until(kind, until_at)
    yield from unexplained(attempt.until_at)


def unbilled_stretches(attempts: Sequence[Attempt], events: Sequence[Event]) -> list[Stretch]:
    """Return the time between attempts: awaited capacity where the launcher said so, else idle.

    Before the first attempt only its awaited time counts, and after the last one the time
    until the newest event while the run is not done.
    """
    if not events:
        return []
    first_at = min(begun(e) if e["event"] == "waiting" else instant(e) for e in events)
    edges = [first_at, *(at for a in attempts for at in (a.from_at, a.until_at))]
    done = any(a.done for a in attempts)
    edges.append(edges[-1] if done else max(edges[-1], instant(events[-1])))
    gaps = zip(edges[::2], edges[1::2], strict=True)
    return [stretch for from_at, until_at in gaps for stretch in _gap(from_at, until_at, events)]


def _gap(from_at: datetime, until_at: datetime, events: Sequence[Event]) -> Iterator[Stretch]:
    """Yield idle time, then awaited time, of one gap. A wait may be written at its start or its end."""
    waits = [e for e in events if e["event"] == "waiting" and from_at <= instant(e) <= until_at]
    awaited = timedelta(seconds=sum(float(e["seconds"]) for e in waits))
    waiting_from = max(until_at - awaited, from_at)
    if waiting_from > from_at:
        yield Stretch(None, None, "idle", from_at, waiting_from)
    if until_at > waiting_from:
        yield Stretch(None, None, "waiting", waiting_from, until_at)
