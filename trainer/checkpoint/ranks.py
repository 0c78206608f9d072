"""How the ranks of one job agree: small values through a key-value store, each with a deadline.

Never a collective: a rank that died must not hang the others. `Alone` is a job of one process.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Protocol

from ..errors import TrainerError

PATIENCE_S = 300.0


class RankLost(TrainerError):
    """A rank did not answer in time; it was probably killed."""

    exit_code = 4


class Ranks(Protocol):
    """The ranks of one job, as one of them sees them."""

    rank: int
    world_size: int

    def gather(self, what: str, value: Any, *, within_s: float = PATIENCE_S) -> list[Any]:
        """Return every rank's value, in order of rank; `what` is used once and the same on all.

        Raises:
            RankLost: One did not give its value in time.
        """


class Alone:
    """One process."""

    rank, world_size = 0, 1

    def gather(self, what: str, value: Any, *, within_s: float = PATIENCE_S) -> list[Any]:
        """Return the one value."""
        return [value]


class Together:
    """Several processes that share a torch.distributed store.

    Args:
        store: A TCPStore or what behaves like one.
        life: Differs between two lives of the same job, so that what a former one said is not heard.
    """

    def __init__(self, store: Any, rank: int, world_size: int, life: str) -> None:
        self._store, self.rank, self.world_size, self._life = store, rank, world_size, life

    def gather(self, what: str, value: Any, *, within_s: float = PATIENCE_S) -> list[Any]:
        """Return every rank's value."""
        self._store.set(self._key(what, self.rank), json.dumps(value))
        keys = [self._key(what, rank) for rank in range(self.world_size)]
        try:
            self._store.wait(keys, timedelta(seconds=within_s))
        except RuntimeError as trouble:  # torch's DistStoreError is one.
            raise RankLost(
                f"Not every rank gave {what} within {within_s:g} s: {trouble}",
                fix="Let torchrun start the job again; the last committed checkpoint stands.",
            ) from None
        return [json.loads(self._store.get(key)) for key in keys]

    def _key(self, what: str, rank: int) -> str:
        return f"lowtide/{self._life}/{what}/{rank}"
