"""Where a restore puts each tensor: into the live one where there is one, into fresh memory where not.

Writing into live tensors saves a copy of the whole state. A torch optimizer that has not stepped needs fresh
memory; the reading threads fault it in side by side. Huge pages were five times faster at it on some runs
and seven times slower on others, where the kernel had to make room for them, so they are not asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from .arena import ALIGN_BYTES, TensorSlot, dtype_of
from .tree import is_sharded, local_of


@dataclass(slots=True)
class Targets:
    """The tensors a checkpoint is read into, and what is to be converted afterwards."""

    tensors: list[torch.Tensor] = field(default_factory=list)  # By number in the header.
    are_live: bool = True  # No tensor had to be made.
    _late: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)

    def memory_for(self, target: torch.Tensor, dtype: str) -> memoryview:
        """Return the bytes to fill so that `target` gets what is stored as `dtype`."""
        local = local_of(target)
        if not (local.device.type == "cpu" and local.is_contiguous() and local.dtype == dtype_of(dtype)):
            staged = torch.empty(local.shape, dtype=dtype_of(dtype))
            self._late.append((local, staged))
            local = staged
        return bytes_of(local)

    def finish(self) -> None:
        """Convert and move what could not be read into place."""
        with torch.no_grad():
            for target, staged in self._late:
                target.copy_(staged)


def bytes_of(tensor: torch.Tensor) -> memoryview:
    """Return the memory of a contiguous CPU tensor."""
    flat = tensor.detach().reshape(-1).view(torch.uint8)
    return flat.numpy().data if flat.numel() else memoryview(b"")


def targets_for(slots: list[TensorSlot], live: dict[str, torch.Tensor]) -> Targets:
    """Return a target for every slot: the live tensor of its name, shape and dtype, or a new one."""
    found = Targets()
    absent = [slot for slot in slots if not _fits(slot, live.get(slot.name))]
    fresh = dict(zip((slot.name for slot in absent), _fresh(absent), strict=True))
    for slot in slots:
        found.tensors.append(fresh[slot.name] if slot.name in fresh else live[slot.name])
    found.are_live = not any(name.startswith("model.") for name in fresh)
    return found


def _fits(slot: TensorSlot, live: torch.Tensor | None) -> bool:
    if live is None or live.dtype != dtype_of(slot.live_dtype):
        return False
    return is_sharded(live) or tuple(live.shape) == (slot.global_shape or slot.shape)


def _fresh(slots: list[TensorSlot]) -> list[torch.Tensor]:
    sizes = [-(-_live_bytes(slot) // ALIGN_BYTES) * ALIGN_BYTES for slot in slots]
    whole = torch.empty(sum(sizes), dtype=torch.uint8)
    tensors, at = [], 0
    for slot, size in zip(slots, sizes, strict=True):
        stretch = whole[at : at + _live_bytes(slot)]
        tensors.append(stretch.view(dtype_of(slot.live_dtype)).view(_whole_shape(slot)))
        at += size
    return tensors


def _whole_shape(slot: TensorSlot) -> tuple[int, ...]:
    return slot.global_shape or slot.shape


def _live_bytes(slot: TensorSlot) -> int:
    elements = 1
    for length in _whole_shape(slot):
        elements *= length
    return elements * dtype_of(slot.live_dtype).itemsize
