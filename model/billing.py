"""What a life costs in billed hours: least billed time, and free lives that the provider cut short.

For any law of lifetimes, and exactly for lives that were. The refund is AWS's: an instance that the
provider takes back within its first hour is not charged; one that we end is. A minimum is what some
providers bill at least, such as 60 seconds. Prices are not known here.

Source: F14; "Billing for interrupted Spot Instances", AWS EC2 user guide.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import ArrayLike
from scipy import integrate, special

from .errors import ImpossibleInput
from .goodput import Cadence
from .job import SECONDS_PER_HOUR
from .renewal import SCALES, Lifetime, billed_per_useful
from .validity import Floats, quantity

NO_TIME = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingRule:
    """How a provider turns a life into billed time; the plain rule bills every second lived."""

    refund_s: float = 0.0  # Lives the provider ends sooner are free.
    least_s: float = 0.0  # Shorter lives are billed this long, unless they are free.

    def __post_init__(self) -> None:
        quantity("Refund", self.refund_s, "s")
        quantity("Least billed time", self.least_s, "s")

    @property
    def refund_hours(self) -> float:
        """The refund in hours."""
        return self.refund_s / SECONDS_PER_HOUR

    @property
    def least_hours(self) -> float:
        """The least billed time in hours."""
        return self.least_s / SECONDS_PER_HOUR


EVERY_SECOND = BillingRule()
AWS_LINUX = BillingRule(refund_s=3600.0, least_s=60.0)  # And Windows; not RHEL or SUSE by the hour.


def billed_time(lived: timedelta, *, taken_back: bool, rule: BillingRule) -> timedelta:
    """Return what is billed for one life that was, to the microsecond.

    Args:
        lived: From launch to end.
        taken_back: True where the provider ended it; our own ends are never free.
        rule: The provider's.

    Raises:
        ImpossibleInput: It ended before it began.
    """
    if lived < NO_TIME:
        raise ImpossibleInput(f"A life lasted {lived}.", fix="Give the later instant as the end.")
    if taken_back and lived < timedelta(seconds=rule.refund_s):
        return NO_TIME
    return max(lived, timedelta(seconds=rule.least_s))


def billed_hours(lived_hours_N: ArrayLike, taken_back_N: ArrayLike, rule: BillingRule) -> Floats:
    """Return N billed hours of N lives, such as a simulation's.

    Raises:
        ImpossibleInput: A life is negative or not finite.
    """
    lived = quantity("Life", lived_hours_N, "h")
    free = np.asarray(taken_back_N, dtype=bool) & (lived < rule.refund_hours)
    return np.where(free, 0.0, np.maximum(lived, rule.least_hours))


def billed_per_life(life: Lifetime, rule: BillingRule) -> float:
    """Return the mean billed hours of a life that the provider ends, for any law (F14).

    E[max(L, m); L >= g] = x S(g) + integral of S from x on, x = max(g, m), for a refund g and a
    least billed time m. Exponential with m = 0: e^(-g/M) (M + g).

    Source: integration by parts. A test holds it within 0.5 % of drawn lives.
    """
    refund = rule.refund_hours
    least = max(refund, rule.least_hours)
    survive = float(life.at(np.asarray(refund))) if refund else 1.0
    return least * survive + hours_beyond(life, least)


def refunded_per_loss(hazard_per_hour: ArrayLike, rule: BillingRule) -> tuple[Floats, Floats]:
    """Return mean and variance of the hours not billed for each life the provider ends, by hazard (F14).

    E[L; L < g] = M - e^(-g/M) (M + g), written as M P(2, g / M) so that small hazards lose no digits, and
    E[L^2; L < g] = 2 M^2 P(3, g / M); 0 without hazard.

    Raises:
        ImpossibleInput: The hazard is negative or not finite.
    """
    hazard = quantity("Hazard", hazard_per_hour, "per hour")
    some = np.where(hazard > 0, hazard, 1.0)
    mean = np.where(hazard > 0, special.gammainc(2.0, some * rule.refund_hours) / some, 0.0)
    square = np.where(hazard > 0, 2.0 * special.gammainc(3.0, some * rule.refund_hours) / some**2, 0.0)
    return mean, np.maximum(square - mean**2, 0.0)


def hours_beyond(life: Lifetime, age_hours: float) -> float:
    """Return the mean hours lived beyond an age, counting 0 for those who never reach it.

    Raises:
        ImpossibleInput: The age is negative or not finite.
    """
    age = float(quantity("Age", age_hours, "h"))
    reached = float(life.at(np.asarray(age)))
    if reached == 0.0 or age >= life.longest_hours:
        return 0.0
    if age == 0.0:
        return life.mean_hours()
    scale = float(SCALES[np.argmax(life.at(age + SCALES) < 0.5 * reached)])  # The median of what is left.
    left, _ = integrate.quad(
        lambda x: float(life.survival(np.asarray(age + scale * x))),
        0.0,
        (life.longest_hours - age) / scale,
        epsabs=1e-12 * reached,
        epsrel=1e-10,
        limit=500,
    )
    return scale * float(left)


def billed_per_useful_under(life: Lifetime, cadence: Cadence, rule: BillingRule) -> float:
    """Return billed hours per useful hour of a long job under a billing rule (F6 with F14).

    The refund moves the bill and not the work kept, so the best interval stays where it was.

    Raises:
        ImpossibleInput: No life is long enough to commit one interval.
    """
    return billed_per_useful(life, cadence) * billed_per_life(life, rule) / life.mean_hours()
