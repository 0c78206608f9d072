"""Keeps one session's state: restores it, saves it, and reports both to the run log.

A save has three parts. `begin` lays the state out and starts to copy it; `join` is called before the
optimizer changes anything, and waits for that copy; the rest — hashing, sealing, writing, committing,
removing what is older — happens beside the training, and `check` tells how it went. While one save is on
its way no other begins: the arena is one, and whoever saves too often is told so by `begin`.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Literal
from uuid import uuid4

from ..crash import crash_point
from ..errors import TrainerError
from ..known import refuse_rolled_back
from ..plan import Plan
from ..runlog import RunLog
from .addresses import open_stores, take_leases, urls
from .arena import Arena
from .capture import Captured, Rung, TrainingState, copy
from .committing import commit_together
from .crypt import Keyring
from .ladder import Choice, Speeds, choose
from .lease import refuse_zombie
from .ranks import Alone, Ranks
from .replicate import Replicated
from .restore import Restored, restore
from .saver import Committed, Save
from .writing import InProcess, Process, WriterLost, Writing

Tier = Literal["W", "F", "E"]
SPEEDS_KEPT = 30
HEADER_ROOM_BYTES = 1 << 20
RUNGS: dict[Tier, Rung] = {"F": "exact", "W": "bf16_weights", "E": "exact"}


class Keeper:
    """The checkpoints of one attempt, as one rank of it."""

    def __init__(self, plan: Plan, state: TrainingState, log: RunLog, ranks: Ranks | None = None) -> None:
        self._plan, self._state, self._log, self._ranks = plan, state, log, ranks or Alone()
        self._beside = self._ranks.beside()  # For the thread that saves.
        self._arena = Arena()
        self._writing: Writing | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="save")
        self._under_way: Future[None] | None = None
        self._copied = threading.Event()
        self._copied.set()
        self._blocked_s = 0.0
        self._captured: tuple[int, int, Tier] | None = None  # Step, bytes and tier of a copy not yet joined.
        self._newest: int | None = None  # Generation of what was restored or committed last.
        self._taken: list[tuple[int, float]] = []  # Bytes and seconds of each save, commit included.
        self._life, self._count = uuid4().hex[:12], 0
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
        began, stores = time.perf_counter(), open_stores(self._plan)
        self._life = self._ranks.gather("life", self._life)[0]
        if self._ranks.rank == 0:
            take_leases(stores, self._plan.attempt)
            refuse_rolled_back(stores, known or {})
        found = restore(
            stores,
            self._state,
            self._ranks,
            run_id=self._plan.run_id,
            keyring=Keyring.read(self._plan.stores.key_ref),
            allow_inexact=self._plan.checkpoint.allow_inexact,
        )
        self._writing = self._open_writing()
        if found is not None:
            self._go_on_from(found, stores[found.store].url, time.perf_counter() - began)
        return found

    def _open_writing(self) -> Writing:
        kind = Process if self._plan.checkpoint.asynchronous else InProcess
        url, *others = urls(self._plan)
        settings = {
            "url": url,
            "replicas": others if self._ranks.rank == 0 else [],
            "run_id": self._plan.run_id,
            "epoch": self._plan.attempt,
            "key_ref": self._plan.stores.key_ref,
            "rank": self._ranks.rank,
            "world_size": self._ranks.world_size,
            "retention": self._plan.checkpoint.retention,
            "wrapped": None,
        }
        if self._ranks.rank == 0:
            writing: Writing = kind(self._arena, settings, self._replicated)
            if self._ranks.world_size > 1:
                self._ranks.gather("secret", writing.wrapped())
            return writing
        secret = self._ranks.gather("secret", None)[0]
        return kind(self._arena, {**settings, "wrapped": secret}, self._replicated)

    def _replicated(self, copy: Replicated) -> None:
        self._log.write("replicated", **asdict(copy))

    def _go_on_from(self, found: Restored, url: str, seconds: float) -> None:
        manifest = found.manifest
        where = url if found.store else None
        self._the_writing.adopt(manifest.generation, sorted(found.damaged), where)
        self._newest = None if found.store else manifest.generation
        self.saved_step, self.saved_exactly = manifest.step, manifest.exact
        self._log.write(
            "restored",
            step=manifest.step,
            generation=manifest.generation,
            sha256=found.root.sha256,
            seconds=seconds,
            bytes=found.read_bytes,
            from_url=f"{url.rstrip('/')}/{found.root.key}",
        )

    def warm(self) -> None:
        """Make the arena's pages beforehand, beside the training; the optimizer must have its state."""
        self._pool.submit(self._arena.reserve, self._state.size("exact") + HEADER_ROOM_BYTES)

    @property
    def is_busy(self) -> bool:
        """Whether a save is on its way."""
        return self._under_way is not None and not self._under_way.done()

    def begin(self, step: int, tier: Tier, rung: Rung | None = None) -> bool:
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
        captured = self._state.capture(step, self._arena, rung or RUNGS[tier])
        self._count += 1
        save = Save(
            save_id=f"{self._plan.attempt:06d}-{step:09d}-{tier}-{self._life}-{self._count:04d}",
            step=step,
            tier=tier,
            exact=captured.rung == "exact",
            config_digest=self._state.config_digest,
            payload_bytes=captured.payload_bytes,
            header_bytes=len(captured.header),
            cuts=captured.cuts,
        )
        self._copied.clear()
        self._under_way = self._pool.submit(self._save, captured, save, began)
        self._captured, self._blocked_s = (step, captured.bytes, tier), time.perf_counter() - began
        return True

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
            step, size, tier = self._captured
            self._log.write("captured", step=step, seconds=self._blocked_s, bytes=size, tier=tier)
            self._captured = None

    def check(self) -> None:
        """Raise what went wrong with the last save, once.

        Raises:
            FencedOut: A newer attempt has committed.
            OSError, StoreTrouble, WriterLost: The save did not come to be; what was committed stands.
        """
        done = self._under_way
        if done is not None and done.done():
            self._under_way = None
            done.result()

    def refuse_zombie(self) -> None:
        """Raise FencedOut where a newer attempt has taken over."""
        refuse_zombie(open_stores(self._plan)[0], self._plan.attempt)

    def finish(self) -> None:
        """Wait for the save on its way; raises what `check` does."""
        self.join()
        if self._under_way is not None:
            done, self._under_way = self._under_way, None
            done.result()

    def save(self, step: int, tier: Tier = "F", rung: Rung | None = None) -> None:
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
        """Save as much as still fits, before the machine is taken; return what was chosen.

        A save on its way is finished first: the arena is one, and what it holds is nearly safe. Where the
        plan allows no inexact checkpoints a smaller rung would help nobody, and the exact one is tried.
        """
        until = time.monotonic() + left_s
        self.finish()
        if step == self.saved_step and self.saved_exactly:
            return Choice(rung="exact", reason="This step is committed already.")
        choice = choose(until - time.monotonic(), self._rungs(), self._speeds())
        if not self._plan.checkpoint.allow_inexact:
            choice = Choice(rung="exact", reason="Only an exact checkpoint may be restored.")
        if choice.rung is not None:
            self.save(step, "F" if choice.rung == "exact" else "E", choice.rung)
        return choice

    def _rungs(self) -> list[tuple[Rung, int]]:
        """Return what could be saved, the best first, with the bytes of this rank's part."""
        rungs: tuple[Rung, ...] = ("exact", "bf16_moments", "bf16_weights")
        return [(rung, self._state.size(rung)) for rung in rungs]

    def _speeds(self) -> Speeds:
        taken = self._taken[-SPEEDS_KEPT:]
        return Speeds(bytes_per_s=tuple(size / seconds for size, seconds in taken if seconds > 0))

    def _save(self, captured: Captured, save: Save, began: float) -> None:
        try:
            crash_point("capture.before_copy")
            copy(captured)
            crash_point("capture.after_copy")
        finally:
            self._copied.set()
        done = self._commit(self._the_writing, save)
        self.saved_step, self.saved_exactly = save.step, save.exact
        if done is not None:
            self._newest = done.manifest.generation
            self._taken.append((captured.bytes, time.perf_counter() - began))
            self._report(done, captured.bytes, time.perf_counter() - began)
            self._sweep()

    def _sweep(self) -> None:
        """Remove what is older; where that fails the checkpoint stands all the same."""
        try:
            self._the_writing.sweep()
        except (TrainerError, OSError) as trouble:
            print(f"lowtide-run: older checkpoints were left: {trouble}", file=sys.stderr)

    @property
    def _the_writing(self) -> Writing:
        assert self._writing is not None, "restore comes first"
        return self._writing

    def _commit(self, writing: Writing, save: Save) -> Committed | None:
        if self._ranks.world_size > 1:
            return commit_together(self._beside, writing, save)
        return self._save_alone(writing, save)

    def _save_alone(self, writing: Writing, save: Save) -> Committed:
        """Save; where the writer process was killed, again with a new one: the arena still holds it all."""
        try:
            return writing.save(save)
        except WriterLost:
            writing.close()
            self._writing = again = self._open_writing()
            if self._newest is not None:
                again.adopt(self._newest, [], None)
            return again.save(replace(save, save_id=f"{save.save_id}-again"))

    def _report(self, done: Committed, size: int, seconds: float) -> None:
        manifest = done.manifest
        self._log.write(
            "committed",
            step=manifest.step,
            generation=manifest.generation,
            epoch=manifest.epoch,
            manifest_url=f"{open_stores(self._plan)[0].url.rstrip('/')}/{done.key}",
            sha256=done.sha256,
            tier=manifest.tier,
            exact=manifest.exact,
            bytes=size,
            seconds=seconds,
        )

    def close(self, within_s: float = 0.0) -> None:
        """End the writer; a save on its way is finished first, and copies are waited for so long."""
        self._pool.shutdown()
        if self._writing is not None:
            with contextlib.suppress(WriterLost):
                if within_s > 0 and not self._writing.drain(within_s):
                    print("lowtide-run: not every copy of the newest checkpoint was made", file=sys.stderr)
            self._writing.close()
        self._arena.close()
