"""Where the data set is used from and where checkpoints live: decided per pool, not given.

Ways to use the data × places for checkpoints are enumerated; what residency forbids or what
cannot be priced is rejected with its reason; the rest is priced by `siting_cost` on the same
closed form as a job's mean cost. Nothing here reads a tariff file: rates come in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from itertools import product
from math import isfinite
from typing import Protocol

from .errors import ImpossibleInput
from .estimate import PoolStatistics
from .job import Job
from .placement import SideCosts
from .validity import quantity, share


class NoSiting(ImpossibleInput):
    """Residency leaves no place for the job's data or its checkpoints on a pool."""


class DataWay(StrEnum):
    """How the data set reaches the GPUs."""

    NONE = "none"  # The job states no data.
    HERE = "here"  # A copy lies in the pool's region.
    COPIED = "copied_once"
    SHARDED = "sharded"  # Only the share this job reads is copied.
    READ = "read_each_epoch"  # Across regions; nothing is kept here.


class CheckpointWay(StrEnum):
    """Where saves go."""

    BESIDE_GPUS = "beside_gpus"
    BESIDE_DATA = "beside_data"
    NEUTRAL = "neutral"  # A store apart, chosen for its egress.
    REPLICATED = "replicated"  # Beside the GPUs, and by the provider's replication in another region.


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """A region where bytes can lie, and the tag of the law it is under where one is known."""

    provider: str
    region: str
    law: str | None = None

    @property
    def key(self) -> str:
        """The place in words: `aws/us-east-1`."""
        return f"{self.provider}/{self.region}"

    def within(self, allowed: Sequence[str]) -> bool:
        """True where a list of regions, provider/regions or laws names it, or the list is empty."""
        names = (self.region, self.key, self.law or "")
        return not allowed or any(fnmatchcase(name, each) for each in allowed for name in names)


class Rates(Protocol):
    """What moving and keeping bytes costs between places, and how fast they move."""

    def egress_usd_per_gb(self, start: Place, end: Place, moved_bytes: float) -> float:
        """USD per GB leaving the first place for the second."""

    def storage_usd_per_gb_month(self, place: Place) -> float:
        """USD per GB-month kept there."""

    def bytes_per_s(self, start: Place, end: Place) -> float:
        """Sustained bandwidth between the two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Siting:
    """One way to use the data and one place for checkpoints."""

    data: DataWay
    data_from: Place | None
    checkpoints: CheckpointWay
    checkpoint_place: Place
    replica_place: Place | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedSiting:
    """A siting with what it costs; amounts that do not apply are zero, those unknown None."""

    siting: Siting
    side: SideCosts
    once_usd: float  # Egress of the data set, paid before the start.
    epoch_usd: float | None  # Egress of one epoch read from afar; None where nothing is read so.
    move_usd: float | None  # Taking a checkpoint along to another region; None where none is known.
    move_hours: float | None
    total_usd: float  # Mean cost of the job on this pool so sited, with its stated value of time.
    wall_hours: float  # Mean, from the start of moving data to done.


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedSiting:
    """A way that was considered and left out."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sited:
    """The best siting, the next best, all that were priced (best first), and those left out."""

    chosen: PricedSiting
    priced: tuple[PricedSiting, ...]
    rejected: tuple[RejectedSiting, ...]

    @property
    def runner_up(self) -> PricedSiting | None:
        """The next best siting; None where there was no other."""
        return self.priced[1] if len(self.priced) > 1 else None

    @property
    def difference_usd(self) -> float | None:
        """What the next best would cost more; None where there is none, or the job never ends so sited."""
        more = None if self.runner_up is None else self.runner_up.total_usd - self.chosen.total_usd
        return more if more is not None and isfinite(more) else None


Price = Callable[[Siting], PricedSiting]


