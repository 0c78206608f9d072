"""What has been seen of capacity: a history of every pool, its ages, and those of some pool being up.

Every pool is counted over all of its own past; what concerns pools together (how often another was
up when one was lost) is counted over the stretch that all of them share.

Legend: P = pools, T = ticks that all pools share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .spot_ages import Ages
from .watched import Bools

Course = Sequence[int] | Bools  # By tick: 1 = available.


@dataclass(frozen=True, slots=True)
class Seen:
    """A history, until just before now."""

    up_TP: Bools
    hours: float  # Of a tick of the history.
    ages: Ages
    union: Ages  # Of some pool being up.

    def paced(self, tick_hours: float) -> Seen:
        """Return it with ages that go on with ticks of another length."""
        for each in (self.ages, self.union):
            each.pace(tick_hours)
        return self


def seen(pools: Sequence[str], history: Mapping[str, Course], tick_hours: float) -> Seen:
    """Return what a history shows.

    Args:
        pools: Their names; P of them. One that the history does not name was never looked at.
        history: By pool, 1 = available, 0, None or NaN = not, per tick until just before now; of any length.
        tick_hours: Of a tick of the history.
    """
    columns = [_column(history.get(pool, ())) for pool in pools]
    length = min((column.size for column in columns if column.size), default=0)
    up_TP = np.zeros((length, len(pools)), dtype=bool)
    ages = Ages(len(pools), tick_hours)
    for index, column in enumerate(columns):
        if column.size:
            up_TP[:, index] = column[column.size - length :]
        ages.watch_one(index, column)
    union = Ages(1, tick_hours)
    union.watch(np.asarray(up_TP.any(axis=1, keepdims=True)))
    return Seen(up_TP, tick_hours, ages, union)


def _column(past: Course) -> Bools:
    return np.asarray(np.asarray(past, dtype=float) > 0)  # NaN, for None and unknown, is not above 0.
