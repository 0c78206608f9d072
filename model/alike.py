"""Instants of history that looked as a pool looks now.

What decides whether two instants are alike is what was to be expected of them: their chances of
capacity over the next 6, 24 and 72 h, as a ridge regression on state, age and nested windows,
pooled over the family, tells them. It is learned from what had followed those instants by now.

Legend: I = instants, T = ticks of a pool, K = columns, H = outlooks, P = pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .features import window_log_odds
from .validity import Floats
from .watched import Bools, Ints, Watched, log_odds

OUTLOOK_HOURS = (6.0, 24.0, 72.0)
OUTLOOK_WINDOWS = (4, 3, 2)  # Of `window_log_odds`, as long: they speak where nothing could be learned.
STEP_HOURS = 0.5  # Between instants of one pool, longer where that would be too many.
MOST_INSTANTS = 40_000
LEAST_ROWS = 20
RIDGE = 30.0  # Independent rows' worth.
NEAREST = 200  # Instants: some four days of one pool, or half a day of eight.
FOLLOWED_HOURS = 24.0  # An instant must have been followed for this long by now.
OWN_FOLLOWED_HOURS = 4.0
AGE_WEIGHT = 0.3  # Of a unit of log age, against a unit of log-odds of the outlook.
OTHER_POOL = 0.7  # Log-odds by which another pool of the family is farther than one's own.
OWN_SHARE = 0.3  # Of own instants in the same state, at most: they hold the pool's own level.
OWN_HOURS = 24.0  # Of own history at which that share is half of it.
NEAR_REGION = 3.0  # How much likelier a sibling of the region stands in than one of another.


@dataclass(frozen=True, slots=True)
class Candidates:
    """Instants of history that may follow now, in order of the clock; weights sum to 1."""

    pool_I: Ints
    hour_I: Floats
    weight_I: Floats


@dataclass(frozen=True, slots=True)
class Instants:
    """Instants of all pools of one family, and what is to be expected now of each pool."""

    pool_I: Ints
    hour_I: Floats
    up_I: Bools
    mark_IH: Floats  # Outlooks and weighted log age.
    now_up_P: Bools
    now_mark_PH: Floats
    end_hour_P: Floats
    first_hour_P: Floats

    def candidates(self, pool: int) -> Candidates | None:
        """Return the instants like a pool's last one; None where none was followed for a day."""
        now = self.end_hour_P[pool]
        fits_I = (self.up_I == self.now_up_P[pool]) & (self.hour_I < now - FOLLOWED_HOURS)
        fits_I &= self._followed(FOLLOWED_HOURS)
        own_I = fits_I & (self.pool_I == pool)
        near = self._nearest(pool, np.flatnonzero(fits_I))
        if near is None:
            return None
        own = np.flatnonzero(own_I)
        hours = now - self.first_hour_P[pool]
        share = OWN_SHARE * hours / (hours + OWN_HOURS) if own.size else 0.0
        place = np.concatenate([near[0], own])
        weight = np.concatenate([(1.0 - share) * near[1], np.full(own.size, share / max(own.size, 1))])
        return ordered(self.pool_I[place], self.hour_I[place], weight)

    def _followed(self, hours: float) -> Bools:
        return np.asarray(self.hour_I <= self.end_hour_P[self.pool_I] - hours)

    def _nearest(self, pool: int, place: Ints) -> tuple[Ints, Floats] | None:
        if not place.size:
            return None
        apart = ((self.mark_IH[place] - self.now_mark_PH[pool]) ** 2).sum(axis=1)
        apart = apart + OTHER_POOL**2 * (self.pool_I[place] != pool)
        count = min(NEAREST, place.size)
        chosen = np.argpartition(apart, count - 1)[:count]
        weight = np.exp(-2.0 * apart[chosen] / max(float(apart[chosen].max()), 1e-9))
        return place[chosen], weight / weight.sum()


