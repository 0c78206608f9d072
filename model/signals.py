"""Published interruption signals, and the hazard that each of them leaves possible.

Providers publish shares of machines: of those running in a month (AWS), of those running in an
hour (Azure), of those that stopped in a day (Google). None of them is a hazard. Each is kept as
what it is, and becomes an interval of hazards by stated assumptions: a belief with 80 % within
the interval and 10 % on either side. It never becomes a point, and it never weighs as much as
two preemptions that were counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import exp, log, log1p, sqrt

from scipy.optimize import brentq
from scipy.special import gammaincinv, gammaln

from .errors import ImpossibleInput, InsufficientHistory
from .lifetime import JEFFREYS_SHAPE, Belief
from .validity import quantity, share

SECONDS_PER_HOUR = 3600.0
TAIL = 0.10  # Of the belief, below the interval and again above it.
MOST_PREEMPTIONS = 1.5  # What a band is worth at most; siblings are worth 4.
LEAST_PREEMPTIONS = 0.02  # A belief flatter than this has quantiles beyond any number.
FLOOR_SHARE, FLOOR_PART = 0.005, 0.1  # A band from 0 is taken from here, or from a tenth of its upper end.
LEAST_HIGH_SHARE = 0.01  # A share of 0 is of a number of machines that nobody states.
VAGUE = Belief(
    JEFFREYS_SHAPE, 5.0
)  # What a pool may also be: 0.1 per hour, as recorded AWS pools of 2022-23.


class Denominator(StrEnum):
    """The machines a published share is a share of."""

    RUNNING = "running"
    STOPPED = "stopped"  # For whatever reason; says nothing of those that ran on.
    LAUNCHED = "launched"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One published share or band of interruptions, as its publisher states it."""

    provider: str
    region: str
    zone: str | None  # None: of the region.
    sku: str
    source_id: str
    what: str  # In words: who publishes which share of what.
    label: str | None  # The band as published; None for a share without a band.
    denominator: Denominator
    horizon_s: float  # The span the share is taken over.
    window_s: float | None  # The time it was averaged over; None: not stated.
    rate_low: float  # 0..1
    rate_high: float | None  # 0..1; None: the band is open.
    effective_at: datetime
    observed_at: datetime
    age_s: float  # Since effective_at, as of the question.
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What no publisher states and a conversion needs. The defaults are those of tariffs.toml."""

    open_top_share: float = 0.95  # Where an open band ends.
    shortest_exposure_hours: float = 1.0  # A machine counted in a share ran at least this, or the horizon.
    shortest_life_hours: float = 1.0  # Mean life of machines that a share of stopped ones is of, at least
    longest_life_hours: float = 720.0  # and at most.
    most_age_days: float = 90.0  # An older band says nothing of today.

    def __post_init__(self) -> None:
        """Refuse what no hazard can be made with.

        Raises:
            ImpossibleInput: A span is not above 0, the lives are out of order, or an open band
                ends at 1, which is a hazard without end.
        """
        for name in ("shortest_exposure_hours", "shortest_life_hours", "longest_life_hours", "most_age_days"):
            quantity(name, getattr(self, name), name.rsplit("_", 1)[1], above_zero=True)
        if not 0 < self.open_top_share < 1:
            raise ImpossibleInput(
                f"open_top_share is {self.open_top_share:g}; an open band ends between 0 and 1.",
                fix="State it as a fraction, such as 0.95.",
            )
        if self.shortest_life_hours > self.longest_life_hours:
            raise ImpossibleInput(
                f"shortest_life_hours is {self.shortest_life_hours:g} and longest_life_hours "
                f"{self.longest_life_hours:g}.",
                fix="State the shorter first.",
            )


ASSUMED = Assumptions()


@dataclass(frozen=True, slots=True)
class Bounds:
    """An interval of hazards, per instance-hour."""

    low_per_hour: float
    high_per_hour: float


def literal_bounds(signal: Signal, assumed: Assumptions = ASSUMED) -> Bounds:
    """Return the hazards of a band taken at its word: -ln(1 - share) / horizon, at both its ends.

    Raises:
        InsufficientHistory: It is no share of running machines.
        ImpossibleInput: A share lies outside 0 to 1, or the horizon is not above 0.

    Source: a constant hazard lets exp(-hazard x horizon) of running machines survive.
    """
    if signal.denominator is not Denominator.RUNNING:
        raise _no_hazard(signal)
    hours = _hours("Horizon", signal.horizon_s)
    low, high = _shares(signal, top=assumed.open_top_share)
    return Bounds(-log1p(-low) / hours, -log1p(-high) / hours)


def hazard_bounds(signal: Signal, assumed: Assumptions = ASSUMED) -> Bounds:
    """Return the hazards that a signal leaves possible, all readings of it included.

    A share of running machines does not say for how long they ran. The low end takes the
    longest time it may be of (horizon or window), the high end the shortest (the horizon, or
    `shortest_exposure_hours`). So a month's band allows for machines that ran an hour of it, and
    an hourly band, implausible as an hourly hazard, for being one of its whole window.

    A share s of stopped or launched machines is a hazard only by their mean life: s / life,
    with the life somewhere between the two assumed ones.

    Raises:
        InsufficientHistory: Nobody says what it is a share of.
        ImpossibleInput: A share lies outside 0 to 1, or a span is not above 0.
    """
    if signal.denominator is Denominator.UNKNOWN:
        raise _no_hazard(signal)
    if signal.denominator is not Denominator.RUNNING:
        low, high = _shares(signal, top=1.0)
        return Bounds(low / assumed.longest_life_hours, high / assumed.shortest_life_hours)
    low, high = _shares(signal, top=assumed.open_top_share)
    horizon = _hours("Horizon", signal.horizon_s)
    window = _hours("Window", signal.window_s) if signal.window_s is not None else horizon
    longest, shortest = max(horizon, window), min(horizon, assumed.shortest_exposure_hours)
    return Bounds(-log1p(-low) / longest, -log1p(-high) / shortest)


def published_belief(signal: Signal, assumed: Assumptions = ASSUMED) -> Belief:
    """Return the belief that a signal gives on its own: 80 % of it lies within `hazard_bounds`.

    Raises:
        InsufficientHistory, ImpossibleInput: As `hazard_bounds`.
    """
    return gamma_between(hazard_bounds(signal, assumed))


def gamma_between(bounds: Bounds) -> Belief:
    """Return the gamma whose P10 and P90 are the bounds.

    Bounds closer than `MOST_PREEMPTIONS` can tell apart are widened about their geometric mean,
    so a narrow band is held no more surely than a handful of sightings would allow.

    Raises:
        ImpossibleInput: A bound is not above 0.
    """
    low = float(quantity("Hazard", bounds.low_per_hour, "per hour", above_zero=True))
    high = max(low, float(quantity("Hazard", bounds.high_per_hour, "per hour", above_zero=True)))
    middle = sqrt(low) * sqrt(high)
    wide = min(max(log(high) - log(low), _log_width(MOST_PREEMPTIONS)), _log_width(LEAST_PREEMPTIONS))
    shape = exp(brentq(lambda at: _log_width(exp(at)) - wide, log(LEAST_PREEMPTIONS), log(MOST_PREEMPTIONS)))
    top = middle * exp(wide / 2)
    return Belief(shape, float(gammaincinv(shape, 1 - TAIL)) / top)


def with_own_counts(belief: Belief, preemptions: float, exposure_hours: float) -> Belief:
    """Return a published belief after a pool's own counts, which soon outweigh it.

    Where more was lost than the band lets expect, and a vague belief tells it better, the band
    weighs as much less as it tells it worse (the ratio of the two chances of the counts).

    Raises:
        ImpossibleInput: A count or an exposure is negative or not finite.

    Source: a robust prior as of Schmidli et al. 2014, with the mixture taken as a weight.
    """
    counted = float(quantity("Preemption count", preemptions, "preemptions"))
    exposed = float(quantity("Exposure", exposure_hours, "instance-hours"))
    weight = 1.0
    if counted > belief.mean_per_hour * exposed:
        odds = _log_chance(belief, counted, exposed) - _log_chance(VAGUE, counted, exposed)
        weight = exp(min(odds, 0.0))
    shape = weight * belief.shape + (1 - weight) * VAGUE.shape
    rate = weight * belief.rate_hours + (1 - weight) * VAGUE.rate_hours
    return Belief(shape + counted, rate + exposed)


def _log_chance(belief: Belief, counted: float, exposed: float) -> float:
    """Log chance of the counts under a belief (negative binomial), less what all beliefs share."""
    a, b = belief.shape, belief.rate_hours
    return float(gammaln(a + counted) - gammaln(a) + a * log(b / (b + exposed)) - counted * log(b + exposed))


def _log_width(shape: float) -> float:
    """Log of P90 over P10 of a gamma; falls with the shape."""
    return log(gammaincinv(shape, 1 - TAIL)) - log(gammaincinv(shape, TAIL))


def _shares(signal: Signal, *, top: float) -> tuple[float, float]:
    """Both ends of a band: closed above by assumption, and never 0 below."""
    high = top if signal.rate_high is None else min(float(share("Share", signal.rate_high)), top)
    high = max(high, LEAST_HIGH_SHARE)
    low = max(float(share("Share", signal.rate_low)), min(FLOOR_SHARE, FLOOR_PART * high))
    return min(low, high), high


def _hours(name: str, seconds: float) -> float:
    return float(quantity(name, seconds, "s", above_zero=True)) / SECONDS_PER_HOUR


def _no_hazard(signal: Signal) -> InsufficientHistory:
    return InsufficientHistory(
        f"{signal.source_id} publishes a share of {signal.denominator} machines for {signal.region} "
        f"{signal.sku}; without their time at risk it is no hazard.",
        fix="Collect probes of this pool or of its siblings.",
    )
