"""How much of a stretch of time capacity is there, and how far that share scatters."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .validity import Floats, quantity


def share_sd(
    mean_up_hours: float, cv_up: float, mean_down_hours: float, cv_down: float, hours: ArrayLike
) -> Floats:
    """Return the standard deviation of the share of time with capacity over some hours (F13).

    sqrt((md^2 vu + mu^2 vd) / ((mu + md)^3 T)). Valid for T above 30 (mu + md); real pools
    have regimes, so this understates them.

    Args:
        mean_up_hours: Mean stretch with capacity, above 0.
        cv_up: Its standard deviation over its mean.
        mean_down_hours: Mean stretch without.
        cv_down: Its standard deviation over its mean.
        hours: T, above 0.

    Raises:
        ImpossibleInput: An input is outside its range.

    Source: alternating renewal processes.
    """
    up = float(quantity("Mean time with capacity", mean_up_hours, "h", above_zero=True))
    down = float(quantity("Mean time without capacity", mean_down_hours, "h"))
    variance_up = (up * float(quantity("Variation of time with capacity", cv_up, "(ratio)"))) ** 2
    variance_down = (down * float(quantity("Variation of time without capacity", cv_down, "(ratio)"))) ** 2
    spread = (down**2 * variance_up + up**2 * variance_down) / (up + down) ** 3
    return np.asarray(np.sqrt(spread / quantity("Hours", hours, "h", above_zero=True)))
