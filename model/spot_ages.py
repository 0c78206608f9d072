"""How long a pool stays up or down, by the age of its state: counted, shared, and kept current.

Runs are heavy-tailed: half of them end within the hour, a few last for days. What has lasted
lasts on, so the chance to end falls with age, and is counted apart for ages between edges.
Pools lend each other the shape; each keeps a scale of its own. Old counts fade.

Legend: P = pools, T = ticks, S = 2 states (down, up), B = age bins.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .validity import Floats
from .watched import Ints

EDGES_HOURS = np.array([0.12, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0])
BINS = EDGES_HOURS.size + 1
PRIOR_SHAPE = 0.55  # Weibull: median of pools of 2015-23, up and down.
PRIOR_PER_HOUR = 0.5  # Of a pool nobody has watched, at an age of one hour.
WORTH = 5.0  # Endings that the shared hazard of a bin is worth against a pool's own.
HALF_LIFE_HOURS = 240.0  # Of a count: levels drift within weeks.


def prior_shape() -> Floats:
    """Return the mean hazard of each bin of a Weibull that is 1 per hour at one hour, shape (B,)."""
    low = np.concatenate([[0.0], EDGES_HOURS])
    high = np.concatenate([EDGES_HOURS, [4.0 * EDGES_HOURS[-1]]])
    mean = (high**PRIOR_SHAPE - low**PRIOR_SHAPE) / (high - low)
    return np.asarray(mean / PRIOR_SHAPE)


def bin_of(age_hours: ArrayLike) -> Ints:
    """Return the bin of each age."""
    return np.searchsorted(EDGES_HOURS, age_hours).astype(np.int64)


class Ages:
    """The states of P pools, their ages in ticks, and faded counts of how runs ended."""

    def __init__(self, pools: int, tick_hours: float) -> None:
        self.tick_hours = tick_hours
        self.up_P = np.zeros(pools, dtype=bool)
        self.ticks_P = np.zeros(pools, dtype=np.int64)  # 0 before the first look.
        self.ended_PSB = np.zeros((pools, 2, BINS))
        self.hours_PSB = np.zeros((pools, 2, BINS))
        self._fade = 0.5 ** (tick_hours / HALF_LIFE_HOURS)
        self._bins_P: Ints | None = None  # Asked for far more often than it changes.

    def pace(self, tick_hours: float) -> None:
        """Go on with ticks of another length; ages stay what they are."""
        self.ticks_P = np.where(
            self.ticks_P > 0, np.maximum(np.round(self.ticks_P * self.tick_hours / tick_hours), 1), 0
        ).astype(np.int64)
        self.tick_hours, self._bins_P = tick_hours, None
        self._fade = 0.5 ** (tick_hours / HALF_LIFE_HOURS)

    @property
    def bins_P(self) -> Ints:
        """The age bin of each pool's present state."""
        if self._bins_P is None:
            self._bins_P = bin_of((np.maximum(self.ticks_P, 1) - 0.5) * self.tick_hours)
        return self._bins_P

    def turn(self, pool: int) -> None:
        """Have a pool's state be one tick old."""
        self.ticks_P[pool], self._bins_P = 1, None

    def see(self, up_P: np.ndarray) -> None:
        """Count one more tick."""
        known = self.ticks_P > 0
        pool, state, bin_P = np.arange(known.size), self.up_P.astype(int), self.bins_P
        turned = known & (up_P != self.up_P)
        self.hours_PSB *= self._fade
        self.ended_PSB *= self._fade
        self.hours_PSB[pool, state, bin_P] += np.where(known, self.tick_hours * np.where(turned, 0.5, 1.0), 0)
        self.ended_PSB[pool, state, bin_P] += turned
        self.ticks_P, self._bins_P = np.where(turned, 1, self.ticks_P + 1), None
        self.up_P = np.array(up_P, dtype=bool)

    def watch(self, up_TP: np.ndarray) -> None:
        """Count a whole history; the same as seeing its ticks one by one, faster."""
        for pool in range(up_TP.shape[1]):
            self.watch_one(pool, up_TP[:, pool])

    def watch_one(self, pool: int, up_T: np.ndarray) -> None:
        """Count the whole history of one pool."""
        ticks = up_T.size
        if not ticks:
            return
        turned_T = np.concatenate([[True], up_T[1:] != up_T[:-1]])
        index = np.arange(ticks)
        age_T = index - np.maximum.accumulate(np.where(turned_T, index, 0)) + 1
        ends_T = turned_T[1:]
        bin_T = bin_of((age_T[:-1] - 0.5) * self.tick_hours)
        weight_T = self._fade ** (ticks - 2 - index[:-1]).astype(np.float64)
        place = (up_T[:-1].astype(int), bin_T)
        np.add.at(self.hours_PSB[pool], place, weight_T * self.tick_hours * np.where(ends_T, 0.5, 1.0))
        np.add.at(self.ended_PSB[pool], place, weight_T * ends_T)
        self.up_P[pool], self.ticks_P[pool], self._bins_P = bool(up_T[-1]), int(age_T[-1]), None

    def hazards(self) -> Floats:
        """Return the hazard per hour of each pool, state and bin, shape (P, S, B)."""
        prior_B = prior_shape() * PRIOR_PER_HOUR
        shared_SB = _shrunk(self.ended_PSB.sum(axis=0), self.hours_PSB.sum(axis=0), prior_B)
        lent = shared_SB if self.up_P.size > 1 else np.broadcast_to(prior_B, (2, BINS))
        return np.stack([_shrunk(e, h, lent) for e, h in zip(self.ended_PSB, self.hours_PSB, strict=True)])


def _shrunk(ended_SB: Floats, hours_SB: Floats, lent: Floats) -> Floats:
    """Return gamma-shrunk hazards: scale from all of a pool's endings, shape lent where it has few."""
    scale_S1 = (1.0 + ended_SB.sum(axis=1, keepdims=True)) / (
        1.0 + (hours_SB * lent).sum(axis=1, keepdims=True)
    )
    expected_SB = np.broadcast_to(lent, ended_SB.shape) * scale_S1
    return np.asarray((WORTH + ended_SB) / (WORTH / expected_SB + hours_SB))
