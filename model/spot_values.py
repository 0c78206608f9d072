"""What it costs to finish from here: finite-horizon value iteration over slack and ages.

The state is how many ticks are left, the slack (time left less work left less what is owed for
the last launch), and what is known of capacity: a spot machine held, none held, or on-demand
held, while the best pool is up for an age or none is. Running keeps slack, waiting burns it, a
launch burns the overhead.

Money is in USD for all nodes, hours are clock hours. Values are interpolated over slack and between
the ticks kept; the hard promise of the deadline is not here but in `spot_safety`.

Legend: G = ticks kept, X = states, J = slacks, B = age bins.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from .spot_ages import BINS
from .spot_world import Pooled, onward_in
from .validity import Floats

SLACKS = 64
BEND = 1.6  # Slacks lie denser near zero, where a launch decides.
NATIVE_HOURS = 2.0  # Near the deadline every tick is kept; before, steps of a growing length.
LONGEST_STEP_HOURS = 0.25
MOST_STEPS = 400  # Of the longest kind: beyond 100 h steps grow, or a month would take seconds.
MISSED = 1e4  # USD for each on-demand hour missing: far above any price.


@dataclass(frozen=True, slots=True)
class Terms:
    """What a launch, a loss and an hour cost."""

    tick_hours: float
    overhead_hours: float
    lag_hours: float  # Work a preemption loses.
    on_demand_usd_per_hour: float
    value_of_time_usd_per_hour: float = 0.0  # Of every hour until the end.


HELD, NONE_UP, NONE_DOWN, OD_UP, OD_DOWN = range(5)  # Each with its age bins.


def state_of(kind: int, age_bin: int) -> int:
    """Return the number of a state."""
    return kind * BINS + age_bin


class Values:
    """Expected cost to the end, after an action has been chosen."""

    def __init__(self, terms: Terms, market: Pooled, ticks: int, slack_hours: float) -> None:
        self.terms, self.market = terms, market
        self.kept = _kept(ticks, terms.tick_hours)
        top = max(slack_hours, terms.tick_hours)
        self.slack_J = top * (np.arange(SLACKS) / (SLACKS - 1)) ** BEND
        self._slack = self.slack_J.tolist()
        self.after_GXJ = np.zeros((len(self.kept), 5 * BINS, SLACKS), dtype=np.float32)
        self._solve()

    def after(self, ticks_left: int, state: int, slack_hours: float) -> float:
        """Return the expected cost from the end of this tick on, in a state and with the slack then left."""
        g = min(bisect_right(self.kept, ticks_left), len(self.kept) - 1)
        low, high = self.kept[g - 1], self.kept[g]
        share = min((ticks_left - low) / (high - low), 1.0)
        if slack_hours < -1e-9:
            return MISSED
        j = min(max(bisect_right(self._slack, slack_hours), 1), SLACKS - 1)
        part = min((slack_hours - self._slack[j - 1]) / (self._slack[j] - self._slack[j - 1]), 1.0)
        a, b = self.after_GXJ[g - 1, state], self.after_GXJ[g, state]
        near = float(a[j - 1]) * (1.0 - part) + float(a[j]) * part
        far = float(b[j - 1]) * (1.0 - part) + float(b[j]) * part
        return float(near * (1.0 - share) + far * share)

    def _solve(self) -> None:
        """Go back from the deadline, one kept tick to the one before."""
        tick = self.terms.tick_hours
        value_XJ = np.zeros((5 * BINS, SLACKS))  # No tick left, so no work left either.
        for g, ticks_left in enumerate(self.kept):
            after_XJ = self._expected(value_XJ, tick)
            self.after_GXJ[g] = after_XJ
            if g + 1 < len(self.kept):
                step = self.kept[g + 1] - ticks_left
                if step > 1:
                    after_XJ = self._expected(value_XJ, step * tick)
                value_XJ = self._chosen(after_XJ, step * tick, self.kept[g + 1])

    def _expected(self, value_XJ: Floats, hours: float) -> Floats:
        """Return the mean over what capacity does within some hours."""
        market = self.market
        onward = onward_in(hours)[:, None]
        older = np.minimum(np.arange(BINS) + 1, BINS - 1)
        held, none_up, none_down, od_up, od_down = value_XJ.reshape(5, BINS, SLACKS)
        after_loss = market.after_loss()
        lost_B1 = -np.expm1(-market.lost_per_hour_B * hours)[:, None]
        struck_J = after_loss[:BINS] @ none_up + after_loss[BINS] * none_down[0]
        if self.terms.lag_hours:
            struck_J = self._at(struck_J[None], self.slack_J - self.terms.lag_hours)[0]
        aged = held * (1.0 - onward) + held[older] * onward
        found = [aged * (1.0 - lost_B1) + struck_J[None] * lost_B1]
        moves = market.moves(hours)
        came_B1 = -np.expm1(-market.found_per_hour_B * hours)[:, None]
        for up, down in ((none_up, none_down), (od_up, od_down)):
            aged_down = down * (1.0 - onward) + down[older] * onward
            found.append(moves[:, :BINS] @ up + moves[:, BINS:] * down[:1])
            found.append(aged_down * (1.0 - came_B1) + up[:1] * came_B1)
        return np.concatenate(found)

    def _chosen(self, after_XJ: Floats, hours: float, ticks_left: int) -> Floats:
        """Return the value of each state when the best is done for some hours."""
        terms, slack_J = self.terms, self.slack_J
        spot_usd, od_usd = self.market.usd_per_hour * hours, terms.on_demand_usd_per_hour * hours
        after = after_XJ.reshape(5, BINS, SLACKS)
        launched = self._at(after_XJ, slack_J - terms.overhead_hours).reshape(5, BINS, SLACKS)
        waited = self._at(after_XJ, slack_J - hours).reshape(5, BINS, SLACKS)
        waited = np.where(slack_J - hours >= terms.overhead_hours, waited, MISSED)
        time_usd = terms.value_of_time_usd_per_hour * hours
        stay = np.where(slack_J >= terms.overhead_hours, after[HELD] + spot_usd, MISSED)
        start = np.where(slack_J >= 2.0 * terms.overhead_hours, launched[HELD] + spot_usd, MISSED)
        none_up = np.minimum(waited[NONE_UP], launched[OD_UP] + od_usd)
        none_down = np.minimum(waited[NONE_DOWN], launched[OD_DOWN] + od_usd)
        od_up = np.minimum(waited[NONE_UP], after[OD_UP] + od_usd)
        od_down = np.minimum(waited[NONE_DOWN], after[OD_DOWN] + od_usd)
        found = np.concatenate(
            [
                np.minimum(stay, none_up),
                np.minimum(start, none_up),
                none_down,
                np.minimum(start, od_up),
                od_down,
            ]
        )
        over = slack_J >= ticks_left * terms.tick_hours - 1e-9  # No work is left.
        return np.where(over, 0.0, np.minimum(found + time_usd, 10.0 * MISSED))

    def _at(self, value_XJ: Floats, slack_J: Floats) -> Floats:
        """Interpolate over slack; below zero the deadline is missed."""
        place = np.interp(slack_J, self.slack_J, np.arange(SLACKS, dtype=np.float64))
        low = np.minimum(place.astype(np.int64), SLACKS - 2)
        part = place - low
        found = value_XJ[:, low] * (1.0 - part) + value_XJ[:, low + 1] * part
        return np.where(slack_J < -1e-9, MISSED, found)


def _kept(ticks: int, tick_hours: float) -> list[int]:
    """Return which counts of ticks left are kept: all near the deadline, then longer and longer steps."""
    native = max(round(NATIVE_HOURS / tick_hours), 4)
    longest = max(round(max(LONGEST_STEP_HOURS, ticks * tick_hours / MOST_STEPS) / tick_hours), 1)
    found, step = [0], 1.0
    while found[-1] < ticks:
        if found[-1] >= native:
            step = min(step * 1.05, longest)
        found.append(found[-1] + max(int(step), 1))
    return found
