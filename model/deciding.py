"""Spot here, spot there, on-demand, or wait: decided tick by tick, under a deadline that holds.

Availability by hazards that fall with age, shrunk over sibling pools and kept current; the cost to
finish by value iteration over slack (`spot_values`); the deadline by exact arithmetic outside it
(`spot_safety`). A policy sees what is up now and has been, never what comes.

Legend: T = ticks, P = pools, S = 2 states, B = age bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from .spot_action import NOTHING, ON_DEMAND, SPOT, Action, Considered, cheapest
from .spot_conditions import Conditions
from .spot_lateness import Lateness
from .spot_safety import ROUNDING, Promise
from .spot_seen import Seen
from .spot_standing import Standing
from .spot_values import HELD, NONE_DOWN, NONE_UP, OD_DOWN, OD_UP, Terms, Values, state_of
from .spot_world import Pooled, one_pool, pooled, stay_hours
from .validity import Floats

LONG_RUN_BIN = 4  # Ages of one to two hours: what a pool's hazard is once it has settled.
IMPATIENCE = 0.05  # Of the spot price: at equal cost a job is done sooner.
RELUCTANCE = 1.5  # Of a launch: hazards are believed, overheads are known.
DEAR_STAY_HOURS = 3.0  # A dear pool is left for a better one that comes up.
SOLVE_EVERY_HOURS = 12.0  # Hazards move slowly; the values of a day ago still rank actions well.


class Policy(Standing):
    """What `make_policy` returns; one per job."""

    def __init__(
        self,
        promise: Promise,
        pools: Sequence[str],
        prices: Mapping[str, float],
        on_demand_usd_per_hour: float,
        egress_usd: Mapping[tuple[str, str], float],
        seen: Seen,
        conditions: Conditions,
    ) -> None:
        super().__init__(promise, pools, prices, on_demand_usd_per_hour, egress_usd, seen)
        self.conditions = conditions
        hour_usd = conditions.value_of_time_usd_per_hour
        self._late = Lateness(promise, hour_usd, on_demand_usd_per_hour) if conditions.soft else None
        self._solve(promise.task_hours, 0)

    def decide(self, now_h: float, done_h: float, current: Action, available: Mapping[str, bool]) -> Action:
        """Return what to do for the tick that begins now.

        Args:
            now_h: Hours since the start.
            done_h: Useful work committed.
            current: What is still alive, after any preemption; (None, None) at first.
            available: Of each pool, whether all nodes can be had now; unnamed pools cannot.

        Returns:
            ("spot", pool), ("od", pool) or (None, None); `current` itself means to stay.
        """
        best = cheapest(self.consider(now_h, done_h, current, available))
        self._last = best.action
        if best.action != current:
            self._debt_hours = self._begun(best.action)
        return best.action

    def consider(
        self, now_h: float, done_h: float, current: Action, available: Mapping[str, bool]
    ) -> list[Considered]:
        """Return every action with its expected cost, on-demand first; at least one is allowed."""
        tick = self.tick_at(now_h)
        up_P = np.array([bool(available.get(pool, False)) for pool in self.pools])
        current = current if current[0] != SPOT or available.get(str(current[1])) else NOTHING
        self._advance(tick, current, up_P)
        left = max(self.promise.task_hours - done_h, 0.0)
        if left <= ROUNDING * self.promise.tick_hours:
            return [Considered(NOTHING, 0.0, True)]
        if self._stale(tick, left):
            self._solve(left, tick)
        spots, best = self._spots(tick, left, current, up_P)
        found = [self._on_demand(tick, left, current, best), *spots]
        if self.promise.floor_share >= 1.0:
            return found[:1]  # All nodes stay on on-demand.
        alone = current == NOTHING and len(self.pools) == 1 and self._late is None
        if best is None or alone:  # What lives is not given up, and a late job is not left undone for a tie.
            found.append(self._wait(tick, left, current, best))
        return [replace(each, may_be_late=True) for each in found] if self._may_be_late else found

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
        self._solved_tick = tick
        self._solve_ticks = max(round(SOLVE_EVERY_HOURS / promise.tick_hours), 1)

    def _pooled(self, hazards_PSB: Floats, left_hours: float) -> Pooled:
        """Return the pools as one: itself, where there is one."""
        up_PB = hazards_PSB[:, 1]
        price_P = np.array([self.prices[pool] for pool in self.pools])
        if len(self.pools) == 1:
            return one_pool(float(price_P[0]), hazards_PSB[0])
        self._stay = stay_hours(up_PB, left_hours)
        self._short_stay = stay_hours(up_PB, min(left_hours, DEAR_STAY_HOURS))
        cost_P = price_P * (1.0 + self.promise.overhead_hours * up_PB[:, LONG_RUN_BIN])
        return pooled(self._seen.up_TP, self._seen.hours, price_P, cost_P, up_PB, self._union.hazards()[0])

    def _after(self, tick: int, state: int, slack_hours: float) -> float:
        return self._values.after(max(self._end - tick - 1, 0), state, slack_hours)

    def _slack(self, tick: int, left: float) -> float:
        return (self._end - tick) * self.promise.tick_hours - left

    def _rest_state(self, on_demand: bool, best: int | None) -> int:
        """Return the state of holding none, or on-demand, while this pool is the best that is up."""
        if best is None:
            return state_of(OD_DOWN if on_demand else NONE_DOWN, int(self._union.bins_P[0]))
        return state_of(OD_UP if on_demand else NONE_UP, int(self._ages.bins_P[best]))

    def _on_demand(self, tick: int, left: float, current: Action, best: int | None) -> Considered:
        stays = current[0] == ON_DEMAND
        action = current if stays else (ON_DEMAND, current[1] or self.pools[0])
        owed = self._debt_hours if stays else self.promise.overhead_hours
        after = self._after(tick, self._rest_state(True, best), self._slack(tick, left) - owed)
        moving = 0.0 if stays else self._moving_usd(current[1], ON_DEMAND)
        return Considered(action, self.on_demand * self.promise.tick_hours + after + moving, True)

    def _spots(
        self, tick: int, left: float, current: Action, up_P: np.ndarray
    ) -> tuple[list[Considered], int | None]:
        """Return each pool that is up, and the best: others are dearer by what they are worse."""
        up = np.flatnonzero(up_P)
        if not up.size:
            return [], None
        owed_P = [self._owed(pool, current) for pool in self.pools]
        worse = np.array([self._worse(int(p), owed_P[p], tick, left, current) for p in up])
        best = int(up[np.argmin(worse)])
        after = self._after_spot(best, owed_P[best], tick, left)
        cost = self.usd_per_hour((SPOT, self.pools[best])) * self.promise.tick_hours + after
        found = [
            Considered(
                (SPOT, self.pools[p]),
                cost + float(by - worse.min()),
                self.promise.safe_on_spot(tick, left, owed_P[p]),
            )
            for p, by in zip(up, worse, strict=True)
        ]
        return found, best

    def _after_spot(self, pool: int, owed: float, tick: int, left: float) -> float:
        state = state_of(HELD, int(self._ages.bins_P[pool]))
        return self._after(tick, state, self._slack(tick, left) - owed)

    def _worse(self, pool: int, owed: float, tick: int, left: float, current: Action) -> float:
        """Return by how much a pool is dearer than the one held, or than the usual, over the stay in it."""
        if len(self.pools) == 1:
            return 0.0
        age_bin, overhead = int(self._ages.bins_P[pool]), self.promise.overhead_hours
        launches = (owed >= overhead) + 1.0 - self._stay[1][pool, age_bin]
        near = self._after_spot(pool, 0.0, tick, left)
        slack_usd = max(self._after_spot(pool, overhead, tick, left) - near, 0.0)
        launch_usd = min(slack_usd, overhead * self.on_demand)  # Its hours are billed, its slack is gone.
        moving_usd = launches * RELUCTANCE * launch_usd + self._moving_usd(current[1], self.pools[pool])
        return float(self._dearer_usd(pool, age_bin, current) + moving_usd)

    def _dearer_usd(self, pool: int, age_bin: int, current: Action) -> float:
        """Return the difference in price, of the nodes on spot, over the hours for which it will matter."""
        price = self.prices[self.pools[pool]]
        if current[0] == SPOT:
            held = self.pools.index(str(current[1]))
            both = min(self._stay[0][pool, age_bin], self._stay[0][held, int(self._ages.bins_P[held])])
            return float((price - self.prices[self.pools[held]]) * both * (1.0 - self.promise.floor_share))
        dearer = price - self._market.usd_per_hour
        stay = (self._short_stay if dearer > 0 else self._stay)[0][pool, age_bin]
        return float(dearer * stay * (1.0 - self.promise.floor_share))

    def _wait(self, tick: int, left: float, current: Action, best: int | None) -> Considered:
        promise, owed = self.promise, self.owed(NOTHING, current)
        state = self._rest_state(False, best)
        burnt = promise.tick_hours - promise.floor_share * (promise.tick_hours - owed)
        after = self._after(tick, state, self._slack(tick, left) - burnt)
        usd_per_hour = self.usd_per_hour(NOTHING) + IMPATIENCE * self._market.usd_per_hour
        cost = usd_per_hour * promise.tick_hours + after
        return Considered(NOTHING, cost, promise.safe_to_wait(tick, left, owed))
