"""Where values are kept: at which counts of ticks left, and at which slacks.

Both lie denser where a launch decides: near the deadline, and near no slack. A soft deadline puts
such a place in the middle: the horizon ends later, and from the deadline on every hour costs.

Legend: J = slacks.
"""

from __future__ import annotations

import numpy as np

from .validity import Floats

SLACKS = 64
LATE_SLACKS = 24  # Of these, of ends after a soft deadline.
LEAST_SHARE = 1e-3  # Of the slacks: less slack before the deadline is none.
BEND = 1.6  # Slacks lie denser near zero, where a launch decides.
NATIVE_HOURS = 2.0  # Near the deadline every tick is kept; before, steps of a growing length.
LONGEST_STEP_HOURS = 0.25
MOST_STEPS = 400  # Of the longest kind: beyond 100 h steps grow, or a month would take seconds.


def kept(ticks: int, tick_hours: float, late_ticks: int = 0) -> list[int]:
    """Return which counts of ticks left are kept, 0 first: dense before the end and a soft deadline."""
    after = _steps(late_ticks, tick_hours)
    after[-1] = late_ticks
    return after + [late_ticks + each for each in _steps(ticks - late_ticks, tick_hours)[1:]]


def _steps(ticks: int, tick_hours: float) -> list[int]:
    native = max(round(NATIVE_HOURS / tick_hours), 4)
    longest = max(round(max(LONGEST_STEP_HOURS, ticks * tick_hours / MOST_STEPS) / tick_hours), 1)
    found, step = [0], 1.0
    while found[-1] < ticks:
        if found[-1] >= native:
            step = min(step * 1.05, longest)
        found.append(found[-1] + max(int(step), 1))
    return found


def slacks(top_hours: float, late_hours: float = 0.0) -> Floats:
    """Return the slacks at which values are kept, rising from 0 to the top, shape (J,).

    Args:
        top_hours: The most slack there is.
        late_hours: Slack that is used up only after a soft deadline: slacks are dense about it.
    """
    if not 0.0 < late_hours < top_hours * (1.0 - LEAST_SHARE):
        return np.asarray(top_hours * _bent(SLACKS))
    below = late_hours * (1.0 - _bent(LATE_SLACKS + 1)[::-1])
    above = late_hours + (top_hours - late_hours) * _bent(SLACKS - LATE_SLACKS)
    return np.concatenate([below[:-1], above])


def _bent(count: int) -> Floats:
    return np.asarray((np.arange(count) / (count - 1)) ** BEND)
