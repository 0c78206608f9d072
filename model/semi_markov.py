"""The chance of capacity later, from how old its presence or absence is: a semi-Markov chain.

A state ends with a hazard that depends on its age alone. Hazards by age are pooled over all
pools, then each pool's own are shrunk to the pooled ones. Forecasts follow the chain exactly,
tick by tick. On its own a strong baseline up to an hour; in the forecast one input of many.

Legend: S = 2 states (absent, available), B = age bins, T = ticks, A = ages in ticks, P = pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .validity import Floats
from .watched import Ints, Watched

AGE_HOURS = np.array([0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0])  # Edges between bins.
WORTH = 5.0  # Endings the pooled hazard of a bin is worth against a pool's own.
HALF_ENDING = 0.5  # A bin in which nothing ended is not safe: Jeffreys.
PRIOR_HOURS = 1.0  # Hours beside the half ending, so that an empty bin has a hazard of 0.5 per hour.


@dataclass(frozen=True, slots=True)
class Chain:
    """Hazards per hour of one pool, by state and age bin."""

    hazard_per_hour_SB: Floats

    def chances(self, pool: Watched, hours: float) -> Floats:
        """Return the chance of being available some hours after each tick, shape (T,)."""
        steps = max(0, round(hours / pool.tick_hours))
        oldest = int(pool.age_ticks_T.max()) + 1
        bins_A = age_bins(np.asarray((np.arange(1, oldest + 1) - 0.5) * pool.tick_hours))
        ending_SA = -np.expm1(-self.hazard_per_hour_SB[:, bins_A] * pool.tick_hours)
        up_SA = np.stack([np.zeros(oldest), np.ones(oldest)])
        for _ in range(steps):
            older_SA = np.concatenate([up_SA[:, 1:], up_SA[:, -1:]], axis=1)
            turned_S1 = up_SA[::-1, :1]
            up_SA = (1.0 - ending_SA) * older_SA + ending_SA * turned_S1
        return np.asarray(up_SA[pool.state_T.astype(int), pool.age_ticks_T - 1])


def age_bins(age_hours: Floats) -> Ints:
    """Return the bin of each age."""
    return np.asarray(np.searchsorted(AGE_HOURS, age_hours), dtype=np.int64)


def fit_chains(pools: Sequence[Watched]) -> tuple[list[Chain], Chain]:
    """Return the chain of each pool, in order, and the one of a pool nobody watched.

    A pool's hazard in a bin is (5 + endings) / (5 / pooled hazard + hours): gamma with the
    pooled hazard as mean, worth five endings.
    """
    seen = [_endings(pool) for pool in pools]
    empty = np.zeros((2, AGE_HOURS.size + 1))
    ended_SB = sum((k for k, _ in seen), empty) + HALF_ENDING
    pooled_SB = ended_SB / (sum((hours for _, hours in seen), empty) + PRIOR_HOURS)
    own = [Chain((WORTH + k) / (WORTH / pooled_SB + hours)) for k, hours in seen]
    return own, Chain(pooled_SB)


def _endings(pool: Watched) -> tuple[Floats, Floats]:
    """Return endings and hours at risk by state and age bin; a tick in which it ended counts half."""
    state = pool.state_T[:-1].astype(int)
    bins = age_bins(np.asarray((pool.age_ticks_T[:-1] - 0.5) * pool.tick_hours))
    ended_SB, hours_SB = np.zeros((2, AGE_HOURS.size + 1)), np.zeros((2, AGE_HOURS.size + 1))
    np.add.at(hours_SB, (state, bins), pool.tick_hours)
    np.add.at(ended_SB, (state, bins), pool.state_T[1:] != pool.state_T[:-1])
    return ended_SB, hours_SB - 0.5 * pool.tick_hours * ended_SB
