"""What the service accepts about runs: opening one, its events, and asking where the rest goes."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from .wire_base import MAX_ITEMS, Instant, Names, Strict, Text, printable

MAX_EVENTS = 50_000  # One batch; the spool sends the rest in the next.


Capacity = Annotated[dict[Text, Annotated[int, Field(ge=0, le=100_000)]], Field(max_length=MAX_ITEMS)]


class StoresSection(Strict):
    """Where the checkpoints of a run go. Keys are named, never contained."""

    local_dir: Annotated[str, StringConstraints(min_length=1, max_length=4096), AfterValidator(printable)]
    primary_url: Text | None = None
    replica_urls: Names = Field(default_factory=list)
    key_ref: Text | None = None


class ClockSection(Strict):
    """How a replayed run's wall clock maps onto market time."""

    market_origin_at: Instant
    wall_origin_at: Instant
    compression: Annotated[float, Field(gt=0, le=1e7)]


class RunRequest(Strict):
    """Body of POST /v1/runs."""

    recommendation_id: Annotated[str, StringConstraints(pattern=r"^rec-(synthetic-)?[0-9a-f]{16}$")]
    rank: Annotated[int, Field(ge=1, le=10_000)] = 1
    stores: StoresSection
    clock: ClockSection | None = None


class EventBatch(Strict):
    """Body of POST /v1/runs/{id}/events. Each event is checked by the run log's own rules."""

    events: Annotated[list[dict[str, Any]], Field(max_length=MAX_EVENTS)]


class NextPoolRequest(Strict):
    """Body of POST /v1/runs/{id}/next-pool."""

    lost_pool_id: Text | None = None
    attempt: Annotated[int, Field(ge=0, le=10**9)]
    as_of: Instant | None = None
    unavailable: Names = Field(default_factory=list)
    capacity: Capacity = Field(default_factory=dict)  # Nodes that can be had now, by spot pool.
