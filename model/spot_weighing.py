"""What each thing that could be done now is expected to cost to the end.

Several pools: the one that is best is priced by the values, the others by what they are worse: the
difference in price over the hours for which both will last, launches, egress.

Legend: P = pools.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .spot_action import NOTHING, ON_DEMAND, SPOT, Action, Considered
from .spot_values import HELD, NONE_DOWN, NONE_UP, OD_DOWN, OD_UP, state_of
from .spot_waiting import IMPATIENCE, Waiting

RELUCTANCE = 2.5  # Of a launch: hazards are believed, overheads are known.


class Weighing(Waiting):
    """Prices actions by one tick of each and the values after it."""

    def _weighed(self, tick: int, left: float, current: Action, up_P: np.ndarray) -> list[Considered]:
        """Return every action, on-demand first.

        What lives is not given up to wait, and a late job is not left undone for a tie.
        """
        spots, best = self._spots(tick, left, current, up_P)
        found = [self._on_demand(tick, left, current, best), *spots]
        if self.promise.floor_share >= 1.0:
            return found[:1]  # All nodes stay on on-demand.
        if best is None or (current == NOTHING and len(self.pools) == 1 and not self._worked.may_be_late):
            found.append(self._wait(tick, left, current, best))
        elif current == NOTHING:
            found += self._wait_beside(tick, left, current, best, up_P, min(each.cost_usd for each in spots))
        return [replace(each, may_be_late=True) for each in found] if self._worked.may_be_late else found

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
        launches = (owed >= overhead) + 1.0 - self._worked.outlasts_PB[pool, age_bin]
        near = self._after_spot(pool, 0.0, tick, left)
        slack_usd = max(self._after_spot(pool, overhead, tick, left) - near, 0.0)
        launch_usd = min(slack_usd, overhead * self.on_demand)  # Its hours are billed, its slack is gone.
        moving_usd = launches * RELUCTANCE * launch_usd + self._moving_usd(current[1], self.pools[pool])
        return float(self._dearer_usd(pool, age_bin, current) + moving_usd)

    def _dearer_usd(self, pool: int, age_bin: int, current: Action) -> float:
        """Return the difference in price, of the nodes on spot, over the hours for which it will matter."""
        price = self.prices[self.pools[pool]]
        if current[0] == SPOT:
            held, stay_PB = self.pools.index(str(current[1])), self._worked.stay_PB
            both = min(stay_PB[pool, age_bin], stay_PB[held, int(self._ages.bins_P[held])])
            return float((price - self.prices[self.pools[held]]) * both * (1.0 - self.promise.floor_share))
        dearer = price - self._worked.market.usd_per_hour
        stay = (self._worked.short_stay_PB if dearer > 0 else self._worked.stay_PB)[pool, age_bin]
        return float(dearer * stay * (1.0 - self.promise.floor_share))

    def _wait(self, tick: int, left: float, current: Action, best: int | None) -> Considered:
        state = self._rest_state(False, best)
        after = self._after(tick, state, self._slack(tick, left) - self._burnt(current))
        return self._waiting(self._resting_tick_usd() + after, tick, left, current)

    def _wait_beside(
        self, tick: int, left: float, current: Action, best: int, up_P: np.ndarray, best_usd: float
    ) -> list[Considered]:
        """Return waiting for a cheaper pool than the best that is up, where it is weighed."""
        owed = self._owed(self.pools[best], current)
        by_usd = self._waited_usd(best, owed, tick, left, self._burnt(current), up_P)
        if by_usd is None:
            return []
        spot_usd = self.usd_per_hour((SPOT, self.pools[best])) * self.promise.tick_hours
        return [self._waiting(best_usd + self._resting_tick_usd() - spot_usd + by_usd, tick, left, current)]

    def _burnt(self, current: Action) -> float:
        """Return the slack that a tick of waiting burns."""
        promise = self.promise
        return promise.tick_hours - promise.waited_hours(self.owed(NOTHING, current))

    def _resting_tick_usd(self) -> float:
        usd_per_hour = self.usd_per_hour(NOTHING) + IMPATIENCE * self._worked.market.usd_per_hour
        return usd_per_hour * self.promise.tick_hours

    def _waiting(self, cost_usd: float, tick: int, left: float, current: Action) -> Considered:
        safe = self.promise.safe_to_wait(tick, left, self.owed(NOTHING, current))
        return Considered(NOTHING, float(cost_usd), safe)
