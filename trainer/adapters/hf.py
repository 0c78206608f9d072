"""Hugging Face's Trainer under a session.

    spot = SpotCallback(Plan.read("plan.json"))
    trainer = Trainer(model=…, args=…, train_dataset=…, callbacks=[spot])
    spot.attach(trainer)
    with spot:
        trainer.train(resume_from_checkpoint=spot.resume_from)

Trainer's own skipping of data that was seen makes the resumption exact; set `save_strategy="no"`, as saving
is ours. `attach` is there because Trainer has no public way to write a checkpoint at a moment we choose.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

from transformers import TrainerCallback

from ..plan import Plan
from .driven import DrivenSession


class SpotCallback(TrainerCallback):  # type: ignore[misc]
    """Saves when due, leaves when told, and says where to go on from."""

    def __init__(self, plan: Plan, *, tokens_per_step: int = 0, **more: Any) -> None:
        self._driven, self._tokens, self._loss = DrivenSession(plan, **more), tokens_per_step, float("nan")

    def attach(self, trainer: Any) -> None:
        """Have this Trainer write its checkpoints for us."""

        def write(folder: Path) -> None:
            trainer._save_checkpoint(trainer.model, None)
            written = Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.global_step}"
            shutil.copytree(written, folder, dirs_exist_ok=True)
            shutil.rmtree(written)

        self._write = write

    @property
    def resume_from(self) -> str | None:
        """What to pass to `Trainer.train`."""
        folder = self._driven.restored
        return None if folder is None else str(folder)

    def __enter__(self) -> SpotCallback:
        self._driven.__enter__()
        self._driven.state.write = self._write
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driven.__exit__(kind, error, trace)

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A step begins."""
        self._driven.begin_step()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        """Keep the newest loss for the run log."""
        self._loss = float((logs or {}).get("loss", self._loss))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """A step was completed."""
        self._driven.end_step(loss=self._loss, tokens=self._tokens)
