"""A pool as it was watched: available or not, tick by tick, and where it stands among its siblings.

The only input of the forecast and, for recorded markets, of the lifetimes. Times are hours on
one clock that all pools share, counted from a midnight UTC. A tick nobody recorded is NaN: it
carries the last state forward but weighs nothing in a mean.

Legend: T = ticks of one pool.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ImpossibleInput, InsufficientHistory
from .validity import Floats, quantity

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where a pool stands: family of machines, region, zone, pool; each name within the one before."""

    family: str  # Provider and GPU model: pools of one family lend each other the most.
    region: str
    zone: str
    pool: str


@dataclass(frozen=True, kw_only=True)
class Watched:
    """One pool, watched at regular ticks; made by `watch`, which checks the numbers."""

    place: Place
    up_T: Floats  # Share of what was asked for that could be had, 0 to 1; NaN where nobody looked.
    tick_hours: float
    first_hour: float  # Of the first tick, on the shared clock.

    @property
    def ticks(self) -> int:
        """How many ticks there are."""
        return self.up_T.size

    @cached_property
    def state_T(self) -> Bools:
        """Available at a tick: at least half of what was asked for; the last known where nobody looked."""
        known = np.maximum.accumulate(np.where(np.isfinite(self.up_T), np.arange(self.ticks), 0))
        return np.asarray(self.up_T[known] >= 0.5)

    @cached_property
    def age_ticks_T(self) -> Ints:
        """For how many ticks, this one included, the state has been what it is."""
        index = np.arange(self.ticks)
        turned = np.concatenate([[True], self.state_T[1:] != self.state_T[:-1]])
        return np.asarray(index - np.maximum.accumulate(np.where(turned, index, 0)) + 1, dtype=np.int64)

    @cached_property
    def hour_T(self) -> Floats:
        """Hours on the shared clock."""
        return self.first_hour + self.tick_hours * np.arange(self.ticks, dtype=np.float64)

    @cached_property
    def _sums(self) -> tuple[Floats, Floats]:
        seen = np.isfinite(self.up_T)
        up = np.concatenate([[0.0], np.cumsum(np.where(seen, self.up_T, 0.0))])
        return np.asarray(up), np.concatenate([[0.0], np.cumsum(seen, dtype=np.float64)])

    def mean_between(self, low_N: Ints, high_N: Ints) -> tuple[Floats, Floats]:
        """Return the sum of availability and the count of seen ticks in [low, high), clipped."""
        low, high = np.clip(low_N, 0, self.ticks), np.clip(high_N, 0, self.ticks)
        up, seen = self._sums
        up_N = up[np.maximum(low, high)] - up[low]
        return np.asarray(up_N), np.asarray(seen[np.maximum(low, high)] - seen[low])

    def until(self, ticks: int) -> Watched:
        """Return what had been seen after the first ticks."""
        if ticks < 1:
            raise InsufficientHistory(
                f"{self.place.pool} has 0 ticks before the instant asked for; 1 is needed.",
                fix="Ask for a later instant, or collect probes of this pool.",
            )
        return Watched(
            place=self.place,
            up_T=self.up_T[:ticks],
            tick_hours=self.tick_hours,
            first_hour=self.first_hour,
        )


def watch(place: Place, up: ArrayLike, tick_hours: float, first_hour: float = 0.0) -> Watched:
    """Return a watched pool, leading unseen ticks cut off.

    Args:
        place: Where the pool stands.
        up: Share available at each tick, shape (T,), 0 to 1 or NaN where nobody looked.
        tick_hours: Hours between ticks, above 0.
        first_hour: Hour of the first tick on the clock all pools share, from a midnight UTC.

    Raises:
        ImpossibleInput: A share is outside 0 to 1, or the tick not above 0.
        InsufficientHistory: No tick was seen.
    """
    up_T = np.asarray(up, dtype=np.float64).ravel()
    tick = float(quantity("Tick", tick_hours, "h", above_zero=True))
    begun = float(quantity("Hour of the first tick", first_hour, "h"))
    seen_T = np.isfinite(up_T)
    if not seen_T.any():
        raise InsufficientHistory(
            f"{place.pool} has 0 probes in {up_T.size} ticks; a forecast needs at least 1.",
            fix="Collect probes of this pool.",
        )
    if ((up_T[seen_T] < 0) | (up_T[seen_T] > 1)).any():
        raise ImpossibleInput(
            f"Availability of {place.pool} reaches {up_T[seen_T].max():g}; a share lies between 0 and 1.",
            fix="Divide obtained instances by wanted ones.",
        )
    first = int(np.argmax(seen_T))
    return Watched(place=place, up_T=up_T[first:], tick_hours=tick, first_hour=begun + first * tick)


def trailing(pool: Watched, hours: float, prior_T: Floats, prior_hours: float) -> Floats:
    """Return mean availability over the last hours at each tick, shrunk to a prior worth some hours."""
    index = np.arange(pool.ticks)
    width = max(1, round(min(hours / pool.tick_hours, pool.ticks)))
    up, seen = pool.mean_between(index + 1 - width, index + 1)
    weight = prior_hours / pool.tick_hours
    return np.asarray((up + weight * prior_T) / (seen + weight))


def log_odds(share: ArrayLike, edge: float = 0.02) -> Floats:
    """Return ln(p / (1 - p)), p kept that far from 0 and 1."""
    inside = np.clip(np.asarray(share, dtype=np.float64), edge, 1.0 - edge)
    return np.asarray(np.log(inside / (1.0 - inside)))
