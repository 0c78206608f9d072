"""Writes one rank's saves into one store: blob, rank manifest, and — for rank 0 — the root that commits.

A zombie is kept out by a fence, which is asked before anything is written and again before the commit.
Because a root can be created only once, a zombie that looked before the newer attempt committed fails at
the creation and looks again.
No torch here: this runs in a process that never loads it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from ..crash import crash_point
from ..errors import FencedOut
from .choosing import Chooser
from .codec import Codec
from .crypt import SALT_BYTES, Keyring, RunSecret, Wrapped
from .fence import Fence
from .frames import FrameWriter, Known, known_of
from .keyframes import Keyframes
from .layout import blob_key, manifest_key, next_generation, rank_key
from .manifest import (
    Block,
    Manifest,
    Parent,
    RankEntry,
    RankManifest,
    rank_name,
    rank_to_bytes,
)
from .reading import Reader, Root, read_root
from .rooting import create_root
from .saves import Coded, Committed, Save
from .stores import Store


class Saver:
    """The saves of one attempt of one run, as one rank of it.

    Args:
        store: Where to; the first of the plan's stores.
        into: Where blocks are written, where that is another one; whoever calls has them carried to `store`
            before `commit`, see `node_saver`.
        epoch, life: Who we are; see `lease`.
        keyring: Seals with its newest key; None writes in the open.
        wrapped: The run secret rank 0 made, for every other rank.
    """

    def __init__(
        self,
        store: Store,
        *,
        into: Store | None = None,
        run_id: str,
        epoch: int,
        life: str | None = None,
        keyring: Keyring | None,
        wrapped: Wrapped | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.store, self._into = store, into or store
        self._run_id, self._epoch, self._keyring = run_id, epoch, keyring
        self._fence, self._rank, self._world_size = Fence(store, epoch, life), rank, world_size
        self._secret = None
        if keyring is not None:
            self._secret = RunSecret.fresh() if wrapped is None else keyring.unwrap(wrapped)
        self.wrapped: Wrapped | None = wrapped or self._wrap()
        self.parent: Parent | None = None  # The last checkpoint restored or committed.
        self.floor = 0  # Numbers up to here are taken, in our store or another.
        self._full: dict[str, Known] = {}  # Blocks of the last full save.
        self._keyframes, self._chooser = Keyframes(self._into, run_id), Chooser()
        self._coded: Coded | None = None  # Of the save written last, where its codec was left open.
        self._pending: dict[str, tuple[Save, RankManifest, int]] = {}
        self._blob_stood_at = 0.0

    def _wrap(self) -> Wrapped | None:
        if self._secret is None or self._keyring is None:
            return None
        return self._secret.wrapped_by(self._keyring)

    def adopt(
        self, generation: int, damaged: frozenset[str] = frozenset(), elsewhere: Store | None = None
    ) -> Root:
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
            known = {address: each for reader in readers for address, each in known_of(reader.rank).items()}
            self._full = {address: each for address, each in known.items() if address not in damaged}
        return root

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
        if self._into is self.store:
            self._fence.ask_lease()
            self._fence.ask_newest()
        rank, stored_bytes = self._keyframes.write_whole_if_spoilt(
            save, lambda: self._write_blob(save, header, pieces), is_alone=self._world_size == 1
        )
        crash_point("rank.before_write")
        key, raw = rank_key(save.save_id, self._rank), rank_to_bytes(rank)
        if not self._into.create(key, raw):
            raise FencedOut(f"{key} exists already.", fix="Stop this process; the run goes on elsewhere.")
        crash_point("rank.after_write")
        self._pending[save.save_id] = (save, rank, stored_bytes)
        size = save.payload_bytes + save.header_bytes
        return RankEntry(rank=self._rank, key=key, sha256=rank_name(rank), bytes=size)

    def _write_blob(
        self, save: Save, header: memoryview, pieces: Sequence[memoryview]
    ) -> tuple[RankManifest, int]:
        salt = os.urandom(SALT_BYTES)
        frames = FrameWriter(
            self._into,
            blob_key(save.save_id, self._rank),
            run_id=self._run_id,
            secret=self._secret,
            salt=salt,
            known=self._full if save.tier == "F" else {},
        )
        try:
            rank, codec = self._write_blocks(save, header, pieces, frames)
            frames.commit()
            self._blob_stood_at = time.perf_counter()
        except BaseException:
            frames.abort()
            raise
        if save.tier != "W":
            self._chooser.note(codec, frames.pace)
        return rank, frames.pace.stored_bytes

    def _write_blocks(
        self, save: Save, header: memoryview, pieces: Sequence[memoryview], frames: FrameWriter
    ) -> tuple[RankManifest, Codec]:
        of_header, places = frames.add(header)
        of_payload: list[Block] = []
        codec = self._codec_of(save, pieces)
        base = self._keyframes.blocks(self._secret) if codec == "d2z" else None
        for piece in pieces:
            blocks, at = frames.add(piece, save.cuts, codec, base)
            of_payload += blocks
            places += at
        manifest = RankManifest(
            run_id=self._run_id,
            save_id=save.save_id,
            rank=self._rank,
            world_size=self._world_size,
            header=tuple(of_header),
            payload=tuple(of_payload),
            salts=tuple(frames.salts),
            places=tuple(places),
        )
        return manifest, codec

    def _codec_of(self, save: Save, pieces: Sequence[memoryview]) -> Codec:
        self._coded = None
        if not pieces:
            return "raw"
        if save.tier == "W":
            return self._keyframes.codec_of(save, pieces[0], self._secret)
        if save.codec != "auto":
            return "raw" if save.codec == "none" else save.codec
        self._coded = self._chooser.choose(pieces, save.uplink_bytes_per_s)
        return self._coded.codec

    def commit(self, save_id: str, entries: tuple[RankEntry, ...]) -> Committed:
        """Create the root that names every rank's part; the checkpoint exists when this returns.

        Raises:
            FencedOut: A newer attempt has committed.
        """
        save, rank, stored_bytes = self._pending.pop(save_id)
        asked = self._manifest(save, entries, self._keyframes.of(save))
        manifest, sha256 = self._create_root(asked)
        self.learn(save, rank, Parent(generation=manifest.generation, sha256=sha256))
        return Committed(
            manifest=manifest,
            sha256=sha256,
            key=manifest_key(manifest.generation),
            stored_bytes=stored_bytes,
            commit_s=time.perf_counter() - self._blob_stood_at,
            coded=self._coded,
        )

    def _create_root(self, asked: Manifest) -> tuple[Manifest, str]:
        number = self.parent.generation + 1 if self.parent else next_generation(self.store)
        numbered = replace(asked, generation=max(number, self.floor + 1))
        return create_root(self.store, self._fence, numbered, self._secret, self.wrapped)

    def learn(self, save: Save, rank: RankManifest, committed: Parent) -> None:
        """Take note that a save of this rank was committed."""
        self.parent = committed
        if save.tier == "F":
            self._full = known_of(rank)
        if save.tier == "W":
            self._keyframes.learn(save, rank, committed)

    def committed_elsewhere(self, save_id: str, committed: Parent) -> None:
        """Take note, as another rank than 0, that rank 0 committed a save."""
        save, rank, _ = self._pending.pop(save_id)
        self.learn(save, rank, committed)

    def _manifest(self, save: Save, entries: tuple[RankEntry, ...], keyframe: Parent | None) -> Manifest:
        """Return a root but for its number and its time."""
        return Manifest(
            run_id=self._run_id,
            generation=self.parent.generation + 1 if self.parent else 1,
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
