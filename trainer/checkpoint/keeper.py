"""Keeps one session's state: restores it, saves it, and reports both to the run log.

A save has three parts. `begin` lays the state out and starts to copy it; `join` is called before the
optimizer changes anything, and waits for that copy; the rest — hashing, sealing, writing, committing,
removing what is older — happens beside the training, and `check` tells how it went. While one save is on
its way no other begins: the arena is one, and whoever saves too often is told so by `begin`.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count
from uuid import uuid4

from ..crash import crash_point
from ..known import refuse_rolled_back
from ..plan import Plan
from ..runlog import RunLog
from .addresses import far_url, open_stores, take_leases
from .arena import Arena
from .capture import Captured, TrainingState, copy
from .crypt import Keyring
from .emergency import CAPTURED, NEW_WRITER_S, OF_TIER, agree, flush_of, is_too_late, rungs_of
from .ladder import Choice
from .lease import refuse_zombie
from .ledger import Ledger, Tier
from .ranks import Alone, Ranks
from .replicate import Replicated
from .restore import Restored, restore
from .saves import CaptureRung, Save
from .scribe import Scribe
from .telling import Telling
from .writing import WriterLost

HEADER_ROOM_BYTES = 1 << 20


class Keeper:
    """The checkpoints of one attempt, as one rank of it."""

    def __init__(self, plan: Plan, state: TrainingState, log: RunLog, ranks: Ranks | None = None) -> None:
        self._plan, self._state, self._ranks = plan, state, ranks or Alone()
        self._arena = Arena()
        self._telling = Telling(log, open_stores(plan)[0].url)
        self.ledger = Ledger(far_url(plan, self._ranks.rank), retention=plan.checkpoint.retention)
        self._rungs = partial(rungs_of, state, self.ledger, self._ranks, plan.checkpoint.allow_inexact)
        self._scribe = Scribe(plan, self._ranks, self._arena, self._replicated)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="save")
        self._under_way: Future[None] | None = None
        self._begun = (0, 0.0)  # Bytes of the save on its way, and when it began.
        self._copied = threading.Event()
        self._copied.set()
        self._blocked_s = 0.0
        self._captured: tuple[int, int, Tier] | None = None  # Step, bytes and tier of a copy not yet joined.
        self._life, self._numbers = uuid4().hex[:12], count(1)
        self.saved_step = 0  # A state after no step is not worth a checkpoint.
        self.saved_exactly = True

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
        found = restore(
            stores,
            self._state,
            self._ranks,
            run_id=self._plan.run_id,
            keyring=Keyring.read(self._plan.stores.key_ref),
            allow_inexact=self._plan.checkpoint.allow_inexact,
        )
        self._scribe.open(self._life, owed)
        if found is not None:
            self._go_on_from(found, stores[found.store].url, time.perf_counter() - began)
        return found

    def _go_on_from(self, found: Restored, url: str, seconds: float) -> None:
        manifest = found.manifest
        self._scribe.go_on_from(manifest.generation, sorted(found.damaged), url if found.store else None)
        self.saved_step, self.saved_exactly = manifest.step, manifest.exact
        self._telling.restored(found, url, seconds)

    def _replicated(self, copy: Replicated) -> None:
        self.ledger.copied(copy)
        self._telling.replicated(copy)

    def warm(self) -> None:
        """Make the arena's pages beforehand, beside the training; the optimizer must have its state."""
        self._pool.submit(self._arena.reserve, self._state.size("exact") + HEADER_ROOM_BYTES)

    @property
    def is_busy(self) -> bool:
        """Whether a save is on its way."""
        return self._under_way is not None and not self._under_way.done()

    def begin(self, step: int, tier: Tier, rung: CaptureRung | None = None) -> bool:
        """Start to save the state after `step` steps; False where a save is on its way already.

        Rank 0 decides for all: where another rank's part is still on its way, that one waits for it.
        """
        if self.is_busy and self._ranks.rank == 0:
            return False
        if self._ranks.rank > 0:
            self.finish()
        self.check()
        began = time.perf_counter()
        self._log_captured()
        captured = self._state.capture(step, self._arena, rung or OF_TIER[tier])
        save = self._order(captured, tier)
        self._copied.clear()
        self._begun = captured.bytes, began
        self._under_way = self._pool.submit(self._save, captured, save, began)
        self._captured, self._blocked_s = (step, captured.bytes, tier), time.perf_counter() - began
        return True

    def _order(self, captured: Captured, tier: Tier) -> Save:
        name = f"{self._plan.attempt:06d}-{captured.step:09d}-{tier}-{self._life}-{next(self._numbers):04d}"
        return Save(
            save_id=name,
            step=captured.step,
            tier=tier,
            exact=captured.rung == "exact",
            config_digest=self._state.config_digest,
            payload_bytes=captured.payload_bytes,
            header_bytes=len(captured.header),
            cuts=captured.cuts,
            codec=self._plan.checkpoint.codec,
            uplink_bytes_per_s=self.ledger.copy_bytes_per_s(self._ranks.world_size),
        )

    def join(self) -> None:
        """Wait until what is being saved may be changed."""
        if self._copied.is_set() and self._captured is None:
            return
        began = time.perf_counter()
        self._copied.wait()
        self._blocked_s += time.perf_counter() - began
        self._log_captured()

    def _log_captured(self) -> None:
        if self._captured is not None:
            self._telling.captured(*self._captured, self._blocked_s)
            self._captured = None

    def check(self) -> None:
        """Raise what went wrong with the last save, once.

        Raises:
            FencedOut: A newer attempt has committed.
            OSError, StoreTrouble, WriterLost: The save did not come to be; what was committed stands.
        """
        if not self.is_busy:
            self._result()

    def _result(self) -> None:
        done, self._under_way = self._under_way, None
        if done is not None:
            done.result()

    def refuse_zombie(self) -> None:
        """Raise FencedOut where a newer attempt or life has taken over."""
        refuse_zombie(open_stores(self._plan)[0], self._plan.attempt, self._life)

    def finish(self) -> None:
        """Wait for the save on its way; raises what `check` does."""
        self.join()
        self._result()

    def save(self, step: int, tier: Tier = "F", rung: CaptureRung | None = None) -> None:
        """Commit the state after `step` steps before returning, unless it is committed already."""
        self.finish()
        if step == self.saved_step and (self.saved_exactly or tier == "W"):
            return
        began = time.perf_counter()
        self.begin(step, tier, rung)
        told, self._captured = self._captured, None
        self.finish()
        self._captured, self._blocked_s = told, time.perf_counter() - began  # All of it was standstill.
        self._log_captured()

    def emergency(self, step: int, left_s: float) -> Choice:
        """Save the best that still fits, before the machine is taken; return what was chosen, by all ranks.

        Where the plan allows no inexact checkpoints a smaller rung would help nobody, and the exact one is
        tried though it may not fit.

        Raises:
            RankLost: A rank did not say in time what it could do.
        """
        until = time.monotonic() + left_s
        self._finish_or_give_up(left_s)
        if step == self.saved_step and self.saved_exactly:
            return Choice(rung="exact", reason="This step is committed already.")
        rungs = [*self._rungs(), *flush_of(self.ledger, self._ranks.rank)]
        choice = agree(self._ranks, step, until - time.monotonic(), rungs, self.ledger)
        if choice.rung is None and not self._plan.checkpoint.allow_inexact:
            choice = Choice(rung="exact", reason=f"Only this one may be restored. {choice.reason}")
        if choice.rung in CAPTURED:
            self.save(step, *CAPTURED[choice.rung])
        return choice

    def _finish_or_give_up(self, left_s: float) -> None:
        """Finish the save on its way, or make room for a smaller one where it cannot be done in time."""
        smaller = self._rungs(overhead_s=NEW_WRITER_S) if self.is_busy and self._scribe.may_give_up else []
        if smaller and is_too_late(self.ledger, *self._begun, left_s, smaller):
            self.join()
            self._scribe.give_up()
            with contextlib.suppress(WriterLost):
                self.finish()
            self._scribe.renew()
        self.finish()

    def _save(self, captured: Captured, save: Save, began: float) -> None:
        try:
            crash_point("capture.before_copy")
            copy(captured)
            crash_point("capture.after_copy")
        finally:
            self._copied.set()
        done, taken = self._scribe.commit(save)
        seconds = time.perf_counter() - began
        self.saved_step, self.saved_exactly = save.step, save.exact
        self.ledger.took(save.tier, captured.bytes, seconds, taken.commit_s)
        self.ledger.told_copy_bytes_per_s = taken.copy_bytes_per_s
        if done is not None:
            self.ledger.committed(done, captured.bytes)
            self._telling.committed(done, captured.bytes, seconds)
            self._scribe.sweep()

    def close(self, within_s: float = 0.0) -> None:
        """End the writer; a save on its way is finished first, and copies are waited for so long."""
        self._pool.shutdown()
        self._scribe.close(within_s)
        self._arena.close()
