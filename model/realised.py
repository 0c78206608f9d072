"""What a run really cost and where its hours went, from its stored events and prices alone.

No plan, no estimate and no clock enters: take an event away and a figure changes, or
`problems` says what is missing. Hours are market hours (wall seconds times the run's time
compression). Every billed instant belongs to exactly one segment, so the parts close.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from .attempts import Attempt, Event, attempts_of, instant
from .errors import ImpossibleInput, InsufficientHistory
from .job import SECONDS_PER_HOUR
from .market import PricePoint
from .price import billed_usd
from .timeline import HOURS_OF, Segment, Stretch, billed_stretches, unbilled_stretches

__all__ = ["AttemptTerms", "Realised", "RunClock", "RunRecord", "Segment", "realise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunClock:
    """How a run's wall time maps to market time; compression 1 where they are the same."""

    market_origin_at: datetime
    wall_origin_at: datetime
    compression: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.compression < float("inf"):
            raise ImpossibleInput(
                f"Time compression is {self.compression:g}.", fix="State a finite number above 0."
            )

    def market_at(self, wall: datetime) -> datetime:
        """Return the market instant of a wall instant, to the microsecond."""
        return self.market_origin_at + (wall - self.wall_origin_at) * self.compression


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTerms:
    """What one attempt rents, where it differs from the run's own."""

    nodes: int
    throughput: float = 1.0  # Of its GPU, relative to the job's first-named one.
    on_demand_nodes: int = 0  # Of these, kept on on-demand beside the pool.
    on_demand_pool_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What is known of a run beside its events."""

    run_id: str
    clock: RunClock
    gpus: int
    nodes: int
    on_demand_usd_per_hour: Decimal | None = None  # Per instance, for the baseline.
    throughput: float = 1.0
    attempts: Mapping[int, AttemptTerms] = field(default_factory=dict)

    def terms(self, attempt: int) -> AttemptTerms:
        """Return what an attempt rents."""
        return self.attempts.get(attempt, AttemptTerms(nodes=self.nodes, throughput=self.throughput))


@dataclass(frozen=True, slots=True, kw_only=True)
class Realised:
    """A run's account. None is unknown, never zero."""

    cost_usd: Decimal | None
    wall_hours: float  # From the first event's beginning to the end, or to the newest event.
    billed_hours: float
    useful_hours: float  # Steps kept.
    lost_work_hours: float  # Steps done and done again.
    stall_hours: float  # Standing still for saves.
    restart_hours: float  # Machine obtained to the first new step: boot, restore, warm-up.
    other_hours: float  # Billed, and none of the above: tails of attempts, time between steps.
    waiting_hours: float  # Not billed: capacity was awaited.
    preemptions: int
    preemptions_with_notice: int
    attempts: int
    saves: int
    goodput: float | None
    useful_gpu_hours: float  # Of the job's first-named GPU.
    effective_usd_per_gpu_hour: float | None
    on_demand_cost_usd: Decimal | None  # The useful hours on on-demand, nothing lost.
    saving: float | None
    steps: int
    done: bool
    timeline: tuple[Segment, ...]
    problems: tuple[str, ...]  # In words: what the record lacks.


def realise(
    run: RunRecord,
    events: Iterable[Event],
    price_steps: Mapping[str, Sequence[PricePoint]],
) -> Realised:
    """Return the account of a run, finished or not.

    Args:
        run: Clock, nodes and baseline price.
        events: Stored run events in any order, as dicts; `at` in ISO-8601 or as datetime.
        price_steps: Prices by pool key, per instance-hour, in market time.

    Raises:
        ImpossibleInput: An event has a time without a zone, or prices of pools are mixed.
    """
    known = sorted(events, key=lambda e: (instant(e), e["attempt"], e["node"], e["seq"]))
    attempts = attempts_of(known)
    billed = {a.number: billed_stretches(a, attempts) for a in attempts}
    idle = unbilled_stretches(attempts, known)
    cost, missing = _cost(run, attempts, price_steps)
    account = _Account(run, attempts, billed, idle)
    return account.realised(cost, [*(p for a in attempts for p in a.problems), *missing])


