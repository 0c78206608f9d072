"""Which save all ranks carry to the store they share, one at a time: rank 0 says it, step by step.

Saves go on meanwhile, each to its node's own disk, so that training never waits for the shared store. When
one was carried the next is the newest exact one there is, or else the newest; whatever is older than what
was carried is not carried any more. What rank 0 has to say, a save to be carried and one that was
committed, goes with its orders, so that every rank's writer hears it between the same two saves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..errors import FencedOut
from .carrying import Carried
from .manifest import Parent, RankEntry
from .saves import Save, worth_carrying
from .writing import Writing

RELAYED = 2  # Another rank may have written one more than rank 0 knew of when it chose.


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """A save whose every part stands on its node."""

    save: Save
    entries: list[RankEntry]
    bytes: int  # As this rank captured it.
    began: float  # By `time.perf_counter`.


class Relay:
    """As one rank sees it.

    Args:
        told: Hears of what was carried, and what it was; from another thread.
    """

    def __init__(self, told: Callable[[Carried, Local], None]) -> None:
        self._told = told
        self._waiting: dict[str, Local] = {}  # In the order they were written.
        self._gone: dict[str, Local] = {}  # On its way: at most one.
        self._news: list[dict[str, Any]] = []  # Committed and not yet told to all.
        self._fenced: FencedOut | None = None
        self.is_lost = False  # The last that was sent did not come through.
        self._change = threading.Condition()

    def written(self, local: Local) -> None:
        """Take note of a save that is local on every node."""
        with self._change:
            self._waiting[local.save.save_id] = local
            keep = worth_carrying([each.save for each in self._waiting.values()], RELAYED)
            self._waiting = {name: each for name, each in self._waiting.items() if name in keep}

    def news(self, *, is_last: bool = False) -> dict[str, Any] | None:
        """Return what rank 0 has to say, None for nothing.

        Args:
            is_last: Only the newest save counts, for none comes after it.
        """
        with self._change:
            learn, self._news = self._news, []
            carry = self._choose(is_last) if not self._gone and self._fenced is None else None
            if carry is not None:
                self._gone[carry] = self._waiting[carry]
            return {"learn": learn, "carry": carry} if learn or carry else None

    def _choose(self, is_last: bool) -> str | None:
        names = list(self._waiting)
        exact = [] if is_last else [name for name in names if self._waiting[name].save.exact]
        return next(reversed(exact or names), None)

    def hear(self, news: dict[str, Any], writing: Writing) -> None:
        """Have this rank's writer do what rank 0 said."""
        for each in news["learn"]:
            writing.learn(each["save_id"], Parent(generation=each["generation"], sha256=each["sha256"]))
        if news["carry"] is not None:
            writing.carry(news["carry"], self._send(news["carry"]).entries)

    def _send(self, save_id: str) -> Local:
        """Take a save from those that wait, and forget the older ones."""
        with self._change:
            names = list(self._waiting)
            local = self._gone[save_id] = self._waiting[save_id]
            for older in names[: names.index(save_id) + 1]:
                del self._waiting[older]
            return local

    def carried(self, carried: Carried) -> None:
        """Take note of what the writer says; called from its thread."""
        with self._change:
            local = self._gone.pop(carried.save_id, None)
            self.is_lost = carried.trouble is not None
            if isinstance(carried.trouble, FencedOut):
                self._fenced = carried.trouble
            done = carried.committed
            if done is not None:
                told = {"generation": done.manifest.generation, "sha256": done.sha256}
                self._news.append({"save_id": carried.save_id, **told})
            self._change.notify_all()
        if local is not None:
            self._told(carried, local)

    @property
    def fenced(self) -> FencedOut | None:
        """Why nothing of ours is carried any more; None where it is."""
        return self._fenced

    def wait(self, until: float) -> bool:
        """Wait until nothing is on its way, or until then by `time.monotonic`; False where something is."""
        with self._change:
            return self._change.wait_for(lambda: not self._gone, max(0.0, until - time.monotonic()))

    def forget(self) -> None:
        """A new writer knows of nothing on its way."""
        with self._change:
            self._waiting, self._gone = {**self._gone, **self._waiting}, {}
