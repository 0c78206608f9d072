"""Refusals: what was seen, why it stops us, what to do next.

Every room raises these, so that the command can turn them into an exit code and the
service into a problem+json answer without knowing the room. The trainer stands alone and
has its own, of the same shape.
"""

from __future__ import annotations


class LowtideError(Exception):
    """A refusal that a person can act on.

    Args:
        seen: What was seen, with its unit, and why that stops us. One or two sentences.
        fix: The next step, as an imperative sentence.
    """

    exit_code = 1
    slug = "internal"

    def __init__(self, seen: str, *, fix: str) -> None:
        super().__init__(seen)
        self.seen = seen
        self.fix = fix

    def __str__(self) -> str:
        return f"{type(self).__name__}: {self.seen} {self.fix}"


class ImpossibleInput(LowtideError):
    """The input contradicts itself or the world: a negative price, a deadline in the past."""

    exit_code = 2
    slug = "impossible-input"


class InsufficientHistory(LowtideError):
    """The data cannot support an answer; the message names the number that is missing."""

    exit_code = 3
    slug = "insufficient-history"


class EnvironmentTrouble(LowtideError):
    """The world around us: a lock, the network, a full disk, a missing extra."""

    exit_code = 4
    slug = "environment"


class CheckFailed(LowtideError):
    """A check ran and said no: verify, drill, budget gate."""

    exit_code = 5
    slug = "check-failed"
