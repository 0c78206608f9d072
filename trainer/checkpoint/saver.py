"""Writes one rank's saves into one store: blob, rank manifest, and — for rank 0 — the root that commits.

The epoch fences: where the newest root was written by a later attempt, or the lease is a later attempt's,
this process is a zombie from before a preemption. Because a root can be created only once, a zombie that
looked before the newer attempt committed fails at the creation and looks again.
No torch here: this runs in a process that never loads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ..crash import crash_point
from ..errors import FencedOut
from .codec import Codec, encode
from .crypt import SALT_BYTES, Keyring, RunSecret, Wrapped
from .frames import FrameWriter, Known, cut
from .layout import blob_key, manifest_key, next_generation, rank_key
from .lease import refuse_zombie
from .manifest import (
    Block,
    Manifest,
    Parent,
    RankEntry,
    RankManifest,
    rank_name,
    rank_to_bytes,
    root_from_bytes,
    root_to_bytes,
)
from .reading import Reader, newest_readable, read_root, refuse_gaps
from .stores import Store

KEYFRAME_EVERY = 16  # Light saves measured from one keyframe before a new one is written.
WORTH_A_DELTA = 1.15  # Times smaller than shuffling alone, on a sample.


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
    codec: Literal["none", "auto"] = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """A checkpoint that exists."""

    manifest: Manifest
    sha256: str
    key: str
    stored_bytes: int  # Written by this rank's save; blocks the run held already are not among them.


class Saver:
    """The saves of one attempt of one run, as one rank of it.

    Args:
        store: Where to; the first of the plan's stores.
        keyring: Seals with its newest key; None writes in the open.
        wrapped: The run secret rank 0 made, for every other rank.
    """

    def __init__(
        self,
        store: Store,
        *,
        run_id: str,
        epoch: int,
        keyring: Keyring | None,
        wrapped: Wrapped | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.store, self._run_id, self._epoch, self._keyring = store, run_id, epoch, keyring
        self._rank, self._world_size = rank, world_size
        self._secret = None if keyring is None else _secret(keyring, wrapped)
        self.wrapped: Wrapped | None = wrapped or self._wrap()
        self.parent: Parent | None = None  # The last checkpoint restored or committed.
        self._full: dict[str, Known] = {}  # Blocks of the last full save.
        self._keyframe: Parent | None = None
        self._keyframe_rank: RankManifest | None = None
        self._since_keyframe = 0
        self._cuts: tuple[int, ...] = ()
        self._pending: dict[str, tuple[Save, RankManifest, int]] = {}

    def _wrap(self) -> Wrapped | None:
        if self._secret is None or self._keyring is None:
            return None
        return self._secret.wrapped_by(self._keyring)

    def adopt(
        self, generation: int, damaged: frozenset[str] = frozenset(), elsewhere: Store | None = None
    ) -> None:
        """Go on from a checkpoint: its secret, and its blocks but for damaged ones.

        Args:
            elsewhere: The store that holds it, where ours does not; its blocks are then not ours to name.
        """
        root = read_root(elsewhere or self.store, generation, self._keyring)
        self.parent = Parent(generation=generation, sha256=root.sha256)
        if root.unlocked is not None:
            self._secret, self.wrapped = root.unlocked, root.secret
            if self._keyring is not None and root.secret and root.secret.key_id != self._keyring.newest[0]:
                self.wrapped = self._wrap()  # The key was rotated.
        if root.manifest.tier == "F" and elsewhere is None:
            readers = [Reader(self.store, root, entry) for entry in root.manifest.ranks]
            known = {address: each for reader in readers for address, each in _known(reader.rank).items()}
            self._full = {address: each for address, each in known.items() if address not in damaged}

    def write(self, save: Save, memory: memoryview) -> RankEntry:
        """Write a save's blocks and this rank's manifest, durably. It does not exist before `commit`.

        Args:
            memory: The payload, and right behind it the header.

        Raises: As `write_pieces`.
        """
        end = save.payload_bytes
        return self.write_pieces(save, memory[end : end + save.header_bytes], [memory[:end]])

    def write_pieces(self, save: Save, header: memoryview, pieces: Sequence[memoryview]) -> RankEntry:
        """Write a payload that lies in several pieces of memory; each begins a block of its own.

        Raises:
            FencedOut: A newer attempt has committed.
            OSError, StoreTrouble: The disk or the store is full or gone. Nothing is harmed.
        """
        refuse_zombie(self.store, self._epoch)
        self._refuse_zombie()
        salt = os.urandom(SALT_BYTES)
        frames = FrameWriter(
            self.store,
            blob_key(save.save_id, self._rank),
            run_id=self._run_id,
            secret=self._secret,
            salt=salt,
            known=self._full if save.tier == "F" else {},
        )
        try:
            rank = self._write_blocks(save, header, pieces, frames)
            frames.commit()
        except BaseException:
            frames.abort()
            raise
        crash_point("rank.before_write")
        key, raw = rank_key(save.save_id, self._rank), rank_to_bytes(rank)
        if not self.store.create(key, raw):
            raise FencedOut(f"{key} exists already.", fix="Stop this process; the run goes on elsewhere.")
        crash_point("rank.after_write")
        self._pending[save.save_id] = (save, rank, frames.written_bytes)
        return RankEntry(
            rank=self._rank,
            key=key,
            sha256=rank_name(rank),
            bytes=save.payload_bytes + save.header_bytes,
        )

    def _write_blocks(
        self, save: Save, header: memoryview, pieces: Sequence[memoryview], frames: FrameWriter
    ) -> RankManifest:
        of_header, places = frames.add(header)
        of_payload: list[Block] = []
        codec = self._codec_of(save, pieces[0]) if pieces else "raw"
        base = self._keyframe_blocks() if codec == "d2z" else None
        for piece in pieces:
            blocks, at = frames.add(piece, save.cuts, codec, base)
            of_payload += blocks
            places += at
        return RankManifest(
            run_id=self._run_id,
            save_id=save.save_id,
            rank=self._rank,
            world_size=self._world_size,
            header=tuple(of_header),
            payload=tuple(of_payload),
            salts=tuple(frames.salts),
            places=tuple(places),
        )

    def _codec_of(self, save: Save, payload: memoryview) -> Codec:
        if save.tier != "W":
            return "s4z" if save.codec == "auto" else "raw"
        if not self._is_delta(save):
            return "s2z"
        plain, base = next(cut(payload, save.cuts)), next(self._keyframe_blocks())
        shrunk = len(encode("s2z", plain)) / max(1, len(encode("d2z", plain, base)))
        return "d2z" if shrunk >= WORTH_A_DELTA else "s2z"

    def _is_delta(self, save: Save) -> bool:
        held = self._keyframe_rank
        if save.tier != "W" or held is None or self._since_keyframe >= KEYFRAME_EVERY:
            return False
        return sum(block.bytes for block in held.payload) == save.payload_bytes and save.cuts == self._cuts

    def _keyframe_blocks(self) -> Iterator[memoryview]:
        """Yield the keyframe's blocks, read back from the store: holding them would cost memory."""
        if self._keyframe_rank is None:
            return
        reader = Reader.of(self.store, self._keyframe_rank, self._run_id, self._secret)
        first = len(self._keyframe_rank.header)
        for number, block in enumerate(self._keyframe_rank.payload):
            buffer = memoryview(bytearray(block.bytes))
            reader.read_into(first + number, buffer)
            yield buffer

    def commit(self, save_id: str, entries: tuple[RankEntry, ...]) -> Committed:
        """Create the root that names every rank's part; the checkpoint exists when this returns.

        Raises:
            FencedOut: A newer attempt has committed.
        """
        save, rank, stored_bytes = self._pending.pop(save_id)
        keyframe = self._keyframe if self._is_delta(save) else None
        generation = self.parent.generation + 1 if self.parent else next_generation(self.store)
        refuse_gaps(self.store, entries)
        while True:
            refuse_zombie(self.store, self._epoch)
            manifest = self._manifest(save, generation, entries, keyframe)
            key, raw = manifest_key(generation), root_to_bytes(manifest, self._secret, self.wrapped)
            if self.store.create(key, raw):
                break
            self._refuse_zombie()  # Another writer took this generation; look who that was.
            generation = max(generation + 1, next_generation(self.store))  # A listing may be stale.
        sha256 = root_from_bytes(raw).sha256
        self.learn(save, rank, Parent(generation=generation, sha256=sha256))
        return Committed(manifest=manifest, sha256=sha256, key=key, stored_bytes=stored_bytes)

    def learn(self, save: Save, rank: RankManifest, committed: Parent) -> None:
        """Take note that a save of this rank was committed."""
        self.parent = committed
        if save.tier == "F":
            self._full = _known(rank)
        if save.tier != "W":
            return
        if self._is_delta(save):
            self._since_keyframe += 1
        else:
            self._keyframe, self._keyframe_rank, self._since_keyframe = committed, rank, 0
            self._cuts = save.cuts

    def committed_elsewhere(self, save_id: str, committed: Parent) -> None:
        """Take note, as another rank than 0, that rank 0 committed a save."""
        save, rank, _ = self._pending.pop(save_id)
        self.learn(save, rank, committed)

    def _manifest(
        self, save: Save, generation: int, entries: tuple[RankEntry, ...], keyframe: Parent | None
    ) -> Manifest:
        return Manifest(
            run_id=self._run_id,
            generation=generation,
            epoch=self._epoch,
            step=save.step,
            tier=save.tier,
            exact=save.exact,
            parent=self.parent,
            keyframe=keyframe,
            committed_at=datetime.now(UTC),
            config_digest=save.config_digest,
            world_size=self._world_size,
            ranks=tuple(sorted(entries, key=lambda entry: entry.rank)),
        )

    def _refuse_zombie(self) -> None:
        newest = newest_readable(self.store)
        if newest is not None and newest.epoch > self._epoch:
            raise FencedOut(
                f"Attempt {newest.epoch} has committed generation {newest.generation}; "
                f"this is attempt {self._epoch} and must not commit after it.",
                fix="Stop this process; the run goes on elsewhere.",
            )


def _secret(keyring: Keyring, wrapped: Wrapped | None) -> RunSecret:
    return RunSecret.fresh() if wrapped is None else keyring.unwrap(wrapped)


def _known(rank: RankManifest) -> dict[str, Known]:
    """Return a rank's blocks by address, deltas left out: those mean nothing without their keyframe."""
    salts = rank.salts
    return {
        block.address: Known(block, None if block.salt is None else salts[block.salt], place)
        for block, place in zip(rank.blocks, rank.places, strict=True)
        if block.codec != "d2z"
    }
