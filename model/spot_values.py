"""What it costs to finish from here: finite-horizon value iteration over slack and ages.

The state is how many ticks are left, the slack (time left less work left less what is owed for
the last launch), and what is known of capacity: a spot machine held, none held, or on-demand
held, while the best pool is up for an age or none is. Running keeps slack, waiting burns it (less what a
floor works meanwhile), a launch burns the overhead.

Money is in USD for all nodes, hours are clock hours. Values are interpolated over slack and between
the ticks kept (`spot_grid`); the hard promise of the deadline is not here but in `spot_safety`. A soft
deadline lies before the end of the horizon: what is left of it from there on is late, and costs.

Legend: G = ticks kept, X = states, J = slacks, B = age bins.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

from .spot_ages import BINS
from .spot_grid import SLACKS, kept, slacks
from .spot_world import Pooled, onward_in
from .validity import Floats

MISSED = 1e4  # USD for each on-demand hour missing: far above any price.


@dataclass(frozen=True, slots=True)
class Terms:
    """What a launch, a loss and an hour cost."""

    tick_hours: float
    overhead_hours: float
    lag_hours: float  # Work a preemption loses.
    on_demand_usd_per_hour: float
    value_of_time_usd_per_hour: float = 0.0  # Of every hour until the end; of late ones, where it is soft.
    floor_share: float = 0.0  # Of the gang, on on-demand throughout.
    waiting_usd_per_hour: float = 0.0  # Beside what is billed.

    def rest_usd_per_hour(self) -> float:
        """Return what an hour of waiting is billed: that of the floor."""
        return self.floor_share * self.on_demand_usd_per_hour

    def spot_usd_per_hour(self, usd_per_hour: float) -> float:
        """Return what an hour on spot is billed beside the floor, from the price of all nodes."""
        return self.rest_usd_per_hour() + (1.0 - self.floor_share) * usd_per_hour


HELD, NONE_UP, NONE_DOWN, OD_UP, OD_DOWN = range(5)  # Each with its age bins.


def state_of(kind: int, age_bin: int) -> int:
    """Return the number of a state."""
    return kind * BINS + age_bin


class Values:
    """Expected cost to the end, after an action has been chosen."""

    def __init__(
        self, terms: Terms, market: Pooled, ticks: int, slack_hours: float, late_ticks: int | None = None
    ) -> None:
        """Work values out.

        Args:
            terms: What things cost.
            market: What capacity does.
            ticks: Until the end of the horizon.
            slack_hours: Until there, less the work left.
            late_ticks: Of these, after a soft deadline: they alone are charged with the value of time.
                None: the deadline is hard, and all are.
        """
        self.terms, self.market, self._late_ticks = terms, market, late_ticks
        late = late_ticks or 0
        self.kept = kept(ticks, terms.tick_hours, late)
        self.slack_J = slacks(max(slack_hours, terms.tick_hours), late * terms.tick_hours)
        self._slack = self.slack_J.tolist()
        self._missed = MISSED
        if late_ticks is not None:  # Lateness may be dearer than a miss was taken to be.
            self._missed += terms.value_of_time_usd_per_hour * self.kept[-1] * terms.tick_hours
        kind = np.float32 if late_ticks is None else np.float64
        self.after_GXJ = np.zeros((len(self.kept), 5 * BINS, SLACKS), dtype=kind)
        self._solve()

    def after(self, ticks_left: int, state: int, slack_hours: float) -> float:
        """Return the expected cost from the end of this tick on, in a state and with the slack then left."""
        g = min(bisect_right(self.kept, ticks_left), len(self.kept) - 1)
        low, high = self.kept[g - 1], self.kept[g]
        share = min((ticks_left - low) / (high - low), 1.0)
        if slack_hours < -1e-9:
            return self._missed
        j = min(max(bisect_right(self._slack, slack_hours), 1), SLACKS - 1)
        part = min((slack_hours - self._slack[j - 1]) / (self._slack[j] - self._slack[j - 1]), 1.0)
        a, b = self.after_GXJ[g - 1, state], self.after_GXJ[g, state]
        near = float(a[j - 1]) * (1.0 - part) + float(a[j]) * part
        far = float(b[j - 1]) * (1.0 - part) + float(b[j]) * part
        return max(float(near * (1.0 - share) + far * share), 0.0)

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
        terms, slack_J, missed = self.terms, self.slack_J, self._missed
        spot_usd = terms.spot_usd_per_hour(self.market.usd_per_hour) * hours
        od_usd, rest_usd = terms.on_demand_usd_per_hour * hours, terms.rest_usd_per_hour() * hours
        after = after_XJ.reshape(5, BINS, SLACKS)
        launched = self._at(after_XJ, slack_J - terms.overhead_hours).reshape(5, BINS, SLACKS)
        waited_J = slack_J - hours * (1.0 - terms.floor_share)
        waited = self._at(after_XJ, waited_J).reshape(5, BINS, SLACKS) + rest_usd
        waited += terms.waiting_usd_per_hour * hours
        waited = np.where(waited_J >= terms.overhead_hours, waited, missed)
        counts = self._late_ticks is None or ticks_left <= self._late_ticks
        time_usd = terms.value_of_time_usd_per_hour * hours if counts else 0.0
        stay = np.where(slack_J >= terms.overhead_hours, after[HELD] + spot_usd, missed)
        start = np.where(slack_J >= 2.0 * terms.overhead_hours, launched[HELD] + spot_usd, missed)
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
        found = np.minimum(found + time_usd, 10.0 * missed)
        surplus_J = slack_J - ticks_left * terms.tick_hours
        return np.where(surplus_J >= -1e-9, self._done(surplus_J, ticks_left), found)

    def _done(self, surplus_J: Floats, ticks_left: int) -> Floats:
        """Return the value where no work is left: 0.

        A soft deadline may lie far behind little work. Slacks are then wide apart where the work ends, so
        values go straight on below no work, launches included: what lies between is as with work.
        """
        if self._late_ticks is None:
            return np.zeros_like(surplus_J)
        launch_X1 = np.zeros((5 * BINS, 1))
        launch_X1[NONE_UP * BINS : OD_UP * BINS] = self.terms.overhead_hours
        usd_per_hour = self.terms.spot_usd_per_hour(self.market.usd_per_hour)
        late = ticks_left < self._late_ticks  # At the deadline itself nothing has been charged yet.
        late_usd = self.terms.value_of_time_usd_per_hour if late else 0.0
        return np.asarray(launch_X1 * usd_per_hour - surplus_J * (usd_per_hour + late_usd))

    def _at(self, value_XJ: Floats, slack_J: Floats) -> Floats:
        """Interpolate over slack; below zero the deadline is missed."""
        place = np.interp(slack_J, self.slack_J, np.arange(SLACKS, dtype=np.float64))
        low = np.minimum(place.astype(np.int64), SLACKS - 2)
        part = place - low
        found = value_XJ[:, low] * (1.0 - part) + value_XJ[:, low + 1] * part
        return np.where(slack_J < -1e-9, self._missed, found)
