"""One stretch of shared memory, made once and used for every save: all tensors side by side, little-endian.

Copying into fresh memory was measured 7.7 times slower than into warm memory, so its pages are made
beforehand and kept. It is one file descriptor, handed to the writer process, which reads what was copied
without another copy. Copying
into it and writing it out never overlap: the engine's turns see to that.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import sys
import threading
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch

from ..errors import TrainerError

ALIGN_BYTES = 64
BIG_BYTES = 1 << 20  # A tensor of this size has blocks of its own, read straight into place.
MADV_POPULATE_WRITE = 23


@dataclass(frozen=True, slots=True)
class TensorSlot:
    """Where one tensor lies in the stretch.

    `shape` is of what is stored here. Of a sharded tensor that is a part, beginning at `starts` of a whole
    of `global_shape`. `offset_bytes` is None where another rank stores this tensor.
    """

    name: str  # Dotted path in the state: model.blocks.0.mix.weight
    dtype: str  # As torch spells it, as stored: float32
    shape: tuple[int, ...]
    offset_bytes: int | None
    live_dtype: str  # In training; another than `dtype` where precision was given up.
    global_shape: tuple[int, ...] | None = None
    starts: tuple[int, ...] | None = None

    @property
    def bytes(self) -> int:
        """Size of what is stored."""
        return prod(self.shape) * dtype_of(self.dtype).itemsize


class Arena:
    """The stretch. It grows and never shrinks."""

    def __init__(self) -> None:
        if sys.byteorder != "little":
            raise TrainerError("This machine is big-endian; checkpoints are not.", fix="Train elsewhere.")
        self.file = os.memfd_create("lowtide-arena")
        self._memory: mmap.mmap | None = None
        self._growing = threading.Lock()
        self._whole = torch.empty(0, dtype=torch.uint8)
        self._viewed: tuple[list[TensorSlot], torch.Tensor] | None = None
        self._views: list[torch.Tensor | None] = []

    def reserve(self, size: int) -> None:
        """Have room for `size` bytes, every page of it there."""
        with self._growing:
            if size > len(self._whole):
                self._grow(size)

    def _grow(self, size: int) -> None:
        whole = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
        os.ftruncate(self.file, whole)
        memory = mmap.mmap(self.file, whole)
        with contextlib.suppress(OSError, ValueError):
            memory.madvise(mmap.MADV_HUGEPAGE)  # Fewer faults, where the kernel allows it.
        try:
            memory.madvise(MADV_POPULATE_WRITE)
        except (OSError, ValueError):  # Linux before 5.14.
            np.frombuffer(memory, dtype=np.uint8)[:: mmap.PAGESIZE] = 0
        self._memory, self._whole = memory, torch.frombuffer(memory, dtype=torch.uint8)

    def views(self, slots: list[TensorSlot]) -> list[torch.Tensor | None]:
        """Return the tensor at each slot as a view, None where it is not stored here; made once per list."""
        if self._viewed is None or self._viewed[0] is not slots or self._viewed[1] is not self._whole:
            self._viewed = slots, self._whole
            self._views = [None if slot.offset_bytes is None else self.view(slot) for slot in slots]
        return self._views

    def view(self, slot: TensorSlot) -> torch.Tensor:
        """Return the tensor at a slot, as a view."""
        assert slot.offset_bytes is not None
        stretch = self._whole[slot.offset_bytes : slot.offset_bytes + slot.bytes]
        return stretch.view(dtype_of(slot.dtype)).view(slot.shape)

    def put(self, at: int, data: bytes) -> None:
        """Copy bytes in."""
        self.memory[at : at + len(data)] = data

    @property
    def memory(self) -> memoryview:
        """The bytes of the stretch."""
        return memoryview(self._memory or b"")

    def close(self) -> None:
        """Give the descriptor and the memory back; it goes with the last view somebody else holds."""
        self._memory, self._whole = None, torch.empty(0, dtype=torch.uint8)
        self._viewed, self._views = None, []
        os.close(self.file)


def place(slots: list[TensorSlot], frozen: set[int]) -> tuple[list[TensorSlot], list[int], int]:
    """Give the slots that are stored here their offsets, frozen ones first.

    Args:
        slots: With any offset but None where they are to be placed.
        frozen: Numbers of those that no step changes; they share no block with what does change.

    Returns:
        The slots, where a new block should begin, and the end.
    """
    placed, cuts, offset = list(slots), [], 0
    for still in (True, False):
        for number, slot in enumerate(slots):
            if slot.offset_bytes is None or (number in frozen) is not still:
                continue
            placed[number] = replace(slot, offset_bytes=offset)
            end = offset + -(-slot.bytes // ALIGN_BYTES) * ALIGN_BYTES
            if slot.bytes >= BIG_BYTES:
                cuts += [offset, end]
            offset = end
        cuts.append(offset)
    return placed, cuts, offset


def dtype_of(name: str) -> torch.dtype:
    """Return the dtype torch spells so."""
    dtype = getattr(torch, name, None)
    if not isinstance(dtype, torch.dtype):
        raise TrainerError(f"A tensor is of dtype {name!r}, unknown here.", fix="Upgrade torch.")
    return dtype


def slots_of(header: dict[str, Any]) -> list[TensorSlot]:
    """Return where each tensor lies, as a header says it."""
    return [TensorSlot(**{name: _tupled(v) for name, v in slot.items()}) for slot in header["tensors"]]


def _tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