def ordered(pool_I: Ints, hour_I: Floats, weight_I: Floats) -> Candidates:
    """Return candidates in order of the clock, weights made to sum to 1."""
    order = np.lexsort((pool_I, hour_I))
    return Candidates(pool_I[order], hour_I[order], weight_I[order] / weight_I.sum())


def instants_of(pools: Sequence[Watched], index_P: Sequence[int]) -> Instants:
    """Return the instants of one family.

    Args:
        pools: All pools watched until now.
        index_P: Which of them are of the family, at least one; the others are not looked at.
    """
    hours = sum(pools[i].ticks * pools[i].tick_hours for i in index_P)
    step = max(STEP_HOURS, hours / MOST_INSTANTS)
    ticks = {i: _every(pools[i], step) for i in index_P}
    columns = {i: _columns(pools[i]) for i in index_P}
    x_IK = np.concatenate([columns[i][ticks[i]] for i in index_P])
    now_PK = np.zeros((len(pools), x_IK.shape[1]))
    for i in index_P:
        now_PK[i] = columns[i][-1]
    mark_IH, mark_PH = [_age(x_IK)], [_age(now_PK)]
    for hours, window in zip(OUTLOOK_HOURS, OUTLOOK_WINDOWS, strict=True):
        share_I = np.concatenate([_followed_by(pools[i], ticks[i], hours) for i in index_P])
        weight_K = _learned(x_IK, share_I, hours, step, window)
        mark_IH.append(x_IK @ weight_K)
        mark_PH.append(now_PK @ weight_K)
    return Instants(
        pool_I=np.concatenate([np.full(ticks[i].size, i, dtype=np.int64) for i in index_P]),
        hour_I=np.concatenate([pools[i].hour_T[ticks[i]] for i in index_P]),
        up_I=x_IK[:, 1] > 0,
        mark_IH=np.column_stack(mark_IH),
        now_up_P=now_PK[:, 1] > 0,
        now_mark_PH=np.column_stack(mark_PH),
        end_hour_P=np.array([pool.first_hour + pool.ticks * pool.tick_hours for pool in pools]),
        first_hour_P=np.array([pool.first_hour for pool in pools]),
    )


def _every(pool: Watched, step_hours: float) -> Ints:
    index = np.unique(np.round(np.arange(0.0, pool.ticks * pool.tick_hours, step_hours) / pool.tick_hours))
    return np.asarray(index[index < pool.ticks], dtype=np.int64)


def _columns(pool: Watched) -> Floats:
    """Return one, the state (1 or -1), its log age, both together, and the windows, at each tick."""
    sign_T = np.where(pool.state_T, 1.0, -1.0)
    age_T = np.log(pool.age_ticks_T * pool.tick_hours)
    return np.column_stack([np.ones(pool.ticks), sign_T, age_T, sign_T * age_T, *window_log_odds(pool)])


def _age(x_NK: Floats) -> Floats:
    return AGE_WEIGHT * x_NK[:, 2]


def _followed_by(pool: Watched, tick_I: Ints, hours: float) -> Floats:
    """Return the share of the following hours with capacity, NaN where they have not passed."""
    width = max(1, round(hours / pool.tick_hours))
    up, seen = pool.mean_between(tick_I, tick_I + width)
    whole = (tick_I + width <= pool.ticks) & (seen > 0)
    return np.where(whole, up / np.maximum(seen, 1.0), np.nan)


def _learned(x_IK: Floats, share_I: Floats, hours: float, step: float, window: int) -> Floats:
    """Return the weights of a ridge regression of log-odds; a window alone where rows are few."""
    known = np.isfinite(share_I)
    if known.sum() < LEAST_ROWS:
        return np.asarray(np.eye(x_IK.shape[1])[4 + window], dtype=np.float64)
    x, y = x_IK[known], log_odds(share_I[known])
    penalty = RIDGE * (1.0 + hours / step) * np.ones(x.shape[1])  # Rows that share hours count once.
    penalty[0] = 1e-6
    return np.asarray(np.linalg.solve(x.T @ x + np.diag(penalty), x.T @ y))
