"""Joint draws of a job's course: hazard, price, preemptions, lost work and gaps together.

Every quantity is an inverse distribution function of its own row of uniforms, so the same
seed gives every pool the same luck and ranks are compared fairly. Given the hazard, the
count of preemptions is exact and lost work has the exact mean and variance (F4, F5).

Shapes: D = draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from .goodput import Cadence, excess, expected
from .lifetime import Belief
from .validity import Floats

LEAST_HAZARD = 1e-9  # Per hour: stands for zero where a mean per preemption needs one to exist.
GAP_SPREAD = 2.0  # Recorded waits scatter by about twice their mean, so few of them say little.
RAREST = 1e-9  # Keeps chances off 0 and 1, where the inverse functions are not defined.


@dataclass(frozen=True, slots=True)
class Luck:
    """Uniforms in (0, 1), one row of D for each thing that can go either way."""

    hazard: Floats
    price: Floats
    gap_mean: Floats
    struck: Floats
    struck_again: Floats
    last_struck: Floats
    last_struck_again: Floats
    lost: Floats
    gaps: Floats
    start: Floats
    refund: Floats  # Last, so that the rows before stay those of a seed.

    @classmethod
    def of(cls, draws: int, seed: int) -> Luck:
        """Return the luck of a seed; it knows nothing of any pool."""
        rows = np.random.default_rng(seed).random((len(cls.__slots__), draws))
        return cls(*np.clip(rows, RAREST, 1 - RAREST))


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What preemptions and gaps do to a job, in D draws or in their conditional means."""

    preemptions: Floats
    lost_hours: Floats  # Work, and the saves in it, done again.
    restart_hours: Floats  # Billed, without the first boot.
    gap_hours: Floats  # Unbilled, without the first wait.
    refunded_hours: Floats | float = 0.0  # Used, and by the provider's rule not billed.
    notice_hours: Floats | float = 0.0  # Billed from notice to loss, where the job counts on it.


def hazards(belief: Belief, luck: Luck) -> Floats:
    """Return D hazards per hour from a gamma belief; zeros for a belief of no danger."""
    if belief.shape == 0:
        return np.zeros_like(luck.hazard)
    return np.asarray(special.gammaincinv(belief.shape, luck.hazard) / belief.rate_hours)


def lognormals(mean: float, log_sd: float, uniform: Floats) -> Floats:
    """Return D lognormal values of a given mean and standard deviation of the log."""
    return np.asarray(mean * np.exp(log_sd * special.ndtri(uniform) - log_sd**2 / 2))


def gap_means(gap_hours: float, preemptions: float, luck: Luck) -> Floats:
    """Return D mean gaps: how sure the mean is grows with the preemptions that opened one."""
    log_sd = GAP_SPREAD / np.sqrt(GAP_SPREAD**2 + preemptions)
    return lognormals(gap_hours, float(log_sd), luck.gap_mean)


def first_waits(chance: float, gap_hours: Floats, luck: Luck) -> Floats:
    """Return D first waits: exponential with the gap's mean where capacity is absent."""
    if chance == 0:
        return np.zeros_like(gap_hours)
    within = np.minimum(luck.start / chance, 1.0)  # Uniform again, given that it is absent.
    return -gap_hours * np.log(within)


def happening_mean(work_hours: float, cadence: Cadence, hazard: Floats, gap_hours: Floats) -> Happening:
    """Return the mean happening given each draw's hazard and mean gap (F4)."""
    course = expected(work_hours, cadence, hazard)
    least = work_hours + cadence.saves(work_hours) * cadence.pause_hours
    with np.errstate(invalid="ignore"):
        restart = course.preemptions * restart_each(cadence, hazard)
        return Happening(
            preemptions=course.preemptions,
            lost_hours=np.maximum(course.billed_hours - least - restart, 0.0),
            restart_hours=restart,
            gap_hours=np.where(gap_hours > 0, course.preemptions * gap_hours, 0.0),
        )


def happening_draw(
    work_hours: float, cadence: Cadence, hazard: Floats, gap_hours: Floats, luck: Luck
) -> Happening:
    """Return one happening for each draw.

    The count is drawn exactly. Lost work given the count is a gamma whose mean and variance
    bring the total to those of F5; gaps given the count are a sum of exponentials.
    """
    struck = preemption_counts(work_hours, cadence, hazard, luck)
    each, variance = _lost_each(work_hours, cadence, hazard)
    return Happening(
        preemptions=struck,
        lost_hours=gammas(struck * each, struck * variance, luck.lost),
        restart_hours=struck * restart_each(cadence, hazard),
        gap_hours=gammas(struck * gap_hours, struck * gap_hours**2, luck.gaps),
    )


def preemption_counts(work_hours: float, cadence: Cadence, hazard: Floats, luck: Luck) -> Floats:
    """Return D counts: segments struck are binomial, further strikes on them negative binomial."""
    rows = [(luck.struck, luck.struck_again), (luck.last_struck, luck.last_struck_again)]
    total = np.zeros_like(hazard)
    for (n, hours), (first, again) in zip(cadence.lengths(work_hours), rows, strict=False):
        chance = np.clip(-np.expm1(-hazard * hours), RAREST, 1 - RAREST)
        struck = np.ceil(special.bdtrik(first, float(n), chance))
        kept = np.clip(np.exp(-hazard * (cadence.redo_hours + hours)), RAREST, 1 - RAREST)
        more = np.ceil(special.nbdtrik(again, np.maximum(struck, 1.0), kept))
        total = total + np.where(struck > 0, struck + more, 0.0)
    return total


def restart_each(cadence: Cadence, hazard: Floats) -> Floats:
    """Return mean billed restart hours for each preemption: a new one may cut it short."""
    return np.asarray(cadence.restart_hours * special.exprel(-hazard * cadence.restart_hours))


def _lost_each(work_hours: float, cadence: Cadence, hazard: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the work lost by one preemption, matched to the totals of F5."""
    rate = np.maximum(hazard, LEAST_HAZARD)
    total = excess(work_hours, cadence, rate)
    count, count_variance = _count_moments(work_hours, cadence, rate)
    each = total.mean_hours / count
    variance = np.maximum(total.variance - count_variance * each**2, 0.0) / count
    return np.maximum(each - restart_each(cadence, rate), 0.0), variance


def _count_moments(work_hours: float, cadence: Cadence, hazard: Floats) -> tuple[Floats, Floats]:
    """Return mean and variance of the count of preemptions."""
    mean = variance = np.zeros_like(hazard)
    for n, hours in cadence.lengths(work_hours):
        chance = -np.expm1(-hazard * hours)
        kept = np.exp(-np.minimum(hazard * (cadence.redo_hours + hours), 300.0))
        once = chance / kept
        mean = mean + n * once
        variance = variance + n * (chance * (2 - kept) / kept**2 - once**2)
    return mean, variance


def gammas(mean: Floats, variance: Floats, uniform: Floats) -> Floats:
    """Return gamma values of given moments; exactly the mean where there is no variance."""
    moves = (mean > 0) & (variance > 0)
    shape = np.where(moves, mean, 1.0) ** 2 / np.where(moves, variance, 1.0)
    return np.where(moves, special.gammaincinv(shape, uniform) * mean / shape, mean)
