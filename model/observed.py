"""Lives as a recorder knows them: each ended within an interval of its age, or still runs.

Legend: N = lives, L = columns known when a life began, K = hours ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import ImpossibleInput
from .features import WINDOW_HOURS, window_log_odds, window_shares
from .validity import Floats
from .watched import Bools, Ints, Watched, log_odds

RECENT = ("all time", "last 168 h", "last 24 h", "last 6 h")
RECENT_WINDOWS = (0, 1, 3, 4)  # Of `features.window_log_odds`.
AHEAD_HOURS = np.array(
    [0.0, 2.0, 4.0, 6.0, 9.0, 12.0, 18.0, 24.0, 36.0, 48.0, 72.0, 96.0, 120.0, 144.0, 168.0]
)  # Of a spell's beginning, from now; it holds until the next.


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """Runs of one state, each known to end within an interval of its age."""

    pool_N: Ints  # Index into the pools.
    after_hours_N: Floats  # The age it is known to exceed.
    until_hours_N: Floats  # The age it is known not to exceed; infinite while it runs.
    began_hour_N: Floats  # On the shared clock.
    recent_NL: Floats  # What was known when it began, such as recent availability; may be (N, 0).

    def __post_init__(self) -> None:
        after, until = self.after_hours_N, self.until_hours_N
        if not (np.isfinite(after) & (after >= 0) & (until > after)).all():
            raise ImpossibleInput(
                "A life ends before it has lasted, or its age is not a number.",
                fix="State ages in hours, 0 or more, and the later look after the earlier.",
            )
        if not (np.isfinite(self.began_hour_N).all() and np.isfinite(self.recent_NL).all()):
            raise ImpossibleInput(
                "A life's beginning or what preceded it is not finite.", fix="Leave it out."
            )

    @property
    def count(self) -> int:
        """How many lives, those still running included."""
        return len(self.pool_N)

    @property
    def endings(self) -> int:
        """How many of them ended."""
        return int(np.isfinite(self.until_hours_N).sum())

    def chosen(self, which: Bools) -> Lives:
        """Return some of the lives."""
        return Lives(
            pool_N=self.pool_N[which],
            after_hours_N=self.after_hours_N[which],
            until_hours_N=self.until_hours_N[which],
            began_hour_N=self.began_hour_N[which],
            recent_NL=self.recent_NL[which],
        )

    def seen_by(self, hour: float) -> Lives:
        """Return what was known at an instant: later lives absent, running ones cut there."""
        begun = self.chosen(self.began_hour_N < hour)
        age = hour - begun.began_hour_N
        return Lives(
            pool_N=begun.pool_N,
            after_hours_N=np.minimum(begun.after_hours_N, age),
            until_hours_N=np.where(begun.until_hours_N <= age, begun.until_hours_N, np.inf),
            began_hour_N=begun.began_hour_N,
            recent_NL=begun.recent_NL,
        )


def lives_of(pools: Sequence[Watched], *, up: bool) -> Lives:
    """Return the runs of a state of watched pools: availability (up) or its absence.

    The first run of a series is left out, for nobody saw it begin. A run seen at k ticks ended
    between k - 1 and k ticks after it was first seen. What preceded it is the log-odds of
    availability over the windows of `RECENT`, at the tick before it began.

    Args:
        pools: Watched pools; a life's `pool_N` is the place in this list.
        up: Runs of availability, or of its absence (gaps).
    """
    return joined([_runs(index, pool, up) for index, pool in enumerate(pools)])


def recent_ahead(pool: Watched) -> Floats:
    """Return the log-odds that `RECENT` is expected to show in each of `AHEAD_HOURS`, shape (K, L).

    A window moves on: by then some of its hours are still to come, and they are expected to show
    what the next longer window does. So a bad day is forgotten in a day, and a bad week in a week.
    """
    shares = window_shares(pool)
    ahead = [np.full(AHEAD_HOURS.size, shares[RECENT_WINDOWS[0]][-1])]
    for window in RECENT_WINDOWS[1:]:
        seen_K = np.clip(1.0 - AHEAD_HOURS / WINDOW_HOURS[window - 1], 0.0, 1.0)
        ahead.append(seen_K * shares[window][-1] + (1.0 - seen_K) * ahead[-1])
    return log_odds(np.column_stack(ahead))


def joined(parts: Sequence[Lives]) -> Lives:
    """Return lives of several records as one; at least one record."""
    return Lives(
        pool_N=np.concatenate([part.pool_N for part in parts]),
        after_hours_N=np.concatenate([part.after_hours_N for part in parts]),
        until_hours_N=np.concatenate([part.until_hours_N for part in parts]),
        began_hour_N=np.concatenate([part.began_hour_N for part in parts]),
        recent_NL=np.concatenate([part.recent_NL for part in parts]),
    )


def _runs(index: int, pool: Watched, up: bool) -> Lives:
    edge = np.flatnonzero(pool.state_T[1:] != pool.state_T[:-1]) + 1
    begin, end = edge, np.append(edge[1:], pool.ticks)
    own = pool.state_T[begin] == up if edge.size else np.zeros(0, dtype=bool)
    begin, end = begin[own], end[: len(edge)][own]
    ticks = (end - begin).astype(np.float64)
    windows = window_log_odds(pool)
    return Lives(
        pool_N=np.full(len(begin), index, dtype=np.int64),
        after_hours_N=(ticks - 1.0) * pool.tick_hours,
        until_hours_N=np.where(end < pool.ticks, ticks * pool.tick_hours, np.inf),
        began_hour_N=pool.hour_T[begin],
        recent_NL=np.column_stack([windows[w][begin - 1] for w in RECENT_WINDOWS]),
    )
