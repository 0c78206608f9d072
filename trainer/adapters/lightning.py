"""Lightning under a session.

    spot = SpotCallback(Plan.read("plan.json"))
    trainer = Trainer(callbacks=[spot], enable_checkpointing=False)
    with spot:
        trainer.fit(model, data, ckpt_path=spot.ckpt_path)

Lightning goes on in the middle of an epoch only with a data loader that has a state of its own; with another
it begins the epoch's data anew, and samples are seen twice.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from lightning.pytorch.callbacks import Callback

from ..plan import Plan
from .driven import DrivenSession

FILE = "lightning.ckpt"


class SpotCallback(Callback):  # type: ignore[misc]
    """Saves when due, leaves when told, and says where to go on from."""

    def __init__(self, plan: Plan, *, tokens_per_step: int = 0, **more: Any) -> None:
        self._driven, self._tokens = DrivenSession(plan, **more), tokens_per_step
        self._is_open = False

    @property
    def ckpt_path(self) -> str | None:
        """What to pass to `Trainer.fit`."""
        folder = self._driven.restored
        return None if folder is None else str(folder / FILE)

    def __enter__(self) -> SpotCallback:
        self._driven.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._driven.__exit__(kind, error, trace)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Have Lightning write its checkpoints for us from now on."""
        self._driven.state.write = lambda folder: trainer.save_checkpoint(Path(folder) / FILE)
        self._driven.state.resume_random()

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        """A step begins, unless gradients are still being gathered."""
        if not self._is_open:
            self._driven.begin_step()
            self._is_open = True

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """A step was completed where the optimizer has stepped."""
        if trainer.global_step <= self._driven.step:
            return
        self._is_open = False
        loss = outputs["loss"] if isinstance(outputs, dict) else outputs
        self._driven.end_step(loss=float(loss), tokens=self._tokens)
