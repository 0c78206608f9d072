"""How much billed and wall time it takes to keep useful work on machines that are taken away.

Arithmetic on hours and hazards; nothing reads a price or a clock. The hazard is constant
(`model.renewal` drops that) and a preemption may strike work, a save or a restart, never
the gap without capacity. `model.simulate` is the oracle that keeps these forms honest.

Arrays broadcast: hazards and gaps may be draws, a cadence is one plan for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .validity import Floats, quantity, share

WHOLE = 1e-9  # A remainder below this share of an interval is a rounding error, not a segment.
NEVER_ENDS = 300.0  # Preemptions per segment beyond which e^x stands for "never" and stays finite.


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """How often a job saves, and what saving and restarting cost it, in hours."""

    interval_hours: float  # Useful hours between two saves.
    pause_hours: float  # Training stands still for one save.
    restart_hours: float  # Billed, from a machine obtained to the first new step.
    save_lag_hours: float = 0.0  # From the pause's end until the save is durable; 0 when synchronous.

    def __post_init__(self) -> None:
        quantity("Checkpoint interval", self.interval_hours, "h", above_zero=True)
        for name in ("pause_hours", "restart_hours", "save_lag_hours"):
            quantity(name.removesuffix("_hours").replace("_", " ").capitalize(), getattr(self, name), "h")

    @property
    def redo_hours(self) -> float:
        """Hours a preemption costs before new work counts; a save's lag acts like restart (F8)."""
        return self.restart_hours + self.save_lag_hours

    def segments(self, work_hours: float) -> tuple[int, float]:
        """Return how many whole intervals the work holds, and the hours that remain."""
        work = float(quantity("Useful work", work_hours, "h", above_zero=True))
        whole = int(work / self.interval_hours + WHOLE)
        rest = work - whole * self.interval_hours
        return whole, rest if rest > WHOLE * self.interval_hours else 0.0

    def saves(self, work_hours: float) -> int:
        """Return how many saves the work takes; every segment ends in one, the last too."""
        whole, rest = self.segments(work_hours)
        return whole + (rest > 0)

    def lengths(self, work_hours: float) -> list[tuple[int, float]]:
        """Return (how many, hours with the pause) for each kind of segment."""
        whole, rest = self.segments(work_hours)
        kinds = [(whole, self.interval_hours + self.pause_hours), (1, rest + self.pause_hours)]
        return [(n, hours) for n, hours in kinds if n and hours > self.pause_hours]


@dataclass(frozen=True, slots=True)
class Course:
    """Expected course of a job, per hazard. Boot of the first machine is not in it."""

    wall_hours: Floats
    billed_hours: Floats
    preemptions: Floats


