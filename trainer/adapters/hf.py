"""Hugging Face's Trainer under a plan: `spot_train(trainer, plan)` in place of `trainer.train()`.

Weights, optimizer, scheduler, generators and the Trainer's own progress are restored exactly, and the data go
on behind the last sample seen: the Trainer finds its epoch and skips batches by its own means. Its own
checkpoints are not needed (`save_strategy="no"`).

One process or DDP. Where FSDP or DeepSpeed shard the parameters inside `train()`, use a loop of your own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from transformers import Trainer, TrainerCallback

from ..checkpoint.generators import random_state, set_random_state
from ..plan import Plan
from ..session import SpotSession
from .driving import Driver, NotSupported, ranks_here, steps_per_epoch

PROGRESS = "trainer_state.json"  # Where the Trainer looks for its progress.
LOGS_KEPT = 1000  # Of its log lines in a checkpoint.


def spot_train(trainer: Trainer, plan: Plan, *, config: dict[str, Any] | None = None, **options: Any) -> Any:
    """Train under a plan, going on from the newest checkpoint; return what `trainer.train()` does.

    Args:
        config: Plain JSON that must not change between two starts.
        options: Of SpotSession: its log, clock or notice.

    Raises:
        NotSupported: FSDP or DeepSpeed.
        StoppedOnPurpose, FencedOut, PlanError: As SpotSession.
    """
    if trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        raise NotSupported(
            "This Trainer shards its parameters, which happens only inside train().",
            fix="Use a loop of your own around SpotSession: see trainer/examples/fsdp2.py.",
        )
    trainer.create_optimizer()
    progress, rate = _Progress(trainer), _Rate(trainer)
    parts = {"model": trainer.model, "optimizer": trainer.optimizer, "data": progress, "scheduler": rate}
    ranks = options.pop("ranks", None) or ranks_here()
    session = SpotSession(plan, **parts, config=config, ranks=ranks, **options)
    with session, TemporaryDirectory(prefix="lowtide-") as folder, _counted(trainer) as counts:
        callback = SpotCallback(session, rate, counts)
        trainer.add_callback(callback)
        try:
            return trainer.train(resume_from_checkpoint=progress.write(Path(folder)))
        finally:
            trainer.remove_callback(callback)


class SpotCallback(TrainerCallback):  # type: ignore[misc]
    """Tells a session of each optimizer step; made by `spot_train`."""

    def __init__(self, session: SpotSession, rate: _Rate, counts: _Counts) -> None:
        self._session, self._rate, self._counts = session, rate, counts
        self._driver: Driver | None = None
        self._random: dict[str, Any] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """Put the scheduler back, which the Trainer has just made anew."""
        self._rate.apply()
        self._driver = Driver(self._session, state.max_steps)
        loader, accumulation = known["train_dataloader"], args.gradient_accumulation_steps
        if self._session.step % steps_per_epoch(loader, accumulation=accumulation, most=state.max_steps):
            self._random = random_state()  # To begin an epoch draws from it; ours is under way.

    def on_step_begin(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """A step begins."""
        if self._random is not None:
            set_random_state(self._random)
            self._random = None
        assert self._driver is not None, "on_train_begin comes first"
        self._driver.begin()

    def on_step_end(self, args: Any, state: Any, control: Any, **known: Any) -> None:
        """A step was completed; leaves the Trainer where the session says so."""
        assert self._driver is not None, "on_train_begin comes first"
        loss, tokens = self._counts.take()
        self._driver.end(loss=loss, tokens=tokens)


class _Progress:
    """The Trainer's own account of where it is, as the data cursor of the session."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._restored: str | None = None

    def state_dict(self) -> dict[str, Any]:
        state = asdict(self._trainer.state)
        state["log_history"] = (state.get("log_history") or [])[-LOGS_KEPT:]
        return {"trainer_state": json.dumps(state, default=str)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self._restored = state_dict["trainer_state"]

    def write(self, folder: Path) -> str | None:
        """Put it where the Trainer looks for it; None where the training begins."""
        if self._restored is None:
            return None
        (folder / PROGRESS).write_text(self._restored)
        return str(folder)


class _Rate:
    """The scheduler, which does not exist before `train()` and is made anew there."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._restored: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        scheduler = self._trainer.lr_scheduler
        return {} if scheduler is None else dict(scheduler.state_dict())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        self._restored = dict(state_dict)

    def apply(self) -> None:
        """Put back what was restored, and the rates themselves: a new scheduler begins with the first."""
        if not self._restored:
            return
        scheduler = self._trainer.lr_scheduler
        scheduler.load_state_dict(self._restored)
        for group, rate in zip(scheduler.optimizer.param_groups, scheduler.get_last_lr(), strict=True):
            group["lr"] = rate


class _Counts:
    """Loss and tokens of the step under way."""

    def __init__(self) -> None:
        self._loss: torch.Tensor | float = 0.0
        self._tokens = 0

    def add(self, loss: torch.Tensor, inputs: Mapping[str, Any]) -> None:
        self._loss = self._loss + loss.detach()
        words = inputs.get("input_ids")
        self._tokens += words.numel() if isinstance(words, torch.Tensor) else 0

    def take(self) -> tuple[torch.Tensor | float, int]:
        loss, tokens = self._loss, self._tokens
        self._loss, self._tokens = 0.0, 0
        return loss, tokens


@contextmanager
def _counted(trainer: Trainer) -> Iterator[_Counts]:
    """Count what goes through `training_step`; keep the Trainer from looking for weights, which are there."""
    counts, step = _Counts(), trainer.training_step

    def counting(model: Any, inputs: Any, *more: Any, **named: Any) -> Any:
        loss = step(model, inputs, *more, **named)
        counts.add(loss, inputs)
        return loss

    trainer.training_step, trainer._load_from_checkpoint = counting, lambda *_, **__: None
    try:
        yield counts
    finally:
        del trainer.training_step, trainer._load_from_checkpoint
