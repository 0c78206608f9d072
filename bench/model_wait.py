"""The wait for capacity that is absent now: the mean gap mended by a forecast, against the mean gap alone.

A forecast is learned from the first half of each set; every four hours of the second half at which a pool
has no capacity, both say a law of the wait, exponential of their mean. The gap is the pool's of the
thirty days before, shrunk as its statistics are. CRPS up to 48 h, or where the record ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from harness import Bench
from model_data import Recorded

from model.first_wait import AHEAD_HOURS, first_wait_hours
from model.forecast import fit_forecast
from model.statistics import ASSUMED_GAP_HOURS, PRIOR_GAPS
from model.watched import Watched

STEP_HOURS = 4.0
WINDOW_HOURS = 720.0
LEAST_HOURS = 12.0  # Of record left, to see an end.
GRID_HOURS = np.concatenate([np.arange(0.25, 6.25, 0.25), np.arange(7.0, 49.0)])
BOOTSTRAPS = 1000


@dataclass
class Waits:
    """Scores of one set by day, ours and the peer's."""

    day: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    gap: list[float] = field(default_factory=list)


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    for data in sets:
        if data.what == "availability":
            found = scored(data)
            if found.day:
                told(bench, data.name, found)


def scored(data: Recorded) -> Waits:
    """Return the scores of every instant without capacity."""
    forecaster = fit_forecast(
        [pool.until(data.split_ticks(i)) for i, pool in enumerate(data.pools)], (AHEAD_HOURS,)
    )
    found = Waits()
    for index, pool in enumerate(data.pools):
        chance_T = forecaster.chances(pool, data.pools, AHEAD_HOURS)
        step = max(round(STEP_HOURS / pool.tick_hours), 1)
        last = pool.ticks - round(LEAST_HOURS / pool.tick_hours)
        there_T = np.asarray(pool.state_T, dtype=bool)
        for tick in range(data.split_ticks(index), last, step):
            if not there_T[tick]:
                gap = mean_gap(pool, there_T, tick)
                found.day.append(float(pool.hour_T[tick] // 24.0))
                found.gap.append(crps(pool, there_T, tick, gap))
                found.ours.append(crps(pool, there_T, tick, first_wait_hours(gap, float(chance_T[tick]))))
    return found


def mean_gap(pool: Watched, there_T: np.ndarray, tick: int) -> float:
    """Return the mean gap as the pool's statistics have it."""
    seen = there_T[max(0, tick - round(WINDOW_HOURS / pool.tick_hours)) : tick + 1]
    ended = int((~seen[:-1] & seen[1:]).sum())
    away = float((~seen).sum()) * pool.tick_hours
    return (PRIOR_GAPS * ASSUMED_GAP_HOURS + away) / (PRIOR_GAPS + ended)


def crps(pool: Watched, there_T: np.ndarray, tick: int, mean_hours: float) -> float:
    """Return the score of an exponential wait, per hour looked at."""
    back = np.flatnonzero(there_T[tick:])
    came = back[0] * pool.tick_hours if back.size else np.inf
    grid = GRID_HOURS[(pool.ticks - 1 - tick) * pool.tick_hours >= GRID_HOURS]
    width = np.diff(grid, prepend=0.0)
    return float((((1.0 - np.exp(-grid / mean_hours)) - (came <= grid)) ** 2 * width).sum() / width.sum())


def told(bench: Bench, name: str, found: Waits) -> None:
    """Print the ratio of mean scores, with the interval of a bootstrap of days."""
    ours, gap, day = np.array(found.ours), np.array(found.gap), np.array(found.day)
    days = np.unique(day)
    sums = np.array([[ours[day == d].sum(), gap[day == d].sum()] for d in days])
    rng = np.random.default_rng(bench.options.seed)
    drawn = sums[rng.integers(0, len(days), (BOOTSTRAPS, len(days)))].sum(axis=1)
    ratio = drawn[:, 0] / drawn[:, 1]
    bench.figure(
        f"first wait, CRPS over the mean gap's, {name}", float(ours.mean() / gap.mean()), unit="ratio",
        better="lower", must=1.0, aim=0.9, n=len(ours),
        interval=[round(float(q), 3) for q in np.quantile(ratio, (0.05, 0.95))],
    )  # fmt: skip
