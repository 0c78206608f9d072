"""A job as a person writes it: the sections of a job file, and `spec` of a recommendation request."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from model.errors import ImpossibleInput
from model.job import Constraints, DataUse, Job, Overheads, Spreading
from model.market import CapacityType

from .unsaid import LeavesOut
from .wire_base import (
    MAX_ITEMS,
    Bytes,
    Hours,
    Instant,
    Names,
    Positive,
    Seconds,
    Share,
    Strict,
    Text,
    Usd,
)
from .wire_commitments import CommitmentSection, committed_of
from .wire_demands import refuse_half_said

Bought = Literal["spot", "on_demand"]
Speed = Annotated[float, Field(ge=1e-6, le=1e9)]  # In any one unit: only what it is of the first counts.


def _either() -> list[Bought]:
    return ["spot", "on_demand"]


class JobSection(LeavesOut, Strict):
    """What has to be computed, by when, for how much."""

    unsaid: ClassVar[frozenset[str]] = frozenset({"deadline_kind", "floor_nodes"})

    name: Text
    gpus: Annotated[int, Field(ge=1, le=100_000)]
    useful_hours: Annotated[float, Field(ge=1e-6, le=1e6)]
    state_bytes: Bytes
    throughput: Annotated[dict[Text, Speed], Field(min_length=1, max_length=MAX_ITEMS)]
    deadline_hours: Positive | None = None
    deadline_at: Instant | None = None
    budget_usd: Annotated[float, Field(gt=0, le=1e12)] | None = None
    value_of_time_usd_per_hour: Usd = 0.0
    gang_share: Share = 0.9
    elastic: bool = False
    copies: Annotated[int, Field(ge=1, le=100_000)] = 1
    deadline_kind: Literal["hard", "soft"] | None = None  # Unsaid is hard.
    floor_nodes: Annotated[int, Field(ge=0, le=100_000)] | None = None  # On on-demand throughout.

    @model_validator(mode="after")
    def _one_way(self) -> JobSection:
        """Refuse a sweep of elastic jobs, and half of a statement on lateness or on a floor."""
        if self.elastic and self.copies > 1:
            raise ValueError("copies is of gangs; an elastic job has 1")
        refuse_half_said(self)
        return self


class AllocationSection(Strict):
    """How an elastic job's nodes, or a sweep's copies, are dealt out over pools."""

    region_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    caution: Share = 0.5
    tail_share: Annotated[float, Field(gt=0, le=0.5)] = 0.1


class OverheadsSection(Strict):
    """What saving and restarting cost, in seconds, and where the figures come from."""

    pause_s: Seconds
    save_lag_s: Seconds
    boot_s: Seconds
    restore_s: Seconds
    warmup_s: Seconds
    origin: Text = "stated in the job file"
    light_pause_s: Seconds | None = None
    light_survives_share: Share | None = None
    light_warmup_s: Seconds | None = None
    light_most: Annotated[int, Field(ge=2, le=64)] = 8
    emergency_save_s: Annotated[float, Field(gt=0, le=1e6)] | None = None
    emergency_log_sd: Annotated[float, Field(ge=0, le=3)] = 0.5
    notice_delivered_share: Share = 0.0

    @model_validator(mode="after")
    def _whole(self) -> OverheadsSection:
        """Refuse half of a statement, which would be read as none."""
        worth = (self.light_survives_share is None) + (self.light_warmup_s is None)
        if self.light_pause_s is None and worth < 2:
            raise ValueError("light_survives_share and light_warmup_s need light_pause_s")
        if self.light_pause_s is not None and worth != 1:
            raise ValueError("light_pause_s needs light_survives_share or light_warmup_s, one of the two")
        if (self.emergency_save_s is None) != (self.notice_delivered_share == 0):
            raise ValueError("emergency_save_s and a notice_delivered_share above 0 need each other")
        return self


class CopySection(Strict):
    """Where another copy of the data set lies."""

    provider: Text
    region: Text


class DataSection(Strict):
    """Where the data set lies, how it is read, and where it may go; moving it costs egress."""

    dataset_bytes: Bytes
    provider: Text
    region: Text
    epochs: Annotated[float, Field(gt=0, le=1e6)] | None = None
    read_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    replicas: Annotated[list[CopySection], Field(max_length=MAX_ITEMS)] = Field(default_factory=list)
    allowed_regions: Names = Field(default_factory=list)


class CheckpointsSection(Strict):
    """Where checkpoints may lie, and how often the run is expected to move to another region."""

    allowed_regions: Names = Field(default_factory=list)
    moves: Hours = 0.0


class ConstraintsSection(Strict):
    """What a person forbids or demands. An empty list is no constraint."""

    providers: Names = Field(default_factory=list)
    regions: Names = Field(default_factory=list)
    deny_regions: Names = Field(default_factory=list)
    capacity_types: Annotated[list[Bought], Field(min_length=1, max_length=2)] = Field(
        default_factory=_either
    )
    borrow: Literal["none", "region", "provider"] = "region"
    max_lost_work_s: Annotated[float, Field(gt=0, le=1e7)] | None = None
    quota_nodes: Annotated[
        dict[Text, Annotated[int, Field(ge=0, le=100_000)]], Field(max_length=MAX_ITEMS)
    ] = Field(default_factory=dict)


class JobSpec(Strict):
    """A job as a person writes it: the job file, and `spec` of a recommendation request."""

    job: JobSection
    overheads: OverheadsSection
    data: DataSection | None = None
    checkpoints: CheckpointsSection = CheckpointsSection()
    constraints: ConstraintsSection = ConstraintsSection()
    allocation: AllocationSection = AllocationSection()
    commitments: Annotated[list[CommitmentSection], Field(max_length=20)] = Field(default_factory=list)


def to_job(spec: JobSpec, from_at: datetime) -> Job:
    """Turn a spec into the job that the model reasons about.

    Args:
        spec: The job as written.
        from_at: When the job would start; `deadline_hours` counts from here.

    Raises:
        ImpossibleInput: Two deadlines, or one that does not lie after `from_at`.
    """
    written, data, rules = spec.job, spec.data, spec.constraints
    return Job(
        name=written.name,
        gpus=written.gpus,
        useful_hours=written.useful_hours,
        state_bytes=written.state_bytes,
        throughput=_relative(written.throughput),
        overheads=Overheads(**spec.overheads.model_dump()),
        deadline_at=_deadline(written, from_at),
        budget_usd=written.budget_usd,
        dataset_bytes=data.dataset_bytes if data else 0,
        data_provider=data.provider if data else None,
        data_region=data.region if data else None,
        value_of_time_usd_per_hour=written.value_of_time_usd_per_hour,
        gang_share=written.gang_share,
        elastic=written.elastic,
        copies=written.copies,
        soft=written.deadline_kind == "soft",
        floor_nodes=written.floor_nodes or 0,
        spreading=Spreading(**spec.allocation.model_dump()),
        data_use=_data_use(spec),
        commitments=tuple(committed_of(each) for each in spec.commitments),
        constraints=Constraints(
            providers=tuple(rules.providers),
            regions=tuple(rules.regions),
            deny_regions=tuple(rules.deny_regions),
            capacity_types=tuple(CapacityType(name) for name in rules.capacity_types),
            borrow=rules.borrow,
            max_lost_work_s=rules.max_lost_work_s,
            quota_nodes=tuple(rules.quota_nodes.items()),
        ),
    )


def _relative(stated: dict[str, float]) -> dict[str, float]:
    """Return throughputs relative to the first, the GPU that `useful_hours` is of; exact where it is 1.0."""
    first = next(iter(stated.values()))
    return {model: speed / first for model, speed in stated.items()}


def _data_use(spec: JobSpec) -> DataUse:
    data, checkpoints = spec.data, spec.checkpoints
    return DataUse(
        epochs=data.epochs if data else None,
        read_share=data.read_share if data else 1.0,
        replicas=tuple((copy.provider, copy.region) for copy in data.replicas) if data else (),
        allowed=tuple(data.allowed_regions) if data else (),
        checkpoints_allowed=tuple(checkpoints.allowed_regions),
        moves=checkpoints.moves,
    )


def _deadline(written: JobSection, from_at: datetime) -> datetime | None:
    if written.deadline_hours is not None and written.deadline_at is not None:
        raise ImpossibleInput(
            "The job states both deadline_hours and deadline_at, and only one can be meant.",
            fix="Keep one of the two.",
        )
    if written.deadline_hours is not None:
        return from_at + timedelta(hours=written.deadline_hours)
    if written.deadline_at is not None and written.deadline_at <= from_at:
        late_h = (from_at - written.deadline_at) / timedelta(hours=1)
        raise ImpossibleInput(
            f"The deadline {written.deadline_at:%Y-%m-%d %H:%M} UTC lies {late_h:.1f} hours before the start "
            f"{from_at:%Y-%m-%d %H:%M} UTC.",
            fix="State a later deadline_at, or deadline_hours after the start.",
        )
    return written.deadline_at