def expected(
    work_hours: float, cadence: Cadence, hazard_per_hour: ArrayLike, gap_hours: ArrayLike = 0.0
) -> Course:
    """Return mean wall hours, billed hours and preemptions of a job (F4).

    A segment of b hours (work and pause) takes e^(h r) (e^(h b) - 1) / h billed hours and
    h times as many preemptions; each adds one gap to the wall.

    Args:
        work_hours: Useful work at full throughput, above 0.
        cadence: How often the job saves and what that costs.
        hazard_per_hour: Of the whole gang, 0 or more, any shape. Zero is on-demand.
        gap_hours: Mean unbilled hours until capacity is obtained again, broadcastable.

    Returns:
        Arrays of the broadcast shape; infinite where the job never ends.

    Raises:
        ImpossibleInput: An input is negative, NaN or infinite, or work is not above 0.

    Source: Daly (2006); Herault and Robert (2015). A test holds it within 0.5 % of simulation.
    """
    hazard = quantity("Hazard", hazard_per_hour, "per hour")
    gap = quantity("Gap", gap_hours, "h")
    with np.errstate(over="ignore", invalid="ignore"):
        retries = np.exp(hazard * cadence.redo_hours)
        billed = sum(
            n * hours * special.exprel(hazard * hours) * retries for n, hours in cadence.lengths(work_hours)
        )
        preemptions = hazard * billed
        wall = billed + np.where(gap > 0, preemptions * gap, 0.0)
    return Course(*np.broadcast_arrays(wall, np.asarray(billed), np.asarray(preemptions)))


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and variance of what preemptions add, over the least a job can take."""

    mean_hours: Floats
    variance: Floats


def excess(
    work_hours: float,
    cadence: Cadence,
    hazard_per_hour: ArrayLike,
    gap_hours: ArrayLike = 0.0,
    gap_variance: ArrayLike = 0.0,
) -> Moments:
    """Return mean and variance of wall hours beyond work and pauses (F5, about the minimum).

    Written about the minimum, and not about zero, so that small hazards lose no digits.
    With no gap these are the moments of billed hours.

    Args:
        work_hours: Useful work, above 0.
        cadence: How often the job saves and what that costs.
        hazard_per_hour: Of the whole gang, any shape.
        gap_hours: Mean gap without capacity, broadcastable.
        gap_variance: Its variance, in hours squared.

    Raises:
        ImpossibleInput: An input is negative, NaN or infinite.

    Source: retry moments of the truncated exponential. A test holds the standard deviation
    within 2 % of simulation.
    """
    hazard = quantity("Hazard", hazard_per_hour, "per hour")
    gap = quantity("Gap", gap_hours, "h")
    spread = quantity("Gap variance", gap_variance, "h^2")
    mean = variance = np.zeros(np.broadcast_shapes(hazard.shape, gap.shape, spread.shape))
    for n, hours in cadence.lengths(work_hours):
        once = _segment_excess(hours, cadence.redo_hours, hazard, gap, spread)
        mean, variance = mean + n * once.mean_hours, variance + n * once.variance
    return Moments(mean, variance)


def _segment_excess(hours: float, redo_hours: float, hazard: Floats, gap: Floats, spread: Floats) -> Moments:
    """Return the moments of what one segment takes beyond its own length."""
    retry_hours = redo_hours + hours
    q_r, m1_r, m2_r = _truncated(retry_hours, hazard)
    again = np.exp(np.minimum(hazard * retry_hours, NEVER_ENDS))  # 1 / (1 - q_r)
    retry = retry_hours + (m1_r + q_r * gap) * again
    retry_square = retry_hours**2 + again * (
        m2_r + 2 * m1_r * (gap + retry) + q_r * (spread + gap**2 + 2 * gap * retry)
    )
    q, m1, m2 = _truncated(hours, hazard)
    after = gap + retry - hours  # What follows the strike, less the segment itself.
    square = spread + retry_square - retry**2 + after**2
    mean = m1 + q * after
    return Moments(mean, np.maximum(m2 + 2 * m1 * after + q * square - mean**2, 0.0))


def _truncated(hours: float, hazard: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the chance of a strike within the hours, and first and second moments of when."""
    y = np.clip(hazard * hours, 1e-100, None)  # 1e-100 is zero without the division by zero.
    first = hours * special.gammainc(2, y) / y
    second = hours**2 * 2 * special.gammainc(3, y) / y / y
    return -np.expm1(-y), np.asarray(first), np.asarray(second)


def wall_quantiles(
    probabilities: ArrayLike,
    work_hours: float,
    cadence: Cadence,
    hazard_per_hour: float,
    gap_hours: float = 0.0,
    gap_variance: float = 0.0,
) -> Floats:
    """Return quantiles of wall hours: the minimum plus a gamma with the moments of F5 (F5q).

    Valid from about 3 expected preemptions; below that the chance of none is an atom a
    gamma cannot show (`model.draws` can).

    Raises:
        ImpossibleInput: A probability is outside 0 to 1, or another input is impossible.

    Source: moments of F5. A test holds P10, P50 and P90 within 1 % of simulation.
    """
    asked = share("Probability", probabilities)
    least = work_hours + cadence.saves(work_hours) * cadence.pause_hours
    more = excess(work_hours, cadence, hazard_per_hour, gap_hours, gap_variance)
    mean, variance = float(more.mean_hours), float(more.variance)
    if mean <= 0 or variance <= 0:
        return np.full_like(asked, least + mean)
    return np.asarray(least + special.gammaincinv(mean**2 / variance, asked) * variance / mean)


def async_billed_per_useful(cadence: Cadence, hazard_per_hour: ArrayLike) -> Floats:
    """Return billed hours per useful hour of a long job with saves in the background (F8).

    Valid while one upload is in flight: interval + pause >= save lag.

    Raises:
        ImpossibleInput: The hazard is negative or not finite.

    Source: F6 with exponential lives. A test holds it within 0.5 % of simulated lives.
    """
    hazard = quantity("Hazard", hazard_per_hour, "per hour")
    hours = cadence.interval_hours + cadence.pause_hours
    with np.errstate(over="ignore"):
        billed = np.exp(hazard * cadence.redo_hours) * hours * special.exprel(hazard * hours)
    return np.asarray(billed / cadence.interval_hours)


def gang_hazard_per_hour(hazard_per_hour: ArrayLike, nodes: int, gang_share: float) -> Floats:
    """Return the hazard of a job that stops if any of its nodes does (F10).

    h (n (1 - beta) + beta): beta of a node's preemptions take the whole gang at once. n h
    would overstate it up to 14 times at 16 nodes on recorded traces, where beta is .93-1.

    Raises:
        ImpossibleInput: Fewer than 1 node, beta outside 0 to 1, or an impossible hazard.

    Source: beta-factor model of common-cause failures.
    """
    n = float(quantity("Node count", nodes, "nodes", above_zero=True))
    beta = float(share("Gang share", gang_share))
    return quantity("Hazard", hazard_per_hour, "per hour") * (n * (1.0 - beta) + beta)
