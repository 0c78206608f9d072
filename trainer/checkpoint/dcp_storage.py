"""Our storage under torch's distributed checkpoints: for whoever keeps `dcp.save` and wants our safety.

    writer = StoreWriter("s3://bucket/run", run_id="run-1", key_ref="file:key")
    dcp.async_save(state, checkpoint_id="1200", storage_writer=writer, async_stager=ArenaStager())
    dcp.load(state, storage_reader=StoreReader("s3://bucket/run", run_id="run-1", key_ref="file:key"),
             planner=SafeLoadPlanner())

Blocks are hashed and sealed, a checkpoint exists when its root does, and one that does not verify is refused.
Values that are no tensors are pickled by torch's own planner; `SafeLoadPlanner` reads them without running
code, and no other planner is given what is not sealed.
"""

from __future__ import annotations

import io
import os
from typing import Any

import torch
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.metadata import Metadata, TensorStorageMetadata
from torch.distributed.checkpoint.planner import (
    LoadItemType,
    LoadPlan,
    LoadPlanner,
    ReadItem,
)
from torch.distributed.checkpoint.storage import StorageReader
from torch.futures import Future

from ..errors import NoValidCheckpoint, TrainerError
from .crypt import Keyring
from .dcp_metadata import Stored, from_json
from .dcp_writer import StoreWriter, done
from .layout import generations
from .reading import Reader, Root, read_root
from .scatter import Scatter, Wanted
from .stores import open_store

__all__ = ["SafeLoadPlanner", "StoreReader", "StoreWriter"]


class StoreReader(StorageReader):
    """Reads from one of our stores; `checkpoint_id` is a step, by default the newest."""

    def __init__(self, url: str, *, run_id: str, key_ref: str | None = None) -> None:
        self._store, self._run_id, self._keyring = open_store(url), run_id, Keyring.read(key_ref)
        self._step: int | None = None

    def reset(self, checkpoint_id: str | os.PathLike[str] | None = None) -> None:
        """Begin a load."""
        self._step = None if checkpoint_id is None else int(str(checkpoint_id))

    def read_metadata(self, *args: Any, **kwargs: Any) -> Metadata:
        """Return what the checkpoint says of itself, authenticated.

        Raises:
            NoValidCheckpoint: There is none, or none of that step.
        """
        self._root = self._find()
        of_metadata = max(self._root.manifest.ranks, key=lambda entry: entry.rank)
        return from_json(Reader(self._store, self._root, of_metadata).read_header())

    def _find(self) -> Root:
        for generation in generations(self._store):
            root = read_root(self._store, generation, self._keyring)
            if root.manifest.run_id == self._run_id and self._step in (None, root.manifest.step):
                return root
        step = "" if self._step is None else f" of step {self._step}"
        raise NoValidCheckpoint(
            f"{self._store.url} holds no checkpoint{step} of {self._run_id}.", fix="List it."
        )

    def set_up_storage_reader(
        self, metadata: Metadata, is_coordinator: bool, *args: Any, **kwargs: Any
    ) -> None:
        """Keep where the items are."""
        self._metadata = metadata
        self._stored: dict[Any, Stored] = metadata.storage_data

    def prepare_local_plan(self, plan: LoadPlan) -> LoadPlan:
        """Leave it as it is."""
        return plan

    def prepare_global_plan(self, plans: list[LoadPlan]) -> list[LoadPlan]:
        """Leave them as they are."""
        return plans

    def read_data(self, plan: LoadPlan, planner: LoadPlanner) -> Future[None]:
        """Read the rows this rank asked for, verified, and hand them over."""
        entries = {entry.rank: entry for entry in self._root.manifest.ranks}
        wanted: dict[int, list[Wanted]] = {}
        staged = [self._stage(item, wanted) for item in plan.items]
        for rank, of_rank in wanted.items():
            for disjoint in _disjoint(of_rank):
                Scatter(Reader(self._store, self._root, entries[rank]), disjoint).fill()
        for item, raw in zip(plan.items, staged, strict=True):
            self._hand_over(item, planner, raw)
        return done(None)

    def _stage(self, item: ReadItem, wanted: dict[int, list[Wanted]]) -> bytearray:
        """Ask for the bytes of an item: of a tensor only the rows that are wanted."""
        where, first, size = self._stored[item.storage_index], 0, None
        if item.type != LoadItemType.BYTE_IO and len(item.lengths):
            row_bytes = where.bytes // max(1, self._shape(item)[0])
            first, size = item.storage_offsets[0] * row_bytes, item.lengths[0] * row_bytes
        raw = bytearray(where.bytes if size is None else size)
        wanted.setdefault(where.rank, []).append(Wanted(where.start + first, memoryview(raw)))
        return raw

    def _shape(self, item: ReadItem) -> torch.Size:
        """Return the shape of the stored chunk an item is read from."""
        told = self._metadata.state_dict_metadata[item.storage_index.fqn]
        assert isinstance(told, TensorStorageMetadata)
        offset = item.storage_index.offset
        return next(each.sizes for each in told.chunks if offset is None or each.offsets == offset)

    def _hand_over(self, item: ReadItem, planner: LoadPlanner, raw: bytearray) -> None:
        if item.type == LoadItemType.BYTE_IO:
            if self._root.unlocked is None and not isinstance(planner, SafeLoadPlanner):
                raise TrainerError(
                    f"{item.dest_index.fqn} is a pickled value in an unsealed checkpoint.",
                    fix="Pass planner=SafeLoadPlanner(), which runs no code.",
                )
            planner.load_bytes(item, io.BytesIO(raw))
            return
        target = planner.resolve_tensor(item).detach()
        part = self._part(item, raw)
        target.copy_(part)
        planner.commit_tensor(item, target)

    def _part(self, item: ReadItem, raw: bytearray) -> torch.Tensor:
        """Return what an item wants of the rows that were read."""
        told = self._metadata.state_dict_metadata[item.storage_index.fqn]
        assert isinstance(told, TensorStorageMetadata)
        flat = torch.frombuffer(raw, dtype=told.properties.dtype) if raw else torch.empty(0)
        rows = flat.view([*item.lengths[:1], *self._shape(item)[1:]])
        for dim in range(1, rows.dim()):
            rows = rows.narrow(dim, item.storage_offsets[dim], item.lengths[dim])
        return rows

    @classmethod
    def validate_checkpoint_id(cls, checkpoint_id: str | os.PathLike[str]) -> bool:
        """Tell whether it is the number of a step."""
        return str(checkpoint_id).isdecimal()


def _disjoint(wanted: list[Wanted]) -> list[list[Wanted]]:
    """Deal stretches out so that none overlaps another of its list: two slices may share rows."""
    lists: list[list[Wanted]] = []
    for each in sorted(wanted, key=lambda each: each.start):
        for taken in lists:
            if taken[-1].end <= each.start:
                taken.append(each)
                break
        else:
            lists.append([each])
    return lists


class SafeLoadPlanner(DefaultLoadPlanner):
    """torch's planner, but what was pickled is read as data and never as code."""

    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        """Put a value that is no tensor back."""
        loaded, name = torch.load(value, weights_only=True), read_item.dest_index.fqn
        if not self.flatten_state_dict:
            self.state_dict[name] = loaded
            return
        *path, last = self.mappings[name]
        holder: Any = self.original_state_dict
        for key in path:
            holder = holder[key]
        holder[last] = loaded
