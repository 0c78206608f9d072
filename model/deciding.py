"""Spot here, spot there, on-demand, or wait: decided tick by tick, under a deadline that holds.

Availability by hazards that fall with age, shrunk over sibling pools and kept current; the cost to
finish by value iteration over slack (`spot_solving`, `spot_values`), of each action by one tick of it
and the values after (`spot_weighing`); the deadline by exact arithmetic outside of both (`spot_safety`);
money by a tally (`spot_paying`).
A policy sees what is up now and has been, never what comes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .spot_action import NOTHING, SPOT, Action, Considered, cheapest
from .spot_paying import Paying
from .spot_safety import ROUNDING


class Policy(Paying):
    """What `make_policy` returns; one per job."""

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
        current = self._alive(current, available)
        best = cheapest(self.consider(now_h, done_h, current, available))
        self._pay(self.tick_at(now_h), self._left(done_h), current, best)
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
        current = self._alive(current, available)
        self._advance(tick, current, up_P)
        left = self._left(done_h)
        if left <= ROUNDING * self.promise.tick_hours:
            return [Considered(NOTHING, 0.0, True)]
        if self._stale(tick, left):
            self._solve(left, tick)
        found = self._weighed(tick, left, current, up_P)
        return self._afforded(found, tick, left, current, up_P)

    def _left(self, done_h: float) -> float:
        return max(self.promise.task_hours - done_h, 0.0)

    def _alive(self, current: Action, available: Mapping[str, bool]) -> Action:
        """Return what is held; spot that is not to be had is not, whatever is said."""
        return current if current[0] != SPOT or available.get(str(current[1])) else NOTHING
