"""What all adapters share: a session whose steps begin and end in callbacks instead of in a `for`.

A loop that is not ours calls `begin` before a step and `end` after it. Saves, directives and notices are
obeyed in `end`, which leaves with SystemExit 75 through the foreign loop, as it would through one's own.
"""

from __future__ import annotations

import secrets
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
        total: Optimizer steps in all.
    """

    def __init__(self, session: SpotSession, total: int) -> None:
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
