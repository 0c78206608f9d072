"""From which stretches of which ranks' payloads a live tensor is filled, and where each of them goes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from .boxes import ChunkAt
from .distributed import stretches


class Slot(Protocol):
    """Where a rank stored a tensor, or its part of one."""

    @property
    def name(self) -> str: ...
    @property
    def dtype(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def offset_bytes(self) -> int | None: ...
    @property
    def global_shape(self) -> tuple[int, ...] | None: ...
    @property
    def starts(self) -> tuple[int, ...] | None: ...


class Memory(Protocol):
    """Who knows the memory of a live tensor."""

    def memory_for(self, target: torch.Tensor, dtype: str) -> memoryview:
        """Return the bytes to fill so that `target` gets what is stored as `dtype`."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One stretch of a payload and the memory it goes to, of the same size."""

    start: int
    memory: memoryview

    @property
    def end(self) -> int:
        """Where the stretch ends."""
        return self.start + len(self.memory)


def slices(
    places: Sequence[tuple[int, Slot]], target: torch.Tensor, targets: Memory
) -> Iterator[tuple[int, Slice]]:
    """Yield (rank, stretch of its payload and memory) of all that this rank's part of `target` wants.

    Args:
        places: Every rank that stored the tensor or a part of it, and where.

    Raises:
        BadLayout: The parts do not add up to what is wanted.
    """
    dtype = places[0][1].dtype
    memory = targets.memory_for(target, dtype)
    for rank, start, into, size in stretches([_at(*place) for place in places], target, dtype):
        yield rank, Slice(start, memory[into : into + size])


def _at(rank: int, slot: Slot) -> ChunkAt:
    dtype: torch.dtype = getattr(torch, slot.dtype)
    return ChunkAt(
        name=slot.name,
        dtype=slot.dtype,
        item_bytes=dtype.itemsize,
        global_shape=slot.global_shape or slot.shape,
        starts=slot.starts or (0,) * len(slot.shape),
        shape=slot.shape,
        offset_bytes=slot.offset_bytes or 0,
        rank=rank,
    )
