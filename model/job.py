"""A job: what has to be computed, by when, for how much, and what saving it costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase

from .committed import Committed
from .errors import ImpossibleInput
from .market import CapacityType

SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Overheads:
    """What saving and restarting cost this job, in seconds. Stated or measured, and said which."""

    pause_s: float  # Training stands still for one save.
    save_lag_s: float  # From the pause's end until the save is durable; 0 when synchronous.
    boot_s: float  # Billed: machine, image, process start.
    restore_s: float  # Billed: reading the checkpoint back.
    warmup_s: float  # Billed: to the first new step.
    origin: str = "stated in the job file"
    light_pause_s: float | None = None  # Of a light save; None where the job has one kind.
    light_survives_share: float | None = None  # Of losses, those a light save is enough for.
    light_warmup_s: float | None = None  # To work off a light restore, such as weights without optimizer.
    light_most: int = 8  # Saves to one full save, at most.
    emergency_save_s: float | None = None  # Median, from notice to commit; None where it does not try.
    emergency_log_sd: float = 0.5  # Of that time, in the log.
    notice_delivered_share: float = 0.0  # Of preemptions that come with a notice; none is promised.

    @property
    def restart_s(self) -> float:
        """Billed seconds from getting a machine to the first new step."""
        return self.boot_s + self.restore_s + self.warmup_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraints:
    """What a person forbids or demands. Empty tuples mean no constraint."""

    providers: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    deny_regions: tuple[str, ...] = ()
    capacity_types: tuple[CapacityType, ...] = (CapacityType.SPOT, CapacityType.ON_DEMAND)
    borrow: str = "region"  # How far a hazard may be borrowed: none, region, provider.
    max_lost_work_s: float | None = None  # RPO: caps the checkpoint interval.
    quota_nodes: tuple[tuple[str, int], ...] = ()  # (pool keys with * for any letters, most nodes in each).

    def quota_of(self, pool_key: str) -> int | None:
        """Return the most nodes that may be had in a pool; None where no limit is known."""
        stated = [nodes for pattern, nodes in self.quota_nodes if fnmatchcase(pool_key, pattern)]
        return min(stated, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spreading:
    """How work that splits is dealt out over pools: what is weighed, and the most that a region may hold."""

    region_share: float = 1.0  # Of the nodes, or of the copies.
    caution: float = 0.5  # Weight of the tail's mean cost against the mean; 0 is the mean alone.
    tail_share: float = 0.1  # Of scenarios, the dearest, that are the tail.


@dataclass(frozen=True, slots=True, kw_only=True)
class DataUse:
    """How a job uses its data set, where copies of it lie, and where bytes may go at all.

    An allowed place is a region, `provider/region`, or the tag of a law, with * for any letters.
    Empty tuples mean no constraint; checkpoints keep to `allowed` where they have no list of their own.
    """

    epochs: float | None = None  # Times the data is read; unknown is not once.
    read_share: float = 1.0  # Share of the data set that this job reads, the same one each epoch.
    replicas: tuple[tuple[str, str], ...] = ()  # (provider, region) of further copies.
    allowed: tuple[str, ...] = ()  # Where the data may be copied to or read from.
    checkpoints_allowed: tuple[str, ...] = ()
    moves: float = 0.0  # Times the run is expected to leave its region for another one.


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One training job.

    `useful_hours` is wall time at full throughput, without a single save or loss, on `gpus`
    of the first model in `throughput`; other models scale it by their factor.
    """

    name: str
    gpus: int
    useful_hours: float
    state_bytes: int  # One full, exact checkpoint.
    throughput: dict[str, float]  # GPU model -> throughput relative to the first, which is 1.
    overheads: Overheads
    deadline_at: datetime | None = None
    budget_usd: float | None = None
    dataset_bytes: int = 0
    data_provider: str | None = None
    data_region: str | None = None
    value_of_time_usd_per_hour: float = 0.0
    elastic: bool = False  # Whether the work scales with its nodes, so that some may be away.
    soft: bool = False  # The deadline may be missed: hours after it cost the value of time, none before.
    floor_nodes: int = 0  # On on-demand throughout: they work alone while the rest is away.
    copies: int = 1  # Of a sweep: so many jobs like this one, each a gang of its own; figures are of one.
    spreading: Spreading = field(default_factory=Spreading)
    gang_share: float = 0.9  # beta: share of a node's preemptions that take the whole gang.
    constraints: Constraints = field(default_factory=Constraints)
    data_use: DataUse = field(default_factory=DataUse)
    commitments: tuple[Committed, ...] = ()  # Bought or on offer, to be ranked beside the market's pools.

    def __post_init__(self) -> None:
        if self.gpus < 1 or self.useful_hours <= 0 or not self.throughput:
            raise ImpossibleInput(
                f"Job {self.name!r} asks for {self.gpus} GPUs and {self.useful_hours:g} useful hours "
                f"on {len(self.throughput)} GPU models.",
                fix="State at least 1 GPU, more than 0 hours and one GPU model.",
            )
        if self.copies < 1 or (self.copies > 1 and self.elastic):
            raise ImpossibleInput(
                f"Job {self.name!r} has {self.copies} copies{' and is elastic' if self.elastic else ''}.",
                fix="State at least 1 copy; of an elastic job exactly 1, for its nodes are its parts.",
            )
        if self.floor_nodes < 0 or self.floor_nodes > self.gpus:
            raise ImpossibleInput(
                f"Job {self.name!r} of {self.gpus} GPUs keeps {self.floor_nodes} nodes on on-demand.",
                fix=f"State an on-demand floor between 0 and {self.gpus} nodes.",
            )

    @property
    def splits(self) -> bool:
        """Whether parts of it may run in several pools at once."""
        return self.elastic or self.copies > 1

    @property
    def waiting_usd_per_hour(self) -> float:
        """What an hour without capacity counts: the value of time; nothing before a soft deadline."""
        return 0.0 if self.soft else self.value_of_time_usd_per_hour

    @property
    def late_usd_per_hour(self) -> float:
        """What an hour after the deadline counts: the value of time where it is soft."""
        return self.value_of_time_usd_per_hour if self.soft else 0.0

    def floor_of(self, nodes: int, *, on_spot: bool) -> int:
        """Return how many of a pool's nodes stay on on-demand; none beside a pool that is not spot."""
        return min(self.floor_nodes, nodes) if on_spot else 0

    def useful_hours_on(self, gpu_model: str) -> float:
        """Hours of wall time at full throughput on another GPU model, same GPU count."""
        return self.useful_hours / self.throughput[gpu_model]
