"""Simple forecasts of availability: what any better one is measured against, on the same data.

The last four are the pooled logit of the cost model's table of 2022-23 (state, age, windows of
1 to 168 h, hour of day), without and with the state of other pools, at two strengths of ridge.
Each takes pools watched until the split to learn from, and returns a forecaster of the same
call: `forecast(pool, pools, hours)` gives chances at each tick.

Legend: T = ticks of a pool, K = columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from .features import LONG_HOURS, at_hours
from .forecast import outcomes
from .logit import Logit, fit_logit
from .semi_markov import fit_chains
from .validity import Floats
from .watched import Watched, trailing

Forecast = Callable[[Watched, Sequence[Watched], float], Floats]
WINDOW_HOURS = (1.0, 3.0, 6.0, 24.0, 72.0, 168.0)
PRIOR_TICKS = 2.0  # What one half weighs against the share of all time.
RIDGE, STRONG_RIDGE = 1.0, 100.0  # The usual one, and one that suits rows which repeat each other.


def climatology(learned: Sequence[Watched]) -> Forecast:
    """Return each pool's own share of the time watched; the mean of all for a pool not among them."""
    share = {pool.place.pool: float(np.nanmean(pool.up_T)) for pool in learned}
    mean = float(np.mean(list(share.values())))
    return lambda pool, pools, hours: np.full(pool.ticks, share.get(pool.place.pool, mean))


def last_days(learned: Sequence[Watched], days: float = 7.0) -> Forecast:
    """Return each pool's mean availability over the last days."""
    return lambda pool, pools, hours: trailing(pool, 24.0 * days, np.full(pool.ticks, 0.5), 1e-9)


def markov(learned: Sequence[Watched]) -> Forecast:
    """Return two-state Markov chains, own hazards; the pooled chain for a pool not among them."""
    own = {pool.place.pool: _turning(pool) for pool in learned}
    anyone = tuple(np.mean(list(own.values()), axis=0)) if own else (0.5, 0.5)

    def forecast(pool: Watched, pools: Sequence[Watched], hours: float) -> Floats:
        down, up = own.get(pool.place.pool, anyone)
        settled, kept = up / (down + up), np.exp(-(down + up) * hours)
        return np.asarray(np.where(pool.state_T, settled + (1.0 - settled) * kept, settled * (1.0 - kept)))

    return forecast


def _turning(pool: Watched) -> tuple[float, float]:
    """Return hazards per hour of losing and of gaining capacity, each with half an event added."""
    state, turned = pool.state_T[:-1], pool.state_T[1:] != pool.state_T[:-1]
    hours_up, hours_down = (float(n.sum()) * pool.tick_hours for n in (state, ~state))
    lost, gained = float((turned & state).sum()), float((turned & ~state).sum())
    return (lost + 0.5) / (hours_up + pool.tick_hours), (gained + 0.5) / (hours_down + pool.tick_hours)


def semi_markov(learned: Sequence[Watched]) -> Forecast:
    """Return chains of ages, each pool's shrunk to the pooled one."""
    own, anyone = fit_chains(learned)
    chains = {pool.place.pool: chain for pool, chain in zip(learned, own, strict=True)}
    return lambda pool, pools, hours: chains.get(pool.place.pool, anyone).chances(pool, hours)


def pooled_logit(learned: Sequence[Watched], *, siblings: bool = False, ridge: float = RIDGE) -> Forecast:
    """Return one ridge logit per horizon over all pools, fitted when a horizon is first asked for."""
    fitted: dict[float, Logit] = {}

    def forecast(pool: Watched, pools: Sequence[Watched], hours: float) -> Floats:
        if hours not in fitted:
            fitted[hours] = _fitted(learned, siblings, ridge, hours)
        return fitted[hours].chance(_columns(pool, pools, siblings))

    return forecast


def _fitted(learned: Sequence[Watched], siblings: bool, ridge: float, hours: float) -> Logit:
    known = [outcomes(pool, hours) for pool in learned]
    x_NK = np.concatenate(
        [_columns(pool, learned, siblings)[start] for pool, (start, _) in zip(learned, known, strict=True)]
    )
    return fit_logit(x_NK, np.concatenate([up for _, up in known]), np.full(x_NK.shape[1], ridge))


def _columns(pool: Watched, pools: Sequence[Watched], siblings: bool) -> Floats:
    state_T, age_T = pool.state_T.astype(float), np.log(pool.age_ticks_T * pool.tick_hours)
    life_T = trailing(pool, LONG_HOURS, np.full(pool.ticks, 0.5), PRIOR_TICKS * pool.tick_hours)
    recent = [trailing(pool, hours, life_T, pool.tick_hours) for hours in WINDOW_HOURS]
    angle_T = pool.hour_T * 2.0 * np.pi / 24.0
    waves = [wave(k * angle_T) for k in (1.0, 2.0) for wave in (np.sin, np.cos)]
    others = _others(pool, pools) if siblings else []
    return np.column_stack(
        [state_T, state_T * age_T, (1 - state_T) * age_T, *recent, life_T, *waves, *others]
    )


def _others(pool: Watched, pools: Sequence[Watched]) -> list[Floats]:
    """Return the mean state of other pools: of the region (all where it has none), and of all."""
    rest = [p for p in pools if p.place != pool.place]
    near = [p for p in rest if p.place.region == pool.place.region] or rest
    return [_mean_now(pool, group) for group in (near, rest)]


def _mean_now(pool: Watched, group: Sequence[Watched]) -> Floats:
    if not group:
        return np.full(pool.ticks, 0.5)
    seen = np.array([at_hours(other, pool.hour_T) for other in group])
    known = np.isfinite(seen).sum(axis=0)
    return np.where(known > 0, np.nansum(seen, axis=0) / np.maximum(known, 1), 0.5)


BASELINES: dict[str, Callable[[Sequence[Watched]], Forecast]] = {
    "own climatology": climatology,
    "mean of last 7 d": last_days,
    "2-state Markov": markov,
    "semi-Markov EB": semi_markov,
    "pooled logit": pooled_logit,
    "pooled logit + other zones": partial(pooled_logit, siblings=True),
    "pooled logit, strong ridge": partial(pooled_logit, ridge=STRONG_RIDGE),
    "pooled logit + other zones, strong ridge": partial(pooled_logit, siblings=True, ridge=STRONG_RIDGE),
}
