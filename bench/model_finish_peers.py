"""Other ways to foretell a finish, for comparison: memoryless, history replayed, analogues.

The named peer is analogue replay over pooled zones: the 150 instants of history nearest in state,
availability of 24 h and 7 d, and log age. It is our own making of that published idea. A peer's block
runs to the end of what was known, then goes on with its own zone's history.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from model.alike import Candidates, ordered
from model.features import window_shares
from model.markets import Past
from model.replayed import Replayed, Sources
from model.spells import Market
from model.watched import Watched

ANALOGUES = 150
STEP_HOURS = 0.5
FOLLOWED_HOURS = 24.0
LAST_HOURS = 168.0
RIVAL = "analogue replay, k=150, pooled zones"


class Memoryless:
    """Two states left at a constant hazard each."""

    def __init__(self, pool: Watched, paths: int, seed: int) -> None:
        state = pool.state_T
        turns = state[1:] != state[:-1]
        self.up_hours, self.gap_hours = (
            pool.tick_hours * (kind[:-1].sum() + 1.0) / (turns[kind[:-1]].sum() + 0.5)
            for kind in (state, ~state)
        )
        self.rng, self.paths = np.random.default_rng(seed), paths
        first = self.rng.exponential(self.gap_hours, paths)
        self.begin = np.zeros(paths) if state[-1] else first
        self.lost = self.begin + self.rng.exponential(self.up_hours, paths)

    def spell(self, path_N: np.ndarray, at_hours_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        late = path_N[self.lost[path_N] <= at_hours_N]
        while late.size:
            self.begin[late] = self.lost[late] + self.rng.exponential(self.gap_hours, late.size)
            self.lost[late] = self.begin[late] + self.rng.exponential(self.up_hours, late.size)
            late = path_N[self.lost[path_N] <= at_hours_N]
        return np.maximum(self.begin[path_N], at_hours_N), self.lost[path_N]


def memoryless(past: Past, index: int, paths: int, seed: int) -> Market:
    return Memoryless(past.pools[index], paths, seed)


def last_week(past: Past, index: int, paths: int, seed: int) -> Market:
    begun = np.maximum(past.runs.first_hour_P, past.runs.end_hour_P - LAST_HOURS)
    week = replace(past, runs=replace(past.runs, first_hour_P=begun))
    return of_own(week, index, instants(past, index, after=float(begun[index])), paths, seed)


def all_history(past: Past, index: int, paths: int, seed: int) -> Market:
    return of_own(past, index, instants(past, index), paths, seed)


def same_state(past: Past, index: int, paths: int, seed: int) -> Market:
    pool = past.pools[index]
    return of_own(past, index, instants(past, index, like=bool(pool.state_T[-1])), paths, seed)


def of_own(past: Past, index: int, hour_I: np.ndarray, paths: int, seed: int) -> Market:
    first = ordered(np.full(hour_I.size, index), hour_I, np.ones(hour_I.size))
    return Replayed(past.runs, first, own(index), paths=paths, seed=seed)


def own(index: int) -> Sources:
    return Sources(np.array([index]), np.ones(1))


def instants(past: Past, index: int, *, after: float = -np.inf, like: bool | None = None) -> np.ndarray:
    """Return hours of a pool's history, all of them where none is in the state asked for."""
    pool = past.pools[index]
    tick_I = every(pool)
    tick_I = tick_I[pool.hour_T[tick_I] >= after]
    alike = tick_I if like is None else tick_I[pool.state_T[tick_I] == like]
    return pool.hour_T[alike if alike.size else tick_I]


def every(pool: Watched) -> np.ndarray:
    index = np.round(np.arange(0.0, pool.ticks * pool.tick_hours, STEP_HOURS) / pool.tick_hours).astype(int)
    return np.unique(np.minimum(index, pool.ticks - 1))


def analogues(past: Past, index: int, paths: int, seed: int) -> Market:
    return Replayed(past.runs, nearest(past, index), own(index), paths=paths, seed=seed)


def nearest(past: Past, index: int) -> Candidates:
    pool = past.pools[index]
    family = [i for i, p in enumerate(past.pools) if p.place.family == pool.place.family]
    now = looks(pool)[-1]
    hour, source, look = [], [], []
    for i in family:
        other = past.pools[i]
        tick_I = every(other)
        tick_I = tick_I[(tick_I < other.ticks - FOLLOWED_HOURS / other.tick_hours)]
        tick_I = tick_I[other.state_T[tick_I] == pool.state_T[-1]]
        hour.append(other.hour_T[tick_I])
        source.append(np.full(tick_I.size, i))
        look.append(looks(other)[tick_I])
    hours, sources, seen = np.concatenate(hour), np.concatenate(source), np.concatenate(look)
    if not hours.size:
        hour_I = instants(past, index)
        return ordered(np.full(hour_I.size, index), hour_I, np.ones(hour_I.size))
    spread = np.where(seen.std(axis=0) > 1e-9, seen.std(axis=0), 1.0)
    chosen = np.argsort((((seen - now) / spread) ** 2).sum(axis=1), kind="stable")[:ANALOGUES]
    return ordered(sources[chosen], hours[chosen], np.ones(chosen.size))


def looks(pool: Watched) -> np.ndarray:
    """Return availability of 24 h and 7 d and log age, at each tick."""
    shares = window_shares(pool)
    return np.column_stack([shares[3], shares[1], np.log(pool.age_ticks_T * pool.tick_hours)])


PEERS: dict[str, Callable[[Past, int, int, int], Market]] = {
    RIVAL: analogues,
    "2-state Markov": memoryless,
    "replay of the last 7 d": last_week,
    "replay of all history": all_history,
    "replay, same state": same_state,
}
