"""Our saves as they ship: one arena, a writer process, AES-GCM, xxh3, BLAKE3, the commit protocol, fsync."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from checkpoint_training import Saver, Training

from trainer.checkpoint.capture import TrainingState
from trainer.checkpoint.keeper import Keeper
from trainer.plan import Plan
from trainer.runlog import RunLog

EXAMPLE = Path(__file__).parents[1] / "examples" / "plan.json"


def plan_in(room: Path, attempt: int = 1, **checkpoint: object) -> Plan:
    """Return a plan whose checkpoints lie in a folder, sealed with a key made there."""
    key = room / "key"
    if not key.exists():
        key.write_text(os.urandom(32).hex())
    plan = Plan.read(EXAMPLE)
    chosen = {"asynchronous": True, "retention": 2, **checkpoint}
    return replace(
        plan,
        attempt=attempt,
        checkpoint=replace(plan.checkpoint, **chosen),
        stores=replace(plan.stores, local_dir=str(room / "checkpoints"), key_ref=f"file:{key}"),
        expires_at=datetime(2999, 1, 1, tzinfo=UTC),
        service=None,
    )


def keeper_of(model: object, optimizer: object, plan: Plan, room: Path) -> Keeper:
    """Return the keeper of a training."""
    state = TrainingState(model=model, parts={"optimizer": optimizer}, config={})  # type: ignore[arg-type, dict-item]
    return Keeper(plan, state, RunLog(room / "spool", plan.run_id, plan.attempt, "0"))


class Ours(Saver):
    """A keeper, opened and warmed as a session does it."""

    def __init__(self, training: Training, room: Path, **checkpoint: object) -> None:
        self.keeper = keeper_of(training.model, training.optimizer, plan_in(room, **checkpoint), room)
        self.keeper.restore()
        self.keeper.warm()
        self._step = 0

    def begin(self, training: Training) -> None:
        self._step += 1
        assert self.keeper.begin(self._step, "F")

    def before_update(self) -> None:
        self.keeper.join()

    def is_durable(self) -> bool:
        return not self.keeper.is_busy

    def end(self) -> None:
        self.keeper.finish()

    def close(self) -> None:
        self.keeper.close()
