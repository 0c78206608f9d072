"""What the service accepts: strict shapes at the one place where bytes arrive.

Every inbound body is one of these. Unknown fields, NaN, infinities, booleans as numbers,
control characters and text that is no Unicode are refused; lists, texts and numbers have
limits. A job file (TOML) is a `JobSpec` too: its sections are in `advisor.wire_job`, the types of
all in `advisor.wire_base`. What the service answers is in `advisor.answers`. Nothing here decides
anything.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from .wire_base import (
    EARLIEST,
    LATEST,
    MAX_ITEMS,
    MAX_TEXT,
    Bytes,
    Instant,
    Names,
    Positive,
    Seconds,
    Share,
    Strict,
    Text,
    Usd,
    printable,
    read_instant,
)
from .wire_commitments import CommitmentSection
from .wire_job import (
    AllocationSection,
    CheckpointsSection,
    ConstraintsSection,
    CopySection,
    DataSection,
    JobSection,
    JobSpec,
    OverheadsSection,
    to_job,
)

__all__ = [
    "EARLIEST",
    "LATEST",
    "MAX_ITEMS",
    "MAX_TEXT",
    "AllocationSection",
    "BackupRequest",
    "Bytes",
    "CheckpointsSection",
    "CollectRequest",
    "CommitmentSection",
    "ConstraintsSection",
    "CopySection",
    "DataSection",
    "Instant",
    "JobSection",
    "JobSpec",
    "Names",
    "OverheadsSection",
    "Positive",
    "RecommendationRequest",
    "Seconds",
    "Share",
    "SnapshotRequest",
    "Strict",
    "Text",
    "Usd",
    "read_instant",
    "to_job",
]


class RecommendationRequest(Strict):
    """Body of POST /v1/recommendations."""

    spec: JobSpec
    as_of: Instant | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    window_hours: Annotated[float, Field(ge=1, le=24 * 3660)] = 720.0
    draws: Annotated[int, Field(ge=100, le=20_000)] = 4000
    pools: Names = Field(
        default_factory=list
    )  # Keys of pools to estimate however many there are; none is left out for it.
    simulate: bool = True  # False: closed forms alone, at once; for who asks about many instants.


FilePath = Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(printable)]


class CollectRequest(Strict):
    """Body of POST /v1/collect."""

    source: Literal[
        "recorded", "sample", "all",
        "aws", "gcp", "azure", "nebius", "lambda", "runpod", "vast", "verda", "sheets",
    ]  # fmt: skip
    path: FilePath | None = None  # Of recorded history.
    since: Instant | None = None  # Of a feed whose provider keeps a history.
    regions: Names = Field(default_factory=list)  # Of a feed; none: as configured.
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    available_means: Literal[0, 1] = 1  # Polarity of recorded availability traces.


class SnapshotRequest(Strict):
    """Body of POST /v1/store/snapshot: a file on the service's machine that does not exist yet."""

    path: FilePath


class BackupRequest(Strict):
    """Body of POST /v1/store/backup: a file on the service's machine that does not exist yet."""

    path: FilePath
