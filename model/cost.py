"""Effective price, cost and finish of one job on one pool, with their spread and their parts.

The closed forms give the means; draws from what is uncertain (hazard, price, gaps) and from
what is luck (preemptions, lost work, waits) give the quantiles and the chances. Nothing here
chooses between pools, and money a person did not state (value of time) is never invented.

Shapes: D = draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import numpy as np

from .draws import Happening, Luck, first_waits, gap_means, hazards
from .errors import ImpossibleInput
from .estimate import Estimate, PoolStatistics
from .job import Job
from .lifetime import Belief
from .placement import Outcome, Placement, SideCosts, gang_hazard, placed
from .report import drawn_prices, parts, refuse, report
from .validity import Floats

__all__ = ["DrawnCourses", "SideCosts", "drawn_courses", "estimate"]

LONGEST_HOURS = 1e6  # Beyond a century a job is taken never to end on this pool.


def estimate(
    job: Job,
    statistics: PoolStatistics,
    side: SideCosts,
    *,
    draws: int = 4000,
    seed: int = 0,
    from_at: datetime,
    breakeven: bool = True,
) -> Estimate:
    """Return what a job would cost on a pool and when it would be done, if started at `from_at`.

    Quantiles are of money paid (`cost_usd`) and of wall hours from `from_at`, with the first
    boot, the move of the data and, where capacity is absent now, the first wait. The effective
    price adds the job's stated value of time spent without capacity.

    Args:
        job: What has to be computed.
        statistics: What is believed of the pool.
        side: Egress and storage.
        draws: How many courses are drawn, at least 100.
        seed: The luck; the same seed gives every pool the same luck.
        from_at: When the job would start, aware.
        breakeven: Look for the breakeven hazard too, which takes as long as all the rest.

    Raises:
        ImpossibleInput: The deadline is past, the job states no throughput for this GPU, no
            interval keeps its promised most lost work, or it would never end on this pool.
        InsufficientHistory: The pool's hazard is unknown.
    """
    found = drawn_courses(job, statistics, side, draws=draws, seed=seed, from_at=from_at)
    placement = found.placement
    in_parts = parts(
        placement,
        found.mean,
        found.price_usd_per_hour,
        stall_hours=placement.stall_hours,
        notice_hours=found.notice_hours,
        refunded_hours=found.refunded_hours,
    )
    return report(
        placement,
        found.mean,
        found.drawn,
        in_parts,
        price_usd_per_hour=found.price_usd_per_hour,
        method="closed_form",
        seed=seed,
        from_at=from_at,
        breakeven=breakeven,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnCourses:
    """What an estimate summarises: the job placed, its conditional means, and the drawn courses."""

    placement: Placement
    mean: Outcome
    drawn: Outcome
    notice_hours: Floats | float  # Mean, billed from notice to loss.
    refunded_hours: Floats | float  # Mean, used and not billed.
    price_usd_per_hour: Floats


def drawn_courses(
    job: Job, statistics: PoolStatistics, side: SideCosts, *, draws: int, seed: int, from_at: datetime
) -> DrawnCourses:
    """Return the drawn courses behind `estimate`, arrays of D; arguments and refusals are its own."""
    refuse(job, statistics, draws, from_at)
    placement = placed(job, statistics, side, statistics.hazard_per_hour)
    luck = Luck.of(draws, seed)
    belief = Belief(statistics.hazard_shape, statistics.hazard_rate_hours)
    hazard = gang_hazard(job, statistics, hazards(belief, luck))
    gap = gap_means(statistics.gap_hours, statistics.preemptions, luck)
    mean_case = placement.mean_case(hazard, gap)
    _refuse_endless(placement, mean_case)
    price = drawn_prices(placement, luck)
    chance = placement.first_wait_chance
    drawn_case = placement.drawn_case(hazard, gap, luck)
    wait = placement.first_wait_mean(gap)
    mean = placement.outcome(mean_case, price, chance * wait)
    drawn = placement.outcome(drawn_case, price, first_waits(chance, wait, luck))
    return DrawnCourses(
        placement=placement,
        mean=mean,
        drawn=drawn,
        notice_hours=mean_case.notice_hours,
        refunded_hours=mean_case.refunded_hours,
        price_usd_per_hour=price,
    )


def _refuse_endless(placement: Placement, mean: Happening) -> None:
    hours = float(np.mean(mean.lost_hours + mean.restart_hours + mean.gap_hours + mean.notice_hours))
    if not hours < LONGEST_HOURS:  # Also where it is NaN.
        raise ImpossibleInput(
            f"At {placement.statistics.hazard_per_hour:.3g} preemptions per instance-hour on "
            f"{placement.nodes} nodes and a save every {placement.chosen.interval_s:.0f} s, "
            "the job would in effect never end.",
            fix="Choose a calmer pool, fewer nodes, or cheaper saves and restarts.",
        )
