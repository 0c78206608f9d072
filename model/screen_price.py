"""Moments of the mean price over a run, on N pools: what `model.cost` draws, in closed form.

A lognormal about the forecast of F16, never above on-demand unless the price already is: all
that lies above counts as on-demand.

Legend: N = pools, K = first, second and third power.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from .price import PRIOR_CHANGES, PRIOR_LOG_SD, REVERSION_PER_HOUR, SMALL, forecast_mean
from .screen_columns import Columns
from .validity import Floats

BEYOND = 1e9  # Times the price: a cap nobody reaches, where no on-demand price is known.
LEAST_SD = 1e-12


@dataclass(frozen=True, slots=True)
class PriceMoments:
    """Mean, variance and third central moment of USD per instance-hour."""

    mean_N: Floats
    variance_N: Floats
    third_N: Floats


def price_moments(columns: Columns, hours_N: Floats) -> PriceMoments:
    """Return the moments over the useful hours; a price that never changed is certain."""
    now_N, changes_N = columns.price_usd_per_hour_N, columns.price_changes_N
    ahead_N = forecast_mean(now_N, columns.price_mean_usd_per_hour_N, hours_N)
    log_sd_N = np.maximum(log_sd_of(columns, hours_N), LEAST_SD)
    listed_N = columns.on_demand_usd_per_hour_N
    cap_N = np.where(listed_N > 0, np.maximum(listed_N, now_N), BEYOND * now_N)
    middle_N = np.log(np.maximum(ahead_N, LEAST_SD)) - log_sd_N**2 / 2
    power_KN = _capped_powers(middle_N, log_sd_N, cap_N)
    mean_N = np.where(changes_N > 0, power_KN[0], now_N)
    variance_N = power_KN[1] - power_KN[0] ** 2
    third_N = power_KN[2] - 3 * power_KN[0] * power_KN[1] + 2 * power_KN[0] ** 3
    moves_N = (changes_N > 0) & (variance_N > 0)
    return PriceMoments(mean_N, np.where(moves_N, variance_N, 0.0), np.where(moves_N, third_N, 0.0))


def log_sd_of(columns: Columns, hours_N: Floats) -> Floats:
    """Return `price.forecast_log_sd` of each pool that ever changed its price."""
    changes_N = columns.price_changes_N
    variance_N = changes_N * columns.price_log_sd_N**2 + PRIOR_CHANGES * PRIOR_LOG_SD**2
    variance_N = variance_N / (changes_N + PRIOR_CHANGES)
    x_N = hours_N * REVERSION_PER_HOUR
    sure_N = np.maximum(x_N, SMALL)
    share_N = (2 * sure_N - 3 + 4 * np.exp(-sure_N) - np.exp(-2 * sure_N)) / sure_N**2
    return np.asarray(np.sqrt(variance_N * np.where(x_N < SMALL, 2 * x_N / 3, share_N)))


def _capped_powers(middle_N: Floats, log_sd_N: Floats, cap_N: Floats) -> list[Floats]:
    """Return the means of min(price, cap) to each power; the log of price is normal about `middle`."""
    to_cap_N = (np.log(cap_N) - middle_N) / log_sd_N
    above_N = special.ndtr(-to_cap_N)
    found = []
    for power in (1, 2, 3):
        free_N = np.exp(power * middle_N + power**2 * log_sd_N**2 / 2)
        within_N = special.ndtr(to_cap_N - power * log_sd_N)
        found.append(free_N * within_N + cap_N**power * above_N)
    return found