def best_siting(
    job: Job,
    statistics: PoolStatistics,
    price: Price,
    *,
    here: Place,
    copies: Sequence[Place] = (),
    neutral: Sequence[Place] = (),
    away: Sequence[Place] = (),
    hours_to_deadline: float | None = None,
) -> Sited:
    """Return the cheapest allowed siting of a job on a pool, those in time first.

    Args:
        job: Its data use says what may lie where.
        statistics: Of the pool, for the message of a refusal.
        price: Prices one siting (`siting_cost.pricer`).
        here: The pool's place.
        copies: Where the data set lies; none where the job states none.
        neutral: Stores apart that may hold checkpoints.
        away: Other regions the run may move to; replication goes to one of the same provider.
        hours_to_deadline: A siting whose mean finish is later comes after the others, or counts as late.

    Raises:
        NoSiting: Residency allows no way to use the data, or no place for checkpoints.
        ImpossibleInput: Epochs, read share or moves are outside their range.
    """
    _refuse(job)
    ways, barred = _data_ways(job, here, copies)
    homes, also_barred = _checkpoint_homes(job, here, copies, neutral, away)
    rejected = [*barred, *also_barred]
    for found, what in ((ways, "data set"), (homes, "checkpoints")):
        if not found:
            raise NoSiting(
                f"The {what} of job {job.name!r} may not lie or be used at {statistics.pool.key}: "
                + " ".join(each.reason for each in rejected),
                fix="Allow this region (allowed_regions), or leave its pools out.",
            )
    sitings = [
        Siting(data=way, data_from=start, checkpoints=kind, checkpoint_place=at, replica_place=replica)
        for (way, start), (kind, at, replica) in product(ways, homes)
    ]
    limit = float("inf") if hours_to_deadline is None else hours_to_deadline
    priced = sorted((price(each) for each in sitings), key=lambda each: _order(each, limit, job))
    return Sited(chosen=priced[0], priced=tuple(priced), rejected=tuple(rejected))


def _order(priced: PricedSiting, limit_hours: float, job: Job) -> tuple[bool, float, float, str, str]:
    siting = priced.siting
    start = siting.data_from.key if siting.data_from else ""
    late, counted_usd = priced.wall_hours > limit_hours, priced.total_usd
    if job.soft and late and priced.wall_hours < float("inf"):
        late, counted_usd = False, counted_usd + job.late_usd_per_hour * (priced.wall_hours - limit_hours)
    return late, counted_usd, priced.wall_hours, start, siting.checkpoint_place.key


def _refuse(job: Job) -> None:
    use = job.data_use
    quantity("Epochs", 1.0 if use.epochs is None else use.epochs, "times", above_zero=True)
    quantity("Read share", share("Read share", use.read_share), "(share)", above_zero=True)
    quantity("Moves", use.moves, "times")


def _data_ways(
    job: Job, here: Place, copies: Sequence[Place]
) -> tuple[list[tuple[DataWay, Place | None]], list[RejectedSiting]]:
    """Return (way, where from) for the data, and the ways left out; the copy next door needs no other."""
    use = job.data_use
    if not copies or not job.dataset_bytes:
        return [(DataWay.NONE, None)], []
    if not here.within(use.allowed):
        reason = f"Data may go to {', '.join(use.allowed)} only, and {_named(here)} is none of these."
        return [], [RejectedSiting(what="the data set", reason=reason)]
    if any(copy.key == here.key for copy in copies):
        return [(DataWay.HERE, here)], []
    ways: list[tuple[DataWay, Place | None]] = [(DataWay.COPIED, copy) for copy in copies]
    if use.read_share < 1:
        ways += [(DataWay.SHARDED, copy) for copy in copies]
    if use.epochs is not None:
        return [*ways, *((DataWay.READ, copy) for copy in copies)], []
    reason = "The job states no epochs, so how often its data would cross regions is unknown."
    return ways, [RejectedSiting(what="reading the data from afar each epoch", reason=reason)]


Home = tuple[CheckpointWay, Place, Place | None]


def _checkpoint_homes(
    job: Job, here: Place, copies: Sequence[Place], neutral: Sequence[Place], away: Sequence[Place]
) -> tuple[list[Home], list[RejectedSiting]]:
    """Return (way, where, replica) for checkpoints, and those left out."""
    homes: list[Home] = [(CheckpointWay.BESIDE_GPUS, here, None)]
    homes += [(CheckpointWay.BESIDE_DATA, copy, None) for copy in copies if copy.key != here.key]
    homes += [(CheckpointWay.NEUTRAL, place, None) for place in neutral if place.key != here.key]
    near = [place for place in sorted(away) if place.provider == here.provider and place.key != here.key]
    allowed = job.data_use.checkpoints_allowed or job.data_use.allowed
    copied = [(CheckpointWay.REPLICATED, here, place) for place in near if place.within(allowed)]
    homes += copied if job.data_use.moves else copied[:1]  # Without a move a replica is a cost alone.
    kept = [home for home in homes if all(p.within(allowed) for p in home[1:] if p is not None)]
    rejected = [
        RejectedSiting(
            what=f"checkpoints {kind.value.replace('_', ' ')}",
            reason=f"Checkpoints may lie in {', '.join(allowed)} only, not in {_named(place)}.",
        )
        for kind, place, _ in homes
        if not place.within(allowed)
    ]
    if not near and job.data_use.moves:
        reason = f"No other region of {here.provider} is known to replicate to."
        rejected.append(RejectedSiting(what="checkpoints replicated", reason=reason))
    return kept, rejected


def _named(place: Place) -> str:
    return f"{place.key} ({place.law})" if place.law else place.key
