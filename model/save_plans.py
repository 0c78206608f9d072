"""What preemptions do to a job that saves on notice, or has light saves: means and draws.

F4 and F5 know one kind of save. Here the long-run billed hours of the plan (F7, F9a, F9b) give the
mean, and what preemptions add is split off it; the count is Poisson, and one loss scatters as far
back as its plan may throw it. Light restores that warm up count as work done again.

Legend: D = draws, H = hazards looked at.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from .draws import LEAST_HAZARD, Happening, Luck, gammas, restart_each
from .goodput import Cadence
from .interval import ChosenInterval
from .interval_light import light_billed_per_useful
from .job import SECONDS_PER_HOUR, Job
from .notice import notice_billed_per_useful
from .validity import Floats

LOOKED_AT = 64  # Hazards; between them the log of the excess is nearly straight in the log of the hazard.
ENDLESS = 1e12  # Stands for a plan that keeps nothing, and is refused by whoever reports it.


def planned_mean(
    there: Job,
    chosen: ChosenInterval,
    work_hours: float,
    cadence: Cadence,
    hazard_D: Floats,
    gap_hours_D: Floats,
) -> Happening:
    """Return the mean happening under each hazard of the gang and mean gap.

    Args:
        there: The job with its overheads as they are on the pool.
        chosen: The plan of saves, on notice or with light ones.
        work_hours: Useful work.
        cadence: Interval, mean pause, restart and lag.
        hazard_D: Of the gang, 0 or more.
        gap_hours_D: Mean gaps.

    Source: renewal reward; with M = 1/h the mean life to the notice, w the window and b billed hours
    per useful hour, W b / (M + w) lives end. Tests hold it against simulated courses.
    """
    hazard = np.maximum(hazard_D, LEAST_HAZARD)
    billed = work_hours * (1.0 + _excess(there, chosen, cadence, hazard))
    struck = billed / (1.0 / hazard + chosen.notice_hours)
    restart = struck * restart_each(cadence, hazard)
    notice = struck * chosen.notice_hours
    stalled = work_hours / cadence.interval_hours * _pause_hours(there, chosen, cadence)
    return Happening(
        preemptions=struck,
        lost_hours=np.maximum(billed - work_hours - stalled - restart - notice, 0.0),
        restart_hours=restart,
        gap_hours=struck * gap_hours_D,
        notice_hours=notice,
    )


def planned_draw(
    there: Job, chosen: ChosenInterval, cadence: Cadence, mean: Happening, gap_hours_D: Floats, luck: Luck
) -> Happening:
    """Return one happening for each draw about its mean."""
    expected = np.maximum(mean.preemptions, LEAST_HAZARD)
    struck = _poisson(expected, luck.struck)
    each = mean.lost_hours / expected
    variance = np.maximum(_lost_square(there, chosen, cadence, each) - each**2, 0.0)
    return Happening(
        preemptions=struck,
        lost_hours=gammas(struck * each, struck * variance, luck.lost),
        restart_hours=struck * (mean.restart_hours / expected),
        gap_hours=gammas(struck * gap_hours_D, struck * gap_hours_D**2, luck.gaps),
        notice_hours=struck * chosen.notice_hours,
    )


def _excess(there: Job, chosen: ChosenInterval, cadence: Cadence, hazard_D: Floats) -> Floats:
    """Return billed hours per useful hour beyond the useful one, by interpolation over the hazards."""
    low, high = float(hazard_D.min()), float(hazard_D.max())
    hazard_H = np.geomspace(low, high, LOOKED_AT if high > low else 1)
    with np.errstate(over="ignore"):
        billed_H = np.array([_billed(there, chosen, cadence, float(hazard)) for hazard in hazard_H])
    beyond_H = np.log(np.clip(billed_H - 1.0, 1e-12, ENDLESS))
    return np.exp(np.interp(np.log(hazard_D), np.log(hazard_H), beyond_H))


def _billed(there: Job, chosen: ChosenInterval, cadence: Cadence, hazard: float) -> float:
    if chosen.full_every > 1:
        return light_billed_per_useful(there, hazard, chosen.full_every, cadence.interval_hours)
    return notice_billed_per_useful(cadence, hazard, chosen.saved_share, chosen.notice_hours)


def _pause_hours(there: Job, chosen: ChosenInterval, cadence: Cadence) -> float:
    """Return the mean pause that `_billed` knows of; waiting for far data is not in the light plans'."""
    if chosen.full_every == 1:
        return cadence.pause_hours
    pauses_s = there.overheads.pause_s + (chosen.full_every - 1) * chosen.light_pause_s
    return pauses_s / chosen.full_every / SECONDS_PER_HOUR


def _lost_square(there: Job, chosen: ChosenInterval, cadence: Cadence, each_D: Floats) -> Floats:
    """Return the mean square of what one preemption loses: evenly up to where it may throw the job back."""
    segment = cadence.interval_hours + cadence.pause_hours
    told, whole = there.overheads, segment * chosen.full_every
    if chosen.full_every == 1:
        failed = 1.0 - chosen.saved_share
        if failed <= 0.0:
            return each_D**2
        return failed * ((each_D / failed) ** 2 + segment**2 / 12.0)
    if told.light_survives_share is not None:
        kept = told.light_survives_share
        return np.maximum((kept * segment**2 + (1.0 - kept) * whole**2) / 3.0, each_D**2)
    farthest = min(whole, segment + (told.light_warmup_s or 0.0) / SECONDS_PER_HOUR)
    return each_D**2 + farthest**2 / 12.0


def _poisson(mean_D: Floats, uniform_D: Floats) -> Floats:
    """Return Poisson counts not exceeded with the uniforms."""
    some = uniform_D > np.exp(-mean_D)
    found = special.pdtrik(np.where(some, uniform_D, 0.5), np.where(some, mean_D, 1.0))
    return np.where(some, np.maximum(np.ceil(found - 1e-9), 1.0), 0.0)
