"""The nouns of the launcher: whom it asks, where to start, how an attempt ended, what a run came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from .cloud import Strike

DONE, FAILED_CHECK, STOPPED_ON_PURPOSE = 0, 5, 75  # Exit codes of the trainer.


class Service(Protocol):
    """What the launcher asks of the service; `advisor.client.Client` is the real one."""

    base_url: str
    token: str | None

    def open_run(
        self, recommendation_id: str, *, stores: dict[str, Any], rank: int = 1,
        clock: dict[str, Any] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """POST /v1/runs."""

    def next_pool(
        self, run_id: str, *, attempt: int, lost_pool_id: str | None = None,
        as_of: datetime | str | None = None, unavailable: Sequence[str] = (),
    ) -> dict[str, Any]:  # fmt: skip
        """POST /v1/runs/{id}/next-pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Where the service says to start: an attempt, its pool and its plan."""

    attempt: int
    pool_id: str
    plan: dict[str, Any]

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Offer:
        """Read it from the answer to POST /v1/runs or next-pool."""
        plan = answer["plan"]
        pool = plan["pool"]
        names = (pool["provider"], pool["region"], pool["zone_id"] or "-", pool["sku"], pool["capacity_type"])
        return cls(attempt=plan["attempt"], pool_id="/".join(names), plan=plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnd:
    """How one attempt ended."""

    offer: Offer
    exit_code: int  # Negative: killed by that signal.
    strike: Strike | None
    step: int  # Steps completed when it ended; 0 where it had not come so far.
    weights_sha256: str | None

    @classmethod
    def of(
        cls, offer: Offer, exit_code: int, strike: Strike | None, events: Sequence[Mapping[str, Any]]
    ) -> AttemptEnd:
        """Put together how it ended with what the node's own events say it had reached."""
        steps = [event["step"] for event in events if event["event"] in ("step", "restored")]
        hashes = [event["weights_sha256"] for event in events if event["event"] == "ended"]
        return cls(
            offer=offer, exit_code=exit_code, strike=strike,
            step=steps[-1] if steps else 0, weights_sha256=hashes[-1] if hashes else None,
        )  # fmt: skip

    @property
    def reason(self) -> str:
        """The word of the `ended` event. A trainer that finished under notice has finished."""
        if self.exit_code == DONE:
            return "done"
        if self.strike is not None:
            return "preempted"
        return "stopped" if self.exit_code == STOPPED_ON_PURPOSE else "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """A finished run: all its attempts, the last of which is done."""

    run_id: str
    ends: tuple[AttemptEnd, ...]

    @property
    def weights_sha256(self) -> str | None:
        """The hash of the final weights, as the trainer reported it."""
        return self.ends[-1].weights_sha256

    @property
    def lost(self) -> int:
        """Machines that were taken back."""
        return sum(end.reason == "preempted" for end in self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a progress line shows."""

    market_at: datetime
    pool_id: str | None  # None while waiting for capacity.
    attempt: int
    phase: str
    step: int
    lost: int  # Machines lost so far.
