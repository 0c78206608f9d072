"""Keeps one session's state: restores it, saves it, and reports both to the run log.

The order of a save is the order of trust: blocks, manifest, the `committed` event, and only then
the removal of what is older.
"""

from __future__ import annotations

import time

from ..crash import crash_point
from ..plan import Plan
from ..runlog import RunLog
from .arena import Arena
from .capture import TrainingState
from .folder import CheckpointFolder
from .manifest import Parent
from .restore import newest_valid
from .retention import keep_newest, sweep_leftovers
from .writer import Writer


class Keeper:
    """The checkpoints of one attempt, in the plan's local folder."""

    def __init__(self, plan: Plan, state: TrainingState, log: RunLog) -> None:
        self._run_id, self._retention = plan.run_id, plan.checkpoint.retention
        self._state, self._log, self._arena = state, log, Arena()
        self._folder = CheckpointFolder(plan.stores.local_dir)
        self._writer = Writer(self._folder, run_id=plan.run_id, epoch=plan.attempt)
        self._saved_step = 0  # A state after no step is not worth a checkpoint.

    def restore(self) -> int:
        """Put the newest valid checkpoint back and return its step; 0 where there is none yet.

        Raises:
            NoValidCheckpoint: There are checkpoints, and none verifies.
            OtherTraining: They are of another run, model or configuration.
        """
        began = time.perf_counter()
        self._folder.make()
        sweep_leftovers(self._folder)
        found = newest_valid(self._folder, self._arena, run_id=self._run_id)
        if found is None:
            return 0
        checkpoint, manifest = found.checkpoint, found.checkpoint.manifest
        self._state.refuse_other(manifest.config_digest, found.header)
        crash_point("restore.before_apply")
        self._state.apply(found.header, self._arena)
        self._writer.parent = Parent(generation=manifest.generation, sha256=checkpoint.sha256)
        self._saved_step = manifest.step
        self._log.write(
            "restored",
            step=manifest.step,
            generation=manifest.generation,
            sha256=checkpoint.sha256,
            seconds=time.perf_counter() - began,
            bytes=manifest.bytes,
            from_url=checkpoint.url,
        )
        return manifest.step

    def save(self, step: int) -> None:
        """Commit the state after `step` steps, unless it is committed already.

        Raises:
            FencedOut: A newer attempt has committed.
            OSError: The disk is full or gone; what was committed stays.
        """
        if step == self._saved_step:
            return
        began = time.perf_counter()
        snapshot = self._state.capture(step, self._arena)
        checkpoint = self._writer.save(snapshot)
        manifest = checkpoint.manifest
        self._log.write(
            "committed",
            step=step,
            generation=manifest.generation,
            epoch=manifest.epoch,
            manifest_url=checkpoint.url,
            sha256=checkpoint.sha256,
            tier=manifest.tier,
            exact=manifest.exact,
            bytes=snapshot.bytes,
            seconds=time.perf_counter() - began,
        )
        self._saved_step = step
        keep_newest(self._folder, self._retention)
        pause_s = time.perf_counter() - began  # This save is synchronous: all of it was standstill.
        self._log.write("captured", step=step, seconds=pause_s, bytes=snapshot.bytes, tier=manifest.tier)
