"""How a session comes and goes in the run log, and with which exit code it ends."""

from __future__ import annotations

import os
import sys
import time
from typing import Any, Literal

import torch

from .checkpoint.ladder import Choice
from .checkpoint.saving import Saving
from .checkpoint.weights import weights_sha256
from .errors import TrainerError
from .notice import RESERVE_S, NoticeWatch
from .plan import Plan
from .runlog import RunLog, environment

STOPPED = 75
COPIES_WITHIN_S = 3600.0
LOOK_EVERY_S = 0.25  # For a notice, while copies are waited for.
LEAST_S = 1e-3


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
        whole_s = plan.notice.nominal_s if left_s is None else left_s
        return whole_s - 2 * min(RESERVE_S, whole_s / 4)  # To be gone before `stop_hard_after` strikes.
    return COPIES_WITHIN_S if error is None or isinstance(error, StoppedOnPurpose) else 0.0


def wait_for_copies(
    keeper: Saving, notice: NoticeWatch, words: Words, error: BaseException | None
) -> tuple[StoppedOnPurpose | None, float]:
    """Wait for copies of what was saved last, no longer than a notice leaves where one comes meanwhile.

    Returns:
        What ends a session that was done, but whose copies were cut off by a notice: the disk here may go
        with the machine. And how long may still be waited.
    """
    until = time.monotonic() + patience_s(error, notice.left_s, words.plan)
    if until <= time.monotonic():
        return None, 0.0
    cut: StoppedOnPurpose | None = None
    while (left_s := until - time.monotonic()) > 0:
        if keeper.drain(min(LOOK_EVERY_S, left_s)):
            return None, left_s
        source = notice.heard()
        if source is not None and cut is None and getattr(error, "reason", "") != "preempted":
            cut = StoppedOnPurpose("preempted")
            words.noticed(source, notice.left_s)
            until = min(until, time.monotonic() + patience_s(cut, notice.left_s, words.plan))
    return cut if error is None else None, LEAST_S


def say_choice(choice: Choice) -> None:
    """Say what was saved within a notice."""
    what = {None: "nothing is saved", "flush": "nothing new is saved"}.get(choice.rung, "saved")
    print(f"lowtide-run: {what}: {choice.reason}", file=sys.stderr)


def is_new(trouble: BaseException, error: BaseException | None) -> bool:
    """Tell whether what was met on the way out is raised: not in place of what training itself died of."""
    if error is None or isinstance(error, StoppedOnPurpose) or not isinstance(trouble, Exception):
        return True
    print(f"lowtide-run: on the way out: {trouble}", file=sys.stderr)
    return False


class Words:
    """What the run log hears of a session's beginning and end."""

    def __init__(self, plan: Plan, log: RunLog) -> None:
        self.plan, self._log = plan, log

    def started(self, world_size: int) -> None:
        """A trainer came up."""
        self._log.write(
            "started",
            pool_id=self.plan.pool.key,
            image_digest=self.plan.provenance.image_digest,
            environment=environment(),
            world_size=world_size,
            pid=os.getpid(),
        )

    def stepped(self, step: int, seconds: float, loss: Any, tokens: Any) -> None:
        """A step was completed; numbers may be torch's or numpy's."""
        self._log.write(
            "step", step=step, seconds=seconds, loss=float(_plain(loss)), tokens=_whole(_plain(tokens))
        )

    def noticed(self, source: str, left_s: float | None) -> None:
        """A notice is obeyed."""
        assumed_s = self.plan.notice.assumed_s if left_s is None else left_s
        self._log.write("notice", source=source, assumed_s=assumed_s)

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


def _plain(number: Any) -> Any:
    """Return Python's own number, on the CPU, of a scalar of torch or numpy."""
    return number.item() if hasattr(number, "item") else number


def _whole(number: Any) -> Any:
    """Return 512 for 512.0; anything else as it is, for the run log to refuse."""
    return int(number) if isinstance(number, float) and number.is_integer() else number
