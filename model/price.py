"""Prices as step functions of time: what was billed exactly, and what is to be expected.

Bills are Decimal and exact to the microsecond; forecasts are floats. A price is never
joined to another pool's history, and no price in force is not a price of zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal, localcontext

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .errors import ImpossibleInput, InsufficientHistory
from .market import PricePoint
from .validity import Floats, aware, quantity

MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_PER_HOUR = Decimal(3_600_000_000)
BILL_DIGITS = 50  # Enough that only the one division by an hour can round.

REVERSION_PER_HOUR = 1.0 / 168.0  # A price is taken to return to its mean within about a week.
PRIOR_LOG_SD = 0.1  # Spread of log price assumed, with the weight of PRIOR_CHANGES changes.
PRIOR_CHANGES = 4.0
SMALL = 1e-3  # Below this kappa H, the closed form cancels and its first term is exact enough.


def billed_usd(steps: Sequence[PricePoint], from_at: datetime, until_at: datetime) -> Decimal:
    """Return USD for one instance over [from_at, until_at): the exact integral of its price.

    Args:
        steps: Prices of one pool in any order; a later observation of the same instant supersedes.
        from_at: Billing begins, aware.
        until_at: Billing ends, not before it began.

    Raises:
        InsufficientHistory: No price is in force when billing begins.
        ImpossibleInput: The end is before the beginning, a time is naive, or pools are mixed.
    """
    if aware("Billing end", until_at) < aware("Billing start", from_at):
        raise ImpossibleInput(
            f"Billing ends at {until_at.isoformat()}, before it began at {from_at.isoformat()}.",
            fix="Give the later instant as the end.",
        )
    ordered = _in_force(steps, from_at)
    ends = [*(step.effective_at for step in ordered[1:]), until_at]
    with localcontext() as exact:
        exact.prec = BILL_DIGITS
        total = sum(
            step.price_usd_per_hour * _microseconds(max(step.effective_at, from_at), min(end, until_at))
            for step, end in zip(ordered, ends, strict=True)
        )
        return Decimal(total) / MICROSECONDS_PER_HOUR


def _in_force(steps: Sequence[PricePoint], from_at: datetime) -> list[PricePoint]:
    """Return the steps in order, from the one in force at the start."""
    if len({step.pool for step in steps}) > 1:
        raise ImpossibleInput(
            f"Prices of {len({step.pool for step in steps})} pools were joined into one bill.",
            fix="Bill each pool by its own prices.",
        )
    ordered = sorted(steps, key=lambda step: (step.effective_at, step.observed_at))
    begun = [i for i, step in enumerate(ordered) if step.effective_at <= from_at]
    if not begun:
        first = f"the first begins at {ordered[0].effective_at.isoformat()}" if ordered else "none is known"
        raise InsufficientHistory(
            f"No price is in force at {from_at.isoformat()}; {first}.",
            fix="Collect prices from an earlier date.",
        )
    return ordered[begun[-1] :]


def _microseconds(from_at: datetime, until_at: datetime) -> int:
    return max((until_at - from_at) // MICROSECOND, 0)


def time_weighted_mean(steps: Sequence[PricePoint], from_at: datetime, until_at: datetime) -> float:
    """Return the mean USD per hour over [from_at, until_at), each price weighted by how long it held.

    Raises:
        ImpossibleInput: The interval is empty.
        InsufficientHistory: No price is in force when the interval begins.
    """
    if from_at == until_at:
        raise ImpossibleInput(
            f"A mean price over 0 hours at {from_at.isoformat()} has no meaning.", fix="Widen the interval."
        )
    hours = Decimal((until_at - from_at) // MICROSECOND) / MICROSECONDS_PER_HOUR
    return float(billed_usd(steps, from_at, until_at) / hours)


def discount(price_usd_per_hour: Decimal, on_demand_usd_per_hour: Decimal) -> Decimal:
    """Return 1 - spot price / on-demand price, same SKU and region; negative where spot is dearer.

    Raises:
        ImpossibleInput: A price is negative or not finite, or the on-demand price is not above 0.
    """
    quantity("Price", float(price_usd_per_hour), "USD/h")
    quantity("On-demand price", float(on_demand_usd_per_hour), "USD/h", above_zero=True)
    return 1 - price_usd_per_hour / on_demand_usd_per_hour


def forecast_mean(
    now: ArrayLike, mean: ArrayLike, hours: ArrayLike, reversion_per_hour: float = REVERSION_PER_HOUR
) -> Floats:
    """Return the expected mean price over the next hours: m + (p0 - m) (1 - e^(-k H)) / (k H) (F16).

    Args:
        now: Price in force, USD/h.
        mean: Long-run mean it returns to, USD/h.
        hours: Horizon H, above 0.
        reversion_per_hour: k; 0 means it never returns.

    Raises:
        ImpossibleInput: An input is negative or not finite, or the horizon is not above 0.

    Source: Ornstein-Uhlenbeck mean over an interval.
    """
    level = quantity("Mean price", mean, "USD/h")
    horizon = quantity("Horizon", hours, "h", above_zero=True)
    passed = quantity("Reversion", reversion_per_hour, "per hour") * horizon
    return np.asarray(level + (quantity("Price", now, "USD/h") - level) * special.exprel(-passed))


def forecast_log_sd(log_sd: float, changes: int, hours: float) -> float:
    """Return the standard deviation of the log of the mean price over the next hours.

    0 for a price that never changed. Otherwise the recorded spread, shrunk to a weak prior
    by the count of changes, as the spread of an Ornstein-Uhlenbeck path's mean given its
    start: s^2 (2 x - 3 + 4 e^-x - e^-2x) / x^2 with x = k H.

    Raises:
        ImpossibleInput: An input is negative or not finite, or the horizon is not above 0.
    """
    if not quantity("Price changes", changes, "changes"):
        return 0.0
    seen = float(quantity("Spread of log price", log_sd, "(log)"))
    variance = (changes * seen**2 + PRIOR_CHANGES * PRIOR_LOG_SD**2) / (changes + PRIOR_CHANGES)
    x = float(quantity("Horizon", hours, "h", above_zero=True)) * REVERSION_PER_HOUR
    mean_share = 2 * x / 3 if x < SMALL else (2 * x - 3 + 4 * np.exp(-x) - np.exp(-2 * x)) / x**2
    return float(np.sqrt(variance * mean_share))
