"""The processes that train together, as torchrun starts them: who we are, and one group to talk in.

Without torchrun there is one process and nothing to join. A group is of one membership: when a node comes
or goes torchrun ends every process and starts new ones, which find their new rank and number here.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

import torch

from .errors import PlanError, TrainerError
from .torchrun import is_distributed

DeviceWord = Literal["auto", "cpu", "cuda"]
PATIENCE = timedelta(
    minutes=10
)  # For a collective; a lost rank is mostly seen at once, by its closed socket.


class RankFailed(TrainerError):
    """Another rank is gone or does not answer; torchrun starts the group again."""

    exit_code = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """One process among `size`."""

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    store: Any = None  # A torch store that all ranks reach, of this membership alone.
    life: str = ""  # A word that differs from one membership to the next.

    def mean(self, value: float) -> float:
        """Return the mean over the ranks; all must ask."""
        if self.size == 1:
            return value
        total = torch.tensor(value, dtype=torch.float64)
        torch.distributed.all_reduce(total)
        return total.item() / self.size


@contextmanager
def joined(device: DeviceWord = "auto") -> Iterator[World]:
    """Join the other ranks for as long as the context lasts.

    Raises:
        PlanError: A device is asked for that is not here.
        RankFailed: The others cannot be reached, or one was lost in the middle.
    """
    here = _device(device)
    if not is_distributed():
        yield World(device=here)
        return
    try:
        yield _join(here)
    except RuntimeError as trouble:
        if not _is_of_another_rank(trouble):
            raise
        raise RankFailed(
            f"Rank {os.environ['RANK']} lost another rank: {str(trouble).splitlines()[0]}",
            fix="Let torchrun start the group again; training goes on from the last committed checkpoint.",
        ) from trouble
    torch.distributed.destroy_process_group()  # Not after an error: it may wait for who is gone.


def _join(device: torch.device) -> World:
    if device.type == "cuda":
        torch.cuda.set_device(device)
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    distributed: Any = torch.distributed
    store, rank, size = next(distributed.rendezvous("env://", timeout=PATIENCE))
    group = distributed.PrefixStore("group", store)
    distributed.init_process_group(backend, store=group, rank=rank, world_size=size, timeout=PATIENCE)
    life = [secrets.token_hex(8)]
    torch.distributed.broadcast_object_list(life)
    return World(rank=rank, size=size, device=device, store=store, life=life[0])


def _device(word: DeviceWord) -> torch.device:
    has_cuda = torch.cuda.is_available()
    if word == "cuda" and not has_cuda:
        raise PlanError("--device cuda is asked for and torch sees no GPU.", fix="Pass --device cpu.")
    if word == "cpu" or not has_cuda:
        return torch.device("cpu")
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # Without it cuBLAS is not deterministic.
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def _is_of_another_rank(trouble: RuntimeError) -> bool:
    words = str(trouble)
    is_torchs = isinstance(trouble, torch.distributed.DistError)
    return is_torchs or any(word in words for word in ("gloo", "NCCL", "Connection", "Timed out"))
