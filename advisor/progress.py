"""How far a run has come, read from its stored events alone.

Wall time becomes market time by the run's clock: a replayed run does hours of market time in
seconds. Steps count as done once a checkpoint holds them; what ran after it is not kept yet.
Pure: events in, facts out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from model import realised
from model.errors import ImpossibleInput
from model.job import SECONDS_PER_HOUR

from .wire import EARLIEST, LATEST

Event = Mapping[str, Any]
LAUNCHER = "launcher"
ENDINGS = {"done": "done", "stopped": "stopped", "preempted": "lost", "failed": "failed"}


class RunClock(realised.RunClock):
    """Maps a run's wall clock onto market time, within the calendar."""

    __slots__ = ()

    @classmethod
    def of(cls, written: Mapping[str, Any] | None, opened_at: datetime) -> RunClock:
        """Read the clock stored with a run; without one, market time is wall time."""
        if not written:
            return cls(market_origin_at=opened_at, wall_origin_at=opened_at)
        return cls(
            market_origin_at=datetime.fromisoformat(written["market_origin_at"]),
            wall_origin_at=datetime.fromisoformat(written["wall_origin_at"]),
            compression=float(written["compression"]),
        )

    def market_at(self, wall: datetime) -> datetime:
        """Return the market instant of a wall instant.

        Raises:
            ImpossibleInput: The compression has carried it off the calendar.
        """
        try:
            at = self.market_origin_at + (wall - self.wall_origin_at) * self.compression
        except OverflowError:
            at = None
        if at is None or not EARLIEST <= at <= LATEST:
            raise ImpossibleInput(
                f"At a compression of {self.compression:g} the wall time {wall:%Y-%m-%d %H:%M} UTC has no "
                "market time between the years 2000 and 2200.",
                fix="Open the run with a lower compression, or with origins nearer to now.",
            )
        return at

    def of_event(self, event: Event) -> datetime:
        """Return the market instant of an event."""
        return self.market_at(datetime.fromisoformat(event["at"]))

    def hours(self, seconds: float) -> float:
        """Return the market hours of wall seconds."""
        return seconds * self.compression / SECONDS_PER_HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The newest committed generation, which a restore must not fall behind."""

    generation: int
    sha256: str
    manifest_url: str
    step: int


def checkpoints(events: Sequence[Event]) -> list[Event]:
    """Return the committed events, newest generation first."""
    committed = [event for event in events if event["event"] == "committed"]
    return sorted(committed, key=lambda event: (event["generation"], event["attempt"]), reverse=True)


def copies(events: Sequence[Event]) -> list[Event]:
    """Return the replicated events: where else each generation stands."""
    return [event for event in events if event["event"] == "replicated"]


def newest_checkpoint(events: Sequence[Event]) -> Checkpoint | None:
    """Return the newest committed generation, or None before the first."""
    found = checkpoints(events)
    if not found:
        return None
    newest = found[0]
    return Checkpoint(
        generation=newest["generation"],
        sha256=newest["sha256"],
        manifest_url=newest["manifest_url"],
        step=newest["step"],
    )


def kept_hours(
    events: Sequence[Event], clock: RunClock, speeds: Mapping[int, float], *, committed_only: bool = True
) -> dict[int, float]:
    """Return market hours of every step that is kept, by its number, in hours of the job's reference GPU.

    Args:
        events: Of the run.
        clock: Of the run.
        speeds: Attempt -> throughput of its GPU; work on a half as fast GPU counts half.
        committed_only: Count only steps that a checkpoint holds.
    """
    newest = newest_checkpoint(events)
    held = newest.step if newest else 0
    return {
        event["step"]: clock.hours(event["seconds"] * speeds.get(event["attempt"], 1.0))
        for event in sorted(events, key=lambda event: (event["attempt"], event["seq"]))
        if event["event"] == "step" and (event["step"] <= held or not committed_only)
    }


def state(events: Sequence[Event], attempts: int) -> str:
    """Return open, running, lost, stopped, failed or done: where the newest attempt stands."""
    newest = [event for event in events if event["attempt"] == attempts]
    if not events:
        return "open"
    if not newest:
        return "waiting"
    ended = [event for event in newest if event["event"] == "ended"]
    if any(event["node"] == LAUNCHER for event in ended):
        ended = [event for event in ended if event["node"] == LAUNCHER]
    return ENDINGS[ended[-1]["reason"]] if ended else "running"
