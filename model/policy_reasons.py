"""Why a decision under a deadline is what it is: alternatives, slack, and what would change it.

All of it is computed by asking the policy itself: with another price, with a pool back, with what
is held gone. A policy that is asked here stays as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from math import inf

import numpy as np
from scipy.optimize import brentq

from .deciding import Policy
from .spot_action import NOTHING, ON_DEMAND, SPOT, Action, Considered, Mix, cheapest
from .spot_world import stay_hours

PRECISE = 0.01  # Of the on-demand price: how near a price limit is sought.
CLOSE = 1e-9  # Hours.
DEAREST = 2.0  # Times the on-demand price: where the search for a price ends.


@dataclass(frozen=True, slots=True)
class Question:
    """What `Policy.decide` is asked; waiting is weighed only where no pool is up.

    With one pool and time in hand, taking spot now or in a tick is nearly a tie; a person who is told to
    wait beside a free machine will not understand.
    """

    now_h: float
    done_h: float
    current: Action
    available: Mapping[str, bool]

    def of(self, policy: Policy) -> list[Considered]:
        """Return what the policy considers."""
        found = policy.consider(self.now_h, self.done_h, self.current, self.available)
        if not any(self.available.get(pool, False) for pool in policy.pools):
            return found
        return [each for each in found if each.action != NOTHING] or found


@dataclass(frozen=True, slots=True)
class Alternative:
    """One thing that could be done now: expected USD to the end, and the chance to end in time.

    The chance is 1 where on-demand, which is taken to be obtainable always, still saves the deadline
    whatever capacity does; else that of keeping this pool for all that is left.
    """

    action: Action
    cost_usd: float
    p_on_time: float
    safe: bool
    over_budget_usd: float = 0.0  # Expected beyond the budget, where there is one.
    barred: bool = False  # By the budget, under a soft deadline.
    mix: Mix | None = None  # Of which nodes, where a pool is not used as a whole.


@dataclass(frozen=True, slots=True)
class Threshold:
    """What would make the answer another one."""

    what: str  # dearer | cheaper: a price; back: capacity that is away; lost: capacity that is held
    pool: str
    becomes: Action
    usd_per_hour: float | None = None  # For all nodes, where it is a price.


def alternatives(policy: Policy, asked: Question, hours_left: float | None = None) -> list[Alternative]:
    """Return what could be done now, the safe first, cheapest first; the likeliest, where all are late.

    Where the deadline is soft, the cheapest first, those that a budget forbids last.

    Args:
        policy: Asked, and left as it is.
        asked: The question.
        hours_left: Until the deadline, where that is no whole number of ticks: safety is then judged by
            the hour as well, for a loss at any instant.
    """
    hours = _hours(policy, asked) if hours_left is None else hours_left
    trial = policy.trial()
    considered = asked.of(trial)
    found = [
        _alternative(policy, asked, each, hours, trial.owed(each.action, asked.current, each.mix))
        for each in considered
    ]
    if any(each.may_be_late for each in considered):
        return sorted(found, key=lambda each: (each.barred, each.cost_usd))
    late = not any(each.safe and each.p_on_time == 1.0 for each in found)
    return sorted(found, key=lambda each: (-each.p_on_time if late else 0.0, not each.safe, each.cost_usd))


def _alternative(policy: Policy, asked: Question, each: Considered, hours: float, owed: float) -> Alternative:
    """Return what is considered with its chance; see `Alternative`."""
    promise, left = policy.promise, _left_hours(policy, asked)
    kind, speed = each.action[0], each.mix.nodes / policy.conditions.nodes if each.mix else 1.0
    waited = promise.tick_hours - promise.waited_hours(owed)
    missed = (1.0 - speed) * max(promise.tick_hours - owed, 0.0)  # By fewer nodes, until it is asked again.
    needed = {SPOT: left + owed + missed + promise.lag_hours, None: left + waited}
    safe = each.safe and (kind == ON_DEMAND or needed[kind] + promise.overhead_hours <= hours + CLOSE)
    if left / speed + owed > hours + CLOSE and (speed == 1.0 or not safe):
        chance = 0.0
    elif safe:
        chance = 1.0
    else:
        chance = held_for(policy, str(each.action[1]), left / speed + owed) if kind == SPOT else 0.0
    over, barred = each.over_budget_usd, each.barred
    return Alternative(each.action, each.cost_usd, chance, safe, over, barred, each.mix)


def _hours(policy: Policy, asked: Question) -> float:
    return (policy.promise.ticks - policy.tick_at(asked.now_h)) * policy.promise.tick_hours


def _left_hours(policy: Policy, asked: Question) -> float:
    return max(policy.promise.task_hours - asked.done_h, 0.0)


def slack_hours(policy: Policy, asked: Question, hours_left: float | None = None) -> float:
    """Return for how long nothing could be done at all until on-demand has to start.

    Below zero: by how much on-demand started now would be late.
    """
    hours = _hours(policy, asked) if hours_left is None else hours_left
    return hours - _left_hours(policy, asked) - policy.promise.overhead_hours


def held_for(policy: Policy, pool: str, hours: float) -> float:
    """Return the chance that a pool that is up stays up for some hours."""
    alive_PB = stay_hours(policy.lost_per_hour_PB(), hours)[1]
    return float(alive_PB[policy.pools.index(pool), policy.age_bin(pool)])


def back_within(policy: Policy, hours: float) -> float:
    """Return the chance that some pool is up again within some hours, where none is now."""
    return float(-np.expm1(-policy.found_per_hour() * hours))


def price_limits(policy: Policy, asked: Question, *, solve: bool) -> list[Threshold]:
    """Return prices at which spot pools change places with what is chosen.

    Where a spot pool is chosen: the price above which it is not any more. Else, for the best pool that
    could be had safely: the price below which it would be chosen. Against other spot pools the values of
    now's prices do, for these are weighed over the hours they are held. Against on-demand, or waiting, they
    would tell what the price of a single tick changes; a price that lasts takes values worked out anew.

    Args:
        policy: Asked, and left as it is.
        asked: The question.
        solve: Tell the latter, too: some seven times as long as making the policy.
    """
    considered = [each for each in asked.of(policy.trial()) if each.allowed]
    chosen = cheapest(considered).action
    if chosen[0] == SPOT:
        found = _price_limit(policy, asked, str(chosen[1]), taken=True, solve=False)
        if found is None or found.becomes[0] != SPOT:
            found = _price_limit(policy, asked, str(chosen[1]), taken=True, solve=True) if solve else None
        return [found] if found else []
    up = [each for each in considered if each.action[0] == SPOT]
    if not up or not solve:
        return []
    found = _price_limit(policy, asked, str(cheapest(up).action[1]), taken=False, solve=True)
    return [found] if found else []


def _price_limit(policy: Policy, asked: Question, pool: str, *, taken: bool, solve: bool) -> Threshold | None:
    """Return the price at which a pool changes places with the best of the rest; None where none does."""
    here, dearest = policy.prices[pool], DEAREST * policy.on_demand
    low, high = (here, max(dearest, 2.0 * here)) if taken else (0.0, min(here, dearest))

    @cache
    def considered(price: float) -> list[Considered]:
        return asked.of(policy.trial({pool: price}, solve=solve))

    def dearer(price: float) -> float:
        return _dearer_than_rest(considered(price), (SPOT, pool))

    if not -inf < dearer(low) <= 0.0 < dearer(high):
        return None
    at = float(brentq(dearer, low, high, xtol=PRECISE * policy.on_demand))
    other = _rest(considered(at), (SPOT, pool)) if taken else None
    becomes = other.action if other else (SPOT, pool)
    return Threshold("dearer" if taken else "cheaper", pool, becomes, at)


def _rest(considered: list[Considered], action: Action) -> Considered | None:
    """Return the best of the others; None where a budget bars them all."""
    others = [each for each in considered if each.action != action and each.allowed]
    return cheapest(others) if others else None


def _dearer_than_rest(considered: list[Considered], action: Action) -> float:
    """Return by how many USD an action is dearer than the best of the others."""
    own = next(each for each in considered if each.action == action)
    other = _rest(considered, action)
    return -inf if other is None else own.cost_usd - other.cost_usd


def comings_and_goings(policy: Policy, asked: Question) -> list[Threshold]:
    """Return which pools would be taken if they came back, and what would be done if what is held went."""
    chosen = cheapest(asked.of(policy.trial())).action
    found = []
    for pool in policy.pools:
        if not asked.available.get(pool, False) and _answer_with(policy, asked, pool, True) == (SPOT, pool):
            found.append(Threshold("back", pool, (SPOT, pool)))
    if chosen[0] == SPOT and chosen == asked.current:
        held = str(chosen[1])
        found.append(Threshold("lost", held, _answer_with(policy, asked, held, False)))
    return found


def _answer_with(policy: Policy, asked: Question, pool: str, up: bool) -> Action:
    """Return what would be done if a pool had just come up, or gone."""
    current = NOTHING if asked.current == (SPOT, pool) else asked.current
    now = Question(asked.now_h, asked.done_h, current, {**asked.available, pool: up})
    return cheapest(now.of(policy.trial(turned=pool))).action
