"""The two files that make a checkpoint exist: one manifest per rank, and the root that names them all.

The root is created last and never overwritten. Its name in events is the SHA-256 of its body, which says
what the checkpoint is and not where its bytes lie: a copy in another store has the same name. Where the
run has a secret the root carries a keyed tag, so that nobody without the key can write one.
A rank's manifest names its blocks; `placement` says in which blob each lies, and may differ between stores.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from ..errors import OtherSchema, TrainerError
from ..fields import Count, Ordinal, parse_json, read, to_dict
from .codec import CODECS, Codec
from .crypt import RunSecret, Wrapped

SCHEMA: Literal[2] = 2
OTHER = "Go on with the version that wrote it, or name another stores.local_dir."
MOST_BYTES = 256 << 20  # A rank of 80 TB in blocks of 4 MiB.


class BadManifest(TrainerError):
    """A file that is not, or no longer, a manifest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A checkpoint by its number and name."""

    generation: Ordinal
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RankEntry:
    """One rank's part: where its manifest lies, its name, and the size of its state."""

    rank: Count
    key: str
    sha256: str
    bytes: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """One checkpoint: what it is of, and which rank manifests it is made of."""

    schema_version: Literal[2] = SCHEMA
    run_id: str
    generation: Ordinal  # Counts a run's checkpoints; never goes back.
    epoch: Ordinal  # The attempt that wrote it.
    step: Count  # Steps completed.
    tier: Literal["W", "F", "E"]
    exact: bool
    parent: Parent | None
    keyframe: Parent | None  # What deltas are measured from.
    committed_at: datetime  # Wall time; for people, never for ordering.
    config_digest: str
    world_size: Ordinal
    ranks: tuple[RankEntry, ...]

    @property
    def bytes(self) -> int:
        """Size of the state as it was captured."""
        return sum(entry.bytes for entry in self.ranks)


@dataclass(frozen=True, slots=True)
class Block:
    """One stretch of plain bytes and how it is stored."""

    address: str  # BLAKE3 of the plain bytes, keyed where the run has a secret.
    bytes: int
    xxh3: str
    codec: Codec
    stored_bytes: int
    salt: int | None  # Which of the rank's salts its data key comes from; None where it is not sealed.
    counter: int | None  # The nonce.


@dataclass(frozen=True, slots=True)
class Place:
    """Where a block's frame lies."""

    blob: str  # Key in the store.
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RankManifest:
    """The blocks of one rank, in the order of their bytes, and where each lies."""

    run_id: str
    save_id: str
    rank: int
    world_size: int
    header: tuple[Block, ...]
    payload: tuple[Block, ...]
    salts: tuple[str, ...]
    places: tuple[Place, ...]  # Parallel to header + payload.

    @property
    def blocks(self) -> tuple[Block, ...]:
        """Every block, header first."""
        return self.header + self.payload

    @property
    def blobs(self) -> tuple[str, ...]:
        """The keys of every blob this rank needs, sorted."""
        return tuple(sorted({place.blob for place in self.places}))


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFile:
    """A root manifest as read: its name, and the run secret in its wrapping."""

    manifest: Manifest
    sha256: str
    secret: Wrapped | None


def root_to_bytes(manifest: Manifest, secret: RunSecret | None, wrapped: Wrapped | None) -> bytes:
    """Return the content of a root's file."""
    body = to_dict(manifest)
    whole = {
        "manifest": body,
        "sha256": sha256_of(canonical(body)),
        "secret": None if wrapped is None else to_dict(wrapped),
    }
    return canonical({**whole, "tag": None if secret is None else secret.tag(canonical(whole))})


