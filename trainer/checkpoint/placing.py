"""Puts a checkpoint's state back into a training: tensors by name, the rest through load_state_dict."""

from __future__ import annotations

import sys
from typing import Any

import torch

from .arena import TensorSlot, slots_of
from .capture import SMALL_ELEMENTS, TrainingState
from .generators import set_random_state
from .reading import Reader
from .scatter import Scatter, Wanted
from .targets import Targets, targets_for
from .tree import decode, is_sharded, local_of


class Fresh:
    """The optimizer as it is before any checkpoint was read into it.

    A restore that fails half-way has written into it, and a light checkpoint, taken next, holds no optimizer
    to write over that. Large tensors are not kept but made zeros, as at the start of a run.
    """

    def __init__(self, state: TrainingState) -> None:
        trees, tensors = state.gather()
        self._part, self._tree = state.parts.get("optimizer"), trees.get("optimizer")
        self._large = [each for name, each in tensors.items if _is_large_of_optimizer(name, each)]
        self._all = [
            each.clone() if name.startswith("optimizer.") and not _is_large_of_optimizer(name, each) else each
            for name, each in tensors.items
        ]

    def put_back(self) -> None:
        """Have it so again."""
        if self._part is None:
            return
        with torch.no_grad():
            for each in self._large:
                local_of(each).zero_()
        self._part.load_state_dict(decode(self._tree, self._all))


def _is_large_of_optimizer(name: str, tensor: torch.Tensor) -> bool:
    return name.startswith("optimizer.") and tensor.numel() > SMALL_ELEMENTS


def put_back(
    state: TrainingState,
    headers: list[dict[str, Any]],
    readers: list[Reader],
    keyframes: list[Reader] | None,
    *,
    rank: int,
) -> int:
    """Read a checkpoint into a training, on this rank; return the stored bytes that were read.

    Args:
        headers, readers: Of every rank that saved, in order.
        keyframes: The same of the keyframe, where the checkpoint is measured from one.

    Raises:
        BadBlock: A block verifies nowhere. The state is then neither old nor new: restore another.
    """
    own = headers[min(rank, len(headers) - 1)]
    slots = slots_of(own)
    targets = targets_for(slots, _live(state, slots))
    wanted: list[list[Wanted]] = [[] for _ in readers]
    stored = _stored(headers)
    for slot, target in zip(slots, targets.tensors, strict=True):
        _want(slot, target, targets, stored, wanted, rank)
    fills = [
        Scatter(reader, of_rank, keyframes[number] if keyframes else None)
        for number, (reader, of_rank) in enumerate(zip(readers, wanted, strict=True))
        if of_rank
    ]
    for fill in fills:
        fill.fill()
    targets.finish()
    _load(state, own, targets, is_own=rank < len(headers))
    return sum(fill.read_bytes for fill in fills)


def _live(state: TrainingState, slots: list[TensorSlot]) -> dict[str, torch.Tensor]:
    live = dict(state.gather()[1].items)
    absent = [slot for slot in slots if slot.name.startswith("optimizer.") and slot.name not in live]
    if any(slot.global_shape is not None for slot in absent):
        from .distributed import materialise

        optimizer: Any = state.parts["optimizer"]
        materialise(optimizer)
        live = dict(state.gather()[1].items)
    return live


def _stored(headers: list[dict[str, Any]]) -> dict[str, list[tuple[int, TensorSlot]]]:
    """Return by name which ranks store a tensor, and where."""
    found: dict[str, list[tuple[int, TensorSlot]]] = {}
    for rank, header in enumerate(headers):
        for slot in slots_of(header):
            if slot.offset_bytes is not None:
                found.setdefault(slot.name, []).append((rank, slot))
    return found


def _want(
    slot: TensorSlot,
    target: torch.Tensor,
    targets: Targets,
    stored: dict[str, list[tuple[int, TensorSlot]]],
    wanted: list[list[Wanted]],
    rank: int,
) -> None:
    places = stored[slot.name]
    if not is_sharded(target) and places[0][1].global_shape is None:
        source, where = next((each for each in places if each[0] == rank), places[0])
        memory = targets.memory_for(target, where.dtype)
        wanted[source].append(Wanted(where.offset_bytes or 0, memory))
        return
    from .slices import slices

    for source, piece in slices(places, target, targets):
        wanted[source].append(Wanted(piece.start, piece.memory))


def _load(state: TrainingState, header: dict[str, Any], targets: Targets, *, is_own: bool) -> None:
    """Hand every part its state. Live tensors hold it already; loading those again copies nothing."""
    whole = {
        name: decode(tree, targets.tensors) for name, tree in header["state"].items() if tree is not None
    }
    if not targets.are_live or _has_more_than_tensors(header["state"]["model"]):
        state.model.load_state_dict(whole["model"])
    for name, part in state.parts.items():
        if name in whole:
            part.load_state_dict(whole[name])
        elif name not in header["state"] and state.rank == 0:
            print(f"lowtide-run: the checkpoint has no {name}: it begins anew, steps go on", file=sys.stderr)
    if is_own:
        set_random_state(whole["random"])


def _has_more_than_tensors(tree: dict[str, Any]) -> bool:
    return any(not (isinstance(each, dict) and "$tensor" in each) for each in tree.values())
