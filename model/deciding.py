"""Spot here, spot there, on-demand, or wait: decided tick by tick, under a deadline that holds.

Availability by hazards that fall with age, shrunk over sibling pools and kept current; the cost to
finish by value iteration over slack (`spot_solving`, `spot_values`), of each action by one tick of it
and the values after (`spot_weighing`), of waiting for a cheaper pool by those of the cheapest few
(`spot_waiting`); the deadline by exact arithmetic outside of both (`spot_safety`);
money by a tally (`spot_paying`).
A policy sees what is up now and has been, never what comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace

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
        self._over = self._left(done_h) <= ROUNDING * self.promise.tick_hours
        self._pay(self.tick_at(now_h), current, best)
        if best.action != current or best.mix != self._mix:
            self._debt_hours = self._begun(best.action)
        self._last, self._mix = best.action, best.mix
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
        self._keep_up(tick, left)
        found = self._weighed(tick, left, current, up_P)
        return self._afforded(found, tick, left, current, up_P)

    def lateness(
        self, now_h: float, done_h: float, current: Action, available: Mapping[str, bool]
    ) -> list[tuple[Considered, float]]:
        """Return what is considered, with the hours late that are expected to follow this tick.

        They are what the expected cost grows by with the value of time (envelope theorem): what is chosen
        stays chosen for a small step of it. All 0 where the deadline is kept as a hard one. The policy is
        left as it is.
        """
        trial = self.trial()
        found = trial.consider(now_h, done_h, current, available)
        left, tick = self._left(done_h), self.tick_at(now_h)
        if not trial._worked.may_be_late or left <= ROUNDING * self.promise.tick_hours:
            return [(each, 0.0) for each in found]
        dearer = copy(trial)
        values, step = trial._steeper_values()
        dearer._worked = replace(trial._worked, values=values)
        up_P = np.array([bool(available.get(pool, False)) for pool in self.pools])
        again = dearer._weighed(tick, left, trial._alive(current, available), up_P)
        more = [(other.cost_usd - each.cost_usd) / step for each, other in zip(found, again, strict=True)]
        return [(each, max(hours, 0.0)) for each, hours in zip(found, more, strict=True)]

    def _left(self, done_h: float) -> float:
        return max(self.promise.task_hours - done_h, 0.0)

    def _alive(self, current: Action, available: Mapping[str, bool]) -> Action:
        """Return what is held; spot that is not to be had is not, whatever is said."""
        if current[0] != SPOT:
            return current
        pool = str(current[1])
        held = self._mix.spot_nodes if self._mix and current == self._last else self.conditions.nodes
        return current if self.obtainable(pool, bool(available.get(pool))) >= held else NOTHING

    @property
    def nodes_now(self) -> int:
        """How many nodes work after the last decision, on-demand ones among them."""
        if self._mix is not None:
            return self._mix.nodes
        if self._last is None or self._over:
            return 0
        return self.conditions.floor_nodes if self._last == NOTHING else self.conditions.nodes

    @property
    def spot_nodes_now(self) -> int:
        """How many of them are on spot."""
        if self._mix is not None:
            return self._mix.spot_nodes
        on_spot = self._last is not None and self._last[0] == SPOT
        return self.conditions.nodes - self.conditions.floor_nodes if on_spot else 0
