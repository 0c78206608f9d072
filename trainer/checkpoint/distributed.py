"""Which part of a distributed training's state is on this rank, and who of several equals writes it.

Sharded tensors (DTensor: FSDP2, tensor parallel, both at once, uneven) are told by their own mesh. A
tensor that several ranks hold alike, as under DDP, is written by one of them; the tensors are dealt out
by size, so that every rank writes its share. Nothing here communicates, and without a DTensor nothing is
imported for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch

from ..errors import NotCapturable
from .boxes import BadLayout, Box, ChunkAt, Read, gaps, overlap, plan_reads, spans

__all__ = [
    "BadLayout",
    "Box",
    "Chunk",
    "ChunkAt",
    "Read",
    "chunk_of",
    "gaps",
    "local_chunks",
    "materialise",
    "overlap",
    "paste",
    "plan_reads",
    "spans",
    "stretches",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """This rank's part of a tensor. `tensor` shares the memory that is trained on; it may be empty."""

    name: str
    tensor: torch.Tensor
    global_shape: tuple[int, ...]
    starts: tuple[int, ...]
    held_by: tuple[int, ...]  # The ranks that hold this very part, ascending; ours is one of them.
    saved_by: int  # The one of them that writes it.

    def at(self, offset_bytes: int, rank: int) -> ChunkAt:
        """Return the chunk as it lies at an offset of a rank's memory."""
        return ChunkAt(
            name=self.name,
            dtype=str(self.tensor.dtype).removeprefix("torch."),
            item_bytes=self.tensor.element_size(),
            global_shape=self.global_shape,
            starts=self.starts,
            shape=tuple(self.tensor.shape),
            offset_bytes=offset_bytes,
            rank=rank,
        )


def is_dtensor(tensor: torch.Tensor) -> bool:
    """Tell a sharded tensor from a plain one. Where its module was never imported there can be none."""
    module = sys.modules.get("torch.distributed.tensor")
    return module is not None and isinstance(tensor, module.DTensor)


def chunk_of(name: str, tensor: torch.Tensor, holders: Sequence[int] = (0,)) -> Chunk:
    """Return this rank's part of a tensor; `holders` are the ranks that hold a plain one alike.

    The first of those that hold a part saves it; `local_chunks` deals the parts out instead.

    Raises:
        NotCapturable: The ranks hold summands of the tensor, not parts.
    """
    if is_dtensor(tensor):
        return _chunk_of_dtensor(name, tensor)
    return Chunk(
        name=name,
        tensor=tensor.detach(),
        global_shape=tuple(tensor.shape),
        starts=(0,) * tensor.dim(),
        held_by=tuple(holders),
        saved_by=holders[0],
    )


def _chunk_of_dtensor(name: str, tensor: Any) -> Chunk:
    from torch.distributed.tensor import Replicate
    from torch.distributed.tensor._utils import compute_local_shape_and_global_offset

    mesh, placements = tensor.device_mesh, tensor.placements
    if any(placement.is_partial() for placement in placements):
        raise NotCapturable(
            f"{name} is a sum that has not been made yet (placements {placements}).",
            fix="Save between two steps, after optimizer.step().",
        )
    local = tensor.detach().to_local()
    shape, starts = compute_local_shape_and_global_offset(tensor.shape, mesh, placements)
    if tuple(shape) != tuple(local.shape):
        raise NotCapturable(
            f"{name}: this rank holds {list(local.shape)}, its mesh says {list(shape)}.",
            fix="Use sizes that this layout divides, or FSDP2 alone.",
        )
    where = [
        slice(None) if isinstance(placement, Replicate) else place
        for placement, place in zip(placements, mesh.get_coordinate(), strict=True)
    ]
    held_by = sorted(mesh.mesh[tuple(where)].flatten().tolist())
    return Chunk(
        name=name,
        tensor=local,
        global_shape=tuple(tensor.shape),
        starts=tuple(starts) if local.numel() else (0,) * local.dim(),
        held_by=tuple(held_by),
        saved_by=held_by[0],
    )


