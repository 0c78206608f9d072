"""How a session comes and goes in the run log, and with which exit code it ends."""

from __future__ import annotations

import os
import sys
from typing import Literal

import torch

from .checkpoint.weights import weights_sha256
from .errors import TrainerError
from .plan import Plan
from .runlog import RunLog, environment

STOPPED = 75
COPIES_WITHIN_S = 3600.0


class StoppedOnPurpose(SystemExit):
    """Leaves the training from between two steps: everything is saved, start me again."""

    def __init__(self, reason: Literal["preempted", "stopped"]) -> None:
        super().__init__(STOPPED)
        self.reason = reason


def exit_code_of(error: BaseException | None) -> int:
    """Return the exit code a process ends with that dies of `error`."""
    if isinstance(error, TrainerError):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return 0 if error is None else 4 if isinstance(error, OSError) else 1


def patience_s(error: BaseException | None, left_s: float | None, plan: Plan) -> float:
    """Return how long to wait for copies: what the notice leaves, or as long as they may take."""
    if getattr(error, "reason", "") == "preempted":
        return plan.notice.nominal_s if left_s is None else left_s
    return COPIES_WITHIN_S if error is None or isinstance(error, StoppedOnPurpose) else 0.0


def is_new(trouble: BaseException, error: BaseException | None) -> bool:
    """Tell whether what was met on the way out is raised: not in place of what training itself died of."""
    if error is None or isinstance(error, StoppedOnPurpose) or not isinstance(trouble, Exception):
        return True
    print(f"lowtide-run: on the way out: {trouble}", file=sys.stderr)
    return False


class Words:
    """What the run log hears of a session's beginning and end."""

    def __init__(self, plan: Plan, log: RunLog) -> None:
        self._plan, self._log = plan, log

    def started(self, world_size: int) -> None:
        """A trainer came up."""
        self._log.write(
            "started",
            pool_id=self._plan.pool.key,
            image_digest=self._plan.provenance.image_digest,
            environment=environment(),
            world_size=world_size,
            pid=os.getpid(),
        )

    def ended(self, error: BaseException | None, step: int, model: torch.nn.Module) -> None:
        """It is over."""
        reason = "done" if error is None else getattr(error, "reason", "failed")
        self._log.write(
            "ended",
            reason=reason,
            exit_code=exit_code_of(error),
            step=step,
            weights_sha256=None if reason == "failed" else weights_sha256(model),
        )

    def cut_off(self, step: int) -> None:
        """The notice was over before a safe point came; called from another thread."""
        self._log.write("ended", reason="preempted", exit_code=STOPPED, step=step, weights_sha256=None)
