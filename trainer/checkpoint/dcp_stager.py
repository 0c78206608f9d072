"""Stages for `dcp.async_save` into memory made once: torch's own takes fresh memory for every save."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch.distributed.checkpoint.staging import AsyncStager

from .arena import Arena, TensorSlot, place
from .tree import is_sharded, local_of


class ArenaStager(AsyncStager):
    """Copies a state into an arena beside the training.

    Wait for `staging_completion` of what `dcp.async_save` returns before the optimizer's next step, and let
    one save be uploaded before the next is staged: there is one arena. Close it when training is over.
    """

    def __init__(self) -> None:
        self._arena = Arena()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="stage")

    @property
    def should_synchronize_after_execute(self) -> bool:
        """The caller waits for the staging when it must, not we."""
        return False

    def stage(self, state_dict: dict[str, Any]) -> Future[dict[str, Any]]:
        """Return the copy, when it is made."""
        tensors: list[torch.Tensor] = []
        _collect(state_dict, tensors)
        slots = [
            TensorSlot("", str(t.dtype).removeprefix("torch."), tuple(local_of(t).shape), 0, "")
            for t in tensors
        ]
        placed, _, end = place(slots, set())
        self._arena.reserve(end)
        views = [self._arena.view(slot) for slot in placed]
        return self._pool.submit(self._copy, state_dict, tensors, views)

    def _copy(
        self, state_dict: dict[str, Any], tensors: list[torch.Tensor], views: list[torch.Tensor]
    ) -> dict[str, Any]:
        with torch.no_grad():
            for view, tensor in zip(views, tensors, strict=True):
                view.copy_(local_of(tensor))
        staged = {id(tensor): _like(tensor, view) for tensor, view in zip(tensors, views, strict=True)}
        copied: dict[str, Any] = _replaced(state_dict, staged)
        return copied

    def close(self) -> None:
        """Give the memory back."""
        self._pool.shutdown()
        self._arena.close()


def _slot(local: torch.Tensor) -> TensorSlot:
    dtype = str(local.dtype).removeprefix("torch.")
    return TensorSlot("", dtype, tuple(local.shape), 0, dtype)


def _collect(value: Any, tensors: list[torch.Tensor]) -> None:
    if isinstance(value, torch.Tensor):
        tensors.append(value)
    elif isinstance(value, dict):
        for each in value.values():
            _collect(each, tensors)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _collect(each, tensors)


def _replaced(value: Any, staged: dict[int, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return staged[id(value)]
    if isinstance(value, dict):
        return {key: _replaced(each, staged) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)([_replaced(each, staged) for each in value])
    return value


def _like(tensor: torch.Tensor, view: torch.Tensor) -> torch.Tensor:
    """Return the view as what the tensor was: a DTensor stays one."""
    if not is_sharded(tensor):
        return view
    from torch.distributed.tensor import DTensor

    whole: Any = tensor
    return DTensor.from_local(
        view, whole.device_mesh, whole.placements, run_check=False, shape=whole.shape, stride=whole.stride()
    )