def local_chunks(
    state: Iterable[tuple[str, torch.Tensor]],
    *,
    world_size: int = 1,
    holders: Mapping[str, Sequence[int]] | None = None,
) -> list[Chunk]:
    """Return this rank's part of every tensor, in order, and which rank writes it.

    A rank writes the chunks whose `saved_by` it is, and wants all of them back.

    Args:
        state: Tensors by name, each name once, as `tree.encode` lists them.
        world_size: How many ranks save together.
        holders: For plain tensors that not every rank has, as under pipeline parallelism, who has them
            (the ranks, ascending, the same answer on each of them).

    Raises:
        NotCapturable: As `chunk_of`.
    """
    everyone, known = range(world_size), holders or {}
    return _dealt_out([chunk_of(name, tensor, known.get(name, everyone)) for name, tensor in state])


def _dealt_out(chunks: list[Chunk]) -> list[Chunk]:
    """Give each part to the one with the fewest bytes so far of those that hold it, the largest parts first.

    Who hold one part alike hold the same parts alike, so each of them comes to the same answer by itself.
    """
    load: dict[tuple[int, ...], list[int]] = {}
    saved_by = {}
    for chunk in sorted(chunks, key=lambda chunk: (-_global_bytes(chunk), chunk.name)):
        loads = load.setdefault(chunk.held_by, [0] * len(chunk.held_by))
        least = loads.index(min(loads))
        loads[least] += _global_bytes(chunk)
        saved_by[chunk.name] = chunk.held_by[least]
    return [replace(chunk, saved_by=saved_by[chunk.name]) for chunk in chunks]


def _global_bytes(chunk: Chunk) -> int:
    return prod(chunk.global_shape) * chunk.tensor.element_size()


def stretches(
    saved: Iterable[ChunkAt], target: torch.Tensor, dtype: str | None = None
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (rank, start byte there, byte in `target`'s local memory, size) of all that `target` wants.

    Args:
        saved: The chunks of one tensor, of every rank that saved.
        dtype: As it was saved, where a copy of that dtype is filled instead of `target` itself.

    Raises:
        BadLayout: As `plan_reads`.
    """
    chunks = list(saved)
    want = chunk_of(chunks[0].name, target).at(0, rank=_rank())
    want = replace(want, dtype=dtype or want.dtype)
    for read in plan_reads(chunks, [want]):
        for start, into, size in read.runs():
            yield read.rank, start, into, size


def _rank() -> int:
    distributed = torch.distributed
    return distributed.get_rank() if distributed.is_available() and distributed.is_initialized() else 0


def paste(read: Read, source: memoryview | bytes, target: memoryview) -> None:
    """Copy what `read` names; `source` holds the payload's bytes from `start_byte` to `end_byte`."""
    counts = [count for count, _, _ in read.steps]
    theirs = np.frombuffer(source, dtype=np.uint8)
    ours = np.frombuffer(target, dtype=np.uint8)[read.into_byte :]
    shape = (*counts, read.run_bytes)
    as_strided = np.lib.stride_tricks.as_strided
    there = as_strided(theirs, shape, (*(stride for _, stride, _ in read.steps), 1), writeable=False)
    here = as_strided(ours, shape, (*(stride for _, _, stride in read.steps), 1))
    here[...] = there


def materialise(optimizer: torch.optim.Optimizer) -> None:
    """Make the state a torch optimizer would make at its first step, and move no parameter.

    A sharded restore fills tensors that exist; an optimizer that has not stepped has none yet. Whatever the
    made-up step left in the state (a step count of 1) is for the restore to overwrite.
    """
    if optimizer.state:
        return
    rates = [group["lr"] for group in optimizer.param_groups]
    kept = [(p, p.grad) for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    for parameter, _ in kept:
        parameter.grad = torch.zeros_like(parameter)
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(0.0) if isinstance(group["lr"], torch.Tensor) else 0.0
    optimizer.step()
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate
    for parameter, gradient in kept:
        parameter.grad = gradient