def root_from_bytes(raw: bytes) -> RootFile:
    """Read a root's file. Its tag is not checked here: see `authenticate`.

    Raises:
        BadManifest: It is torn, changed, or not a manifest.
        OtherSchema: It is whole, and of another schema than ours.
    """
    value = parse_json(raw, "The manifest", BadManifest, most_bytes=MOST_BYTES)
    body, wrapped = value.get("manifest"), value.get("secret")
    is_whole = value.keys() == {"manifest", "sha256", "secret", "tag"} and canonical(value) == raw
    if not is_whole or value["sha256"] != sha256_of(canonical(body)):
        raise BadManifest("The manifest's own SHA-256 does not fit it.", fix="Take an older checkpoint.")
    schema = body.get("schema_version") if isinstance(body, dict) else None
    if type(schema) is int and schema != SCHEMA:
        raise OtherSchema(
            f"The checkpoint is of schema version {schema}; this version reads {SCHEMA}.", fix=OTHER
        )
    secret = None if wrapped is None else read(Wrapped, wrapped, "manifest.secret", BadManifest)
    if secret is not None and not secret.is_whole:
        raise BadManifest("The wrapped run secret was changed or cut.", fix="Take an older checkpoint.")
    return RootFile(
        manifest=read(Manifest, body, "manifest", BadManifest),
        sha256=str(value["sha256"]),
        secret=secret,
    )


def authenticate(raw: bytes, secret: RunSecret) -> None:
    """Accept a root's file that a holder of the secret wrote.

    Raises:
        BadManifest: Somebody else did, or it was changed.
    """
    value = json.loads(raw)
    tag = value.pop("tag", None)
    if tag != secret.tag(canonical(value)):
        raise BadManifest("The manifest's tag is not of this run's key.", fix="Take an older checkpoint.")


def rank_to_bytes(rank: RankManifest) -> bytes:
    """Return the content of a rank's file."""
    body, blobs = _rank_body(rank), rank.blobs
    number = {blob: place for place, blob in enumerate(blobs)}
    at = [[number[place.blob], place.offset] for place in rank.places]
    placement = {"blobs": list(blobs), "at": at}
    return canonical({"rank": body, "sha256": sha256_of(canonical(body)), "placement": placement})


def rank_name(rank: RankManifest) -> str:
    """Return the SHA-256 that names a rank's part, wherever its blobs lie."""
    return sha256_of(canonical(_rank_body(rank)))


def rank_from_bytes(raw: bytes, expected_sha256: str) -> RankManifest:
    """Read a rank's file.

    Raises:
        BadManifest: It is torn, changed, or not the one its root names.
    """
    value = parse_json(raw, "The rank manifest", BadManifest, most_bytes=MOST_BYTES)
    body: Any = value.get("rank")
    if expected_sha256 != value.get("sha256") or expected_sha256 != sha256_of(canonical(body)):
        raise BadManifest("A rank manifest is not the one its root names.", fix="Take an older checkpoint.")
    try:
        return _rank_of(body, value["placement"])
    except (KeyError, TypeError, ValueError, IndexError) as trouble:
        raise BadManifest(f"A rank manifest lacks {trouble}.", fix="Take an older checkpoint.") from None


def _rank_body(rank: RankManifest) -> dict[str, Any]:
    rows = {part: [_row(block) for block in getattr(rank, part)] for part in ("header", "payload")}
    names = ("run_id", "save_id", "rank", "world_size")
    return {**{name: getattr(rank, name) for name in names}, **rows, "salts": list(rank.salts)}


def _row(block: Block) -> list[Any]:
    return [getattr(block, name) for name in Block.__slots__]


def _rank_of(body: dict[str, Any], placement: dict[str, Any]) -> RankManifest:
    header = tuple(_block(row) for row in body["header"])
    payload = tuple(_block(row) for row in body["payload"])
    blobs = [str(key) for key in placement["blobs"]]
    places = tuple(Place(blobs[number], int(offset)) for number, offset in placement["at"])
    if len(places) != len(header) + len(payload):
        raise ValueError("a place for every block")
    return RankManifest(
        run_id=body["run_id"],
        save_id=body["save_id"],
        rank=body["rank"],
        world_size=body["world_size"],
        header=header,
        payload=payload,
        salts=tuple(body["salts"]),
        places=places,
    )


def _block(row: list[Any]) -> Block:
    block = Block(*row)
    if block.codec not in CODECS:
        raise ValueError(f"a codec {block.codec!r} we know")
    return block


def sha256_of(raw: bytes) -> str:
    """Return SHA-256 in hex."""
    return hashlib.sha256(raw).hexdigest()


def canonical(value: Any) -> bytes:
    """Return the one JSON text of a value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
