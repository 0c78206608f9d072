"""The shapes of run events: one dataclass per event, and the envelope they travel in.

A run event is keyed `(run_id, attempt, node, seq)`; the same key never carries two contents.
`step` is the number of steps completed, `seconds` are real (wall) seconds, `bytes` are bytes.
Goodput and lost work are computed from these lines and from nothing else.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from .errors import EventError
from .fields import AtLeast, Count, Ordinal, Seconds, read, schema_of

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the node runs."""

    python: str
    torch: str | None  # Null where torch is not installed.
    platform: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A machine was obtained (node `launcher`) or a trainer came up on it."""

    pool_id: str
    image_digest: str | None
    lock_sha256: str | None
    environment: Environment
    world_size: Ordinal
    pid: Ordinal


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """The loop said how many steps it makes in all."""

    steps: Ordinal


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One optimizer step was completed."""

    step: Ordinal
    seconds: Seconds
    loss: float | None  # Null where it is not a finite number.
    tokens: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """Training stood still for `seconds` while its state was taken."""

    step: Count
    seconds: Seconds
    bytes: Count
    tier: Literal["W", "F", "E"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """The codec of a save was chosen by measurement; written with its commit."""

    step: Count
    codec: str
    ratio: Annotated[float, AtLeast(0)] | None  # Times smaller, on a sample; null where none was taken.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A checkpoint exists from here on: its root manifest is durable. `seconds` since capture began."""

    step: Count
    generation: Ordinal
    epoch: Ordinal
    manifest_url: str
    sha256: str  # Of the root manifest's bytes.
    tier: Literal["W", "F", "E"]
    exact: bool
    bytes: Count
    seconds: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated:
    """A committed checkpoint stands verified in one more place."""

    generation: Ordinal
    url: str
    seconds: Seconds
    bytes: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A warning came that the machine will be taken."""

    source: str
    assumed_s: Seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """Training goes on from a committed checkpoint."""

    step: Count
    generation: Ordinal
    sha256: str
    seconds: Seconds
    bytes: Count
    from_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Capacity was awaited."""

    seconds: Seconds
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preempted:
    """The provider took the machine. Written by the launcher."""

    with_notice: bool
    signal: Literal["SIGKILL", "SIGTERM"] | None
    phase: str
    pool_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The attempt is over."""

    reason: Literal["done", "stopped", "preempted", "failed"]
    exit_code: int
    step: Count | None
    weights_sha256: str | None


SHAPES: dict[str, type] = {
    shape.__name__.lower(): shape
    for shape in (
        Started, Planned, Step, Captured, Coded, Committed, Replicated, Notice, Restored, Waiting, Preempted,
        Ended,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What every event carries beside its own fields."""

    schema_version: Literal[1]
    run_id: str
    attempt: Ordinal
    node: str
    seq: Ordinal
    at: str
    event: str


NULLABLE = {
    name: tuple(field.name for field in fields(shape) if str(field.type).endswith("| None"))
    for name, shape in SHAPES.items()
}
ENVELOPE = tuple(field.name for field in fields(Envelope))
AT = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$"


def validate_event(event: object) -> None:
    """Accept exactly a run event.

    Raises:
        EventError: It is of a newer schema, of an unknown kind, or not of that kind's shape.
    """
    if not isinstance(event, dict):
        raise EventError("A run event must be a JSON object.", fix="Send one object per event.")
    version = event.get("schema_version")
    if type(version) is int and version > SCHEMA_VERSION:
        raise EventError(
            f"The event has schema version {version}; we read up to {SCHEMA_VERSION}.",
            fix="Upgrade lowtide here.",
        )
    envelope = read(Envelope, {k: v for k, v in event.items() if k in ENVELOPE}, "event", EventError)
    if not re.match(AT, envelope.at):
        raise EventError(f"event.at is {envelope.at!r}.", fix="Write it as 2026-01-31T12:00:00.000000Z.")
    if envelope.event not in SHAPES:
        raise EventError(f"There is no event {envelope.event!r}.", fix=f"Known are {', '.join(SHAPES)}.")
    own = {k: v for k, v in event.items() if k not in ENVELOPE}
    read(SHAPES[envelope.event], own, envelope.event, EventError)


def complete(event: str, known: dict[str, Any]) -> dict[str, Any]:
    """Return the fields with null for what is unknown: those left out, and a loss that is not finite."""
    whole = known | {name: None for name in NULLABLE.get(event, ()) if name not in known}
    loss = whole.get("loss")
    if isinstance(loss, float) and not math.isfinite(loss):
        whole["loss"] = None
    return whole


def event_schema() -> dict[str, Any]:
    """Return the JSON Schema of one line of a run log."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Lowtide run event",
        "oneOf": [_schema_of_kind(name, shape) for name, shape in SHAPES.items()],
    }


def _schema_of_kind(name: str, shape: type) -> dict[str, Any]:
    envelope, own = schema_of(Envelope), schema_of(shape)
    properties = {**envelope["properties"], "at": {"type": "string", "pattern": AT}, "event": {"const": name}}
    return {
        **own,
        "required": envelope["required"] + own["required"],
        "properties": {**properties, **own["properties"]},
    }
