"""Fewer nodes than the gang: an elastic job may shrink to them, or have on-demand replace the missing ones.

Both are priced over the hours for which a part of a pool is expected to stay a part, at the nodes' share
of the speed (data parallelism) and of the prices, and by the values from then on, when some pool is up as
a whole, or the part is lost. Every change of the number of nodes is a launch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import inf

import numpy as np

from .spot_action import SPOT, Action, Considered, Mix
from .spot_solving import LONG_RUN_BIN
from .spot_values import NONE_UP, state_of
from .spot_weighing import Weighing
from .validity import quantity


class Partial(Weighing):
    """Adds what can be done with a part of a pool."""

    def update_capacity(self, now_h: float, obtainable_nodes: Mapping[str, int]) -> None:
        """Take how many nodes can be had in pools of which not all can; it holds until told otherwise.

        Pools that are not named stay all or nothing, as `available` says; all do, unless the job is elastic.
        A number that contradicts `available` is out of date and not used.
        """
        told = {
            pool: int(quantity("Obtainable nodes", count, "nodes"))
            for pool, count in obtainable_nodes.items()
            if pool in self.prices
        }
        self._capacity = {**self._capacity, **told}

    def obtainable(self, pool: str, available: bool) -> int:
        """Return how many nodes of a pool can be had; of a job that is not elastic all or none."""
        nodes = self.conditions.nodes
        if available:
            return nodes
        count = self._capacity.get(pool, 0) if self.conditions.elastic else 0
        return count if count < nodes else 0

    def _advance(self, tick: int, current: Action, up_P: np.ndarray) -> None:
        if self._mix is not None and tick > self._tick:
            self._parts_lost += current != self._last
            self._part_hours += (tick - self._tick) * self.promise.tick_hours
        super()._advance(tick, current, up_P)

    def _weighed(self, tick: int, left: float, current: Action, up_P: np.ndarray) -> list[Considered]:
        found = super()._weighed(tick, left, current, up_P)
        if not self._capacity or not self.conditions.elastic or self.promise.floor_share >= 1.0:
            return found
        best = self._best(found)
        parts = [
            self._part(pool, mix, tick, left, current, best)
            for pool, up in zip(self.pools, up_P, strict=True)
            for mix in self._mixes(pool, bool(up), current, best)
        ]
        return found + [replace(each, may_be_late=found[0].may_be_late) for each in parts]

    def _best(self, found: list[Considered]) -> int | None:
        whole = [each for each in found if each.action[0] == SPOT]
        if not whole:
            return None
        return self.pools.index(str(min(whole, key=lambda each: each.cost_usd).action[1]))

    def _mixes(self, pool: str, up: bool, current: Action, best: int | None) -> list[Mix]:
        """Return what is held, and, where no pool is up as a whole, what else a part can be used for."""
        conditions, count = self.conditions, self.obtainable(pool, up)
        floor = conditions.floor_nodes
        held = self._mix if current == (SPOT, pool) else None
        found = [] if held is None else [held]
        spot = min(count, conditions.nodes - floor)
        if best is None and spot > 0:
            found += [Mix(spot, floor), Mix(spot, conditions.nodes - spot)]
        return list(dict.fromkeys(found))

    def _part(
        self, pool: str, mix: Mix, tick: int, left: float, current: Action, best: int | None
    ) -> Considered:
        promise, action = self.promise, (SPOT, pool)
        owed, speed = self.owed(action, current, mix), mix.nodes / self.conditions.nodes
        free = self._slack(tick, left) - speed * owed - promise.overhead_hours
        most = min(left / speed + owed, free / (1.0 - speed) if speed < 1.0 else inf)
        ticks, lost, came = self._part_stays(best, most)
        slack = free + promise.overhead_hours - (1.0 - speed) * ticks * promise.tick_hours
        last, rest = tick + ticks - 1, self._rest_state(False, best)
        after = came * self._resting_usd(last, state_of(NONE_UP, 0), slack)
        after += lost * self._resting_usd(last, rest, slack - promise.lag_hours)
        cost = self.usd_per_hour(action, mix) * ticks * promise.tick_hours + after
        cost += self._moving_usd(current[1], pool)
        return Considered(action, cost, promise.safe_on_spot(tick, left, owed, speed), mix=mix)

    def _part_stays(self, best: int | None, most_hours: float) -> tuple[int, float, float]:
        """Return for how many ticks a part is expected to stay one, and the shares in which it is then lost,
        and in which some pool is up as a whole.

        A part is believed to be lost as a whole pool is, until parts that were held have shown otherwise.
        """
        tick_hours = self.promise.tick_hours
        whole = max(float(self._worked.market.lost_per_hour_B[LONG_RUN_BIN]), 1e-9)
        lost = (1.0 + self._parts_lost) / (1.0 / whole + self._part_hours)
        found_per_hour_B = self._worked.market.found_per_hour_B
        came = 0.0 if best is not None else float(found_per_hour_B[int(self._union.bins_P[0])])
        hours = min(1.0 / (lost + came), most_hours)
        return max(int(hours / tick_hours), 1), lost / (lost + came), came / (lost + came)

    def _resting_usd(self, tick: int, state: int, slack: float) -> float:
        """Return what follows a tick after which nothing is held.

        Where a launch just fits values lie between ones that miss the deadline: no more than on-demand then.
        """
        promise, after = self.promise, self._after(tick, state, slack)
        left = (self._worked.end - tick - 1) * promise.tick_hours - slack
        needed = promise.ticks_on_demand(left, promise.overhead_hours)
        if self._worked.may_be_late or needed > self._worked.end - tick - 1:
            return after
        return min(after, needed * promise.tick_hours * self.on_demand)
