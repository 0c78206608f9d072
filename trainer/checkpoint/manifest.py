"""The root manifest: the one file whose existence makes a checkpoint exist.

Canonical JSON that names every block with its size and hash, and carries the SHA-256 of itself,
so that a changed digit is noticed like a torn file. It is created last and never overwritten.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ..errors import TrainerError
from ..fields import Count, Ordinal, parse_json, read, to_dict
from .chunks import Block

MOST_BYTES = 64 << 20


class BadManifest(TrainerError):
    """A file that is not, or no longer, a manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The checkpoint this training had started from, or committed before."""

    generation: Ordinal
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One checkpoint: what it is of, and which blocks it is made of."""

    schema_version: Literal[1] = 1
    run_id: str
    generation: Ordinal  # Counts a run's checkpoints; never goes back.
    epoch: Ordinal  # The attempt that wrote it.
    step: Count  # Steps completed.
    tier: Literal["F"]
    exact: bool
    parent: Parent | None
    committed_at: datetime  # Wall time; for people, never for ordering.
    config_digest: str
    header: tuple[Block, ...]
    payload: tuple[Block, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every block this checkpoint needs."""
        return self.header + self.payload

    @property
    def bytes(self) -> int:
        """Size of the state, without the manifest."""
        return sum(block.bytes for block in self.blocks)


def to_bytes(manifest: Manifest) -> bytes:
    """Return the content of the manifest's file."""
    body = to_dict(manifest)
    return _canonical({"manifest": body, "sha256": sha256_of(_canonical(body))})


def from_bytes(raw: bytes) -> Manifest:
    """Read a manifest's file.

    Raises:
        BadManifest: It is torn, changed, or not a manifest.
    """
    value = parse_json(raw, "The manifest", BadManifest, most_bytes=MOST_BYTES)
    body = value.get("manifest")
    if value.get("sha256") != sha256_of(_canonical(body)) or _canonical(value) != raw:
        raise BadManifest("The manifest's own SHA-256 does not fit it.", fix="Take an older checkpoint.")
    return read(Manifest, body, "manifest", BadManifest)


def sha256_of(raw: bytes) -> str:
    """Return SHA-256 in hex; of a manifest's file it is the checkpoint's name in events."""
    return hashlib.sha256(raw).hexdigest()


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
