"""A siting in words and in its outbound shape: the chosen way, what the next best costs more, why not."""

from __future__ import annotations

from model.job import Job
from model.siting import CheckpointWay, DataWay, PricedSiting, Sited

from . import format as fmt
from .answers import RejectedSitingOut, SitingOut, SitingWayOut

MOST_TOLD = 12  # Priced ways an answer lists, best first.

DATA = {
    DataWay.NONE: "no data to bring",
    DataWay.HERE: "data already here",
    DataWay.COPIED: "data copied once from {0}",
    DataWay.SHARDED: "the share read copied once from {0}",
    DataWay.READ: "data read from {0} each epoch",
}
CHECKPOINTS = {
    CheckpointWay.BESIDE_GPUS: "checkpoints beside the GPUs",
    CheckpointWay.BESIDE_DATA: "checkpoints beside the data in {0}",
    CheckpointWay.NEUTRAL: "checkpoints in {0}",
    CheckpointWay.REPLICATED: "checkpoints beside the GPUs, replicated to {1}",
}


def siting_words(priced: PricedSiting) -> str:
    """Return a siting as a phrase: `data copied once from aws/us-west-2, checkpoints beside the GPUs`."""
    siting = priced.siting
    start = siting.data_from.key if siting.data_from else ""
    replica = siting.replica_place.key if siting.replica_place else ""
    data = DATA[siting.data].format(start)
    return f"{data}, {CHECKPOINTS[siting.checkpoints].format(siting.checkpoint_place.key, replica)}"


def siting_reason(job: Job, sited: Sited) -> str | None:
    """Return why the data is used and checkpoints are kept as they are; None where there was no choice."""
    other = sited.runner_up
    if other is None or sited.difference_usd is None:
        return None
    hours = other.wall_hours - sited.chosen.wall_hours
    later = f" and takes {fmt.hours(abs(hours))} {'more' if hours >= 0 else 'less'}" if hours else ""
    return (
        f"Sited with {siting_words(sited.chosen)}; next best, {siting_words(other)}, costs "
        f"{fmt.usd(sited.difference_usd)} more{later}."
    )


def brought_words(job: Job, sited: Sited) -> str | None:
    """Return what bringing the data costs, in a sentence; None where nothing is brought."""
    chosen, side = sited.chosen, sited.chosen.side
    start = chosen.siting.data_from
    if start is None or chosen.siting.data is DataWay.HERE:
        return None
    place = f"{start.provider} {start.region}"
    if chosen.epoch_usd is not None:
        share = job.dataset_bytes * job.data_use.read_share
        waits = f", with {fmt.hours(side.read_wait_hours)} of waiting for it" if side.read_wait_hours else ""
        return (
            f"Reading {fmt.size(share)} from {place} costs {fmt.usd(chosen.epoch_usd)} in each of "
            f"{job.data_use.epochs:g} epochs{waits}."
        )
    share = job.data_use.read_share if chosen.siting.data is DataWay.SHARDED else 1.0
    return (
        f"Bringing {fmt.size(job.dataset_bytes * share)} of data from {place} costs "
        f"{fmt.usd(chosen.once_usd)} and {fmt.hours(side.egress_hours)}."
    )


def siting_out(sited: Sited) -> SitingOut | None:
    """Return the outbound shape of a decided siting; None where the job left nothing to decide."""
    if sited.runner_up is None and not sited.rejected:
        return None
    return SitingOut(
        chosen=_way(sited.chosen),
        runner_up=_way(sited.runner_up) if sited.runner_up else None,
        difference_usd=sited.difference_usd,
        priced=[_way(each) for each in sited.priced[:MOST_TOLD]],
        rejected=[RejectedSitingOut(what=each.what, reason=each.reason) for each in sited.rejected],
    )


def _way(priced: PricedSiting) -> SitingWayOut:
    siting, side = priced.siting, priced.side
    return SitingWayOut(
        words=siting_words(priced),
        data=siting.data.value,
        data_from=siting.data_from.key if siting.data_from else None,
        checkpoints=siting.checkpoints.value,
        checkpoint_place=siting.checkpoint_place.key,
        replica_place=siting.replica_place.key if siting.replica_place else None,
        once_usd=priced.once_usd,
        epoch_usd=priced.epoch_usd,
        save_usd=side.save_usd,
        restore_usd=side.restore_usd,
        move_usd=priced.move_usd,
        move_hours=priced.move_hours,
        moving_hours=side.egress_hours,
        read_wait_hours=side.read_wait_hours,
        restore_hours=side.restore_hours,
        storage_usd_per_hour=side.storage_usd_per_hour,
        total_usd=_finite(priced.total_usd),
        wall_hours=_finite(priced.wall_hours),
    )


def _finite(amount: float) -> float | None:
    return amount if amount < float("inf") else None  # A job that never ends has no total.
