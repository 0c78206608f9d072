"""What the launcher needs of a cloud: a machine on request, and word of its loss.

`Cloud` is the seam. `LocalCloud` is this machine: always obtainable, never taken back.
`advisor.replay` has the cloud that repeats recorded history. Nothing here starts a process
or reads a clock; instants are market time and are handed in.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

SignalName = Literal["SIGKILL", "SIGTERM"]
AT_WORK = ("step", "save")  # The phases in which a strike interrupts training itself.


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A machine of one pool, from an instant until the cloud takes it back."""

    pool_id: str
    began_at: datetime
    ends_at: datetime | None  # None: not taken back, as far as is known.


@dataclass(frozen=True, slots=True, kw_only=True)
class Strike:
    """How a machine was lost, and what the trainer was doing at that moment."""

    with_notice: bool
    signal: SignalName
    phase: str

    @property
    def at_work(self) -> bool:
        """True where the strike landed in the middle of a step or of a save."""
        return self.phase in AT_WORK


class Machine(Protocol):
    """A trainer process on a machine, as a cloud and a launcher see it."""

    @property
    def pid(self) -> int:
        """The process on its machine."""

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""

    def phase(self) -> tuple[str, int]:
        """Return what the trainer is doing and the steps it has completed."""

    def send(self, signum: signal.Signals) -> None:
        """Deliver a signal to the whole process group; a dead group is no error."""


class Cloud(Protocol):
    """Where machines come from."""

    def request(self, pool_id: str, at: datetime) -> Lease | None:
        """Return a lease, or None where the pool has no capacity at that instant."""

    def tend(self, lease: Lease, machine: Machine, at: datetime) -> Strike | None:
        """Let the cloud act on a machine it leased; return the strike once it has been lost."""


class LocalCloud:
    """This machine: always obtainable, never taken back."""

    def request(self, pool_id: str, at: datetime) -> Lease | None:
        """Return a lease without an end."""
        return Lease(pool_id=pool_id, began_at=at, ends_at=None)

    def tend(self, lease: Lease, machine: Machine, at: datetime) -> Strike | None:
        """Do nothing: the trainer here ends when it is done."""
        return None
