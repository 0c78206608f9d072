"""How a session ends: on purpose, done or failed, with which exit code, and what the run log says of it."""

from __future__ import annotations

from typing import Literal

from .errors import TrainerError

STOPPED = 75


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
