"""Hazard from counts: a gamma belief, updated by preemptions and exposure, borrowed from siblings.

The hazard is taken as constant given its rate. Real lives are heavier-tailed than that (on
recorded traces the constant hazard covers 54-78 % where it should cover 80 %), so these are
the figures of a pool's average danger, not of one instance's age.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincinv

from .errors import InsufficientHistory
from .validity import Floats, quantity, share

JEFFREYS_SHAPE = 0.5  # Half a preemption, no exposure: the usual weak prior of a rate.
SIBLING_SPREAD = 0.5  # Pools of one region differ by at least this share of their mean hazard.
LEAST_SIBLING_HOURS = 1.0  # A sibling seen for a moment does not tell how siblings differ.
LONE_SIBLING_SPREAD = 1.0  # One sibling says nothing about how siblings differ.


@dataclass(frozen=True, slots=True)
class Belief:
    """Gamma(shape, rate) over a hazard: shape in preemptions, rate in instance-hours."""

    shape: float
    rate_hours: float

    @property
    def mean_per_hour(self) -> float:
        """Mean preemptions per instance-hour; infinite for a belief without exposure."""
        return self.shape / self.rate_hours if self.rate_hours else float("inf")

    def quantile_per_hour(self, probability: float) -> float:
        """Hazard per instance-hour not exceeded with that probability; 0 where it is 0 by contract."""
        if self.shape == 0:
            return 0.0
        if self.rate_hours == 0:
            return float("inf")
        return float(gammaincinv(self.shape, float(share("Probability", probability)))) / self.rate_hours


JEFFREYS = Belief(JEFFREYS_SHAPE, 0.0)


def updated(prior: Belief, preemptions: float, exposure_hours: float) -> Belief:
    """Return the belief after counting preemptions over an exposure (F15, conjugate).

    Args:
        prior: Belief before the count.
        preemptions: Provider-initiated ends only.
        exposure_hours: Instance-hours at risk.

    Raises:
        ImpossibleInput: A count or an exposure is negative or not finite.
    """
    counted = float(quantity("Preemption count", preemptions, "preemptions"))
    exposed = float(quantity("Exposure", exposure_hours, "instance-hours"))
    return Belief(prior.shape + counted, prior.rate_hours + exposed)


def sibling_belief(preemptions: Sequence[float], exposure_hours: Sequence[float]) -> Belief:
    """Return what siblings let us believe of a pool that was not watched, by moments.

    The mean is their pooled hazard. The width is how much they differ from one another
    (at least `SIBLING_SPREAD` of the mean) plus the noise of their own counts, so a
    thousand hours elsewhere never pass for a thousand hours here.

    Args:
        preemptions: Counts, one per sibling.
        exposure_hours: Instance-hours, one per sibling; zeros are left out.

    Raises:
        InsufficientHistory: No sibling has any exposure.
        ImpossibleInput: A count or an exposure is negative or not finite.

    Source: empirical Bayes by moments for gamma-Poisson counts; the floor on the spread
    is from 9 AWS V100 zones, whose hazards differ by .4 (one region) to .9 (all) of their mean.
    """
    counts = quantity("Preemption count", np.asarray(preemptions), "preemptions")
    hours = quantity("Exposure", np.asarray(exposure_hours), "instance-hours")
    counts, hours = counts[hours > 0], hours[hours > 0]
    if not hours.size:
        raise InsufficientHistory(
            "The sibling pools have 0 instance-hours of exposure between them.", fix="Widen the window."
        )
    total = counts.sum() + JEFFREYS_SHAPE
    mean = total / hours.sum()
    shape = 1.0 / (_spread(counts, hours, mean) ** 2 + 1.0 / total)
    return Belief(float(shape), float(shape / mean))


def _spread(counts: Floats, hours: Floats, mean: float) -> float:
    """Return the standard deviation of hazards between siblings, as a share of their mean."""
    if hours.size < 2:
        return LONE_SIBLING_SPREAD
    off = (counts - mean * hours) ** 2 / np.maximum(hours, LEAST_SIBLING_HOURS)
    seen = off.sum() / (mean**2 * hours.sum())
    noise = hours.size / (mean * hours.sum())  # What Poisson counts alone would show.
    return float(np.sqrt(max(seen - noise, SIBLING_SPREAD**2)))


def predictive_survival(belief: Belief, hours: ArrayLike) -> Floats:
    """Return the chance that a new instance still runs after some hours (F15).

    (rate / (rate + t)) ** shape: the exponential averaged over the belief.

    Raises:
        ImpossibleInput: Hours are negative or not finite, or the belief has no exposure.
    """
    rate = quantity("Exposure", belief.rate_hours, "instance-hours", above_zero=True)
    return np.asarray((rate / (rate + quantity("Hours", hours, "h"))) ** belief.shape)


def zero_event_bound_per_hour(exposure_hours: float, confidence: float = 0.95) -> float:
    """Return the hazard that silence still allows: -ln(1 - confidence) / exposure.

    At 95 % this is the rule of three, 3 / exposure (flat prior, no preemption seen).

    Raises:
        ImpossibleInput: The exposure is not above 0, or the confidence is outside 0 to 1.
    """
    exposed = float(quantity("Exposure", exposure_hours, "instance-hours", above_zero=True))
    return -log(1.0 - min(float(share("Confidence", confidence)), 1.0 - 1e-12)) / exposed
