"""What all adapters share: a session whose steps begin and end in callbacks instead of in a `for`.

A loop that is not ours calls `begin` before a step and `end` after it. Saves, directives and notices are
obeyed in `end`, which leaves with SystemExit 75 through the foreign loop, as it would through one's own.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sized
from typing import Any

import torch

from ..checkpoint.ranks import Alone, Ranks, Together
from ..errors import TrainerError
from ..session import SpotSession


class NotSupported(TrainerError):
    """A training that this adapter cannot save as a whole."""

    exit_code = 2


class Driver:
    """Walks a session through a loop that is not ours.

    Args:
        session: Entered already, so that its state is restored.
        total: Optimizer steps in all; None has no known end.
    """

    def __init__(self, session: SpotSession, total: int | None) -> None:
        self._session, self._steps = session, session.steps(total)
        self._in_step = False

    def begin(self) -> None:
        """A step begins; said again within the same step it changes nothing."""
        if not self._in_step:
            self._in_step = next(self._steps, None) is not None

    def end(self, *, loss: float | torch.Tensor, tokens: int) -> None:
        """A step was completed. Raises what `SpotSession.tick` does."""
        if self._in_step:
            self._in_step = False
            self._session.tick(loss=loss, tokens=tokens)


def steps_in_all(estimated: float) -> int | None:
    """Return how many steps a loop makes in all; None where it has no end, as endless epochs have none."""
    return int(estimated) if math.isfinite(estimated) else None


def steps_per_epoch(loader: Any, *, accumulation: int, most: int) -> int:
    """Return the optimizer steps of an epoch; of a stream, whose length nobody knows, all there are."""
    try:
        batches = len(loader) if isinstance(loader, Sized) else None
    except TypeError:  # A DataLoader over an IterableDataset has a `__len__` that says so.
        batches = None
    return max(1, most if batches is None else -(-batches // accumulation))


def ranks_here() -> Ranks:
    """Return the ranks of torch's process group, if there is one; all must ask."""
    distributed: Any = torch.distributed
    if not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return Alone()
    from torch.distributed.distributed_c10d import _get_default_store  # No public way leads to it.

    # Torch's generator is the user's, and seeded alike at every start.
    life = [secrets.token_hex(8)]
    distributed.broadcast_object_list(life)
    store = distributed.PrefixStore("lowtide", _get_default_store())
    return Together(store, distributed.get_rank(), distributed.get_world_size(), life[0])
