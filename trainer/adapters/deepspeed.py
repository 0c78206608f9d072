"""A DeepSpeed engine under a session, for one process.

    spot = SpotEngine(Plan.read("plan.json"), engine)
    with spot:                                  # Loads what there is into the engine.
        while spot.step < steps:
            spot.begin_step()
            loss = engine(batch(spot.step)); engine.backward(loss); engine.step()
            spot.end_step(loss=loss, tokens=…)  # Saves when due; leaves with 75 on notice.

Checkpoints of several ranks are of that number of ranks; DeepSpeed's universal ones can change it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..plan import Plan
from .driven import DrivenSession

TAG = "spot"


class SpotEngine(DrivenSession):
    """A session whose checkpoints an engine writes and reads."""

    def __init__(self, plan: Plan, engine: Any, **more: Any) -> None:
        super().__init__(plan, **more)
        self._engine = engine
        self.state.write = self._save

    def _save(self, folder: Path) -> None:
        self._engine.save_checkpoint(str(folder), tag=TAG)

    def __enter__(self) -> SpotEngine:
        super().__enter__()
        if self.restored is not None:
            self._engine.load_checkpoint(str(self.restored), tag=TAG)
            self.state.resume_random()
        return self
