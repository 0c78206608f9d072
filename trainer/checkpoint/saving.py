"""One save after the other, beside the training, and what is heard of them.

A save has three parts. `begin` lays the state out and starts to copy it; `join` is called before the
optimizer changes anything, and waits for that copy; the rest — hashing, sealing, writing, committing,
removing what is older — happens beside the training, and `check` tells how it went: a save that fails for
a reason that may pass is passed over, see `failing`. While one save is on its way no other begins: the
arena is one, and whoever saves too often is told so by `begin`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import Any
from uuid import uuid4

from ..crash import crash_point
from ..errors import FencedOut
from ..plan import Plan
from ..runlog import RunLog
from .addresses import far_url, near_store, open_stores
from .arena import Arena
from .capture import Captured, Stateful, TrainingState, copy, join_before
from .carrying import Carried
from .emergency import OF_TIER
from .failing import PASSING, Failures
from .lease import refuse_zombie
from .ledger import Ledger, Tier
from .ranks import Alone, Ranks
from .relay import Local, Relay
from .replicate import Replicated
from .saves import CaptureRung, Save
from .scribe import Scribe
from .telling import Telling
from .writing import WriterLost


class Saving:
    """The saves of one attempt, as one rank of it."""

    def __init__(self, plan: Plan, state: TrainingState, log: RunLog, ranks: Ranks | None = None) -> None:
        self._plan, self._state, self._ranks = plan, state, ranks or Alone()
        self._arena = Arena()
        self._telling = Telling(log, open_stores(plan)[0].url)
        far, self._near = far_url(plan, self._ranks.rank), near_store(plan)
        kept = plan.checkpoint.retention
        self.ledger = Ledger(far, retention=kept, copies_own=self._near is not None)
        self._relay = Relay(self._carried)
        self._scribe = Scribe(plan, self._ranks, self._arena, self._told, self._relay)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="save")
        self._under_way: Future[None] | None = None
        self._failures = Failures()
        self._unhook: Callable[[], None] | None = None
        self._begun = (0, 0.0)  # Bytes of the save on its way, and when it began.
        self._copied = threading.Event()
        self._copied.set()
        self._blocked_s = 0.0
        self._captured: tuple[int, int, Tier] | None = None  # Step, bytes and tier of a copy not yet joined.
        self._life, self._numbers = uuid4().hex[:12], count(1)
        self.saved_step = 0  # A state after no step is not worth a checkpoint.
        self.saved_exactly = True

    def _told(self, told: Replicated | Carried) -> None:
        if isinstance(told, Carried):
            self._relay.carried(told)
            return
        self.ledger.copied(told)
        self._telling.replicated(told)

    def _carried(self, carried: Carried, local: Local) -> None:
        if carried.trouble is not None:
            print(f"lowtide-run: {carried.trouble}", file=sys.stderr)
            self.saved_step = min(self.saved_step, local.save.step - 1)  # It may have to be made again.
            return
        save = local.save
        self.ledger.carried(save.step, save.tier, local.bytes, carried.bytes, carried.seconds)
        if carried.committed is not None:
            self._telling.committed(carried.committed, time.perf_counter() - local.began)

    def news(self) -> dict[str, Any] | None:
        """Return what rank 0 has to say of saves that are carried; goes to `hear` on every rank."""
        return self._relay.news() if self._ranks.rank == 0 else None

    def hear(self, news: dict[str, Any] | None) -> None:
        """Do what rank 0 says, after the save on its way."""
        if news is not None:
            self._pool.submit(self._scribe.hear, news)

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

    def join_before_steps_of(self, optimizer: Stateful) -> bool:
        """Join before each step of an optimizer, until `close`; False where it knows no such hook."""
        self._unhook = join_before(optimizer, self.join)
        return self._unhook is not None

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
        """Raise what went wrong with the last save, once; what may pass, when it did so time after time.

        Raises:
            FencedOut: A newer attempt has committed.
            OSError, StoreTrouble, WriterLost, NotSaved: Several saves in a row did not come to be; what was
                committed stands.
        """
        if not self.is_busy:
            self._result()
        self._failures.refuse()
        if self._relay.fenced is not None:
            raise self._relay.fenced

    def _result(self) -> None:
        done, self._under_way = self._under_way, None
        if done is None:
            return
        try:
            done.result()
        except PASSING as trouble:
            self._failures.met(trouble)
        else:
            self._failures.forget()

    def refuse_zombie(self) -> None:
        """Raise FencedOut where a newer attempt or life has taken over."""
        refuse_zombie(open_stores(self._plan)[0], self._plan.attempt, self._life)

    def finish(self) -> None:
        """Wait for the save on its way; raises what went wrong with it and does not pass."""
        self.join()
        self._result()

    def save(self, step: int, tier: Tier = "F", rung: CaptureRung | None = None) -> None:
        """Commit the state after `step` steps before returning, unless it is committed already.

        What became of the save before does not matter; that this one comes to be does.

        Raises:
            FencedOut, OSError, StoreTrouble, WriterLost, NotSaved: It did not.
        """
        self.finish()
        self._failures.forget()
        self._save_and_wait(step, tier, rung)
        self._failures.refuse(1)

    def save_if_possible(self, step: int, tier: Tier) -> None:
        """Save with training at a standstill; where that fails the next one counts. Raises as `check`."""
        self.finish()
        self._save_and_wait(step, tier, None)
        self.check()

    def _save_and_wait(self, step: int, tier: Tier, rung: CaptureRung | None) -> None:
        if step == self.saved_step and (self.saved_exactly or tier == "W"):
            return
        began = time.perf_counter()
        self.begin(step, tier, rung)
        told, self._captured = self._captured, None
        self.finish()
        self._captured, self._blocked_s = told, time.perf_counter() - began  # All of it was standstill.
        self._log_captured()

    def _save(self, captured: Captured, save: Save, began: float) -> None:
        try:
            crash_point("capture.before_copy")
            copy(captured)
            crash_point("capture.after_copy")
        finally:
            self._copied.set()
        done, taken = self._scribe.commit(save, captured.bytes, began)
        self.saved_step, self.saved_exactly, seconds = save.step, save.exact, time.perf_counter() - began
        self.ledger.took(save.tier, captured.bytes, seconds, taken.commit_s)
        self.ledger.told_copy_bytes_per_s = taken.copy_bytes_per_s
        if self._near is not None:
            self.ledger.local(save.step, save.tier, captured.bytes)
        if done is not None:
            self.ledger.committed(done, captured.bytes)
            self._telling.committed(done, seconds)
            self._scribe.sweep()

    def drain(self, within_s: float) -> bool:
        """Wait so long for copies; whether all are made. Those of several nodes `close` alone waits for."""
        try:
            return self._scribe.is_relayed or self._scribe.writing.drain(within_s)
        except WriterLost:
            return True  # Nobody is left to make them.

    def close(self, within_s: float = 0.0) -> FencedOut | None:
        """End the writer; a save on its way is finished first, and copies are waited for so long.

        Returns why what was saved last could not be carried: a newer attempt or life has taken over.
        """
        if self._unhook is not None:
            self._unhook()
        self._pool.shutdown()
        self._scribe.close(within_s)
        self._arena.close()
        return self._relay.fenced
