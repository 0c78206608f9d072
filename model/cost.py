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

from .breakeven import breakeven_hazard_per_hour
from .draws import Happening, Luck, happening_draw, happening_mean, hazards, lognormals
from .errors import ImpossibleInput, InsufficientHistory
from .estimate import Estimate, Parts, PoolStatistics, Spread
from .job import SECONDS_PER_HOUR, Job
from .lifetime import Belief
from .market import Evidence
from .placement import Outcome, Placement, SideCosts, gang_hazard, placed
from .price import forecast_log_sd, forecast_mean
from .validity import Floats, aware, quantity, share

__all__ = ["Courses", "SideCosts", "courses", "estimate"]

LONGEST_HOURS = 1e6  # Beyond a century a job is taken never to end on this pool.
GAP_SPREAD = 2.0  # Recorded waits scatter by about twice their mean, so few of them say little.


def estimate(
    job: Job,
    statistics: PoolStatistics,
    side: SideCosts,
    *,
    draws: int = 4000,
    seed: int = 0,
    from_at: datetime,
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

    Raises:
        ImpossibleInput: The deadline is past, the job states no throughput for this GPU, no
            interval keeps its promised most lost work, or it would never end on this pool.
        InsufficientHistory: The pool's hazard is unknown.
    """
    return _report(
        courses(job, statistics, side, draws=draws, seed=seed, from_at=from_at), draws, seed, from_at
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Courses:
    """What an estimate summarises: the job placed, its conditional means, and the drawn courses."""

    placement: Placement
    mean: Outcome
    drawn: Outcome
    price_usd_per_hour: Floats


def courses(
    job: Job, statistics: PoolStatistics, side: SideCosts, *, draws: int, seed: int, from_at: datetime
) -> Courses:
    """Return the drawn courses behind `estimate`, arrays of D; arguments and refusals are its own."""
    _refuse(job, statistics, draws, from_at)
    placement = placed(job, statistics, side, statistics.hazard_per_hour)
    luck = Luck.of(draws, seed)
    belief = Belief(statistics.hazard_shape, statistics.hazard_rate_hours)
    hazard = gang_hazard(job, statistics, hazards(belief, luck))
    gap = _gap_means(statistics, luck)
    mean_case = happening_mean(placement.work_hours, placement.cadence, hazard, gap)
    _refuse_endless(placement, mean_case)
    price = _prices(placement, luck)
    chance = placement.first_wait_chance
    drawn_case = happening_draw(placement.work_hours, placement.cadence, hazard, gap, luck)
    mean = placement.outcome(mean_case, price, chance * gap)
    drawn = placement.outcome(drawn_case, price, _first_wait(chance, gap, luck))
    return Courses(placement=placement, mean=mean, drawn=drawn, price_usd_per_hour=price)


def _refuse(job: Job, statistics: PoolStatistics, draws: int, from_at: datetime) -> None:
    aware("Start", from_at)
    if draws < 100:
        raise ImpossibleInput(f"{draws} draws cannot show a P90.", fix="Use at least 100 draws.")
    if job.deadline_at is not None and aware("Deadline", job.deadline_at) <= from_at:
        raise ImpossibleInput(
            f"The deadline {job.deadline_at.isoformat()} is not after the start {from_at.isoformat()}.",
            fix="Give a deadline in the future.",
        )
    if statistics.sku.gpu_model not in job.throughput:
        raise ImpossibleInput(
            f"Job {job.name!r} states no throughput for {statistics.sku.gpu_model}.",
            fix=f'Add "{statistics.sku.gpu_model}" under [job.throughput], or leave its pools out.',
        )
    quantity("Throughput", job.throughput[statistics.sku.gpu_model], "(relative)", above_zero=True)
    share("Gang share", job.gang_share)
    quantity("Value of time", job.value_of_time_usd_per_hour, "USD/h")
    quantity("Budget", 0.0 if job.budget_usd is None else job.budget_usd, "USD")
    quantity("GPU count", statistics.sku.gpu_count, "GPUs", above_zero=True)
    quantity("Price", statistics.price_usd_per_hour, "USD/h", above_zero=True)
    quantity("Gap", statistics.gap_hours, "h")
    if statistics.evidence is not Evidence.CONTRACT and statistics.hazard_rate_hours <= 0:
        raise InsufficientHistory(
            f"{statistics.pool.key} has 0 instance-hours of exposure, so its hazard is unknown.",
            fix="Widen the window, or allow borrowing from its region (--borrow region).",
        )


def _refuse_endless(placement: Placement, mean: Happening) -> None:
    hours = float(np.mean(mean.lost_hours + mean.restart_hours + mean.gap_hours))
    if not hours < LONGEST_HOURS:  # Also where it is NaN.
        raise ImpossibleInput(
            f"At {placement.statistics.hazard_per_hour:.3g} preemptions per instance-hour on "
            f"{placement.nodes} nodes and a save every {placement.chosen.interval_s:.0f} s, "
            "the job would in effect never end.",
            fix="Choose a calmer pool, fewer nodes, or cheaper saves and restarts.",
        )


def _gap_means(statistics: PoolStatistics, luck: Luck) -> Floats:
    """Return D mean gaps: how sure the mean is grows with the preemptions that opened one."""
    log_sd = GAP_SPREAD / np.sqrt(GAP_SPREAD**2 + statistics.preemptions)
    return lognormals(statistics.gap_hours, float(log_sd), luck.gap_mean)


def _prices(placement: Placement, luck: Luck) -> Floats:
    """Return D mean prices over the run, never above on-demand unless the price already is.

    The horizon is the useful work alone: where the price is expected to fall, a pool that
    loses more time must not look cheaper for it.
    """
    pool, hours = placement.statistics, placement.work_hours
    if not pool.price_changes:
        return np.full_like(luck.price, pool.price_usd_per_hour)
    ahead = float(forecast_mean(pool.price_usd_per_hour, pool.price_mean_usd_per_hour, hours))
    drawn = lognormals(ahead, forecast_log_sd(pool.price_log_sd, pool.price_changes, hours), luck.price)
    return np.minimum(drawn, max(pool.on_demand_usd_per_hour or np.inf, pool.price_usd_per_hour))


def _first_wait(chance: float, gap: Floats, luck: Luck) -> Floats:
    """Return D first waits: exponential with the gap's mean where capacity is absent."""
    if chance == 0:
        return np.zeros_like(gap)
    within = np.minimum(luck.start / chance, 1.0)  # Uniform again, given that it is absent.
    return -gap * np.log(within)


def _parts(placement: Placement, mean: Outcome, price: Floats) -> Parts:
    """Return the effective price in its parts (F18); they sum to its mean."""
    machines = placement.nodes * price / placement.useful_gpu_hours
    return Parts(
        price=float(np.mean(machines * placement.work_hours)),
        stall=float(np.mean(machines * placement.stall_hours)),
        rerun=float(np.mean(machines * mean.lost_hours)),
        restart=float(np.mean(machines * mean.restart_hours)),
        waiting=float(np.mean(mean.waiting_hours))
        * placement.job.value_of_time_usd_per_hour
        / placement.useful_gpu_hours,
        egress=placement.side.egress_usd / placement.useful_gpu_hours,
        storage=float(np.mean(mean.wall_hours))
        * placement.side.storage_usd_per_hour
        / placement.useful_gpu_hours,
        on_demand=0.0,
    )


def _spread(mean: Floats, drawn: Floats) -> Spread:
    p10, p50, p90 = (float(q) for q in np.quantile(drawn, (0.1, 0.5, 0.9)))
    return Spread(mean=float(np.mean(mean)), p10=p10, p50=p50, p90=p90)


def _report(found: Courses, draws: int, seed: int, from_at: datetime) -> Estimate:
    placement, mean, drawn, price = found.placement, found.mean, found.drawn, found.price_usd_per_hour
    job, wall = placement.job, _spread(mean.wall_hours, drawn.wall_hours)
    cost = _spread(mean.cost_usd, drawn.cost_usd)
    on_demand = placement.on_demand_cost_usd
    return Estimate(
        statistics=placement.statistics,
        method="closed_form",
        nodes=placement.nodes,
        useful_hours=placement.work_hours,
        useful_gpu_hours=placement.useful_gpu_hours,
        interval_s=placement.chosen.interval_s,
        interval_rule=placement.chosen.words,
        effective_usd_per_gpu_hour=_spread(mean.effective_usd_per_gpu_hour, drawn.effective_usd_per_gpu_hour),
        cost_usd=cost,
        finish_hours=wall,
        billed_hours=_spread(mean.billed_hours, drawn.billed_hours),
        lost_work_hours=_spread(mean.lost_hours, drawn.lost_hours),
        preemptions=_spread(mean.preemptions, drawn.preemptions),
        goodput=placement.work_hours / wall.mean,
        p_deadline=_share_within(drawn.wall_hours, _hours_to_deadline(job, from_at)),
        p_budget=_share_within(drawn.cost_usd, job.budget_usd),
        parts=_parts(placement, mean, price),
        on_demand_cost_usd=on_demand,
        saving=None if on_demand is None else 1.0 - cost.mean / on_demand,
        breakeven_hazard_per_hour=breakeven_hazard_per_hour(job, placement.statistics, placement.side),
        draws=draws,
        seed=seed,
    )


def _hours_to_deadline(job: Job, from_at: datetime) -> float | None:
    return None if job.deadline_at is None else (job.deadline_at - from_at).total_seconds() / SECONDS_PER_HOUR


def _share_within(drawn: Floats, limit: float | None) -> float | None:
    return None if limit is None else float(np.mean(drawn <= limit))
