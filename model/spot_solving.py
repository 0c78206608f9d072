"""When values are worked out, from what, and up to which end.

Legend: P = pools, S = 2 states, B = age bins.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .spot_conditions import Given
from .spot_lateness import Lateness
from .spot_standing import Standing
from .spot_values import Terms, Values
from .spot_world import Pooled, one_pool, pooled, stay_hours
from .validity import Floats

LONG_RUN_BIN = 4  # Ages of one to two hours: what a pool's hazard is once it has settled.
DEAR_STAY_HOURS = 3.0  # A dear pool is left for a better one that comes up.
SOLVE_EVERY_HOURS = 12.0  # Hazards move slowly; the values of a day ago still rank actions well.


class Solving(Standing):
    """Keeps values that are good enough for now."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        hour_usd = self.conditions.value_of_time_usd_per_hour
        self._late = Lateness(self.promise, hour_usd, self.on_demand) if self.conditions.soft else None
        self._solve(self.promise.task_hours, 0)

    def _stale(self, tick: int, left_hours: float) -> bool:
        """Say whether values are to be worked out anew."""
        if tick - self._solved_tick >= self._solve_ticks:
            return True
        if self._late is None:
            return False
        may_be_late = self._late.allowed(tick, left_hours)
        moved = may_be_late and self._late.near(self._end, tick, left_hours)
        return may_be_late != self._may_be_late or moved

    def _solve(self, left_hours: float, tick: int) -> None:
        """Work out values from what has been seen by now."""
        promise, hazards_PSB = self.promise, self._ages.hazards()
        self._market = self._pooled(hazards_PSB, left_hours)
        self._may_be_late, self._end = False, promise.ticks
        late_ticks, hour_usd = None, self.conditions.value_of_time_usd_per_hour
        if self._late is not None:
            self._may_be_late = self._late.allowed(tick, left_hours)
            hour_usd = hour_usd if self._may_be_late else 0.0
            if self._may_be_late:
                self._end = self._late.end_tick(tick, left_hours)
                late_ticks = self._end - max(promise.ticks, tick)
        left_ticks = max(self._end - tick, 1)
        slack = max(left_ticks * promise.tick_hours - left_hours, 0.0)
        terms = Terms(
            promise.tick_hours,
            promise.overhead_hours,
            promise.lag_hours,
            self.on_demand,
            hour_usd,
            promise.floor_share,
        )
        self._values = Values(terms, self._market, left_ticks, slack, late_ticks)
        self._free: Values | None = None if hour_usd else self._values
        self._worked_out_for = left_ticks, slack, late_ticks
        self._solved_tick = tick
        self._solve_ticks = max(round(SOLVE_EVERY_HOURS / promise.tick_hours), 1)

    def _free_values(self) -> Values:
        """Return what is billed to the end, were time worth nothing; worked out where it is asked for."""
        if self._free is None:
            terms = replace(self._values.terms, value_of_time_usd_per_hour=0.0)
            self._free = Values(terms, self._market, *self._worked_out_for)
        return self._free

    def _pooled(self, hazards_PSB: Floats, left_hours: float) -> Pooled:
        """Return the pools as one: itself, where there is one."""
        up_PB = hazards_PSB[:, 1]
        price_P = np.array([self.prices[pool] for pool in self.pools])
        if len(self.pools) == 1:
            return one_pool(float(price_P[0]), hazards_PSB[0])
        self._stay_PB = stay_hours(up_PB, left_hours)[0]
        self._short_stay_PB = stay_hours(up_PB, min(left_hours, DEAR_STAY_HOURS))[0]
        market = self._market_of(list(range(price_P.size)), up_PB, self._union.hazards()[0])
        stay_B = stay_hours(market.lost_per_hour_B[None], left_hours)[0][0]
        usual_hours = max(float(market.another_B @ stay_B), self.promise.tick_hours)
        self._outlasts_PB = stay_hours(up_PB, min(left_hours, usual_hours))[1]
        return market

    def _market_of(self, members: list[int], up_per_hour_PB: Floats, some_SB: Floats) -> Pooled:
        """Return some of the pools as one."""
        price_P = np.array([self.prices[self.pools[pool]] for pool in members])
        up_PB = up_per_hour_PB[members]
        cost_P = price_P * (1.0 + self.promise.overhead_hours * up_PB[:, LONG_RUN_BIN])
        return pooled(self._seen.up_TP[:, members], self._seen.hours, price_P, cost_P, up_PB, some_SB)

    def _after(self, tick: int, state: int, slack_hours: float) -> float:
        return self._values.after(max(self._end - tick - 1, 0), state, slack_hours)

    def _slack(self, tick: int, left: float) -> float:
        return (self._end - tick) * self.promise.tick_hours - left
