"""By how much the last week's forecasts were off, as log-odds to add to the next.

Markets drift: in every recorded zone availability stood higher or lower in the second half of a
series than in the first. What was forecast some hours ago has come or not come by now, so each
tick knows how its predecessors erred. One step of Newton on the level alone, pooled over the
pool and its nearest siblings, held at zero by a prior: a whole week, so that every hour of day
weighs the same.

Legend: T = ticks of a pool, S = ticks of a sibling.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import expit

from .validity import Floats
from .watched import Bools, Ints, Watched

WEEK_HOURS = 168.0
PRIOR_FORECASTS = 1.0  # Independent forecasts' worth, per pool, of information that nothing has drifted.
LENDERS = 8  # Siblings asked, of the same region first.

LogOdds = Callable[[Watched], Floats]


def drift(pool: Watched, pools: Sequence[Watched], hours: float, forecast: LogOdds) -> Floats:
    """Return what to add to the log-odds of a pool's forecasts, shape (T,); at tick t nothing later is used.

    Args:
        pool: The pool.
        pools: All pools that may speak for it; other families are left out.
        hours: The horizon.
        forecast: The log-odds forecast at each tick of a pool, before any correction.
    """
    missed_T, weight_T = np.zeros(pool.ticks), np.zeros(pool.ticks)
    for lender in [pool, *_nearest(pool, pools)]:
        missed_S, weight_S = _errors(lender, hours, forecast(lender))
        known_T, index_T = _last_tick(lender, pool.hour_T)
        missed_T += np.where(known_T, missed_S[index_T], 0.0)
        weight_T += np.where(known_T, weight_S[index_T], 0.0) + PRIOR_FORECASTS * _overlap(lender, hours)
    return np.asarray(missed_T / weight_T)


def _nearest(pool: Watched, pools: Sequence[Watched]) -> list[Watched]:
    family = [p for p in pools if p.place.family == pool.place.family and p.place != pool.place]
    return sorted(family, key=lambda p: (p.place.region != pool.place.region, p.place))[:LENDERS]


def _overlap(pool: Watched, hours: float) -> float:
    """Return how many forecasts one tick apart share one piece of luck."""
    return 1.0 + hours / pool.tick_hours


def _errors(pool: Watched, hours: float, odds_S: Floats) -> tuple[Floats, Floats]:
    """Return outcome less chance, and chance times its complement, summed over the week that came true."""
    steps = round(hours / pool.tick_hours)
    chance_S = expit(odds_S[: max(pool.ticks - steps, 0)])
    came_S = pool.up_T[pool.ticks - len(chance_S) :]
    seen_S = np.isfinite(came_S)
    missed_S = np.where(seen_S, np.where(seen_S, came_S, 0.0) - chance_S, 0.0)
    weight_S = np.where(seen_S, chance_S * (1.0 - chance_S), 0.0)
    return _last_week(pool, missed_S), _last_week(pool, weight_S)


def _last_week(pool: Watched, value_S: Floats) -> Floats:
    """Return sums over the week up to each tick; values belong to the pool's last ticks."""
    padded = np.concatenate([np.zeros(1 + pool.ticks - len(value_S)), value_S])
    total = np.cumsum(padded)
    first = np.maximum(np.arange(1, pool.ticks + 1) - round(WEEK_HOURS / pool.tick_hours), 0)
    return np.asarray(total[1:] - total[first])


def _last_tick(pool: Watched, hour_T: Floats) -> tuple[Bools, Ints]:
    """Return whether a pool had been watched by each hour, and its last tick by then."""
    index_T = np.floor((hour_T - pool.first_hour) / pool.tick_hours + 1e-6).astype(np.int64)
    return np.asarray(index_T >= 0), np.clip(index_T, 0, pool.ticks - 1)
