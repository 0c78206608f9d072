"""The nouns of the launcher: whom it asks, where to start, how an attempt ended, what a run came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from trainer.runlog import RunLog

from .cloud import Strike

LAUNCHER = "launcher"  # The node that the launcher's own events are of.
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

    @classmethod
    def recorded(
        cls, offer: Offer, said: Sequence[Mapping[str, Any]], events: Sequence[Mapping[str, Any]]
    ) -> AttemptEnd | None:
        """Read it from what the launcher wrote at the time; None where it wrote no end."""
        codes = [event["exit_code"] for event in said if event["event"] == "ended"]
        return cls.of(offer, codes[-1], struck(said), events) if codes else None

    def write(self, log: RunLog) -> None:
        """Write down how it ended, a loss first."""
        if self.reason == "preempted" and self.strike is not None:
            strike = self.strike
            how = {"with_notice": strike.with_notice, "signal": strike.signal, "phase": strike.phase}
            log.write("preempted", pool_id=self.offer.pool_id, **how)
        self.write_end(log)

    def write_end(self, log: RunLog) -> None:
        """Write the `ended` event alone."""
        log.write(
            "ended", reason=self.reason, exit_code=self.exit_code, step=self.step,
            weights_sha256=self.weights_sha256,
        )  # fmt: skip

    @property
    def reason(self) -> str:
        """The word of the `ended` event. A trainer that finished under notice has finished."""
        if self.exit_code == DONE:
            return "done"
        if self.strike is not None:
            return "preempted"
        return "stopped" if self.exit_code == STOPPED_ON_PURPOSE else "failed"


def struck(said: Sequence[Mapping[str, Any]]) -> Strike | None:
    """Return the loss that a launcher wrote down, if it did."""
    losses = [event for event in said if event["event"] == "preempted"]
    how = [{name: event[name] for name in ("with_notice", "signal", "phase")} for event in losses]
    return Strike(**how[-1]) if how else None


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
