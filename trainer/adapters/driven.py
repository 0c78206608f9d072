"""A session that a framework drives: it begins and ends steps itself, and writes its own checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from ..plan import Plan
from ..session import SpotSession
from .folder import FolderState

ENDLESS = 1 << 62  # The framework knows when it is done.


class DrivenSession:
    """Open it before the framework trains; it tells where the framework goes on from.

    Args:
        plan: As for `SpotSession`, as are `more`.
    """

    def __init__(self, plan: Plan, **more: Any) -> None:
        self.state = FolderState(Path(plan.stores.local_dir) / "framework")
        self._session = SpotSession(plan, model=torch.nn.Identity(), optimizer=self.state, **more)
        self._steps: Iterator[int] = iter(())

    @property
    def restored(self) -> Path | None:
        """The framework's own checkpoint folder to go on from; None to begin."""
        return self.state.restored

    @property
    def step(self) -> int:
        """Steps completed."""
        return self._session.step

    def __enter__(self) -> DrivenSession:
        self._session.__enter__()
        self._steps = self._session.steps(ENDLESS)
        return self

    def begin_step(self) -> None:
        """Say that a step begins; a notice that came before is obeyed here."""
        next(self._steps)

    def end_step(self, *, loss: float, tokens: int) -> None:
        """Say that a step was completed: the safe point. Leaves with 75 on notice, as `SpotSession.tick`."""
        self._session.tick(loss=loss, tokens=tokens)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.__exit__(kind, error, trace)
