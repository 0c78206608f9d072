"""Two kinds of save: a light one often, a full one seldom.

Two reasons to have both are told apart: failures a light save survives (F9a), and light
saves that cost time to warm up from, such as weights without optimizer state (F9b).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, exp, expm1, floor, inf, sqrt

from .errors import ImpossibleInput
from .goodput import NEVER_ENDS, Cadence
from .validity import quantity, share


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoLevels:
    """A light and a full save, and how often the light one is enough (F9a)."""

    light_hours: float  # C1: pause of a light save.
    full_hours: float  # C2: pause of a full save.
    hazard_per_hour: float
    light_share: float  # q: share of losses a light save survives.

    def __post_init__(self) -> None:
        quantity("Light save", self.light_hours, "h", above_zero=True)
        quantity("Hazard", self.hazard_per_hour, "per hour", above_zero=True)
        share("Share of losses a light save survives", self.light_share)
        quantity("Full save", self.full_hours, "h", above_zero=True)
        if self.light_share == 1 or self.full_hours < self.light_hours:
            raise ImpossibleInput(
                f"A full save of {self.full_hours:g} h against a light one of {self.light_hours:g} h that "
                f"survives {self.light_share:g} of losses leaves no reason for two levels.",
                fix="Use one level.",
            )

    def interval_hours(self, every: int) -> float:
        """Return the best useful hours between saves when each `every`-th is full."""
        return sqrt(2 * self._pause(every) / (self.hazard_per_hour * self._losses(every)))

    def waste(self, every: int) -> float:
        """Return hours lost per useful hour at that interval, to first order."""
        tau = self.interval_hours(every)
        return self._pause(every) / tau + self.hazard_per_hour * tau / 2 * self._losses(every)

    def best_every(self) -> int:
        """Return m*: how many saves to one full save, the better neighbour of the real optimum.

        Source: Vaidya (1995); Di et al. (2014). First order: at high hazards the waste it
        states is low, its optimum is not.
        """
        ratio = (self.full_hours - self.light_hours) * self.light_share
        real = sqrt(ratio / (self.light_hours * (1 - self.light_share)))
        return min({max(floor(real), 1), max(ceil(real), 1)}, key=self.waste)

    def _pause(self, every: int) -> float:
        return self.light_hours + (self.full_hours - self.light_hours) / every

    def _losses(self, every: int) -> float:
        return self.light_share + (1 - self.light_share) * every


def two_level_billed_per_useful(
    cadence: Cadence, full_pause_hours: float, every: int, light_share: float, hazard_per_hour: float
) -> float:
    """Return billed hours per useful hour with light saves and each `every`-th full, without approximation.

    A loss goes back to the newest save of any kind with chance `light_share`, else to the newest
    full one; restarts may be struck too. F9a is this to first order.

    Args:
        cadence: Interval, light pause and restart; its lag acts as more restart.
        full_pause_hours: Pause of a full save.
        every: Saves to one full save, at least 1.
        light_share: Share of losses that a light save survives.
        hazard_per_hour: Above 0.

    Returns:
        Infinite where a segment is struck 300 times on average.

    Raises:
        ImpossibleInput: An input is outside its range.

    Source: a Markov chain over saves since the last full one, solved backwards; the time from each
    is linear in that from the first. A test holds it within 0.5 % of simulation.
    """
    h = float(quantity("Hazard", hazard_per_hour, "per hour", above_zero=True))
    count = int(quantity("Saves to one full save", every, "saves", above_zero=True))
    q = float(share("Share of losses a light save survives", light_share))
    full = float(quantity("Full save", full_pause_hours, "h"))
    first = again = slope_first = slope_again = 0.0  # Mean hours left, as `first + slope * restarted`.
    for place in reversed(range(count)):
        hours = cadence.interval_hours + (full if place == count - 1 else cadence.pause_hours)
        if h * (cadence.redo_hours + hours) > NEVER_ENDS:
            return inf
        keep, keep_again = exp(-h * hours), exp(-h * (cadence.redo_hours + hours))
        lose, lose_again = -expm1(-h * hours), -expm1(-h * (cadence.redo_hours + hours))
        share_kept = 1.0 - q * lose_again
        again = (lose_again / h + keep_again * first) / share_kept
        slope_again = (keep_again * slope_first + lose_again * (1.0 - q)) / share_kept
        first, slope_first = (
            lose / h + keep * first + lose * q * again,
            keep * slope_first + lose * (q * slope_again + 1.0 - q),
        )
    restarted = again / (1.0 - slope_again) if slope_again < 1.0 else inf
    return (first + slope_first * restarted) / (count * cadence.interval_hours)


@dataclass(frozen=True, slots=True)
class PerUseful:
    """Hours per useful hour."""

    wall: float
    billed: float


def weights_only_per_useful(
    cadence: Cadence,
    full_pause_hours: float,
    every: int,
    warm_hours: float,
    hazard_per_hour: float,
    gap_hours: float = 0.0,
) -> PerUseful:
    """Return hours per useful hour where each `every`-th save is full, the rest weights alone (F9b).

    A restart takes the newest light save only where it is worth more than its warm-up.

    Args:
        cadence: Interval, light pause and restart; its lag is ignored.
        full_pause_hours: Pause of a full save.
        every: Saves to one full save, at least 1. Cap it: the model would push it up without end.
        warm_hours: Re-warming the optimizer after a light restore.
        hazard_per_hour: Above 0.
        gap_hours: Mean gap without capacity.

    Raises:
        ImpossibleInput: An input is outside its range.

    Source: derived for this restore rule; held by two reference values.
    """
    h = float(quantity("Hazard", hazard_per_hour, "per hour", above_zero=True))
    count = int(quantity("Saves to one full save", every, "saves", above_zero=True))
    warm = float(quantity("Warm-up", warm_hours, "h"))
    gap = float(quantity("Gap", gap_hours, "h"))
    full = float(quantity("Full save", full_pause_hours, "h"))
    tau = cadence.interval_hours
    segments = [tau + (full if j == count - 1 else cadence.pause_hours) for j in range(count)]
    first_light = min(count, floor(warm / tau) + 1)  # From here on a light restore pays.
    whole = exp(h * cadence.restart_hours) * expm1(h * sum(segments[:first_light]))
    light = exp(h * (cadence.restart_hours + warm)) * sum(expm1(h * s) for s in segments[first_light:])
    billed = (whole + light) / h / (count * tau)
    return PerUseful(wall=billed * (1 + h * gap), billed=billed)
