"""What every way to estimate shares: whom it refuses, which prices it draws, how it reports.

The closed form (`model.cost`) and the simulator (`model.simulated`) both end here, so that
their answers differ by method alone.

Shapes: D = draws, or paths.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from .breakeven import breakeven_hazard_per_hour
from .draws import Luck, lognormals
from .errors import ImpossibleInput, InsufficientHistory
from .estimate import Drawn, Estimate, Parts, PoolStatistics, Spread
from .job import SECONDS_PER_HOUR, Job
from .lateness import Lateness
from .market import Evidence
from .placement import Outcome, Placement
from .price import forecast_log_sd, forecast_mean
from .validity import Floats, aware, quantity, share

LEAST_DRAWS = 100


def refuse(job: Job, statistics: PoolStatistics, draws: int, from_at: datetime) -> None:
    """Refuse what no method can answer: impossible jobs, unknown hazards, too few draws.

    Raises:
        ImpossibleInput: The deadline is past, the job states no throughput for this GPU, a
            number is impossible, or there are fewer draws than a P90 takes.
        InsufficientHistory: The pool's hazard is unknown.
    """
    aware("Start", from_at)
    if draws < LEAST_DRAWS:
        raise ImpossibleInput(f"{draws} draws cannot show a P90.", fix=f"Use at least {LEAST_DRAWS} draws.")
    if job.deadline_at is not None and aware("Deadline", job.deadline_at) <= from_at:
        raise ImpossibleInput(
            f"The deadline {job.deadline_at.isoformat()} is not after the start {from_at.isoformat()}.",
            fix="Give a deadline in the future.",
        )
    _refuse_numbers(job, statistics)
    if statistics.evidence is not Evidence.CONTRACT and statistics.hazard_rate_hours <= 0:
        raise InsufficientHistory(
            f"{statistics.pool.key} has 0 instance-hours of exposure, so its hazard is unknown.",
            fix="Widen the window, or allow borrowing from its region (--borrow region).",
        )


def _refuse_numbers(job: Job, statistics: PoolStatistics) -> None:
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


def drawn_prices(placement: Placement, luck: Luck) -> Floats:
    """Return D mean prices over the run, never above on-demand unless the price already is, or was.

    The horizon is the useful work alone: where the price is expected to fall, a pool that
    loses more time must not look cheaper for it.
    """
    pool, hours = placement.statistics, placement.work_hours
    if pool.prices is not None:
        listed = pool.on_demand_usd_per_hour
        return pool.prices.draws(luck.price, hours, on_demand_usd_per_hour=listed)
    if not pool.price_changes:
        return np.full_like(luck.price, pool.price_usd_per_hour)
    ahead = float(forecast_mean(pool.price_usd_per_hour, pool.price_mean_usd_per_hour, hours))
    drawn = lognormals(ahead, forecast_log_sd(pool.price_log_sd, pool.price_changes, hours), luck.price)
    return np.minimum(drawn, max(pool.on_demand_usd_per_hour or np.inf, pool.price_usd_per_hour))


def parts(
    placement: Placement,
    mean: Outcome,
    price_usd_per_hour: Floats,
    *,
    stall_hours: Floats | float,
    notice_hours: Floats | float = 0.0,
    refunded_hours: Floats | float = 0.0,
) -> Parts:
    """Return the effective price in its parts (F18); they sum to its mean.

    Args:
        placement: The job on its pool.
        mean: The hours and money that the effective price is the mean of.
        price_usd_per_hour: Of one machine, shape (D,).
        stall_hours: Standing still for saves, of D or one for all.
        notice_hours: Billed between a notice and the loss.
        refunded_hours: Used and not billed.
    """
    side, gpu_hours = placement.side, placement.useful_gpu_hours
    machines = placement.nodes * price_usd_per_hour / gpu_hours

    def paid(hours: Floats | float) -> float:
        return float(np.mean(machines * hours))

    return Parts(
        price=paid(placement.work_hours),
        stall=paid(stall_hours),
        rerun=paid(mean.lost_hours),
        restart=paid(mean.restart_hours),
        waiting=float(np.mean(mean.waiting_hours)) * placement.job.waiting_usd_per_hour / gpu_hours,
        egress=float(np.mean(placement.moved_usd(mean.preemptions))) / gpu_hours,
        storage=float(np.mean(mean.wall_hours)) * side.storage_usd_per_hour / gpu_hours,
        on_demand=float(np.mean(mean.floor_usd)) / gpu_hours,
        notice=paid(notice_hours),
        refund=0.0 - paid(refunded_hours),
    )


def report(
    placement: Placement,
    mean: Outcome,
    drawn: Outcome,
    parts: Parts,
    *,
    price_usd_per_hour: Floats,
    method: str,
    seed: int,
    from_at: datetime,
    paths_error: float | None = None,
    breakeven: bool = True,
) -> Estimate:
    """Return the estimate of a placed job.

    Args:
        placement: The job on its pool.
        mean: What means are taken of.
        drawn: What quantiles and chances are taken of; the same as `mean` where nothing is
            known but paths.
        parts: The effective price in its parts.
        price_usd_per_hour: Of one machine, shape (D,).
        method: closed_form | simulated.
        seed: Of the luck.
        from_at: When the job would start.
        paths_error: Relative error of the worse P90 where paths were counted.
        breakeven: Whether the breakeven hazard is looked for; beside a soft deadline it is not, for it knows
            no lateness.
    """
    job, wall = placement.job, _spread(mean.wall_hours, drawn.wall_hours)
    late = _lateness(placement, drawn.wall_hours, from_at)
    if late is not None:
        mean, drawn, parts = late.counted(mean, drawn, parts)
    cost = _spread(mean.cost_usd, drawn.cost_usd)
    on_demand = placement.on_demand_cost_usd
    limit_hours = hours_to_deadline(job, from_at)
    in_time = drawn.wall_hours <= (np.inf if limit_hours is None or late is not None else limit_hours)
    return Estimate(
        statistics=placement.statistics,
        method=method,
        nodes=placement.nodes,
        useful_hours=placement.work_hours,
        useful_gpu_hours=placement.useful_gpu_hours,
        interval_s=placement.chosen.full_interval_s,
        interval_rule=placement.chosen.words,
        interval=placement.chosen,
        run_price_usd_per_hour=_spread(price_usd_per_hour, price_usd_per_hour),
        effective_usd_per_gpu_hour=_spread(mean.effective_usd_per_gpu_hour, drawn.effective_usd_per_gpu_hour),
        cost_usd=cost,
        finish_hours=wall,
        billed_hours=_spread(mean.billed_hours, drawn.billed_hours),
        lost_work_hours=_spread(mean.lost_hours, drawn.lost_hours),
        preemptions=_spread(mean.preemptions, drawn.preemptions),
        goodput=placement.work_hours / wall.mean,
        p_deadline=_share_within(drawn.wall_hours, limit_hours),
        p_budget=_share_within(drawn.cost_usd, job.budget_usd),
        parts=parts,
        on_demand_cost_usd=on_demand,
        saving=None if on_demand is None else 1.0 - cost.mean / on_demand,
        breakeven_hazard_per_hour=(
            breakeven_hazard_per_hour(job, placement.statistics, placement.side)
            if breakeven and late is None
            else None
        ),
        draws=drawn.cost_usd.size,
        seed=seed,
        paths_error=paths_error,
        drawn=Drawn(drawn.effective_usd_per_gpu_hour, in_time),
        late_hours=None if late is None else _spread(late.hours, late.hours),
    )


def _lateness(placement: Placement, wall_hours: Floats, from_at: datetime) -> Lateness | None:
    """Return how late drawn courses end, counted in money; None where the deadline is not soft."""
    limit = hours_to_deadline(placement.job, from_at)
    if limit is None or not placement.job.soft:
        return None
    usd = placement.job.late_usd_per_hour / placement.useful_gpu_hours
    return Lateness(np.maximum(wall_hours - limit, 0.0), usd)


def hours_to_deadline(job: Job, from_at: datetime) -> float | None:
    """Return hours from the start to the deadline; None where there is none."""
    return None if job.deadline_at is None else (job.deadline_at - from_at).total_seconds() / SECONDS_PER_HOUR


def _spread(mean: Floats, drawn: Floats) -> Spread:
    p10, p50, p90 = (float(q) for q in np.quantile(drawn, (0.1, 0.5, 0.9)))
    return Spread(mean=float(np.mean(mean)), p10=p10, p50=p50, p90=p90)


def _share_within(drawn: Floats, limit: float | None) -> float | None:
    return None if limit is None else float(np.mean(drawn <= limit))
