"""How good a forecast was: Brier, log-loss, calibration error, coverage, and how sure that is.

Every interval comes from a day-block bootstrap: what happened within one day to all pools is
drawn together, because it was one piece of luck.

Legend: N = forecasts, D = days, R = redraws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .errors import InsufficientHistory
from .validity import Floats, share

BINS = 10
REDRAWS = 2000
EDGE = 1e-6  # Keeps log-loss finite where a forecast was certain and wrong.


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the 90 % interval of its day-block bootstrap."""

    value: float
    low: float
    high: float


def brier(chance_N: ArrayLike, came_N: ArrayLike) -> Floats:
    """Return the squared distance of each chance from what came."""
    return np.asarray((share("Chance", chance_N) - share("Outcome", came_N)) ** 2)


def log_loss(chance_N: ArrayLike, came_N: ArrayLike) -> Floats:
    """Return minus the log-likelihood of what came."""
    p_N = np.clip(share("Chance", chance_N), EDGE, 1.0 - EDGE)
    came = share("Outcome", came_N)
    return np.asarray(-(came * np.log(p_N) + (1.0 - came) * np.log1p(-p_N)))


def calibration_error(chance_N: ArrayLike, came_N: ArrayLike) -> float:
    """Return the mean distance between chance and frequency over ten bins of chance, weighted by use."""
    p_N, came = share("Chance", chance_N), share("Outcome", came_N)
    if not p_N.size:
        raise InsufficientHistory("There are 0 forecasts to score.", fix="Widen the window.")
    bin_N = np.minimum((p_N * BINS).astype(int), BINS - 1)
    apart = np.bincount(bin_N, p_N, BINS) - np.bincount(bin_N, came, BINS)
    return float(np.abs(apart).sum() / p_N.size)


def mean_by_day(value_N: ArrayLike, day_N: ArrayLike, *, seed: int) -> Interval:
    """Return a mean with its 90 % interval, whole days redrawn.

    Args:
        value_N: One number per forecast, such as a difference of two scores.
        day_N: The day each belongs to; pools share days.
        seed: Of the redraws.

    Raises:
        InsufficientHistory: There are no values.
    """
    value = np.asarray(value_N, dtype=np.float64)
    if not value.size:
        raise InsufficientHistory("There are 0 forecasts to score.", fix="Widen the window.")
    _, place_N = np.unique(np.asarray(day_N), return_inverse=True)
    total_D, count_D = np.bincount(place_N, value), np.bincount(place_N)
    drawn_RD = np.random.default_rng(seed).integers(0, total_D.size, (REDRAWS, total_D.size))
    means_R = total_D[drawn_RD].sum(axis=1) / count_D[drawn_RD].sum(axis=1)
    low, high = np.quantile(means_R, [0.05, 0.95])
    return Interval(float(value.mean()), float(low), float(high))
