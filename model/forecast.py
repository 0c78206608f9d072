"""Will capacity be there in some hours: a pooled logistic regression per horizon.

Learned over all pools at once, so that a new zone of a known family is forecast almost as well
as an old one. Rows a quarter of an hour apart say nearly the same thing of a day ahead; the
penalty grows with the horizon for that. A level that drifts is followed (`drift`). Where transfer
is known to fail, in a family nobody watched, the forecast is drawn to the pool's own week.

Legend: T = ticks of a pool, H = horizons, N = rows, K = columns of `features`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from .drift import drift
from .errors import ImpossibleInput, InsufficientHistory
from .features import OF_SIBLINGS, features, window_shares
from .logit import Logit, fit_logit
from .semi_markov import Chain, fit_chains
from .validity import Floats, quantity
from .watched import Ints, Watched

HORIZONS = (0.25, 1.0, 6.0, 24.0)
ORIGIN_HOURS = 0.25  # Between two instants a forecast is learned or scored from.
PENALTY = 10.0  # Independent rows' worth, per standardised column.
SIBLING_HOURS = 1.0  # What siblings show now fades: their penalty is 1 + horizon / this.
PRIOR_SIGHTINGS = 20.0  # Independent sightings the pool's own week is worth against what was learned.
STRANGE_WEIGHT = 0.5  # The own week's weight from a day ahead, in a family nobody watched.
LEAST_ROWS = 8


@dataclass(frozen=True, slots=True)
class Forecaster:
    """What was learned; give it pools watched since to have forecasts."""

    horizon_H: tuple[float, ...]
    logit_H: tuple[Logit, ...]
    sightings_H: tuple[float, ...]  # Independent ones each was learned from.
    chains: dict[str, Chain]  # By pool.
    any_chain: Chain  # Of a pool that was not learned from.
    families: frozenset[str]

    def chances(self, pool: Watched, pools: Sequence[Watched], hours: float) -> Floats:
        """Return the chance that a pool is available some hours after each of its ticks, shape (T,).

        At tick t nothing later than t is used, of this pool or others. Between two horizons
        log-odds are interpolated over the logarithm of the hours; outside them the nearest holds.

        Args:
            pool: The pool, watched until now.
            pools: All pools that may speak for it; may contain it.
            hours: How far ahead, above 0.

        Raises:
            ImpossibleInput: Hours are not above 0.
        """
        ahead = float(quantity("Horizon", hours, "h", above_zero=True))
        low, high, share = _between(self.horizon_H, ahead)
        odds_T = self._corrected(low, pool, pools)
        if share:
            odds_T = (1.0 - share) * odds_T + share * self._corrected(high, pool, pools)
        return np.asarray(expit(odds_T))

    def _corrected(self, h: int, pool: Watched, pools: Sequence[Watched]) -> Floats:
        """Return log-odds with what the last week's forecasts were off by."""
        off_T = drift(pool, pools, self.horizon_H[h], lambda each: self._log_odds(h, each, pools))
        return np.asarray(self._log_odds(h, pool, pools) + off_T)

    def _log_odds(self, h: int, pool: Watched, pools: Sequence[Watched]) -> Floats:
        hours = self.horizon_H[h]
        chain = self.chains.get(pool.place.pool, self.any_chain)
        learned_T = self.logit_H[h].chance(features(pool, pools, hours, chain))
        weight = self.weight_of_week(h, pool.place.family)
        mixed_T = np.clip((1.0 - weight) * learned_T + weight * window_shares(pool)[1], 1e-6, 1.0 - 1e-6)
        return np.asarray(np.log(mixed_T / (1.0 - mixed_T)))

    def weight_of_week(self, h: int, family: str) -> float:
        """Return how much the pool's own week weighs against what was learned."""
        weight = PRIOR_SIGHTINGS / (PRIOR_SIGHTINGS + self.sightings_H[h])
        if family in self.families:
            return weight
        days = float(np.clip(np.log(self.horizon_H[h] / 6.0) / np.log(4.0), 0.0, 1.0))
        return max(weight, STRANGE_WEIGHT * days)


