"""Where a job stands when it decides: what it holds, what it owes, what things cost, what has been seen.

Kept tick by tick as the policy is asked, or put right at once by who knows it from elsewhere.

Legend: P = pools.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy, deepcopy
from typing import Self

import numpy as np

from .spot_action import NOTHING, ON_DEMAND, SPOT, Action, Mix
from .spot_ages import Ages
from .spot_conditions import Given
from .spot_seen import Seen
from .validity import Floats, quantity

LONG_AGO = -(10**9)  # A tick.


class Standing:
    """A promise, pools with their prices and pasts, a clock, and what is owed of the last launch."""

    def __init__(self, given: Given) -> None:
        self.promise, self.pools = given.promise, tuple(given.pools)
        self.prices, self.on_demand = dict(given.prices), given.on_demand_usd_per_hour
        self.egress_usd, self.conditions = given.egress_usd, given.conditions
        self._look(given.seen)
        self._last: Action | None = None  # Before the first decision not even a floor runs.
        self._parts_lost, self._part_hours = 0, 0.0  # Of parts of pools that were held.
        self._capacity: Mapping[str, int] = {}  # Nodes of pools of which not all can be had.
        self._mix: Mix | None = None  # Of the nodes held, where they are not a whole pool's.
        self._debt_hours, self._tick = 0.0, -1
        self._solved_tick = LONG_AGO

    def resume(
        self,
        now_h: float,
        current: Action,
        owed_hours: float,
        seen: Seen,
        egress_usd: Mapping[tuple[str, str], float],
        mix: Mix | None = None,
    ) -> None:
        """Stand anew at an instant, as it is known from elsewhere: for who asks now and then, not every tick.

        Args:
            now_h: Hours since the start.
            current: What is held.
            owed_hours: What is still owed of its launch.
            seen: The history until now, of the same pools; it takes the place of what was counted.
            egress_usd: Of moves by now; from "" where nothing is held, to "od" for on-demand.
            mix: Of the nodes held, where they are not a whole pool's. What was told of parts of pools is
                forgotten: see `update_capacity`.
        """
        self._tick, self._last, self._mix, self._capacity = self.tick_at(now_h), current, mix, {}
        self._debt_hours = float(quantity("Hours owed of a launch", owed_hours, "h"))
        self.egress_usd = egress_usd
        self._look(seen)

    def update_prices(self, now_h: float, spot_usd_per_hour: Mapping[str, float]) -> None:
        """Take new prices; they hold from now on."""
        for pool, price in spot_usd_per_hour.items():
            if pool in self.prices:
                self.prices[pool] = float(quantity("Spot price", price, "USD/h"))
        self._solved_tick = LONG_AGO

    def trial(
        self, prices: Mapping[str, float] | None = None, *, solve: bool = False, turned: str | None = None
    ) -> Self:
        """Return a copy to ask what-if questions of; this policy stays as it is.

        Args:
            prices: Of pools, where other than now's.
            solve: Work values out anew for them; else those of now's prices stand.
            turned: A pool that has just come up, or gone.
        """
        other = copy(self)
        other.prices = {**self.prices, **(prices or {})}
        other._ages, other._union = deepcopy(self._ages), deepcopy(self._union)
        if solve:
            other._solved_tick = LONG_AGO
        if turned is not None:
            other._ages.turn(self.pools.index(turned))
        return other

    def tick_at(self, now_h: float) -> int:
        """Return how many ticks have passed since the start."""
        return max(round(now_h / self.promise.tick_hours), 0)

    def owed(self, action: Action, current: Action, mix: Mix | None = None) -> float:
        """Return the hours without progress that an action begins with; with other nodes it is another."""
        if action[0] is None and not self.promise.floor_share:
            return 0.0
        stays = action == current and mix == self._mix
        return self._debt_hours if stays else self.promise.overhead_hours

    def usd_per_hour(self, action: Action, mix: Mix | None = None) -> float:
        """Return what an hour of an action is billed, for all nodes, those of the floor among them."""
        floor = self.promise.floor_share
        if mix is not None:
            usd = mix.spot_nodes * self.prices[str(action[1])] + mix.on_demand_nodes * self.on_demand
            return usd / self.conditions.nodes
        if action[0] == ON_DEMAND:
            return self.on_demand
        spot_usd = self.prices[str(action[1])] if action[0] == SPOT else 0.0
        return floor * self.on_demand + (1.0 - floor) * spot_usd

    def _begun(self, action: Action) -> float:
        """Return what is owed of a launch that begins now; a floor that is left alone begins anew, too."""
        return self.promise.overhead_hours if action[0] or self.promise.floor_share else 0.0

    def age_bin(self, pool: str) -> int:
        """Return the age bin of a pool's state."""
        return int(self._ages.bins_P[self.pools.index(pool)])

    def lost_per_hour_PB(self) -> Floats:
        """Return the hazard of a loss by pool and age, shape (P, B)."""
        return self._ages.hazards()[:, 1]

    def found_per_hour(self) -> float:
        """Return the hazard that some pool comes up, at the age of none being up."""
        return float(self._union.hazards()[0, 0, int(self._union.bins_P[0])])

    def _look(self, seen: Seen) -> None:
        self._seen = seen.paced(self.promise.tick_hours)
        self._ages: Ages = seen.ages
        self._union: Ages = seen.union

    def _advance(self, tick: int, current: Action, up_P: np.ndarray) -> None:
        """Move the clock: what is owed of the launch, and how old every state is."""
        passed = max(tick - self._tick, 0) if self._tick >= 0 else 0
        self._debt_hours = max(self._debt_hours - passed * self.promise.tick_hours, 0.0)
        if current != self._last:
            self._mix = None
            self._debt_hours = self._begun(current) if current == NOTHING else 0.0  # A launch starts anew.
        elif current == NOTHING and not self.promise.floor_share:
            self._debt_hours = 0.0
        if tick > self._tick:
            self._ages.see(up_P)
            self._union.see(np.array([up_P.any()]))
        self._tick = max(tick, self._tick)

    def _owed(self, pool: str, current: Action) -> float:
        return self.owed((SPOT, pool), current)

    def _moving_usd(self, source: str | None, target: str) -> float:
        return self.egress_usd.get((source or "", target), 0.0) if source != target else 0.0
