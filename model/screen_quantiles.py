"""Quantiles and chances of N shifted gammas at once, from their first moments.

A gamma with a shift is known by mean, standard deviation and skewness (Pearson III). Skewness 0
is a normal; a negative one is the mirror image. Only P10, P50 and P90 are tabulated; between the
points of the table they are interpolated over the log of the shape. The table is within 1e-3
standard deviations of the exact inverse (a test; 3e-6 where measured).

Legend: N = pools, P = probabilities, A = shapes of the table.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import special

from .validity import Floats

PROBABILITIES = (0.1, 0.5, 0.9)  # Symmetric, so that the mirror image needs no other table.
LEAST_SHAPE, MOST_SHAPE = 1e-6, 1e8
POINTS = 2001


def shape_of(skew_N: Floats) -> Floats:
    """Return the gamma shapes of skewnesses, 4 / skewness squared, within the table; unknown as 0."""
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        shape_N = np.clip(4.0 / skew_N**2, LEAST_SHAPE, MOST_SHAPE)
    return np.where(np.isnan(shape_N), MOST_SHAPE, shape_N)


def quantiles_PN(mean_N: Floats, sd_N: Floats, skew_N: Floats) -> Floats:
    """Return P10, P50 and P90 of N shifted gammas; all three the mean where there is no spread.

    Args:
        mean_N: Means.
        sd_N: Standard deviations, 0 or more.
        skew_N: Skewnesses, any sign.
    """
    z_PA = _table()
    step = (POINTS - 1) / np.log(MOST_SHAPE / LEAST_SHAPE)
    at_N = np.log(shape_of(skew_N) / LEAST_SHAPE) * step
    below_N = np.minimum(at_N.astype(np.int64), POINTS - 2)
    z_PN = z_PA[:, below_N]
    z_PN += (at_N - below_N) * (z_PA[:, below_N + 1] - z_PN)
    return np.asarray(mean_N + sd_N * np.where(skew_N < 0, -z_PN[::-1], z_PN))


def chance_within_N(limit: float, mean_N: Floats, sd_N: Floats, skew_N: Floats) -> Floats:
    """Return the chance of each shifted gamma to stay within a limit."""
    shape_N = shape_of(skew_N)
    still_N = sd_N <= 0
    z_N = (limit - mean_N) / np.where(still_N, 1.0, sd_N)
    mirrored_N = skew_N < 0
    below_N = special.gammainc(shape_N, _standing(shape_N, np.where(mirrored_N, -z_N, z_N)))
    chance_N = np.where(mirrored_N, 1.0 - below_N, below_N)
    return np.where(still_N, (mean_N <= limit).astype(float), chance_N)


def chance_from_least_N(
    limit: float, least_N: Floats, sure_N: Floats, mean_N: Floats, sd_N: Floats
) -> Floats:
    """Return the chance to stay within a limit of what is its least with a chance of its own.

    Beyond the least it is a gamma that begins there, with the moments that are left: without
    that chance no gamma shows how often nothing goes wrong.

    Args:
        limit: What must not be exceeded.
        least_N: What it takes where nothing goes wrong.
        sure_N: Chance that nothing does.
        mean_N: Mean of all.
        sd_N: Standard deviation of all.
    """
    beyond_N, spread_N = _beyond_least_N(least_N, sure_N, mean_N, sd_N)
    skew_N = np.where(beyond_N > 0, 2 * spread_N / np.where(beyond_N > 0, beyond_N, 1.0), 0.0)
    within_N = chance_within_N(limit, least_N + beyond_N, spread_N, skew_N)
    return np.where(least_N <= limit, sure_N + (1.0 - sure_N) * within_N, 0.0)


def excess_from_least_N(
    limit: float, least_N: Floats, sure_N: Floats, mean_N: Floats, sd_N: Floats
) -> Floats:
    """Return by how much a limit is exceeded on average, of the same law; arguments are its own.

    Of a gamma with shape k and scale t: E(X - c)+ = k t Q(k + 1, c / t) - c Q(k, c / t).
    """
    beyond_N, spread_N = _beyond_least_N(least_N, sure_N, mean_N, sd_N)
    room_N = limit - least_N  # c
    scatters_N = (spread_N > 0) & (beyond_N > 0)
    shape_N = np.where(scatters_N, (beyond_N / np.where(scatters_N, spread_N, 1.0)) ** 2, 1.0)
    scale_N = np.where(scatters_N, spread_N**2 / np.where(scatters_N, beyond_N, 1.0), 1.0)
    at_N = np.maximum(room_N, 0.0) / scale_N
    tail_N = beyond_N * special.gammaincc(shape_N + 1.0, at_N) - room_N * special.gammaincc(shape_N, at_N)
    sharp_N = np.maximum(beyond_N - room_N, 0.0)
    rest_N = np.where(scatters_N & (room_N > 0), np.maximum(tail_N, 0.0), sharp_N)
    return np.asarray(sure_N * np.maximum(-room_N, 0.0) + (1.0 - sure_N) * rest_N)


def _beyond_least_N(least_N: Floats, sure_N: Floats, mean_N: Floats, sd_N: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation beyond the least, where it is exceeded."""
    rest_N = np.maximum(1.0 - sure_N, LEAST_SHAPE)
    beyond_N = (mean_N - least_N) / rest_N
    variance_N = (sd_N**2 + (mean_N - least_N) ** 2) / rest_N - beyond_N**2
    return beyond_N, np.sqrt(np.maximum(variance_N, 0.0))


def _standing(shape_N: Floats, z_N: Floats) -> Floats:
    """Return gamma values that lie z standard deviations from their mean, 0 at the least."""
    return np.asarray(np.maximum(shape_N + np.sqrt(shape_N) * z_N, 0.0))


@cache
def _table() -> Floats:
    """Return standard deviations from the mean at each probability."""
    shape_A = np.geomspace(LEAST_SHAPE, MOST_SHAPE, POINTS)
    at_PA = special.gammaincinv(shape_A, np.array(PROBABILITIES)[:, None])
    return np.asarray((at_PA - shape_A) / np.sqrt(shape_A))
