"""What a forecast of availability looks at, at each tick of a pool, using nothing later.

Twenty columns: how much of the time capacity was there over seven nested windows, the state
and its age, the hour of day, how the target hour fared on past days, what siblings show now,
and what a chain of ages makes of it. Shares enter as log-odds, each window shrunk to the
next longer one, so that an hour of history never speaks as loudly as a week.

Legend: T = ticks of the pool, K = columns, N = sibling pools.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .semi_markov import Chain
from .validity import Floats
from .watched import Ints, Watched, log_odds, trailing

WINDOW_HOURS = (168.0, 72.0, 24.0, 6.0, 3.0, 1.0)
LONG_HOURS = 1e9  # The whole of what was seen.
PRIOR_SHARE, PRIOR_HOURS = 0.5, 24.0  # What a pool nobody watched is taken to show, worth a day.
NESTING = 0.25  # A window is shrunk to the longer one by this share of its own length.
DAYS = 7  # How many past days speak for an hour of day.
AROUND_HOURS = 1.0  # Either side of the target hour.
STALE_HOURS = 1.0  # A sibling last seen longer ago says nothing of now.
CHAIN_EDGE = 0.001

NAMES = (
    "all time", *(f"last {hours:g} h" for hours in WINDOW_HOURS),
    "state", "state x age", "age",
    "sin 24 h", "cos 24 h", "sin 12 h", "cos 12 h",
    "same hour of past days", "chain of ages", "siblings in region", "siblings",
)  # fmt: skip
OF_SIBLINGS = np.array([name.startswith("siblings") for name in NAMES])


def features(pool: Watched, pools: Sequence[Watched], hours: float, chain: Chain) -> Floats:
    """Return the columns of `NAMES` at each tick of a pool, for a forecast some hours ahead.

    Args:
        pool: The pool.
        pools: All pools that may speak for it; itself and other families are left out.
        hours: The horizon.
        chain: The pool's chain of ages.
    """
    return np.column_stack(
        [
            *window_log_odds(pool),
            *_state(pool),
            *_hour_of_day(pool),
            _same_hour(pool, hours),
            log_odds(chain.chances(pool, hours), CHAIN_EDGE),
            *_siblings(pool, pools),
        ]
    )


def window_shares(pool: Watched) -> list[Floats]:
    """Return availability over all time and each window, longest first, each shrunk to the one before."""
    share_T = trailing(pool, LONG_HOURS, np.full(pool.ticks, PRIOR_SHARE), PRIOR_HOURS)
    found = [share_T]
    for hours in WINDOW_HOURS:
        share_T = trailing(pool, hours, share_T, max(pool.tick_hours, NESTING * hours))
        found.append(share_T)
    return found


def window_log_odds(pool: Watched) -> list[Floats]:
    """Return `window_shares` as log-odds."""
    return [log_odds(share_T) for share_T in window_shares(pool)]


def _state(pool: Watched) -> list[Floats]:
    sign_T = np.where(pool.state_T, 1.0, -1.0)
    age_T = np.log(pool.age_ticks_T * pool.tick_hours)
    return [sign_T, sign_T * age_T, age_T]


def _hour_of_day(pool: Watched) -> list[Floats]:
    angle_T = pool.hour_T * 2.0 * np.pi / 24.0
    return [wave(k * angle_T) for k in (1.0, 2.0) for wave in (np.sin, np.cos)]


def _same_hour(pool: Watched, hours: float) -> Floats:
    """Return how the target's hour of day fared on past days, against the week: log-odds apart."""
    index = np.arange(pool.ticks)
    half = int(AROUND_HOURS / pool.tick_hours)
    nearest = int(np.ceil((hours + AROUND_HOURS) / 24.0 - 1e-9))  # Whole days back; nothing later than now.
    up_T, seen_T = np.zeros(pool.ticks), np.zeros(pool.ticks)
    for day in range(nearest, nearest + DAYS):
        centre = index + round((hours - 24.0 * day) / pool.tick_hours)
        up, seen = pool.mean_between(centre - half, np.minimum(centre + half, index) + 1)
        up_T, seen_T = up_T + up, seen_T + seen
    week_T = trailing(pool, 24.0 * DAYS, np.full(pool.ticks, PRIOR_SHARE), PRIOR_HOURS / 2)
    weight = 4.0 * AROUND_HOURS / pool.tick_hours  # Two days' worth of the hours looked at.
    return log_odds((up_T + weight * week_T) / (seen_T + weight)) - log_odds(week_T)


def _siblings(pool: Watched, pools: Sequence[Watched]) -> list[Floats]:
    """Return the share of siblings now available: of the region (all where it has none), and of all."""
    family = [p for p in pools if p.place.family == pool.place.family and p.place != pool.place]
    near = [p for p in family if p.place.region == pool.place.region]
    far_T = _share_now(pool, family, np.full(pool.ticks, PRIOR_SHARE))
    return [_share_now(pool, near, far_T), far_T]


def _share_now(pool: Watched, others: Sequence[Watched], otherwise_T: Floats) -> Floats:
    if not others:
        return otherwise_T
    seen_NT = np.array([at_hours(other, pool.hour_T) for other in others])
    known_T = np.isfinite(seen_NT).sum(axis=0)
    return np.where(known_T > 0, np.nansum(seen_NT, axis=0) / np.maximum(known_T, 1), otherwise_T)


def at_hours(pool: Watched, hour_T: Floats) -> Floats:
    """Return the state another pool last showed at each hour: 1, 0, or NaN where unknown or stale."""
    index: Ints = np.floor((hour_T - pool.first_hour) / pool.tick_hours + 1e-6).astype(np.int64)
    late = (index - (pool.ticks - 1)) * pool.tick_hours > STALE_HOURS
    state_T = pool.state_T[np.clip(index, 0, pool.ticks - 1)].astype(np.float64)
    return np.where((index < 0) | late, np.nan, state_T)
