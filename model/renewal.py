"""Billed time for any law of lifetimes, by renewal reward, and the laws it is tried on.

Exact for long jobs whose clock of danger starts afresh with every restart. Where a pool's
lives are exponential it says the same as `model.goodput`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, inf

import numpy as np
from scipy import integrate

from .errors import ImpossibleInput
from .goodput import Cadence
from .validity import Floats, quantity

TERMS = 4096  # Summed at once.
NEGLIGIBLE = 1e-15  # Of the sum: where a tail stops counting.
MOST_TERMS = 10_000_000
SCALES = np.geomspace(1e-9, 1e9, 2001)  # Hours: where to look for the median of a life.


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long instances live: the chance to survive t hours, and the age none outlives."""

    survival: Callable[[Floats], Floats]
    longest_hours: float = inf

    def gang(self, nodes: int) -> Lifetime:
        """Return the life of n fresh, independent nodes of which the first loss stops all (F6b)."""
        count = int(quantity("Node count", nodes, "nodes", above_zero=True))
        return Lifetime(lambda hours: self.survival(hours) ** count, self.longest_hours)

    def at(self, hours: Floats) -> Floats:
        """Return survival, 0 from the longest age on."""
        return np.where(hours < self.longest_hours, self.survival(hours), 0.0)

    def mean_hours(self) -> float:
        """Return the mean life: the integral of survival, in units of about its median."""
        scale = float(SCALES[np.argmax(self.at(SCALES) < 0.5)])
        total, _ = integrate.quad(
            lambda x: float(self.survival(np.asarray(scale * x))),
            0.0,
            self.longest_hours / scale,
            epsabs=1e-12,
            epsrel=1e-10,
            limit=500,
        )
        return scale * float(total)


def exponential(hazard_per_hour: float) -> Lifetime:
    """Return lives of a constant hazard, above 0."""
    hazard = float(quantity("Hazard", hazard_per_hour, "per hour", above_zero=True))
    return Lifetime(lambda hours: np.exp(-hazard * hours))


def weibull(shape: float, scale_hours: float) -> Lifetime:
    """Return Weibull lives; shape below 1 means the old are safer, as recorded pools show."""
    k = float(quantity("Weibull shape", shape, "(none)", above_zero=True))
    scale = float(quantity("Weibull scale", scale_hours, "h", above_zero=True))
    return Lifetime(lambda hours: np.exp(-((hours / scale) ** k)))


def bathtub(share: float, early_hours: float, late_hours: float, cap_hours: float) -> Lifetime:
    """Return lives that end early, or near a cap, or at it at the latest (F6d).

    F(t) = A (1 - e^(-t / t1) + e^((t - b) / t2)), all remaining mass at the cap b. For legacy
    preemptible machines with a 24 h cap; today's spot machines have none.

    Source: Kadupitiya et al. (HPDC 2020).
    """

    def survival(hours: Floats) -> Floats:
        early, late = np.exp(-hours / early_hours), np.exp(np.minimum(hours - cap_hours, 0.0) / late_hours)
        return np.clip(1.0 - share * (1.0 - early + late), 0.0, 1.0)

    return Lifetime(survival, cap_hours)


def billed_per_useful(life: Lifetime, cadence: Cadence) -> float:
    """Return billed hours per useful hour of a long job (F6): E[L] / (tau sum S(R + U + k (tau + C))).

    Raises:
        ImpossibleInput: No life is long enough to commit one interval, or lives are so long
            that the sum has no end in sight.

    Source: renewal reward. A test holds it within 0.5 % of simulated Weibull lives.
    """
    kept = _expected_saves(life, cadence.redo_hours, cadence.interval_hours + cadence.pause_hours)
    if kept <= 0:
        raise ImpossibleInput(
            f"No machine lives the {cadence.redo_hours + cadence.interval_hours:g} h that a restart and an "
            "interval take, so no work would ever be kept.",
            fix="Shorten the checkpoint interval.",
        )
    return life.mean_hours() / (cadence.interval_hours * kept)


def _expected_saves(life: Lifetime, redo_hours: float, segment_hours: float) -> float:
    """Return the mean count of segments one life commits: the sum of survival at their ends."""
    total = 0.0
    for first in range(1, MOST_TERMS, TERMS):
        ends = redo_hours + segment_hours * np.arange(first, first + TERMS, dtype=np.float64)
        chances = life.at(ends)
        total += float(chances.sum())
        if chances[-1] <= NEGLIGIBLE * total:
            return total
    raise ImpossibleInput(
        f"Lives are so long that {MOST_TERMS} intervals of {segment_hours:g} h do not reach their end.",
        fix="Use the closed form of a constant hazard, or a longer interval.",
    )


def billed_per_life_with_refund(hazard_per_hour: float, refund_hours: float) -> float:
    """Return billed hours per life where lives shorter than the refund are free (F14).

    e^(-g h) (1 / h + g), for a constant hazard. AWS charges nothing for Linux and Windows
    instances it interrupts within the first hour.

    Raises:
        ImpossibleInput: The hazard is not above 0, or the refund negative.
    """
    hazard = float(quantity("Hazard", hazard_per_hour, "per hour", above_zero=True))
    refund = float(quantity("Refund", refund_hours, "h"))
    return exp(-hazard * refund) * (1.0 / hazard + refund)
