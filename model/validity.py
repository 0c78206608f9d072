"""Which numbers a formula accepts: finite, not negative, and named with their unit when refused.

Every public function of the model calls this at its door, so that a NaN is refused where it
enters and not printed as a price three rooms later.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import ImpossibleInput

Floats = NDArray[np.float64]


def quantity(name: str, value: ArrayLike, unit: str, *, above_zero: bool = False) -> Floats:
    """Return the value as a float array once every element is finite and 0 or more.

    Args:
        name: What it is, in words, for the message.
        value: Scalar or array of any shape.
        unit: The unit it is stated in, for the message.
        above_zero: Refuse 0 too.

    Raises:
        ImpossibleInput: An element is NaN, infinite, negative, or 0 where that is refused.
    """
    array = np.asarray(value, dtype=np.float64)
    good = np.isfinite(array) & ((array > 0) if above_zero else (array >= 0))
    if not good.all():
        worst = array[~good].flat[0]
        raise ImpossibleInput(
            f"{name} is {worst:g} {unit}, which no market and no machine can show.",
            fix=f"State {name.lower()} as a finite number, {'more than 0' if above_zero else '0 or more'}.",
        )
    return array


def share(name: str, value: ArrayLike) -> Floats:
    """Return the value as a float array once every element lies in [0, 1].

    Raises:
        ImpossibleInput: An element is NaN or outside 0 to 1.
    """
    array = np.asarray(value, dtype=np.float64)
    if not ((array >= 0) & (array <= 1)).all():
        worst = array[~((array >= 0) & (array <= 1))].flat[0]
        raise ImpossibleInput(
            f"{name} is {worst:g}; a share lies between 0 and 1.", fix="State it as a fraction, such as 0.9."
        )
    return array


def aware(name: str, instant: datetime) -> datetime:
    """Return the instant once it carries a time zone.

    Raises:
        ImpossibleInput: The instant is naive, so it could mean any hour of a day.
    """
    if instant.tzinfo is None:
        raise ImpossibleInput(
            f"{name} {instant.isoformat()} has no time zone.", fix="Write it in UTC, ending in Z."
        )
    return instant
