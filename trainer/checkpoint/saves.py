"""What a save is asked to be, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .codec import Codec
from .manifest import Manifest

CodecWord = Literal["none", "auto", "s2z", "s4z"]
CaptureRung = Literal["exact", "bf16_moments", "bf16_weights"]  # How much of the state is captured.


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """One rank's save as ordered: what it is, and how its bytes lie in the arena."""

    save_id: str  # The same on every rank.
    step: int
    tier: Literal["W", "F", "E"]
    exact: bool
    config_digest: str
    payload_bytes: int
    header_bytes: int  # Right behind the payload.
    cuts: tuple[int, ...] = ()  # Where a new block begins in the payload, whatever its size.
    codec: CodecWord = "none"  # Of what is not a light save; `auto` chooses by measurement.
    uplink_bytes_per_s: float | None = None  # Of the copy that follows; None for none, or none measured.


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """How the blocks of a save are stored, and why: the fields of the run event."""

    codec: Codec
    ratio: float | None  # Times smaller, on a sample of this save; None where none was taken.
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A checkpoint that exists."""

    manifest: Manifest
    sha256: str
    key: str
    stored_bytes: int  # Written by this rank's save; blocks the run held already are not among them.
    commit_s: float  # From this rank's blob being durable to the root.
    coded: Coded | None = None  # Where the codec was left open.


def worth_carrying(saves: Sequence[Save], newest: int) -> set[str]:
    """Return the names of the newest saves and the newest exact ones, of those given in order."""
    exact = [each.save_id for each in saves if each.exact][-newest:]
    return {*exact, *(each.save_id for each in saves[-newest:])}
