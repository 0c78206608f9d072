"""Scoring what a job was told at one origin: cost, finish, and the pool that was ranked first.

A pool is scored where its record goes on for at least the predicted P90 of the finish. That looks
at the prediction alone, so it takes no side; a job that the record still does not see done took
longer than P90, whatever it took. For regret such a job is finished on on-demand.

Legend: S = drawn courses, N = pools scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from .backtest_replay import Replayed, Spell, cost_usd, finished_on_demand_usd, replayed
from .backtest_scores import DAY_HOURS, NOMINAL, Scores
from .cost import DrawnCourses
from .errors import InsufficientHistory
from .market import PricePoint
from .scores import crps
from .validity import Floats, quantity

TAILS = (0.1, 0.9)
CHEAPEST = "lowest price now"
NOTHING_LOST = "nothing lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A pool that a job was ranked on, and what the record says of it afterwards."""

    courses: DrawnCourses
    spells: tuple[Spell, ...]
    record_end_hour: float  # Infinite where the provider does not take it back.
    prices: tuple[PricePoint, ...]

    @property
    def pool_id(self) -> str:
        """The pool's key."""
        return self.courses.placement.statistics.pool.key

    @property
    def contract(self) -> bool:
        """Never taken back, so there is no luck to score."""
        return not np.isfinite(self.record_end_hour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an offer predicted and what the record made of it."""

    offer: Offer
    course: Replayed
    finish_hours: float  # With the move of the data; as far as the record goes where not done.
    paid_usd: float
    whole_usd: float | None  # Its rest done on on-demand where not done; None where that has no price.


def outcome_of(offer: Offer, start_hour: float, clock_zero_at: datetime) -> Outcome | None:
    """Return what became of an offer; None where the record ends before its predicted P90.

    Raises:
        InsufficientHistory: No price is in force when a machine is rented.
    """
    placement = offer.courses.placement
    p90_hours = float(np.quantile(offer.courses.drawn.wall_hours, TAILS[1]))
    if start_hour + p90_hours > offer.record_end_hour:
        return None
    move_hours = placement.side.egress_hours
    course = replayed(
        placement.work_hours, placement.cadence, offer.spells, start_hour + move_hours, offer.record_end_hour
    )
    paid = cost_usd(placement, course, offer.prices, clock_zero_at)
    return Outcome(
        offer=offer,
        course=course,
        finish_hours=course.wall_hours + move_hours,
        paid_usd=paid,
        whole_usd=finished_on_demand_usd(placement, course, paid),
    )


def job_scores_at(
    offers: Sequence[Offer], origin_hour: float, clock_zero_at: datetime
) -> tuple[list[Scores], list[str]]:
    """Return the scores of one start of a job, and in words what could not be scored.

    Args:
        offers: Best first, as they were ranked at the origin.
        origin_hour: When the job starts, on the shared clock.
        clock_zero_at: The midnight from which hours are counted.
    """
    outcomes: list[Outcome] = []
    left_out: list[str] = []
    for offer in offers:
        try:
            found = outcome_of(offer, origin_hour, clock_zero_at)
        except InsufficientHistory as missing:
            left_out.append(f"{offer.pool_id}: {missing.seen}")
            continue
        if found is None:
            left_out.append(f"{offer.pool_id}: the record ends before the predicted P90 of the finish.")
        else:
            outcomes.append(found)
    day = float(origin_hour // DAY_HOURS)
    risky = [found for found in outcomes if not found.offer.contract]
    if not risky:
        return [], left_out
    return _interval_rows(risky, day) + _regret_rows(offers[0].pool_id, outcomes, day), left_out


def covered(low: float, high: float, came: float, done: bool) -> float:
    """Return 1 where what came lies between two quantiles, else 0; unfinished is outside."""
    return float(done and low <= came <= high)


def _interval_rows(outcomes: Sequence[Outcome], day: float) -> list[Scores]:
    rows = []
    for what, unit in (("finish", "h"), ("cost", "USD")):
        scored = [_scored(found, what) for found in outcomes]
        inside, score, plain = (np.array(column) for column in zip(*scored, strict=True))
        nominal = np.full(len(outcomes), NOMINAL)
        coverage, distance = f"{what}_coverage_80", f"{what}_crps"
        pools = [found.offer.pool_id for found in outcomes]
        rows += [
            _row(coverage, "share", "nominal", "nominal", inside, nominal, pools, day),
            _row(distance, unit, "lower", NOTHING_LOST, score, plain, pools, day),
        ]
    return rows


def _row(
    figure: str,
    unit: str,
    better: str,
    baseline: str,
    ours: Floats,
    theirs: Floats,
    pools: list[str],
    day: float,
) -> Scores:
    return Scores(
        figure=figure, unit=unit, better=better, baseline=baseline, ours_N=ours, theirs_N=theirs,
        pool_N=np.array(pools), day_N=np.full(len(pools), day),
    )  # fmt: skip


def _scored(found: Outcome, what: str) -> tuple[float, float, float]:
    """Return coverage, CRPS, and the CRPS of a job to which nothing happens, of finish or cost."""
    drawn, came, least = _predicted(found, what)
    low, high = np.quantile(drawn, TAILS)
    inside = covered(float(low), float(high), came, found.course.done)
    if not found.course.done:  # The score is of what the record could show: both cut there.
        drawn, least = np.minimum(drawn, came), min(least, came)
    return inside, crps(drawn, came), abs(least - came)


def _predicted(found: Outcome, what: str) -> tuple[Floats, float, float]:
    courses, placement = found.offer.courses, found.offer.courses.placement
    billed = placement.work_hours + placement.stall_hours + placement.cadence.restart_hours
    wall = billed + placement.side.egress_hours
    if what == "finish":
        return courses.drawn.wall_hours, found.finish_hours, wall
    machines = placement.nodes * placement.statistics.price_usd_per_hour * billed
    least = machines + placement.side.egress_usd + placement.side.storage_usd_per_hour * wall
    return courses.drawn.cost_usd, found.paid_usd, least


@dataclass(frozen=True, slots=True)
class Regret:
    """What the first choice cost beyond the best in hindsight, and less than on-demand."""

    usd: float
    share: float  # Of what the best cost.
    saving: float | None  # 1 - cost / on-demand; None where no on-demand was offered.


def regret(paid_usd: float, best_usd: float, on_demand_usd: float | None) -> Regret:
    """Return the regret of a choice.

    Args:
        paid_usd: What the chosen pool cost.
        best_usd: What the cheapest pool cost, known afterwards; above 0.
        on_demand_usd: What on-demand cost; None where unknown.

    Raises:
        ImpossibleInput: An amount is negative or not finite, or the best or on-demand cost nothing.
    """
    paid = float(quantity("Cost", paid_usd, "USD"))
    best = float(quantity("Cost of the best pool", best_usd, "USD", above_zero=True))
    saving = None
    if on_demand_usd is not None:
        saving = 1.0 - paid / float(quantity("On-demand cost", on_demand_usd, "USD", above_zero=True))
    return Regret(paid - best, (paid - best) / best, saving)


def _regret_rows(first: str, outcomes: Sequence[Outcome], day: float) -> list[Scores]:
    """Return the regret of the first-ranked pool beside that of the lowest price.

    None where the first-ranked pool's outcome is not known, or there was nothing to choose between.
    """
    paid = {found.offer.pool_id: found.whole_usd for found in outcomes if found.whole_usd is not None}
    known = [found for found in outcomes if found.offer.pool_id in paid]
    if first not in paid or len(known) < 2 or min(paid.values()) <= 0:
        return []
    on_demand = min((paid[f.offer.pool_id] for f in known if f.offer.contract), default=None)
    naive = min(known, key=_price_alone).offer.pool_id
    best = min(paid.values())
    ours, theirs = regret(paid[first], best, on_demand), regret(paid[naive], best, on_demand)
    found = [
        ("regret_usd", "USD", "lower", ours.usd, theirs.usd),
        ("regret_share", "share", "lower", ours.share, theirs.share),
        ("saving_share", "share", "higher", ours.saving, theirs.saving),
    ]
    return [
        _row(figure, unit, better, CHEAPEST, np.array([a]), np.array([b]), [first], day)
        for figure, unit, better, a, b in found
        if a is not None and b is not None
    ]


def _price_alone(found: Outcome) -> tuple[float, str]:
    placement = found.offer.courses.placement
    price = placement.nodes * placement.statistics.price_usd_per_hour * placement.work_hours
    return price, found.offer.pool_id
