"""The shelf of a node that is one of several: its disk first, then the store they share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from .carrying import Carried, Carrier
from .fence import Fence
from .manifest import Parent, RankEntry
from .node_saver import NodeSaver
from .replicate import Replicated
from .saver import Saver
from .shelf import Shelf
from .stores import open_store

Told = Callable[[Replicated | Carried], None]


class NodeShelf(Shelf):
    """Writes to this node's disk, and carries what it is told to."""

    def __init__(self, settings: dict[str, Any], told: Told) -> None:
        self._near_told = told
        super().__init__(settings, told)
        who = {"epoch": settings["epoch"], "life": settings["life"]}
        self._carrier = Carrier(
            self._node_saver,
            run_id=settings["run_id"],
            rank=settings["rank"],
            fence=Fence(self.saver.store, **who),
            told=self._carried,
            say=lambda seen: print(f"lowtide-run: {seen}", file=sys.stderr),
        )

    def _saver(self, settings: dict[str, Any], **who: Any) -> Saver:
        near, shared = open_store(settings["near"]), open_store(settings["url"])
        self._node_saver = NodeSaver(near, shared, retention=settings["retention"], **who)
        return self._node_saver

    def adopt(self, generation: int, damaged: list[str], url: str | None, floor: int = 0) -> None:
        """Go on from a checkpoint."""
        super().adopt(generation, damaged, url, floor)
        self._carrier.adopted()

    def draft(self, save_id: str, entries: list[RankEntry]) -> None:
        """Say that a save is local on every node."""
        self._node_saver.draft(save_id, entries)

    def carry(self, save_id: str, entries: list[RankEntry]) -> None:
        """Have this rank's part carried, and as rank 0 the save committed; returns at once."""
        self._node_saver.carrying = save_id
        self._carrier.put(save_id, entries)

    def learn(self, save_id: str, committed: Parent) -> None:
        """Take note, at the same step as every rank, that a save was committed."""
        self._carrier.learn(save_id, committed)
        super().learn(save_id, committed)

    def _carried(self, carried: Carried) -> None:
        if carried.committed is not None:
            self._replicator.put(carried.committed.manifest.generation)
            self._sweep_now_and_then([self.saver.store, *self._replicas])
        self._near_told(carried)
