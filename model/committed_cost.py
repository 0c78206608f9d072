"""What a job costs on a commitment, as an estimate that ranks beside spot and on-demand.

The machines are not taken back, so the job's hours are certain; what is uncertain is when it may start.
The estimate is of marginal money (`commitments`): what is owed anyway is told apart and not ranked by.

Shapes: D = draws.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import numpy as np

from .commitments import JobHours, Priced, priced_by_commitment
from .committed import Committed
from .errors import ImpossibleInput
from .estimate import Drawn, Estimate, Parts, PoolStatistics, Spread
from .job import Job
from .market import Evidence, PriceKind, Sku
from .report import hours_to_deadline


def committed_statistics(
    committed: Committed, known: Iterable[PoolStatistics], as_of: datetime
) -> PoolStatistics:
    """Return a commitment's machines as a pool: not taken back, at the committed rate.

    Args:
        committed: The commitment and its machines.
        known: The market's pools, for the shape of the machine and its on-demand price there.
        as_of: Now.

    Raises:
        ImpossibleInput: The machine is unknown and its GPUs are not stated.
    """
    pool = committed.pool
    alike = [seen for seen in known if (seen.pool.provider, seen.pool.sku) == (pool.provider, pool.sku)]
    there = [seen.on_demand_usd_per_hour for seen in alike if seen.pool.region == pool.region]
    rate = committed.commitment.usd_per_instance_hour
    return PoolStatistics(
        pool=pool,
        sku=_sku(committed, alike),
        as_of=as_of,
        price_usd_per_hour=rate,
        price_kind=PriceKind.LIST,
        price_age_s=0.0,
        price_mean_usd_per_hour=rate,
        price_log_sd=0.0,
        price_changes=0,
        on_demand_usd_per_hour=next((price for price in there if price), None),
        evidence=Evidence.CONTRACT,
        borrowed_from=None,
        preemptions=0,
        exposure_hours=0.0,
        hazard_shape=0.0,
        hazard_rate_hours=0.0,
        available_share=None,
        available_now=True,
        gap_hours=0.0,
        observed_until=None,
        sources=(),
        synthetic=False,
    )


def _sku(committed: Committed, alike: list[PoolStatistics]) -> Sku:
    if committed.gpu_model and committed.gpu_count:
        return Sku(
            provider=committed.provider,
            name=committed.sku,
            gpu_model=committed.gpu_model,
            gpu_count=committed.gpu_count,
        )
    if not alike:
        raise ImpossibleInput(
            f"Commitment {committed.commitment.name!r} is of {committed.sku!r}, a machine of "
            f"{committed.provider} that no pool for this job has.",
            fix="State its gpu_model and gpu_count beside it, or correct its sku.",
        )
    return alike[0].sku


def committed_estimate(
    job: Job, found: Estimate, committed: Committed, from_at: datetime
) -> tuple[Estimate, Priced]:
    """Return the estimate in marginal money with the wait for the start, and the commitment priced.

    Args:
        job: What has to be computed.
        found: The job on the commitment's machines at the committed rate.
        committed: The commitment.
        from_at: Now. In time means in time even if it starts as late as it may.

    Raises:
        ImpossibleInput: The job does not fit a block or a queued start.
        InsufficientHistory: Something lies beyond the commitment, and no on-demand price is known.
    """
    hours = JobHours(
        nodes=found.nodes, billed_hours=found.billed_hours.mean, useful_gpu_hours=found.useful_gpu_hours
    )
    priced = priced_by_commitment(
        hours,
        committed.commitment,
        on_demand_usd_per_hour=found.statistics.on_demand_usd_per_hour,
    )
    soonest, latest = committed.commitment.start_hours
    middle = (soonest + latest) / 2.0
    rented = found.nodes * found.statistics.price_usd_per_hour * found.billed_hours.mean
    marginal = float(priced.marginal_usd)
    waited = job.waiting_usd_per_hour * middle
    finish = found.finish_hours
    priced = replace(priced, latest_finish_hours=finish.p90 + latest)  # With the move of the data before it.
    limit = hours_to_deadline(job, from_at)
    more_late = _late_by(finish, middle, limit) if job.soft and limit is not None else 0.0
    late_per_gpu_hour = job.late_usd_per_hour * more_late / found.useful_gpu_hours
    in_parts = _parts(found.parts, marginal / rented, waited / found.useful_gpu_hours, late_per_gpu_hour)
    # Summed and not the list rate's cost less its machines: of two like numbers a difference is noise.
    effective = _around(found.effective_usd_per_gpu_hour, in_parts.total())
    in_money = in_parts.total() - in_parts.waiting - (in_parts.late or 0.0)
    cost = _around(found.cost_usd, in_money * found.useful_gpu_hours)
    listed = found.on_demand_cost_usd
    drawn = found.drawn
    late = limit is not None and finish.p90 + latest > limit
    return replace(
        found,
        cost_usd=cost,
        effective_usd_per_gpu_hour=effective,
        finish_hours=Spread(
            mean=finish.mean + middle,
            p10=finish.p10 + soonest + 0.1 * (latest - soonest),
            p50=finish.p50 + middle,
            p90=finish.p90 + soonest + 0.9 * (latest - soonest),
        ),
        goodput=found.useful_hours / (finish.mean + middle),
        p_deadline=None if limit is None else float(not late),
        p_budget=None if job.budget_usd is None else float(cost.p90 <= job.budget_usd),
        parts=in_parts,
        late_hours=found.late_hours and _moved(found.late_hours, more_late),
        saving=None if not listed else 1.0 - cost.mean / listed,
        drawn=drawn
        and Drawn(
            effective.mean + (drawn.effective_usd_per_gpu_hour_D - found.effective_usd_per_gpu_hour.mean),
            np.full_like(drawn.in_time_D, job.soft or not late),
        ),
    ), priced


def _around(spread: Spread, mean: float) -> Spread:
    """Return a spread about another mean, as far from it as before."""
    more = [quantile - spread.mean for quantile in (spread.p10, spread.p50, spread.p90)]
    return Spread(mean=mean, p10=mean + more[0], p50=mean + more[1], p90=mean + more[2])


def _moved(spread: Spread, by: float) -> Spread:
    return Spread(mean=spread.mean + by, p10=spread.p10 + by, p50=spread.p50 + by, p90=spread.p90 + by)


def _late_by(finish: Spread, start_hours: float, limit_hours: float) -> float:
    """Return how much later a later start ends after a limit, on average over P10, P50 and P90 (Swanson)."""
    weighed = ((0.3, finish.p10), (0.4, finish.p50), (0.3, finish.p90))

    def late(start: float) -> float:
        return sum(weight * max(hours + start - limit_hours, 0.0) for weight, hours in weighed)

    return late(start_hours) - late(0.0)


def _parts(parts: Parts, scale: float, waiting: float, late: float) -> Parts:
    """Return the parts with what machines cost scaled to the marginal money, so that they still sum."""
    return replace(
        parts,
        price=parts.price * scale,
        stall=parts.stall * scale,
        rerun=parts.rerun * scale,
        restart=parts.restart * scale,
        waiting=parts.waiting + waiting,
        late=None if parts.late is None else parts.late + late,
    )
