"""What a run measured of itself: how long its steps and saves take, and so what is left of it.

A job file states hours and overheads before anything has run. Once the trainer says how many steps
it makes in all, what is left is those still to come at the pace of the latest; once it has saved
some times, a save stands still for as long as it did. Pure: events in, facts out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil, log
from statistics import median

from model.job import Overheads

from .progress import Event, RunClock

RECENT_STEPS = 200
STATED_STEPS = 20.0  # Steps' worth of the job file's own pace.
RECENT_SAVES = 20
LEAST_SAVES = 5
GRID = 0.02  # Paces and pauses move in such steps, so that decisions do not follow their noise.


def planned_steps(events: Sequence[Event]) -> int | None:
    """Return how many steps the trainer makes in all, as it said last; None where it never did."""
    told = [event for event in events if event["event"] == "planned"]
    return max(told, key=lambda event: (event["attempt"], event["seq"]))["steps"] if told else None


def left_hours(stated_hours: float, kept_hours: Mapping[int, float], planned: int | None) -> float:
    """Return what is left, in hours of the job's reference GPU; below 0 where the job file was too short.

    Args:
        stated_hours: Useful hours of the job, by its file.
        kept_hours: Of every step that lasts, by its number.
        planned: Steps in all; None where the trainer did not say.
    """
    if planned is None:
        return stated_hours - sum(kept_hours.values())
    recent = [kept_hours[step] for step in sorted(kept_hours)[-RECENT_STEPS:]]
    stated = stated_hours / planned
    pace = (STATED_STEPS * stated + sum(recent)) / (STATED_STEPS + len(recent))
    return max(planned - max(kept_hours, default=0), 0) * _on_grid(pace, stated)


def measured(stated: Overheads, events: Sequence[Event], clock: RunClock) -> Overheads:
    """Return the overheads with the pause of the run's own latest full saves, where there were enough."""
    told = sorted(
        (event for event in events if event["event"] == "captured" and event["tier"] != "W"),
        key=lambda event: (event["attempt"], event["seq"]),
    )
    recent = [event["seconds"] for event in told[-RECENT_SAVES:]]
    if len(recent) < LEAST_SAVES:
        return stated
    pause_s = _on_grid(median(recent) * clock.compression, max(stated.pause_s, 1e-3))
    return replace(
        stated, pause_s=pause_s, origin=f"{stated.origin}; pause measured over {len(recent)} saves of the run"
    )


def _on_grid(value: float, around: float) -> float:
    """Return a value above 0 rounded up to a grid of ratios."""
    if value <= 0.0 or around <= 0.0:
        return max(value, 0.0)
    return float(around * (1.0 + GRID) ** ceil(log(value / around) / log(1.0 + GRID) - 1e-9))
