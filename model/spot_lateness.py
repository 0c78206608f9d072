"""A soft deadline: how late an end is looked at, and when lateness is so dear that it is never risked.

An hour late costs the value of time, so nobody is later than all of the work would cost on demand:
that bounds how far beyond the deadline values are worked out. Where waiting is nearly free the
horizon is cut, and moves on with the job long before it is reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf

from .spot_safety import Promise

MOST_MARGIN_HOURS = 72.0  # Of waiting that is looked at.
LEAST_MARGIN_TICKS = 4
DEAR = 100.0  # Where a tick late costs so many times all of the work on demand, it is not risked.


@dataclass(frozen=True, slots=True)
class Lateness:
    """What an hour after the deadline costs, beside what on-demand does."""

    promise: Promise
    usd_per_hour: float
    on_demand_usd_per_hour: float

    def allowed(self, tick: int, left_hours: float) -> bool:
        """Say whether being late is a matter of money; else the deadline, which on-demand fits, is kept."""
        promise = self.promise
        all_usd = self.on_demand_usd_per_hour * (promise.task_hours + promise.overhead_hours)
        dear = self.usd_per_hour * promise.tick_hours >= DEAR * all_usd and self.usd_per_hour > 0
        fits = promise.ticks_on_demand(left_hours, promise.overhead_hours) <= promise.ticks - tick
        return not (dear and fits)

    def end_tick(self, tick: int, left_hours: float) -> int:
        """Return the tick at which the horizon ends: on-demand ends before it, with a margin for waiting."""
        return max(self.promise.ticks, self._on_demand_ends(tick, left_hours)) + self._margin(left_hours)

    def near(self, end_tick: int, tick: int, left_hours: float) -> bool:
        """Say whether a horizon has come so near that it should move on."""
        return end_tick - self._on_demand_ends(tick, left_hours) < self._margin(left_hours) / 2

    def _on_demand_ends(self, tick: int, left_hours: float) -> int:
        return tick + self.promise.ticks_on_demand(left_hours, self.promise.overhead_hours)

    def _margin(self, left_hours: float) -> int:
        """Return how many ticks of waiting can be worth it at most, within bounds."""
        promise = self.promise
        dearest_usd = self.on_demand_usd_per_hour * (left_hours + promise.overhead_hours)
        worth_hours = dearest_usd / self.usd_per_hour if self.usd_per_hour > 0 else inf
        least = ceil((2.0 * promise.overhead_hours + promise.lag_hours) / promise.tick_hours)
        return max(ceil(min(worth_hours, MOST_MARGIN_HOURS) / promise.tick_hours), least + LEAST_MARGIN_TICKS)
