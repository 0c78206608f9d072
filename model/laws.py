"""Log-likelihoods of lives known to end within an interval, and their slopes.

A recorder looks once per tick, so a life is known to end after one look and by the next; a
life still running is known to end after the last. `until` is infinite there. Lives are
lognormal, or a mix of two lognormals: flickers and stays.

Legend: N = lives, C = components.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import expit, log_ndtr

from .validity import Floats

LOG_ROOT_2PI = 0.5 * np.log(2.0 * np.pi)
FAR = 37.0  # Standard deviations; beyond, a normal tail is below the smallest double.
THINNEST = -1e-12  # Of the log of a ratio of tails: keeps an empty interval finite.
WIDEST_LOG_SCALE = 5.0


class Slopes(NamedTuple):
    """Log-likelihood of each life, and its slope in each parameter."""

    log_likelihood_N: Floats
    slope_N: tuple[Floats, ...]


def log_hours(hours_N: Floats) -> Floats:
    """Return the logarithm of hours: -inf at 0 and inf at infinity, without a warning."""
    positive_N = hours_N > 0
    return np.where(positive_N, np.log(np.where(positive_N, hours_N, 1.0)), -np.inf)


def lognormal(after_N: Floats, until_N: Floats, location_N: Floats, log_scale_N: Floats) -> Slopes:
    """Return ln P(after < life <= until) of lognormal lives, by location and log scale.

    Args:
        after_N: Log hours the life is known to exceed; -inf from birth.
        until_N: Log hours it is known not to exceed; inf while it runs.
        location_N: Mean of the log of hours.
        log_scale_N: Log of the standard deviation of the log of hours.
    """
    scale_N = np.exp(np.clip(log_scale_N, -WIDEST_LOG_SCALE, WIDEST_LOG_SCALE))
    low_N = np.clip((after_N - location_N) / scale_N, -FAR, FAR)
    high_N = np.clip((until_N - location_N) / scale_N, -FAR, FAR)
    mass_N = _log_between(low_N, high_N)
    down_N = np.where(low_N > -FAR, _density(low_N, mass_N), 0.0)
    up_N = np.where(high_N < FAR, _density(high_N, mass_N), 0.0)
    return Slopes(mass_N, ((down_N - up_N) / scale_N, low_N * down_N - high_N * up_N))


def two_lognormals(after_N: Floats, until_N: Floats, parameters: tuple[Floats, ...]) -> Slopes:
    """Return the same for a mix: location of flickers, log odds of a stay, log distance, log scales.

    Stays are longer by exp(log distance) in log hours, so that the two never change names.
    """
    location_N, odds_N, distance_N, log_flicker_N, log_stay_N = parameters
    apart_N = np.exp(np.clip(distance_N, -WIDEST_LOG_SCALE, WIDEST_LOG_SCALE))
    flicker = lognormal(after_N, until_N, location_N, log_flicker_N)
    stay = lognormal(after_N, until_N, location_N + apart_N, log_stay_N)
    log_short_N = flicker.log_likelihood_N - np.logaddexp(0.0, odds_N)
    log_long_N = stay.log_likelihood_N - np.logaddexp(0.0, -odds_N)
    total_N = np.logaddexp(log_short_N, log_long_N)
    long_N = np.exp(np.maximum(log_long_N - total_N, -700.0))
    short_N = 1.0 - long_N
    by_stay_N = long_N * stay.slope_N[0]
    return Slopes(
        total_N,
        (
            short_N * flicker.slope_N[0] + by_stay_N,
            long_N - expit(odds_N),
            by_stay_N * apart_N,
            short_N * flicker.slope_N[1],
            long_N * stay.slope_N[1],
        ),
    )


def _log_between(low_N: Floats, high_N: Floats) -> Floats:
    """Return ln(Phi(high) - Phi(low)), taken in the tail where no digits are lost."""
    flip_N = low_N > 0
    a_N, b_N = np.where(flip_N, -high_N, low_N), np.where(flip_N, -low_N, high_N)
    log_b_N = log_ndtr(b_N)
    return np.asarray(log_b_N + np.log(-np.expm1(np.minimum(log_ndtr(a_N) - log_b_N, THINNEST))))


def _density(z_N: Floats, log_mass_N: Floats) -> Floats:
    return np.asarray(np.exp(np.minimum(-0.5 * z_N**2 - LOG_ROOT_2PI - log_mass_N, 300.0)))
