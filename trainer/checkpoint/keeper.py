"""Keeps one session's state: restores it, saves it, and reports both to the run log."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Mapping
from functools import partial

from ..known import refuse_rolled_back
from ..plan import Plan
from ..runlog import RunLog
from .addresses import open_stores, take_leases
from .capture import TrainingState
from .crypt import Keyring
from .emergency import CAPTURED, NEW_WRITER_S, agree, flush_of, is_too_late, rungs_of
from .fence import Fence
from .ladder import Choice
from .leftover import Finishing, finish_leftover
from .ranks import RankLost, Ranks
from .restore import Restored, restore
from .saving import Saving
from .stores import Store
from .writing import WriterLost

HEADER_ROOM_BYTES = 1 << 20


class Keeper(Saving):
    """The checkpoints of one attempt, as one rank of it."""

    def __init__(self, plan: Plan, state: TrainingState, log: RunLog, ranks: Ranks | None = None) -> None:
        super().__init__(plan, state, log, ranks)
        self._rungs = partial(rungs_of, state, self.ledger, self._ranks, plan.checkpoint.allow_inexact)

    def restore(self, known: Mapping[str, int] | None = None) -> Restored | None:
        """Put the newest valid checkpoint back; None where there is none yet.

        Args:
            known: The newest generation each store is known to have held, by its URL.

        Raises:
            RolledBack: A store shows only older ones.
            NoValidCheckpoint, OtherTraining, KeyTrouble: As `restore.restore` says.
            FencedOut: A newer attempt has taken over.
        """
        began, stores, owed = time.perf_counter(), open_stores(self._plan), list[str]()
        self._life = self._ranks.gather("life", self._life)[0]
        if self._ranks.rank == 0:
            owed = take_leases(stores, self._plan.attempt, self._life)
            refuse_rolled_back(stores, known or {})
        self._finish_leftover(stores[0])
        found = restore(
            stores,
            self._state,
            self._ranks,
            run_id=self._plan.run_id,
            keyring=Keyring.read(self._plan.stores.key_ref),
            allow_inexact=self._plan.checkpoint.allow_inexact,
            near=self._near,
        )
        self._scribe.open(self._life, owed)
        if found is not None:
            self._go_on_from(found, stores[found.store].url, time.perf_counter() - began)
        return found

    def _finish_leftover(self, shared: Store) -> None:
        """Commit what was local on every node when they went, where all of it is back."""
        if self._near is None:
            return
        who = Finishing(
            near=self._near,
            shared=shared,
            ranks=self._ranks,
            run_id=self._plan.run_id,
            fence=Fence(shared, self._plan.attempt, self._life),
            epoch=self._plan.attempt,
            keyring=Keyring.read(self._plan.stores.key_ref),
            allow_inexact=self._plan.checkpoint.allow_inexact,
        )
        finished = finish_leftover(who)
        if finished is not None:
            done, seconds = finished
            self._telling.committed(done, seconds)

    def _go_on_from(self, found: Restored, url: str, seconds: float) -> None:
        if self._near is not None:
            read = f"{found.near_bytes} of {found.read_bytes} bytes"
            print(f"lowtide-run: {read} were read from this node's own disk", file=sys.stderr)
        manifest = found.manifest
        where = url if found.store else None
        self._scribe.go_on_from(manifest.generation, sorted(found.damaged), where, found.floor)
        self.saved_step, self.saved_exactly = manifest.step, manifest.exact
        self._telling.restored(found, url, seconds)

    def warm(self) -> None:
        """Make the arena's pages beforehand, beside the training; the optimizer must have its state."""
        self._pool.submit(self._arena.reserve, self._state.size("exact") + HEADER_ROOM_BYTES)

    def emergency(self, step: int, left_s: float) -> Choice:
        """Save the best that still fits, before the machine is taken; return what was chosen, by all ranks.

        Where the plan allows no inexact checkpoints a smaller rung would help nobody, and the exact one is
        tried though it may not fit.

        Raises:
            RankLost: A rank did not say in time what it could do.
        """
        until = time.monotonic() + left_s
        self._finish_or_give_up(step, left_s)
        if step == self.saved_step and self.saved_exactly:
            return Choice(rung="exact", reason="This step is committed already.")
        rungs = [*self._rungs(), *flush_of(self.ledger, self._ranks.rank)]
        choice = agree(self._ranks, step, until - time.monotonic(), rungs, self.ledger)
        if choice.rung is None and not self._plan.checkpoint.allow_inexact:
            choice = Choice(rung="exact", reason=f"Only this one may be restored. {choice.reason}")
        if choice.rung in CAPTURED:
            self.save(step, *CAPTURED[choice.rung])
        return choice

    def _finish_or_give_up(self, step: int, left_s: float) -> None:
        """Finish the save on its way, or make room for a smaller one where it cannot be done in time.

        A save is of all ranks: where one of them cannot finish its part all give it up, at once. None then
        waits for another, for each says what became of its part before it goes on.
        """
        smaller = self._rungs(overhead_s=NEW_WRITER_S) if self.is_busy and self._scribe.may_give_up else []
        is_late = bool(smaller) and is_too_late(self.ledger, *self._begun, left_s, smaller)
        told = [self.is_busy, is_late]
        votes = self._ranks.gather(f"late-{step}", told, within_s=max(1.0, left_s))
        is_on_its_way, _ = votes[0]  # Rank 0 is busy until the root is created.
        if is_on_its_way and any(late for _, late in votes):
            self.join()
            self._scribe.give_up()
            with contextlib.suppress(WriterLost, RankLost):
                self.finish()
            self._scribe.renew()
        self.finish()
