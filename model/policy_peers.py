"""Policies that others published or that anyone would try, to be measured against in the same run.

Each decides for many jobs at once, and for one through `Single`. All keep the deadline by the
same safety net: where an action is not safe, on-demand is taken.

Legend: B = jobs, P = pools.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .policy_replay import NONE, ON_DEMAND, SPOT, BatchPolicy, Situation, Terms, names_of
from .spot_safety import ROUNDING
from .validity import Floats
from .watched import Bools, Ints

Choice = tuple[Ints, Ints]


def cheapest_up(terms: Terms, now: Situation) -> tuple[Bools, Ints]:
    """Return whether any pool is up, and the cheapest that is, shapes (B,)."""
    if len(terms.pools) == 1:
        return now.up_BP[:, 0], np.zeros(now.done_B.size, dtype=np.int64)
    dearest_first = np.argsort(terms.spot_at(now.tick), kind="stable")[::-1].tolist()
    best = np.full(now.done_B.size, dearest_first[-1])
    for pool in dearest_first:  # By column: far quicker than a minimum over the few pools of each job.
        np.putmask(best, now.up_BP[:, pool], pool)
    return np.asarray(now.up_BP.any(axis=1)), best


def secured(terms: Terms, now: Situation, mode_B: Ints, pool_B: Ints) -> Choice:
    """Return the choices with on-demand wherever another would endanger the deadline."""
    promise, tick_h = terms.promise, terms.promise.tick_hours
    new = (mode_B != now.mode_B) | (pool_B != now.pool_B)
    debt = np.where(new, promise.overhead_hours, now.debt_B)
    worked = (mode_B != NONE) * (tick_h - np.minimum(debt, tick_h))
    left = promise.task_hours - now.done_B - worked
    late = left + promise.overhead_hours > (promise.ticks - now.tick - 1 + ROUNDING) * tick_h
    unsafe = late & (left > ROUNDING * tick_h) & (mode_B != ON_DEMAND)
    mode = np.where(unsafe, ON_DEMAND, mode_B) if unsafe.any() else mode_B
    here = np.where(mode == ON_DEMAND, np.maximum(now.pool_B, 0), pool_B)
    return mode, np.where(mode == NONE, -1, here)


@dataclass(frozen=True, slots=True)
class OnDemandOnly:
    """On-demand from the start."""

    def decide_batch(self, terms: Terms, now: Situation) -> Choice:
        """Return on-demand for every job."""
        mode = np.full(now.done_B.size, ON_DEMAND)
        return secured(terms, now, mode, np.zeros_like(mode))


@dataclass(frozen=True, slots=True)
class Greedy:
    """Spot wherever there is any, else wait; on-demand when the deadline would be in danger."""

    def decide_batch(self, terms: Terms, now: Situation) -> Choice:
        """Return spot where up: the pool held, else the cheapest."""
        some, best = cheapest_up(terms, now)
        pool = np.where(now.mode_B == SPOT, now.pool_B, best)
        return secured(terms, now, np.where(some, SPOT, NONE), np.where(some, pool, -1))


@dataclass(frozen=True, slots=True)
class UniformProgress:
    """Keep progress in proportion to time; spot when there is any, on-demand when behind.

    From on-demand back to spot only when ahead of the line by two overheads.

    Source: Wu et al., "Can't Be Late" (NSDI 2024).
    """

    def decide_batch(self, terms: Terms, now: Situation) -> Choice:
        """Return what the line asks for."""
        promise = terms.promise
        line = now.tick * promise.tick_hours * promise.task_hours / (promise.ticks * promise.tick_hours)
        some, best = cheapest_up(terms, now)
        on_demand = now.mode_B == ON_DEMAND
        ahead = now.done_B >= line + 2.0 * promise.overhead_hours
        behind = now.done_B < line - ROUNDING
        needed = (some & on_demand & ~ahead) | (~some & (on_demand | behind))
        mode = ON_DEMAND * needed + SPOT * (some & ~needed)
        return secured(terms, now, mode, np.where(now.mode_B == SPOT, now.pool_B, best))


@dataclass(frozen=True, slots=True)
class StayPut:
    """Never leave what lives: spot until lost, then the cheapest that is up, else wait."""

    def decide_batch(self, terms: Terms, now: Situation) -> Choice:
        """Return what is held, or the cheapest that is up."""
        some, best = cheapest_up(terms, now)
        held = now.mode_B != NONE
        mode = np.where(held, now.mode_B, np.where(some, SPOT, NONE))
        pool = np.where(held, now.pool_B, np.where(some, best, -1))
        return secured(terms, now, mode, pool)


@dataclass(frozen=True, slots=True)
class NextRegion:
    """After a loss go to the cheapest pool elsewhere, and only then back; spot or nothing.

    Source: SkyPilot's managed jobs, strategy "eager next region" (its documentation).
    """

    region_P: tuple[str, ...]
    _left: dict[int, Ints]

    @classmethod
    def over(cls, regions: tuple[str, ...]) -> NextRegion:
        """Return the policy for pools of these regions, one per pool."""
        return cls(regions, {})

    def decide_batch(self, terms: Terms, now: Situation) -> Choice:
        """Return the pool held, else the cheapest outside the region just lost, else any."""
        names = {name: i for i, name in enumerate(dict.fromkeys(self.region_P))}
        region_P = np.array([names[name] for name in self.region_P])
        jobs = now.done_B.size
        if now.tick == 0 or 0 not in self._left:
            self._left[0] = np.full(jobs, -1)
        holds = now.mode_B == SPOT
        self._left[0] = np.where(holds, region_P[np.maximum(now.pool_B, 0)], self._left[0])
        price_BP = np.where(now.up_BP, terms.spot_at(now.tick)[None, :], np.inf)
        away_BP = price_BP + np.where(region_P[None, :] == self._left[0][:, None], 1e6, 0.0)
        some, best = np.isfinite(price_BP.min(axis=1)), away_BP.argmin(axis=1)
        pool = np.where(holds, now.pool_B, np.where(some, best, -1))
        return secured(terms, now, np.where(some, SPOT, NONE), pool)


@dataclass(frozen=True, slots=True)
class StaticBest:
    """One pool for good: the one that was up most of the time for its price, before the start."""

    share_P: Floats

    def decide_batch(self, terms: Terms, now: Situation) -> Choice:
        """Return that pool when it is up, else nothing."""
        best = int(np.argmax(self.share_P / np.maximum(terms.spot_at(0), 1e-9)))
        up = now.up_BP[:, best]
        return secured(terms, now, np.where(up, SPOT, NONE), np.where(up, best, -1))


class Single:
    """A policy for many jobs, asked for one."""

    def __init__(self, policy: BatchPolicy, terms: Terms) -> None:
        self.policy, self.terms = policy, terms
        self._last: tuple[str | None, str | None] = (None, None)
        self._debt, self._tick = 0.0, 0

    def decide(
        self, now_h: float, done_h: float, current: tuple[str | None, str | None], available: dict[str, bool]
    ) -> tuple[str | None, str | None]:
        """Return the decision, as `model.policy` says it."""
        promise, pools = self.terms.promise, self.terms.pools
        tick = round(now_h / promise.tick_hours)
        owed = max(self._debt - (tick - self._tick) * promise.tick_hours, 0.0)
        self._debt = owed if current == self._last and current[0] else 0.0
        now = Situation(
            tick,
            np.array([done_h]),
            np.array([NONE if current[0] is None else SPOT if current[0] == "spot" else ON_DEMAND]),
            np.array([-1 if current[1] is None else pools.index(current[1])]),
            np.array([self._debt]),
            np.array([[available[pool] for pool in pools]]),
        )
        chosen = names_of(*self.policy.decide_batch(self.terms, now), pools)[0]
        if chosen != current:
            self._debt = promise.overhead_hours if chosen[0] else 0.0
        self._last, self._tick = chosen, tick
        return chosen


PEERS: dict[str, Callable[[], BatchPolicy]] = {
    "on-demand": OnDemandOnly,
    "greedy": Greedy,
    "uniform progress": UniformProgress,
    "stay put": StayPut,
}
