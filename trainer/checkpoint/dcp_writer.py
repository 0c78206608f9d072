"""Our storage under torch's distributed checkpoints, the half that writes; see `dcp_storage`."""

from __future__ import annotations

import io
import os
from typing import Any
from uuid import uuid4

import torch
from torch.distributed.checkpoint.metadata import Metadata
from torch.distributed.checkpoint.planner import (
    SavePlan,
    SavePlanner,
    WriteItemType,
)
from torch.distributed.checkpoint.storage import StorageWriter, WriteResult
from torch.futures import Future

from ..errors import TrainerError
from .crypt import Keyring
from .dcp_metadata import Stored, to_json
from .saver import Saver
from .saves import Committed, Save
from .stores import open_store
from .targets import bytes_of


def done(value: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(value)
    return future


class StoreWriter(StorageWriter):
    """Writes into one of our stores; `checkpoint_id` is the number of the step.

    Args:
        url: The root of one run's store.
        epoch: The attempt; a newer one fences an older one out.
        key_ref: Names the keyring; None writes in the open.
    """

    def __init__(self, url: str, *, run_id: str, epoch: int = 1, key_ref: str | None = None) -> None:
        self._store, self._run_id, self._epoch = open_store(url), run_id, epoch
        self._keyring = Keyring.read(key_ref)
        self._step, self._save_id = 0, ""
        self.committed: Committed | None = None  # The newest; on the coordinator alone.

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        """Begin a save."""
        words = str(checkpoint_id or self._step + 1)
        if not words.isdecimal():
            raise TrainerError(f"checkpoint_id is {words!r}.", fix="Pass the number of the step.")
        self._step = int(words)

    def set_up_storage_writer(self, is_coordinator: bool, *args: Any, **kwargs: Any) -> None:
        """Nothing is to be set up."""

    def prepare_local_plan(self, plan: SavePlan) -> SavePlan:
        """Leave it as it is."""
        return plan

    def prepare_global_plan(self, plans: list[SavePlan]) -> list[SavePlan]:
        """Give every rank its number and one name for the save, and the secret they share."""
        saver = self._saver(rank=0, world_size=len(plans))
        name = f"{self._epoch:06d}-{self._step:09d}-dcp-{uuid4().hex[:12]}"
        return [
            SavePlan(**{**vars(plan), "storage_data": (rank, len(plans), name, saver.wrapped)})
            for rank, plan in enumerate(plans)
        ]

    def _saver(self, *, rank: int, world_size: int, wrapped: Any = None) -> Saver:
        return Saver(
            self._store,
            run_id=self._run_id,
            epoch=self._epoch,
            keyring=self._keyring,
            wrapped=wrapped,
            rank=rank,
            world_size=world_size,
        )

    def write_data(self, plan: SavePlan, planner: SavePlanner) -> Future[list[WriteResult]]:
        """Write this rank's items, durably."""
        rank, world_size, name, wrapped = plan.storage_data
        self._among = world_size, name, wrapped
        pieces = [_piece(planner.resolve_data(item), item.type) for item in plan.items]
        saver = self._saver(rank=rank, world_size=world_size, wrapped=wrapped)
        entry = saver.write_pieces(self._save(name, pieces), memoryview(b"{}"), pieces)
        results, at = [], 0
        for item, piece in zip(plan.items, pieces, strict=True):
            where = Stored(rank, at, len(piece))
            results.append(WriteResult(item.index, len(piece), (where, entry)))
            at += len(piece)
        return done(results)

    def _save(self, name: str, pieces: list[memoryview]) -> Save:
        return Save(
            save_id=name,
            step=self._step,
            tier="F",
            exact=True,
            config_digest="",
            payload_bytes=sum(map(len, pieces)),
            header_bytes=0,
        )

    def finish(self, metadata: Metadata, results: list[list[WriteResult]]) -> None:
        """Commit: the metadata as one more part, then the root that names them all."""
        world_size, name, wrapped = self._among
        flat = [result for of_rank in results for result in of_rank]
        stored = {result.index: result.storage_data[0] for result in flat}
        saver = self._saver(rank=world_size, world_size=world_size + 1, wrapped=wrapped)
        told = memoryview(to_json(metadata, stored))
        entries = {result.storage_data[1].rank: result.storage_data[1] for result in flat}
        entries[world_size] = saver.write_pieces(self._save(name, []), told, [])
        self.committed = saver.commit(name, tuple(entries.values()))

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        """Tell whether it is the number of a step."""
        return str(checkpoint_id).isdecimal()


def _piece(data: torch.Tensor | io.BytesIO, kind: WriteItemType) -> memoryview:
    if isinstance(data, io.BytesIO):
        return data.getbuffer()
    return bytes_of(data.detach().cpu().contiguous())
