"""What a siting costs: egress of data, saves, restores and moves, storage, and the hours they take.

The bytes of a siting become `SideCosts`; the total is the closed-form mean of the whole job with
them, so that a slow restore or a late start is paid in machine hours like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .cost import LONGEST_HOURS
from .egress import egress_usd, move_hours, storage_usd_per_hour
from .estimate import PoolStatistics
from .job import SECONDS_PER_HOUR, Job
from .placement import Placement, SideCosts, gang_hazard, placed
from .siting import CheckpointWay, DataWay, Place, Price, PricedSiting, Rates, Siting
from .validity import quantity


@dataclass(frozen=True, slots=True)
class Bytes:
    """Money and clock hours of moving bytes from one place to another."""

    usd: float
    hours: float


NOTHING = Bytes(0.0, 0.0)


def pricer(
    job: Job,
    statistics: PoolStatistics,
    rates: Rates,
    *,
    here: Place,
    away: Sequence[Place] = (),
    retained: int,
) -> Price:
    """Return the function that prices a siting of the job on a pool.

    Args:
        job: What is computed, how big its data and checkpoints are.
        statistics: Price, hazard and gap of the pool.
        rates: Tariffs and bandwidths.
        here: The pool's place.
        away: Where the run may move to; the mean over these is the price of a move.
        retained: Full checkpoints kept.

    Raises:
        ImpossibleInput: A rate is negative or not finite, or the job cannot run on this pool.
    """
    quantity("Retained checkpoints", retained, "checkpoints")
    targets = [place for place in away if place.key != here.key]

    def price(siting: Siting) -> PricedSiting:
        return _priced(job, statistics, siting, rates, here, targets, retained)

    return price


def _priced(
    job: Job,
    statistics: PoolStatistics,
    siting: Siting,
    rates: Rates,
    here: Place,
    targets: Sequence[Place],
    retained: int,
) -> PricedSiting:
    once, epoch = _data(job, siting, rates, here)
    move = _move(job, siting, rates, targets)
    moved = job.data_use.moves
    side = SideCosts(
        egress_usd=once.usd + (epoch.usd * (job.data_use.epochs or 0.0)) + moved * move.usd,
        egress_hours=once.hours + moved * move.hours,
        storage_usd_per_hour=_storage(job, siting, rates, here, retained),
        read_wait_hours=_read_wait(job, statistics, epoch),
        **_far_checkpoints(job, siting, rates, here),
    )
    mean_usd, wall_hours = mean_cost(job, statistics, side)
    return PricedSiting(
        siting=siting,
        side=side,
        once_usd=once.usd,
        epoch_usd=epoch.usd if siting.data is DataWay.READ else None,
        move_usd=move.usd if targets else None,
        move_hours=move.hours if targets else None,
        total_usd=mean_usd,
        wall_hours=wall_hours,
    )


def mean_cost(job: Job, statistics: PoolStatistics, side: SideCosts) -> tuple[float, float]:
    """Return (USD with the stated value of time, wall hours): the closed-form mean at the mean hazard.

    Both are infinite where the job would never end.

    Raises:
        ImpossibleInput: An input is outside its range.
    """
    placement: Placement = placed(job, statistics, side, statistics.hazard_per_hour)
    hazard = gang_hazard(job, statistics, [statistics.hazard_per_hour])
    gap, price = np.asarray([statistics.gap_hours]), np.asarray([statistics.price_usd_per_hour])
    with np.errstate(over="ignore", invalid="ignore"):  # A pool where the job never ends.
        case = placement.mean_case(hazard, gap)
        found = placement.outcome(case, price, placement.first_wait_chance * placement.first_wait_mean(gap))
    valued = float(found.effective_usd_per_gpu_hour[0]) * placement.useful_gpu_hours
    wall = float(found.wall_hours[0])
    return (valued, wall) if wall < LONGEST_HOURS else (float("inf"), float("inf"))


def carried(rates: Rates, start: Place | None, end: Place, moved_bytes: float) -> Bytes:
    """Return money and hours of moving bytes; nothing within a place."""
    if start is None or start.key == end.key or not moved_bytes:
        return NOTHING
    return Bytes(
        egress_usd(moved_bytes, rates.egress_usd_per_gb(start, end, moved_bytes)),
        move_hours(moved_bytes, rates.bytes_per_s(start, end)),
    )


def _data(job: Job, siting: Siting, rates: Rates, here: Place) -> tuple[Bytes, Bytes]:
    """Return what is moved once, and what each epoch moves."""
    whole, part = float(job.dataset_bytes), job.dataset_bytes * job.data_use.read_share
    if siting.data is DataWay.READ:
        # The month's tier is that of all epochs together; bandwidth knows no tiers.
        epochs = job.data_use.epochs or 0.0
        every = carried(rates, siting.data_from, here, part * epochs)
        return NOTHING, Bytes(every.usd / epochs, every.hours / epochs)
    moved = {DataWay.COPIED: whole, DataWay.SHARDED: part}.get(siting.data, 0.0)
    return carried(rates, siting.data_from, here, moved), NOTHING


def _read_wait(job: Job, statistics: PoolStatistics, epoch: Bytes) -> float:
    """Return billed hours of waiting for data: what reading takes longer than the work itself."""
    work = job.useful_hours_on(statistics.sku.gpu_model)
    return max(epoch.hours * (job.data_use.epochs or 0.0) - work, 0.0)


def _storage(job: Job, siting: Siting, rates: Rates, here: Place, retained: int) -> float:
    """Return USD per hour for checkpoints, their replica, and a copy of the data that is made."""
    states = job.state_bytes * retained
    kept: dict[Place, float] = {siting.checkpoint_place: states}
    if siting.replica_place:
        kept[siting.replica_place] = kept.get(siting.replica_place, 0) + states
    copied = {DataWay.COPIED: 1.0, DataWay.SHARDED: job.data_use.read_share}.get(siting.data, 0.0)
    kept[here] = kept.get(here, 0) + job.dataset_bytes * copied
    return sum(
        storage_usd_per_hour(size, rates.storage_usd_per_gb_month(place))
        for place, size in kept.items() if size
    )  # fmt: skip


def _far_checkpoints(job: Job, siting: Siting, rates: Rates, here: Place) -> dict[str, float]:
    """Return what a save and a restore cost and take more, for being in another region."""
    if siting.checkpoints is CheckpointWay.REPLICATED:
        return {"save_usd": carried(rates, here, siting.replica_place or here, job.state_bytes).usd}
    out = carried(rates, here, siting.checkpoint_place, job.state_bytes)
    back = carried(rates, siting.checkpoint_place, here, job.state_bytes)
    stated = job.overheads
    return {
        "save_usd": out.usd,
        "save_lag_hours": max(out.hours - stated.save_lag_s / SECONDS_PER_HOUR, 0.0),
        "restore_usd": back.usd,
        "restore_hours": max(back.hours - stated.restore_s / SECONDS_PER_HOUR, 0.0),
    }


def _move(job: Job, siting: Siting, rates: Rates, targets: Sequence[Place]) -> Bytes:
    """Return what moving to another region costs, checkpoint and data: the mean over where it may go."""
    if not targets:
        return NOTHING
    routes = [_taken_along(job, siting, rates, place) for place in targets]
    return Bytes(float(np.mean([r.usd for r in routes])), float(np.mean([r.hours for r in routes])))


def _taken_along(job: Job, siting: Siting, rates: Rates, target: Place) -> Bytes:
    # A replica waits where the run goes; data that is read from afar is read from there on.
    state = (
        NOTHING if siting.replica_place else carried(rates, siting.checkpoint_place, target, job.state_bytes)
    )
    part = {DataWay.HERE: 1.0, DataWay.COPIED: 1.0, DataWay.SHARDED: job.data_use.read_share}
    data = carried(rates, siting.data_from, target, job.dataset_bytes * part.get(siting.data, 0.0))
    return Bytes(state.usd + data.usd, state.hours + data.hours)