@dataclass(frozen=True, slots=True)
class _Account:
    """Stretches of a run, and the sums over them."""

    run: RunRecord
    attempts: Sequence[Attempt]
    billed: Mapping[int, Sequence[Stretch]]
    unbilled: Sequence[Stretch]

    def hours(self, part: str, attempt: int | None = None) -> float:
        """Return billed market hours of one part, over one attempt or all."""
        chosen = self.billed if attempt is None else {attempt: self.billed[attempt]}
        return self._market(s for stretches in chosen.values() for s in stretches if HOURS_OF[s.kind] == part)

    def _market(self, stretches: Iterable[Stretch]) -> float:
        spent = sum((s.until_at - s.from_at for s in stretches), timedelta())
        return spent.total_seconds() * self.run.clock.compression / SECONDS_PER_HOUR

    def realised(self, cost: Decimal | None, problems: Sequence[str]) -> Realised:
        """Return the account once money is known."""
        everything = [s for stretches in self.billed.values() for s in stretches]
        wall = self._market([*everything, *self.unbilled])
        useful, gpu_hours = self.hours("useful"), self._useful_gpu_hours()
        baseline = self._on_demand_cost(gpu_hours)
        return Realised(
            cost_usd=cost,
            wall_hours=wall,
            billed_hours=self._market(everything),
            useful_hours=useful,
            lost_work_hours=self.hours("lost"),
            stall_hours=self.hours("stall"),
            restart_hours=self.hours("restart"),
            other_hours=self.hours("other"),
            waiting_hours=self._market(s for s in self.unbilled if s.kind == "waiting"),
            preemptions=sum(a.preempted for a in self.attempts),
            preemptions_with_notice=sum(a.with_notice for a in self.attempts),
            attempts=len(self.attempts),
            saves=sum(a.saves for a in self.attempts),
            goodput=useful / wall if wall > 0 else None,
            useful_gpu_hours=gpu_hours,
            effective_usd_per_gpu_hour=float(cost) / gpu_hours if cost is not None and gpu_hours else None,
            on_demand_cost_usd=baseline,
            saving=float(1 - cost / baseline) if cost is not None and baseline else None,
            steps=max((step.number for a in self.attempts for step in a.steps), default=0),
            done=any(a.done for a in self.attempts),
            timeline=self._timeline(),
            problems=tuple(problems),
        )

    def _useful_gpu_hours(self) -> float:
        shares = ((a.number, self.run.terms(a.number).throughput) for a in self.attempts)
        return self.run.gpus * sum(self.hours("useful", number) * factor for number, factor in shares)

    def _on_demand_cost(self, useful_gpu_hours: float) -> Decimal | None:
        price = self.run.on_demand_usd_per_hour
        if price is None:
            return None
        hours = useful_gpu_hours / self.run.gpus / self.run.throughput
        return self.run.nodes * price * Decimal(hours)

    def _timeline(self) -> tuple[Segment, ...]:
        stretches = sorted(
            (s for part in (*self.billed.values(), self.unbilled) for s in part),
            key=lambda s: (s.from_at, s.until_at),
        )
        return tuple(s.segment(self.run.clock.market_at) for s in stretches)


def _cost(
    run: RunRecord, attempts: Sequence[Attempt], price_steps: Mapping[str, Sequence[PricePoint]]
) -> tuple[Decimal | None, list[str]]:
    """Return USD over all attempts, or None and why, where a price is missing."""
    total = Decimal(0)
    for attempt in attempts:
        steps = price_steps.get(attempt.pool_id or "", ())
        span = run.clock.market_at(attempt.from_at), run.clock.market_at(attempt.until_at)
        terms = run.terms(attempt.number)
        kept = price_steps.get(terms.on_demand_pool_id or "", ())
        try:
            total += (terms.nodes - terms.on_demand_nodes) * billed_usd(steps, *span)
            if terms.on_demand_nodes:
                total += terms.on_demand_nodes * billed_usd(kept, *span)
        except InsufficientHistory as missing:
            return None, [f"Attempt {attempt.number} on {attempt.pool_id} has no cost: {missing.seen}"]
    return total, []
