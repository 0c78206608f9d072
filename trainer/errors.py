"""Refusals of the trainer: what was seen, why it stops us, what to do next.

The trainer stands alone, so it has its own errors; their shape and exit codes are those of
the other rooms, and whoever turns errors into an answer need not know which room spoke.
"""

from __future__ import annotations


class TrainerError(Exception):
    """A refusal that a person can act on.

    Args:
        seen: What was seen, with its unit, and why that stops us. One or two sentences.
        fix: The next step, as an imperative sentence.
    """

    exit_code = 1

    def __init__(self, seen: str, *, fix: str) -> None:
        super().__init__(seen)
        self.seen = seen
        self.fix = fix

    def __str__(self) -> str:
        return f"{type(self).__name__}: {self.seen} {self.fix}"


class PlanError(TrainerError):
    """A plan that cannot be read, or asks for what this trainer does not do."""

    exit_code = 2


class EventError(TrainerError):
    """A line of a run log that is not a run event."""

    exit_code = 2


class ServiceUnreachable(TrainerError):
    """The service did not answer, or answered with an error. Training goes on without it."""

    exit_code = 4


class NotCapturable(TrainerError):
    """A part of the training state that is neither a tensor nor a plain value."""

    exit_code = 2


class OtherTraining(TrainerError):
    """The checkpoints in this folder are of another run, model or configuration."""

    exit_code = 2


class NotSealed(TrainerError):
    """A key is named for a run whose checkpoints are all in the open. They are not damaged, and stay."""

    exit_code = 2


class OtherSchema(TrainerError):
    """A whole checkpoint of a schema that this version does not read. It is not damaged, and stays."""

    exit_code = 2


class NoValidCheckpoint(TrainerError):
    """Checkpoints exist and none of them verifies. Never the same as "no checkpoint yet"."""

    exit_code = 5


class FencedOut(TrainerError):
    """A newer attempt has committed: this process is a zombie and must not commit any more."""

    exit_code = 5


class RolledBack(TrainerError):
    """A store shows only older checkpoints than it is known to have held."""

    exit_code = 5
