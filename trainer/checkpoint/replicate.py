"""Brings committed checkpoints to more stores, beside the training and after the fact.

A replica that cannot be reached delays nothing and fails nothing: it is tried again, with the newest
checkpoints first, and whatever retention has removed in the meantime is not missed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from ..errors import FencedOut, TrainerError
from .crypt import Keyring
from .frame_index import FrameIndex
from .frames import BadBlock
from .hearing import tell
from .layout import manifest_key
from .lease import refuse_zombie, take
from .stores import Absent, Store
from .transfer import TransferConflict, copy_checkpoint

FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replicated:
    """A committed checkpoint stands verified in one more place: the fields of the run event."""

    generation: int
    url: str
    seconds: float
    bytes: int


class Replicator:
    """A queue of generations and a thread that copies them.

    Args:
        source: Where they are committed first.
        replicas: Where they are to go; each is served by itself.
        epoch, life: Who we are; where a newer attempt, or another life of ours, has a replica's lease,
            nothing of ours is copied there any more.
        owed: Addresses of replicas whose lease is still to be taken.
        done: Told of every copy, from the thread.
        trouble: Told what hindered one, from the thread; it is tried again.
    """

    def __init__(
        self,
        source: Store,
        replicas: Sequence[Store],
        *,
        keyring: Keyring | None = None,
        epoch: int | None = None,
        life: str | None = None,
        owed: Collection[str] = (),
        done: Callable[[Replicated], None] = lambda _: None,
        trouble: Callable[[str], None] = lambda _: None,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._queues = [
            _Queue(
                source,
                each,
                keyring,
                _Fence(each, epoch, life, each.url in owed),
                done,
                trouble,
                first_pause_s,
            )
            for each in replicas
        ]

    def put(self, generation: int) -> None:
        """Have a generation copied; returns at once."""
        for queue in self._queues:
            queue.put(generation)

    @property
    def waiting(self) -> int:
        """Copies not made yet, over all replicas."""
        return sum(queue.waiting for queue in self._queues)

    def drain(self, within_s: float) -> bool:
        """Wait until all copies are made; False where some are not after `within_s`."""
        ends_s = time.monotonic() + within_s
        drained = [queue.drain(max(0.0, ends_s - time.monotonic())) for queue in self._queues]
        return all(drained)

    def close(self, within_s: float = 0.0) -> bool:
        """Drain, then end; a copy on its way is left unfinished, and was never there."""
        drained = self.drain(within_s)
        for queue in self._queues:
            queue.close()
        return drained


class _Fence:
    """Asks whether a replica is still ours to copy to."""

    def __init__(self, replica: Store, epoch: int | None, life: str | None, owes_lease: bool) -> None:
        self._replica, self._epoch, self._life, self._owes_lease = replica, epoch, life, owes_lease

    def __call__(self) -> None:
        if self._epoch is None:
            return
        if self._owes_lease:  # It could not be reached when the others were taken.
            take(self._replica, self._epoch, self._life)
            self._owes_lease = False
        refuse_zombie(self._replica, self._epoch, self._life)


class _Queue:
    def __init__(
        self,
        source: Store,
        replica: Store,
        keyring: Keyring | None,
        fence: Callable[[], None],
        done: Callable[[Replicated], None],
        trouble: Callable[[str], None],
        first_pause_s: float,
    ) -> None:
        self._source, self._replica, self._keyring, self._fence = source, replica, keyring, fence
        self._done, self._trouble, self._first_pause_s = done, trouble, first_pause_s
        self._index = FrameIndex(replica)
        self._wanted: set[int] = set()
        self._change = threading.Condition()
        self._over = False
        threading.Thread(target=self._run, name="replicate", daemon=True).start()

    def put(self, generation: int) -> None:
        with self._change:
            self._wanted.add(generation)
            self._change.notify_all()

    @property
    def waiting(self) -> int:
        with self._change:
            return len(self._wanted)

    def drain(self, within_s: float) -> bool:
        with self._change:
            return self._change.wait_for(lambda: not self._wanted, within_s)

    def close(self) -> None:
        with self._change:
            self._over = True
            self._change.notify_all()

    def _run(self) -> None:
        pause_s = self._first_pause_s
        while (generation := self._next()) is not None:
            if self._copy(generation):
                pause_s = self._first_pause_s
                with self._change:
                    self._wanted.discard(generation)
                    self._change.notify_all()
                continue
            with self._change:
                self._change.wait_for(lambda: self._over, pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _next(self) -> int | None:
        with self._change:
            self._change.wait_for(lambda: self._over or bool(self._wanted))
            return None if self._over else max(self._wanted)

    def _copy(self, generation: int) -> bool:
        """Copy one; return whether it is done with."""
        began_s = time.monotonic()
        try:
            if self._source.head(manifest_key(generation)) is None:
                return True  # Retention was faster.
            self._fence()
            moved = copy_checkpoint(
                self._source,
                self._replica,
                generation,
                keyring=self._keyring,
                index=self._index,
                fence=self._fence,
            )
        except (FencedOut, TransferConflict) as never:
            self._trouble(f"generation {generation} does not go to {self._replica.url}: {never}")
            return True
        except (TrainerError, BadBlock, Absent, OSError) as met:
            self._index = FrameIndex(self._replica)  # What it said may be why.
            self._trouble(f"generation {generation} is not in {self._replica.url} yet: {met}")
            return False
        seconds = time.monotonic() - began_s
        tell(
            self._done,
            Replicated(generation=generation, url=moved.url, seconds=seconds, bytes=moved.copied_bytes),
        )
        return True
