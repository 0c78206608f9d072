"""What a job has paid, what it is expected to pay still, and what a budget forbids.

A hard deadline goes before the budget: it is kept, and what is expected beyond the budget is told.
Under a soft one on-demand is not bought where the budget would not pay for finishing that way.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace

import numpy as np

from .spot_action import NOTHING, ON_DEMAND, SPOT, Action, Considered
from .spot_conditions import Given
from .spot_partial import Partial
from .spot_purse import Purse
from .spot_safety import ROUNDING
from .validity import quantity

CLOSE_USD = 1e-6


class Paying(Partial):
    """Keeps a tally, and judges actions by a budget where there is one."""

    def __init__(self, given: Given) -> None:
        super().__init__(given)
        self._purse = Purse(self.conditions.budget_usd)
        self._to_go_usd, self._over = 0.0, False

    @property
    def spent_usd(self) -> float:
        """What was billed: whole ticks, that of the last decision included, and egress."""
        return self._purse.spent_usd

    @property
    def to_go_usd(self) -> float:
        """What was expected at the last decision to follow its tick; a value of time counts as money."""
        return self._to_go_usd

    def update_spent(self, now_h: float, spent_usd: float) -> None:
        """Take what was billed until now from who knows it; it takes the place of the tally."""
        self._purse = copy(self._purse)
        self._purse.put(self.tick_at(now_h), float(quantity("Money spent", spent_usd, "USD")))

    def update_budget(self, now_h: float, budget_usd: float | None, spent_usd: float) -> None:
        """Take a budget from now on, and what was billed of it until now; None: there is none."""
        self.update_spent(now_h, spent_usd)
        checked = None if budget_usd is None else float(quantity("Budget", budget_usd, "USD"))
        self._purse.budget_usd = checked

    def _pay(self, tick: int, current: Action, best: Considered) -> None:
        """Bill the tick that a decision begins."""
        tick_usd = 0.0 if self._over else self.usd_per_hour(best.action, best.mix) * self.promise.tick_hours
        moving_usd = self._begin_usd(best.action, current)
        self._purse = copy(self._purse)  # A trial shares it until one of the two pays.
        self._purse.bill(tick, tick_usd, moving_usd)
        self._to_go_usd = max(best.cost_usd - tick_usd - moving_usd, 0.0)

    def _begin_usd(self, action: Action, current: Action) -> float:
        if action in (current, NOTHING):
            return 0.0
        return self._moving_usd(current[1], ON_DEMAND if action[0] == ON_DEMAND else str(action[1]))

    def _afforded(
        self, found: list[Considered], tick: int, left: float, current: Action, up_P: np.ndarray
    ) -> list[Considered]:
        """Return what is considered with what is expected beyond the budget, and what that forbids."""
        budget = self._purse.budget_usd
        if budget is None:
            return found
        without_time = found
        free = self._free_values()
        if free is not self._worked.values:
            other = copy(self)
            other._worked = replace(self._worked, values=free)
            without_time = other._weighed(tick, left, current, up_P)
        rest = budget - self._purse.before(tick)
        judged = []
        for each, money in zip(found, without_time, strict=True):
            most_usd = self._most_usd(each, tick, left, current)
            over = max(min(money.cost_usd, most_usd) - rest, 0.0)
            barred = each.may_be_late and self._buys_on_demand(each) and most_usd > rest + CLOSE_USD
            barred = barred and len(found) > 1
            judged.append(replace(each, over_budget_usd=over if over > CLOSE_USD else 0.0, barred=barred))
        return judged

    def _buys_on_demand(self, each: Considered) -> bool:
        """Say whether there is more of it than the floor."""
        more = each.mix is not None and each.mix.on_demand_nodes > self.conditions.floor_nodes
        return each.action[0] == ON_DEMAND or more

    def _most_usd(self, each: Considered, tick: int, left: float, current: Action) -> float:
        """Return what an action costs if on-demand does, from the next tick on, all that is left."""
        action, mix, promise = each.action, each.mix, self.promise
        owed = self.owed(action, current, mix)
        if action[0] == ON_DEMAND:
            ticks = promise.ticks_on_demand(left, owed)
            return ticks * promise.tick_hours * self.on_demand + self._begin_usd(action, current)
        worked = promise.tick_hours - min(owed, promise.tick_hours)
        whole = 1.0 if action[0] == SPOT else promise.floor_share
        worked *= whole if mix is None else mix.nodes / self.conditions.nodes
        after = left - worked
        if action[0] == SPOT and after > ROUNDING * promise.tick_hours:
            after += min(promise.lag_hours, promise.task_hours)
        hours = promise.ticks_on_demand(after, promise.overhead_hours) * promise.tick_hours
        now_usd = self.usd_per_hour(action, mix) * promise.tick_hours + self._begin_usd(action, current)
        return now_usd + hours * self.on_demand + (self._moving_usd(action[1], ON_DEMAND) if hours else 0.0)
