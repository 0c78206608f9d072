"""How good a forecast was: Brier, log-loss, CRPS, calibration, coverage, and how sure that is.

Every interval comes from a day-block bootstrap: what happened within one day to all pools is
drawn together, because it was one piece of luck.

Legend: N = forecasts, D = days, R = redraws, B = bins, S = drawn values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InsufficientHistory
from .validity import Floats, quantity, share

BINS = 10
REDRAWS = 2000
EDGE = 1e-6  # Keeps log-loss finite where a forecast was certain and wrong.


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with the 90 % interval of its day-block bootstrap."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bin:
    """How often what was given a chance between two bounds came; None in a bin without forecasts."""

    low: float
    high: float
    count: int
    chance: float | None  # Mean of the chances given.
    came: float | None  # Share that came, with the 90 % interval of its day-block bootstrap.
    came_low: float | None
    came_high: float | None


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
    bin_N = _bins(p_N)
    apart = np.bincount(bin_N, p_N, BINS) - np.bincount(bin_N, came, BINS)
    return float(np.abs(apart).sum() / p_N.size)


def crps(drawn_S: ArrayLike, came: float) -> float:
    """Return the continuous ranked probability score of drawn values, in their unit.

    The mean distance of a draw from what came, less half the mean distance between two draws: the
    integral of (share of draws <= x, less 1 from `came` on) squared over x. One draw scores its
    distance.

    Raises:
        ImpossibleInput: A value is negative or not finite.
        InsufficientHistory: There are no draws.

    Source: Gneiting and Raftery (2007), eq. 21, of the empirical distribution.
    """
    drawn = np.sort(quantity("Drawn value", drawn_S, "").ravel())
    what = float(quantity("What came", came, ""))
    if not drawn.size:
        raise InsufficientHistory("There are 0 drawn values to score.", fix="Draw at least 1.")
    rank = np.arange(1, drawn.size + 1)
    between = float(((2 * rank - drawn.size - 1) * drawn).sum()) / drawn.size**2
    return float(np.abs(drawn - what).mean()) - between


def calibration_error_by_day(
    chance_N: ArrayLike, came_N: ArrayLike, day_N: ArrayLike, *, seed: int
) -> Interval:
    """Return `calibration_error` with its 90 % interval, whole days redrawn.

    Every redraw adds luck of its own to an error that cannot be below 0, so redrawn errors lie
    above the error itself. That excess is taken off: the interval is the spread of the redraws about
    their mean, put around the error.

    Raises:
        InsufficientHistory: There are no forecasts.
    """
    value = calibration_error(chance_N, came_N)
    count_DB, chance_DB, came_DB = _by_day(chance_N, came_N, day_N)
    drawn_RD = _redrawn(len(count_DB), seed)
    apart_RB = (chance_DB - came_DB)[drawn_RD].sum(axis=1)
    error_R = np.abs(apart_RB).sum(axis=1) / count_DB.sum(axis=1)[drawn_RD].sum(axis=1)
    low, high = value + np.quantile(error_R, [0.05, 0.95]) - error_R.mean()
    return Interval(value, min(max(float(low), 0.0), value), max(float(high), value))


def calibration_bins(chance_N: ArrayLike, came_N: ArrayLike, day_N: ArrayLike, *, seed: int) -> list[Bin]:
    """Return ten bins of chance with how often what they hold came, whole days redrawn.

    Raises:
        InsufficientHistory: There are no forecasts.
    """
    count_DB, chance_DB, came_DB = _by_day(chance_N, came_N, day_N)
    drawn_RD = _redrawn(len(count_DB), seed)
    count_RB, came_RB = count_DB[drawn_RD].sum(axis=1), came_DB[drawn_RD].sum(axis=1)
    sums = zip(count_DB.sum(axis=0), chance_DB.sum(axis=0), came_DB.sum(axis=0), strict=True)
    return [_bin(b, *of_bin, came_RB[:, b], count_RB[:, b]) for b, of_bin in enumerate(sums)]


def _bin(b: int, count: float, chance: float, came: float, came_R: Floats, count_R: Floats) -> Bin:
    low, high = b / BINS, (b + 1) / BINS
    if not count:
        return Bin(low=low, high=high, count=0, chance=None, came=None, came_low=None, came_high=None)
    there = count_R > 0  # A redraw may hold no day that used this bin.
    came_low, came_high = np.quantile(came_R[there] / count_R[there], [0.05, 0.95])
    return Bin(
        low=low, high=high, count=int(count), chance=float(chance / count), came=float(came / count),
        came_low=float(came_low), came_high=float(came_high),
    )  # fmt: skip


def _by_day(chance_N: ArrayLike, came_N: ArrayLike, day_N: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return counts, sums of chances and sums of what came, by day and bin."""
    p_N, came = share("Chance", chance_N), share("Outcome", came_N)
    if not p_N.size:
        raise InsufficientHistory("There are 0 forecasts to score.", fix="Widen the window.")
    days, place_N = np.unique(np.asarray(day_N), return_inverse=True)
    cell_N = place_N * BINS + _bins(p_N)
    sums = [
        np.bincount(cell_N, weight_N, days.size * BINS).astype(np.float64).reshape(days.size, BINS)
        for weight_N in (np.ones(p_N.size), p_N, came)
    ]
    return sums[0], sums[1], sums[2]


def _bins(p_N: Floats) -> NDArray[np.int64]:
    return np.minimum((p_N * BINS).astype(np.int64), BINS - 1)


def _redrawn(days: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, days, (REDRAWS, days))


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
    drawn_RD = _redrawn(total_D.size, seed)
    means_R = total_D[drawn_RD].sum(axis=1) / count_D[drawn_RD].sum(axis=1)
    low, high = np.quantile(means_R, [0.05, 0.95])
    return Interval(float(value.mean()), float(low), float(high))
