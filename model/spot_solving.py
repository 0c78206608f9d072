"""When values are worked out, from what, and up to which end.

Legend: P = pools, S = 2 states, B = age bins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Self

import numpy as np

from .spot_conditions import Given
from .spot_lateness import Lateness
from .spot_standing import LONG_AGO, Standing
from .spot_values import Terms, Values
from .spot_worked import Worked
from .spot_world import Pooled, one_pool, pooled, stay_hours
from .validity import Floats

LONG_RUN_BIN = 4  # Ages of one to two hours: what a pool's hazard is once it has settled.
DEAR_STAY_HOURS = 3.0  # A dear pool is left for a better one that comes up.
STEP = 1e-3  # Of the value of time, or of the on-demand price where that is more.
# Hazards move slowly; the values of a day ago still rank actions well. The next are begun after some
# hours and are there a spread of hours later, or more where ticks are long.
BEGUN_AFTER_HOURS, SPREAD_HOURS = 8.0, 4.0
MOST_STEPS = 12  # For each tick: some 2 ms.


class Solving(Standing):
    """Keeps values that are good enough for now."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        hour_usd = self.conditions.value_of_time_usd_per_hour
        self._late = Lateness(self.promise, hour_usd, self.on_demand) if self.conditions.soft else None
        self._coming: Worked | None = None
        self._is_trial = False
        self._kept_up_to = 0  # The tick until which the next values are worked out.
        self._solve(self.promise.task_hours, 0)

    def trial(
        self, prices: Mapping[str, float] | None = None, *, solve: bool = False, turned: str | None = None
    ) -> Self:
        """Return a copy to ask what-if questions of; it works no next values out."""
        other = super().trial(prices, solve=solve, turned=turned)
        other._is_trial, other._coming = True, None
        return other

    def _keep_up(self, tick: int, left_hours: float) -> None:
        """Work values out anew where those there are no longer hold; else a part of the next."""
        if self._stale(tick, left_hours):
            self._solve(left_hours, tick)
            return
        if self._is_trial:
            return
        if self._coming is None and tick - self._solved_tick >= self._ticks_in(BEGUN_AFTER_HOURS):
            self._coming = self._begun_anew(left_hours, tick, at_once=False)
        coming, passed = self._coming, max(tick - self._kept_up_to, 1)
        self._kept_up_to = tick
        if coming is None:
            return
        a_tick = min(ceil(coming.steps / self._ticks_in(SPREAD_HOURS)), MOST_STEPS)
        if coming.advance(a_tick * passed):  # Who asks seldom works the more.
            self._worked, self._solved_tick, self._coming = coming, coming.tick, None

    def _stale(self, tick: int, left_hours: float) -> bool:
        """Say whether values no longer hold."""
        if self._solved_tick == LONG_AGO:
            return True
        if self._late is None:
            return False
        may_be_late = self._late.allowed(tick, left_hours)
        moved = may_be_late and self._late.near(self._worked.end, tick, left_hours)
        return may_be_late != self._worked.may_be_late or moved

    def _ticks_in(self, hours: float) -> int:
        return max(round(hours / self.promise.tick_hours), 1)

    def _solve(self, left_hours: float, tick: int) -> None:
        """Work values out at once, from what has been seen by now."""
        self._worked, self._solved_tick = self._begun_anew(left_hours, tick, at_once=True), tick
        self._coming = None

    def _begun_anew(self, left_hours: float, tick: int, *, at_once: bool) -> Worked:
        """Return values from what has been seen by now, worked out at once or to be advanced."""
        promise, hazards_PSB = self.promise, self._ages.hazards()
        market, stays = self._pooled(hazards_PSB, left_hours)
        may_be_late, end = False, promise.ticks
        late_ticks, hour_usd = None, self.conditions.value_of_time_usd_per_hour
        if self._late is not None:
            may_be_late = self._late.allowed(tick, left_hours)
            hour_usd = hour_usd if may_be_late else 0.0
            if may_be_late:
                end = self._late.end_tick(tick, left_hours)
                late_ticks = end - max(promise.ticks, tick)
        left_ticks = max(end - tick, 1)
        slack = max(left_ticks * promise.tick_hours - left_hours, 0.0)
        terms = Terms(
            promise.tick_hours,
            promise.overhead_hours,
            promise.lag_hours,
            self.on_demand,
            hour_usd,
            promise.floor_share,
        )
        values = Values(terms, market, left_ticks, slack, late_ticks, at_once=at_once)
        return Worked(
            tick=tick, end=end, may_be_late=may_be_late, horizon=(left_ticks, slack, late_ticks),
            market=market, values=values, stay_PB=stays[0], short_stay_PB=stays[1],
            outlasts_PB=stays[2], free=None if hour_usd else values,
        )  # fmt: skip

    def _free_values(self) -> Values:
        """Return what is billed to the end, were time worth nothing; worked out where it is asked for."""
        if self._worked.free is None:
            self._worked.free = self._values_at(0.0)
        return self._worked.free

    def _steeper_values(self) -> tuple[Values, float]:
        """Return the values of a value of time that is a small step higher, and the step; kept once made."""
        worth = self._worked.values.terms.value_of_time_usd_per_hour
        step = STEP * max(worth, self.on_demand)
        if self._worked.steeper is None:
            self._worked.steeper = self._values_at(worth + step)
        return self._worked.steeper, step

    def _values_at(self, value_of_time_usd_per_hour: float) -> Values:
        """Return the values of another value of time, all else the same."""
        worked = self._worked
        terms = replace(worked.values.terms, value_of_time_usd_per_hour=value_of_time_usd_per_hour)
        return Values(terms, worked.market, *worked.horizon)

    def _pooled(self, hazards_PSB: Floats, left_hours: float) -> tuple[Pooled, tuple[Floats, Floats, Floats]]:
        """Return the pools as one, itself where there is one; their stays; which outlast the usual."""
        up_PB, none = hazards_PSB[:, 1], np.zeros((0, 0))
        if len(self.pools) == 1:
            return one_pool(self.prices[self.pools[0]], hazards_PSB[0]), (none, none, none)
        stay_PB = stay_hours(up_PB, left_hours)[0]
        short_PB = stay_hours(up_PB, min(left_hours, DEAR_STAY_HOURS))[0]
        market = self._market_of(list(range(len(self.pools))), up_PB, self._union.hazards()[0])
        stay_B = stay_hours(market.lost_per_hour_B[None], left_hours)[0][0]
        usual_hours = max(float(market.another_B @ stay_B), self.promise.tick_hours)
        return market, (stay_PB, short_PB, stay_hours(up_PB, min(left_hours, usual_hours))[1])

    def _market_of(self, members: list[int], up_per_hour_PB: Floats, some_SB: Floats) -> Pooled:
        """Return some of the pools as one."""
        price_P = np.array([self.prices[self.pools[pool]] for pool in members])
        up_PB = up_per_hour_PB[members]
        cost_P = price_P * (1.0 + self.promise.overhead_hours * up_PB[:, LONG_RUN_BIN])
        return pooled(self._seen.up_TP[:, members], self._seen.hours, price_P, cost_P, up_PB, some_SB)

    def _after(self, tick: int, state: int, slack_hours: float) -> float:
        return self._worked.values.after(max(self._worked.end - tick - 1, 0), state, slack_hours)

    def _slack(self, tick: int, left: float) -> float:
        return (self._worked.end - tick) * self.promise.tick_hours - left
