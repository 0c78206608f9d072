"""When capacity was there in recorded history: the runs of many pools, asked all at once.

Legend: R = runs of all pools after one another, P = pools, N = questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .validity import Floats
from .watched import Ints, Watched

SAME_HOURS = 1e-6  # Two instants closer than this are one.


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of availability of pools, on one line: every pool has a stretch of it for itself."""

    from_R: Floats
    until_R: Floats
    first_hour_P: Floats
    end_hour_P: Floats  # One tick after the last: what was last seen holds until the next look.
    moved_P: Floats  # Added to a pool's clock to find its stretch of the line.

    def next_up(self, pool_N: Ints, hour_N: Floats, end_hour_N: Floats) -> tuple[Floats, Floats]:
        """Return the first run of availability between two hours, cut to them; infinite where none is."""
        moved_N = self.moved_P[pool_N]
        at_N = np.searchsorted(self.until_R, moved_N + hour_N + SAME_HOURS, side="right")
        from_N = np.maximum(self.from_R[at_N] - moved_N, hour_N)
        until_N = np.minimum(self.until_R[at_N] - moved_N, end_hour_N)
        none_N = from_N >= end_hour_N - SAME_HOURS
        return np.where(none_N, np.inf, from_N), np.where(none_N, np.inf, until_N)


def runs_of(pools: Sequence[Watched]) -> Runs:
    """Return the runs of pools, in their order; there may be none."""
    first_P = np.array([pool.first_hour for pool in pools], dtype=np.float64)
    end_P = np.array([pool.first_hour + pool.ticks * pool.tick_hours for pool in pools], dtype=np.float64)
    stretch = float(end_P.max() - first_P.min()) + 1.0 if pools else 0.0
    moved_P = stretch * np.arange(len(pools)) - (first_P.min() if pools else 0.0)
    parts = [_edges(pool) for pool in pools]
    return Runs(
        np.concatenate([*(part[0] + by for part, by in zip(parts, moved_P, strict=True)), [np.inf]]),
        np.concatenate([*(part[1] + by for part, by in zip(parts, moved_P, strict=True)), [np.inf]]),
        first_P,
        end_P,
        moved_P,
    )


def _edges(pool: Watched) -> tuple[Floats, Floats]:
    turned = np.flatnonzero(pool.state_T[1:] != pool.state_T[:-1]) + 1
    edge = np.concatenate([[0], turned, [pool.ticks]])
    hour = pool.first_hour + pool.tick_hours * edge
    up = pool.state_T[edge[:-1]]
    return hour[:-1][up], hour[1:][up]
