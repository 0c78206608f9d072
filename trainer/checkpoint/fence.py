"""Keeps a zombie out of a store: by the lease, and by who committed the newest root.

Where the newest root was written by a later attempt, or the lease is a later attempt's or another life's of
the same, this process is left over from before a preemption, a sleep or a split, and must not commit.
"""

from __future__ import annotations

from ..errors import FencedOut
from .lease import refuse_zombie
from .reading import newest_readable
from .stores import Store


class Fence:
    """Asks for one life of one attempt.

    Args:
        life: None asks by attempt alone.
    """

    def __init__(self, store: Store, epoch: int, life: str | None) -> None:
        self._store, self._epoch, self._life = store, epoch, life

    def ask_lease(self) -> None:
        """Raise FencedOut where another has the lease."""
        refuse_zombie(self._store, self._epoch, self._life)

    def ask_newest(self) -> None:
        """Raise FencedOut where a later attempt committed the newest checkpoint."""
        newest = newest_readable(self._store)
        if newest is not None and newest.epoch > self._epoch:
            raise FencedOut(
                f"Attempt {newest.epoch} has committed generation {newest.generation}; "
                f"this is attempt {self._epoch} and must not commit after it.",
                fix="Stop this process; the run goes on elsewhere.",
            )