def fit_forecast(pools: Sequence[Watched], horizons: Sequence[float] = HORIZONS) -> Forecaster:
    """Return a forecaster learned from pools watched until now.

    Args:
        pools: Watched pools, in any order and of any ticks, on one clock.
        horizons: Hours ahead to learn, rising, above 0.

    Raises:
        InsufficientHistory: No horizon has 8 rows with a known outcome.
        ImpossibleInput: No horizons, or they do not rise.
    """
    asked = quantity("Horizon", np.asarray(horizons, dtype=np.float64), "h", above_zero=True)
    if not asked.size or (np.diff(asked) <= 0).any():
        raise ImpossibleInput(f"Horizons are {list(horizons)}.", fix="State at least one, rising.")
    own, anyone = fit_chains(pools)
    learned = [(hours, _learn(pools, float(hours), own)) for hours in asked]
    found = [(float(hours), *one) for hours, one in learned if one is not None]
    if not found:
        longest = max((pool.ticks * pool.tick_hours for pool in pools), default=0.0)
        raise InsufficientHistory(
            f"The longest history is {longest:.1f} h; learning a forecast of {asked[0]:g} h needs "
            f"{LEAST_ROWS} instants with a known outcome.",
            fix="Collect probes for some days, or use the pool's mean availability.",
        )
    return Forecaster(
        horizon_H=tuple(hours for hours, _, _ in found),
        logit_H=tuple(logit for _, logit, _ in found),
        sightings_H=tuple(sightings for _, _, sightings in found),
        chains={pool.place.pool: chain for pool, chain in zip(pools, own, strict=True)},
        any_chain=anyone,
        families=frozenset(pool.place.family for pool in pools),
    )


def origins(pool: Watched) -> Ints:
    """Return the ticks nearest to every quarter of an hour since the first."""
    times = np.arange(0.0, pool.ticks * pool.tick_hours, ORIGIN_HOURS)
    index = np.unique(np.round(times / pool.tick_hours).astype(np.int64))
    return np.asarray(index[index < pool.ticks])


def outcomes(pool: Watched, hours: float) -> tuple[Ints, Floats]:
    """Return origins whose outcome some hours later was seen, and that outcome."""
    start = origins(pool)
    start = start[start + round(hours / pool.tick_hours) < pool.ticks]
    later = pool.up_T[start + round(hours / pool.tick_hours)]
    seen = np.isfinite(later)
    return start[seen], later[seen]


def _learn(pools: Sequence[Watched], hours: float, chains: Sequence[Chain]) -> tuple[Logit, float] | None:
    """Return the regression of one horizon and how many independent sightings it rests on."""
    known = [outcomes(pool, hours) for pool in pools]
    rows = sum(len(start) for start, _ in known)
    if rows < LEAST_ROWS:
        return None
    x_NK = np.concatenate(
        [
            features(pool, pools, hours, chain)[start]
            for pool, chain, (start, _) in zip(pools, chains, known, strict=True)
        ]
    )
    overlap = 1.0 + hours / ORIGIN_HOURS  # Rows that share a stretch count as one.
    penalty_K = PENALTY * overlap * np.where(OF_SIBLINGS, 1.0 + hours / SIBLING_HOURS, 1.0)
    return fit_logit(x_NK, np.concatenate([up for _, up in known]), penalty_K), rows / overlap


def _between(horizon_H: Sequence[float], hours: float) -> tuple[int, int, float]:
    """Return the horizons on either side and how far from the first to the second."""
    place = float(np.interp(np.log(hours), np.log(horizon_H), np.arange(len(horizon_H))))
    low = int(place)
    return low, min(low + 1, len(horizon_H) - 1), place - low
