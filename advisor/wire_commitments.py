"""Commitments as a person writes them: `[[commitments]]` of a job file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from model.commitments import Commitment, CommitmentKind
from model.committed import Committed

from .wire_base import Hours, Positive, Strict, Text, Usd


class CommitmentSection(Strict):
    """A reservation, capacity block, queued start or discount, bought or on offer."""

    name: Text
    kind: Literal["reservation", "capacity_block", "flex_start", "discount"]
    provider: Text
    region: Text
    zone: Text | None = None
    sku: Text
    gpu_model: Text | None = None
    gpu_count: Annotated[int, Field(ge=1, le=1000)] | None = None
    usd_per_hour: Annotated[float, Field(gt=0, le=1e9)]
    instances: Annotated[float, Field(ge=1e-3, le=1e6)]
    hours: Positive
    upfront_usd: Usd = 0.0
    used_share: Annotated[float, Field(ge=0, lt=1)] = 0.0
    minimum_hours: Hours = 0.0
    bought: bool = False
    billed_idle: bool = True
    cancellable: bool = False
    ends_early_hours: Hours = 0.0
    start_hours: Annotated[list[Hours], Field(min_length=2, max_length=2)] = Field(
        default_factory=lambda: [0.0, 0.0]
    )

    @model_validator(mode="after")
    def _possible(self) -> CommitmentSection:
        """Refuse what the model would, by field."""
        if self.start_hours[0] > self.start_hours[1]:
            raise ValueError("start_hours must name the soonest start first, then the latest")
        if self.ends_early_hours >= self.hours:
            raise ValueError("ends_early_hours must be less than hours")
        if (self.gpu_model is None) != (self.gpu_count is None):
            raise ValueError("gpu_model and gpu_count need each other")
        return self


def committed_of(stated: CommitmentSection) -> Committed:
    """Turn a commitment as written into the one that the model reasons about."""
    terms = stated.model_dump(
        exclude={"kind", "provider", "region", "zone", "sku", "gpu_model", "gpu_count", "start_hours"}
    )
    soonest, latest = stated.start_hours
    return Committed(
        commitment=Commitment(kind=CommitmentKind(stated.kind), start_hours=(soonest, latest), **terms),
        provider=stated.provider,
        region=stated.region,
        zone=stated.zone,
        sku=stated.sku,
        gpu_model=stated.gpu_model,
        gpu_count=stated.gpu_count,
    )
