"""How long until capacity is there, where it is absent now: the pool's mean gap, mended by a forecast.

A mean gap knows nothing of now: of how long capacity has been away already, what siblings show, the hour
of the day. A forecast of one hour ahead does, and says by its chance how soon the gap is likely to end;
further ahead it says rather whether capacity will be there, which is another question. Neither is
believed alone: the mean wait is their geometric mean.
"""

from __future__ import annotations

from math import log1p, sqrt

from .validity import quantity, share

AHEAD_HOURS = 1.0  # The forecast's horizon.
SUREST = 0.999  # A chance above this says no more: the wait is minutes.
RAREST = 0.001


def first_wait_hours(gap_hours: float, chance: float, ahead_hours: float = AHEAD_HOURS) -> float:
    """Return the mean wait for capacity that is absent now: sqrt(g x h / -ln(1 - p)).

    Args:
        gap_hours: g, mean hours without capacity.
        chance: p, that it is there after h hours.
        ahead_hours: h.

    Raises:
        ImpossibleInput: An input is outside its range.

    Source: a constant rate of return r has p = 1 - e^(-r h). Held-out figures: `bench/model_wait.py`.
    """
    gap = float(quantity("Gap", gap_hours, "h"))
    ahead = float(quantity("Horizon", ahead_hours, "h", above_zero=True))
    there = min(max(float(share("Chance", chance)), RAREST), SUREST)
    return sqrt(gap * ahead / -log1p(-there))
