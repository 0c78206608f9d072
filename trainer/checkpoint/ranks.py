"""How the ranks of one job agree: small values through a key-value store, each with a deadline.

Never a collective: a rank that died must not hang the others. `Alone` is a job of one process.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from datetime import timedelta
from typing import Any, Protocol

from ..errors import TrainerError

PATIENCE_S = 300.0
SLICE_S = 2.0  # How soon a wait learns that it is for nothing.


class RankLost(TrainerError):
    """A rank did not answer in time; it was probably killed."""

    exit_code = 4


class Ranks(Protocol):
    """The ranks of one job, as one of them sees them. Not for two threads at once: see `beside`."""

    rank: int
    world_size: int

    def beside(self) -> Ranks:
        """Return the same ranks for another thread."""

    def gather(self, what: str, value: Any, *, within_s: float = PATIENCE_S) -> list[Any]:
        """Return every rank's value, in order of rank; `what` is used once and the same on all.

        Raises:
            RankLost: One did not give its value in time.
        """

    def follow(self, turn: int, order: Any) -> Any:
        """Return what rank 0 orders for this turn; turns count up and are the same on all.

        Raises:
            RankLost: Rank 0 did not say in time.
        """

    def ring(self, source: str) -> None:
        """Tell all ranks of a notice that this one has heard."""

    def rung(self) -> str | None:
        """Return a notice that some rank has heard, None for none."""

    def nudge(self) -> None:
        """Tell rank 0 that this rank's machine may go soon."""

    def nudged(self) -> bool:
        """Tell whether any rank has nudged since this was asked last; rank 0 asks."""


class Alone:
    """One process."""

    rank, world_size = 0, 1

    def __init__(self) -> None:
        self._is_nudged = False

    def beside(self) -> Alone:
        """Return the same."""
        return self

    def gather(self, what: str, value: Any, *, within_s: float = PATIENCE_S) -> list[Any]:
        """Return the one value."""
        return [value]

    def follow(self, turn: int, order: Any) -> Any:
        """Return the order."""
        return order

    def ring(self, source: str) -> None:
        """Nobody else is to be told."""

    def rung(self) -> str | None:
        """Nobody else has heard anything."""
        return None

    def nudge(self) -> None:
        """Remember it."""
        self._is_nudged = True

    def nudged(self) -> bool:
        """Return it once."""
        is_nudged, self._is_nudged = self._is_nudged, False
        return is_nudged


class Together:
    """Several processes that share a torch.distributed store.

    Args:
        store: A TCPStore or what behaves like one.
        life: Differs between two lives of the same job, so that what a former one said is not heard.
    """

    def __init__(self, store: Any, rank: int, world_size: int, life: str) -> None:
        self._store, self.rank, self.world_size, self._life = store, rank, world_size, life
        self._has_given_up = threading.Event()
        self._nudges = 0
        self._unread: deque[int] = deque()  # Turns whose order some rank may not have read.

    def beside(self) -> Together:
        """Return the same ranks over a connection of their own, for another thread."""
        other = Together(self._store.clone(), self.rank, self.world_size, f"{self._life}/beside")
        other._has_given_up = self._has_given_up
        return other

    def give_up(self) -> None:
        """Wait for nobody any more, in any thread: training has lost a rank."""
        self._has_given_up.set()

    def gather(self, what: str, value: Any, *, within_s: float = PATIENCE_S) -> list[Any]:
        """Return every rank's value."""
        self._store.set(self._key(what, self.rank), json.dumps(value))
        keys = [self._key(what, rank) for rank in range(self.world_size)]
        self._await(keys, what, within_s)
        return [json.loads(self._store.get(key)) for key in keys]

    def _await(self, keys: list[str], what: str, within_s: float) -> None:
        until = time.monotonic() + within_s
        while True:
            left_s = max(0.001, min(SLICE_S, until - time.monotonic()))
            try:
                return self._store.wait(keys, timedelta(seconds=left_s))  # type: ignore[no-any-return]
            except RuntimeError as trouble:  # torch's DistStoreError is one.
                if self._has_given_up.is_set() or time.monotonic() >= until or not _is_of_time(trouble):
                    raise RankLost(
                        f"Not every rank gave {what} within {within_s:g} s: {str(trouble).splitlines()[0]}",
                        fix="Let torchrun start the job again; the last committed checkpoint stands.",
                    ) from None

    def follow(self, turn: int, order: Any) -> Any:
        """Return what rank 0 orders; it stays there until every rank has read it."""
        key = self._key("order", turn)
        if self.rank == 0:
            self._store.set(key, json.dumps(order))
            self._unread.append(turn)
            self._forget_what_all_have_read()
            return order
        self._await([key], f"order {turn}", PATIENCE_S)
        order = json.loads(self._store.get(key))
        self._store.add(self._key("read", turn), 1)
        return order

    def _forget_what_all_have_read(self) -> None:
        while len(self._unread) > 2:  # Of the newest nobody needs to be asked: they are being read.
            read = self._key("read", self._unread[0])
            if self._store.add(read, 0) < self.world_size - 1:
                return
            self._store.delete_key(self._key("order", self._unread.popleft()))
            self._store.delete_key(read)

    def ring(self, source: str) -> None:
        """Tell all ranks."""
        self._store.set(self._key("bell", 0), source)

    def rung(self) -> str | None:
        """Return what some rank has heard."""
        key = self._key("bell", 0)
        return self._store.get(key).decode() if self._store.check([key]) else None

    def nudge(self) -> None:
        """Count it where rank 0 looks."""
        self._store.add(self._key("nudges", 0), 1)

    def nudged(self) -> bool:
        """Tell whether the count has grown."""
        key, before = self._key("nudges", 0), self._nudges
        if self._store.check([key]):
            self._nudges = self._store.add(key, 0)
        return self._nudges > before

    def _key(self, what: str, rank: int) -> str:
        return f"lowtide/{self._life}/{what}/{rank}"


def _is_of_time(trouble: RuntimeError) -> bool:
    """Tell a wait that ran out from a store that is gone, which need not be asked again."""
    words = str(trouble).lower()
    return "timeout" in words or "timed out" in words
