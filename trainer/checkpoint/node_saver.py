"""The saves of one rank on one node of several: written to its own disk, committed where all nodes can read.

A save is local when every rank's part is durable on its node. Rank 0 then writes a *draft*, the root as it
would be, beside its own part. The checkpoint exists when every part was carried to the shared store and the
root is created there; a draft makes nothing exist, it says what may still be finished.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .crypt import RunSecret
from .frame_index import FrameId
from .frames import known_of
from .keyframes import Keyframes
from .layout import draft_key, manifest_key, save_id_of
from .manifest import BadManifest, Parent, Place, RankEntry, RankManifest, root_from_bytes, root_to_bytes
from .near import sweep_near
from .reading import Root
from .saver import Saver
from .saves import Coded, Committed, Save, worth_carrying
from .stores import Absent, Store, StoreTrouble

WAITING = 3  # One more than `relay` lets wait.


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """This rank's part of a save, which stands on this node and is not committed yet."""

    save: Save
    rank: RankManifest
    stored_bytes: int
    coded: Coded | None
    keyframe: Parent | None


class NodeSaver(Saver):
    """A saver whose blocks go to this node's disk first.

    Args:
        near: This node's store.
        shared: The one that all nodes read; see `Saver` for the rest.
        retention: Checkpoints whose parts stay on this disk.
    """

    def __init__(self, near: Store, shared: Store, *, retention: int, **who: Any) -> None:
        super().__init__(shared, into=near, **who)
        self.near, self._retention = near, retention
        self._local: dict[str, Part] = {}  # Not committed yet.
        self._committed: list[str] = []  # Save ids, the newest last.
        self._full_save: str | None = None
        self.carrying: str | None = None

    @property
    def secret(self) -> RunSecret | None:
        """The run's secret."""
        return self._secret

    @property
    def keyframes(self) -> Keyframes:
        """What light saves are measured from."""
        return self._keyframes

    def write_pieces(self, save: Save, header: memoryview, pieces: Sequence[memoryview]) -> RankEntry:
        """Write this rank's part to this node's disk; the shared store is not asked."""
        entry = super().write_pieces(save, header, pieces)
        keyframe = self._keyframes.of(save)  # None where it proved to be spoilt.
        _, rank, stored_bytes = self._pending.pop(save.save_id)
        self._local[save.save_id] = Part(
            save=save, rank=rank, stored_bytes=stored_bytes, coded=self._coded, keyframe=keyframe
        )
        if save.tier == "F":
            self._full, self._full_save = known_of(rank), save.save_id
        self._sweep(save.save_id)
        return entry

    def draft(self, save_id: str, entries: Sequence[RankEntry]) -> None:
        """Say, as rank 0, that every rank's part of a save is local."""
        local = self._local[save_id]
        draft = self._manifest(local.save, tuple(entries), local.keyframe)
        self.near.create(draft_key(save_id), root_to_bytes(draft, self._secret, self.wrapped))

    def commit(self, save_id: str, entries: Sequence[RankEntry] = ()) -> Committed:
        """Create the root of a drafted save, as rank 0, when every part was carried.

        Raises:
            FencedOut, BadManifest, StoreTrouble: As `Saver.commit` says. It may be asked for again.
        """
        began = time.perf_counter()
        try:
            draft = root_from_bytes(self.near.read(draft_key(save_id))).manifest
        except Absent:
            raise BadManifest(f"The draft of {save_id} is gone.", fix="Save again.") from None
        manifest, sha256 = self._create_root(draft)
        self.parent = Parent(generation=manifest.generation, sha256=sha256)
        local = self._local.get(save_id)
        return Committed(
            manifest=manifest,
            sha256=sha256,
            key=manifest_key(manifest.generation),
            stored_bytes=local.stored_bytes if local else 0,
            commit_s=time.perf_counter() - began,
            coded=local.coded if local else None,
        )

    def committed_elsewhere(self, save_id: str, committed: Parent) -> None:
        """Take note, as every rank at the same step, that a save was committed; make room on the disk."""
        self.parent = committed
        local = self._local.get(save_id)
        if local is not None and local.save.tier == "W":
            self._keyframes.learn(local.save, local.rank, committed)
        ids = list(self._local)  # In the order they were written; older ones are not carried any more.
        for each in ids[: ids.index(save_id) + 1] if save_id in ids else ():
            del self._local[each]
        self._committed = [*self._committed, save_id][-self._retention :]
        self._sweep(save_id)

    def _sweep(self, newer: str) -> None:
        """Remove what is older than a save and of no use, however long nothing can be carried."""
        useful = worth_carrying([each.save for each in self._local.values()], WAITING)
        self._local = {name: each for name, each in self._local.items() if name in useful}
        keep = {*self._committed, *useful, self.carrying, self._keyframes.save_id, self._full_save}
        try:
            sweep_near(self.near, newer, keep)
        except (StoreTrouble, OSError) as trouble:
            print(f"lowtide-run: older saves were left on this node: {trouble}", file=sys.stderr)

    def forget_blocks(self) -> None:
        """Name no block again that was written before: some of them are spoilt, here or where they went."""
        self._full, self._full_save = {}, None

    def adopt(
        self, generation: int, damaged: frozenset[str] = frozenset(), elsewhere: Store | None = None
    ) -> Root:
        """Go on from a checkpoint; its parts on this disk stay."""
        root = super().adopt(generation, damaged, elsewhere)
        self._committed = [save_id_of(root.manifest.ranks[0].key)]
        return root

    def frames_there(self) -> Iterator[tuple[FrameId, Place]]:
        """Yield the frames that a checkpoint just adopted has in the shared store."""
        for known in self._full.values():
            block = known.block
            yield (block.address, block.codec, block.stored_bytes, known.salt, block.counter), known.place
