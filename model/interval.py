"""How much useful work to do between two saves.

Young and Daly are here to be compared with; `choose_interval` uses the exact optimum for a
constant hazard. Restart and gap do not move it, nor does the lag of a background save,
except that a second save must not begin before the first is durable.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .errors import ImpossibleInput
from .goodput import WHOLE
from .job import SECONDS_PER_HOUR, Job
from .validity import Floats, quantity

SHORTEST_S = 1.0  # A save more often than once a second is noise, whatever the optimum says.
NEAR_BRANCH = 1e-4  # Below this C h, Lambert W loses digits and its series has them all.
RULES = {
    "exact": ("F3", "exact optimum (Lambert W)"),
    "async": ("F8", "exact optimum, saves in the background"),
    "no-hazard": ("", "no hazard"),
    "any-life": ("F6", "numeric optimum for the pool's lifetimes"),
    "by-age": ("F6c", "shorter while machines are in danger, longer when they have settled"),
    "notice": ("F7o", "numeric optimum with saves on notice"),
    "two-levels": ("F9a", "light saves often, full ones seldom, by which losses a light one survives"),
    "weights-only": ("F9b", "weights often, full saves seldom, by what warming up costs"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenInterval:
    """The interval, and why it is that long."""

    interval_s: float  # Useful seconds between saves.
    rule: str  # One of RULES.
    capped_by: str | None  # max_lost_work_s | useful_hours | save_lag_s | shortest
    why: str = ""  # What of the job and the pool made this the rule; empty from `choose_interval`.
    full_every: int = 1  # Each so many saves one is full, where a job has light ones.
    by_age_s: tuple[tuple[float, float], ...] = ()  # (age of the machines, interval), where it varies.
    billed_per_useful: float | None = None  # Hours, at this interval; None where not worked out.
    saved_share: float = 0.0  # Chance that an emergency save commits, where the rule counts on it.
    notice_hours: float = 0.0  # Billed from notice to loss, where the rule counts on it.
    light_pause_s: float = 0.0  # Of each save that is not full, where some are not.

    @property
    def full_interval_s(self) -> float:
        """Useful seconds between full saves."""
        return self.interval_s * self.full_every

    @property
    def plain(self) -> bool:
        """True with one kind of save and none on notice: F4 and F5 hold as they stand."""
        return self.full_every == 1 and self.saved_share == 0.0

    @property
    def formula(self) -> str:
        """Which formula of docs/model.md it is, such as F3; empty without hazard."""
        return RULES[self.rule][0]

    @property
    def words(self) -> str:
        """The rule and what capped it, for a person."""
        return RULES[self.rule][1] + (f", limited by {self.capped_by}" if self.capped_by else "")


def young_hours(pause_hours: ArrayLike, hazard_per_hour: ArrayLike) -> Floats:
    """Return Young's interval, sqrt(2 C / h), in hours; infinite at zero hazard (F1).

    Valid while the pause is much shorter than the mean time between preemptions.

    Raises:
        ImpossibleInput: An input is negative, NaN or infinite.

    Source: Young (1974).
    """
    pause, hazard = _checked(pause_hours, hazard_per_hour)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(hazard > 0, np.sqrt(2 * pause / hazard), np.inf)


def daly_hours(pause_hours: ArrayLike, hazard_per_hour: ArrayLike) -> Floats:
    """Return Daly's higher-order interval in hours; infinite at zero hazard (F2).

    For C < 2 M: sqrt(2 C M) (1 + sqrt(y) / 3 + y / 9) - C with y = C / (2 M); else M.
    0.3 % off the optimum at C = M / 3.

    Raises:
        ImpossibleInput: An input is negative, NaN or infinite.

    Source: Daly (2006).
    """
    pause, hazard = _checked(pause_hours, hazard_per_hour)
    y = pause * hazard / 2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        short = np.sqrt(2 * pause / hazard) * (1 + np.sqrt(y) / 3 + y / 9) - pause
        return np.where(hazard > 0, np.where(y < 1, short, 1 / hazard), np.inf)


def exact_hours(pause_hours: ArrayLike, hazard_per_hour: ArrayLike) -> Floats:
    """Return the interval that minimises F4, (1 + W0(-e^(-1 - C h))) / h, in hours (F3).

    Infinite at zero hazard, 0 where a save costs nothing. For background saves C is the
    pause alone (F8).

    Raises:
        ImpossibleInput: An input is negative, NaN or infinite.

    Source: derivative of F4 set to zero; W0 is the principal branch of Lambert W.
    """
    pause, hazard = _checked(pause_hours, hazard_per_hour)
    y = pause * hazard
    p = np.sqrt(-2 * np.expm1(-np.minimum(y, NEAR_BRANCH)))
    series = p - p**2 / 3 + 11 * p**3 / 72 - 43 * p**4 / 540 + 769 * p**5 / 17280
    closed = 1 + special.lambertw(-np.exp(-1 - y)).real
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(hazard > 0, np.where(y < NEAR_BRANCH, series, closed) / hazard, np.inf)


def choose_interval(job: Job, hazard_per_hour: float, *, useful_hours: float | None = None) -> ChosenInterval:
    """Return the interval for a job under a gang hazard, with the rule and what limited it.

    Args:
        job: Its pause, save lag, most lost work and length are used.
        hazard_per_hour: Of the whole gang, 0 or more. At zero one save at the end is enough.
        useful_hours: On the GPU in question; the job's own where None.

    Raises:
        ImpossibleInput: The hazard is impossible, or no interval keeps the promised most
            lost work because a save takes longer than that to become durable.
    """
    pause_s, lag_s = job.overheads.pause_s, job.overheads.save_lag_s
    work_s = (job.useful_hours if useful_hours is None else useful_hours) * SECONDS_PER_HOUR
    best_s = float(exact_hours(pause_s / SECONDS_PER_HOUR, hazard_per_hour)) * SECONDS_PER_HOUR
    rule = "no-hazard" if hazard_per_hour == 0 else "async" if lag_s > 0 else "exact"
    interval_s, capped_by = limited(job, best_s, work_s)
    cut_s = evenly_cut(interval_s, work_s, pause_s, hazard_per_hour / SECONDS_PER_HOUR, *_bounds_s(job))
    return ChosenInterval(interval_s=float(cut_s), rule=rule, capped_by=capped_by)


def evenly_cut(
    interval_s: ArrayLike,
    work_s: ArrayLike,
    pause_s: ArrayLike,
    hazard_per_s: ArrayLike,
    least_s: ArrayLike,
    most_s: float,
) -> Floats:
    """Return the interval that cuts the work into equal segments, broadcast.

    The optimum is a long job's; what remains of a short one would be a segment too short, which
    costs up to 1.3 %. Of the two whole counts on either side the cheaper by F4 is taken that lies
    within the bounds.

    Args:
        interval_s: The optimum for a long job, within the bounds.
        work_s: Useful seconds of the job.
        pause_s: Of one save.
        hazard_per_s: Of the whole gang.
        least_s: Shortest interval allowed.
        most_s: Longest interval the promise allows, may be infinite.

    Raises:
        ImpossibleInput: The work is not a finite time above 0.
    """
    wanted, work, least = (np.asarray(value, dtype=np.float64) for value in (interval_s, work_s, least_s))
    quantity("Useful work", work / SECONDS_PER_HOUR, "h", above_zero=True)
    few = np.maximum(np.floor(work / wanted + WHOLE), 1.0)
    more = few + 1.0
    hazard, pause = np.asarray(hazard_per_s), np.asarray(pause_s)
    with np.errstate(over="ignore"):
        segment_few, segment_more = work / few + pause, work / more + pause
        costs_few = few * segment_few * special.exprel(hazard * segment_few)
        costs_more = more * segment_more * special.exprel(hazard * segment_more)
    too_long = work / few > most_s * (1.0 + WHOLE)
    take_more = ((costs_more < costs_few) & (work / more >= least)) | too_long
    return np.where(wanted >= work, wanted, work / np.where(take_more, more, few))


def _bounds_s(job: Job) -> tuple[float, float]:
    """Return the shortest interval that saves allow, and the longest that the promise does."""
    floors = _floors(job)
    return max(floor_s for floor_s, _ in floors), _most_s(job, floors)


def _floors(job: Job) -> list[tuple[float, str]]:
    lag_s = max(job.overheads.save_lag_s - job.overheads.pause_s, 0.0)
    return [(SHORTEST_S, "shortest"), (lag_s, "save_lag_s")]


def limited(job: Job, best_s: float, work_s: float, most_s: float | None = None) -> tuple[float, str | None]:
    """Return an interval kept within what saves, the work and the promise allow, and which of them bound.

    Args:
        job: Its pause, save lag and most lost work are used.
        best_s: The optimum, which may be infinite.
        work_s: Useful seconds of the whole job.
        most_s: Longest interval the promise allows, where that is not the plain one.

    Raises:
        ImpossibleInput: No interval keeps the promised most lost work.
    """
    floors = _floors(job)
    interval_s, capped_by = best_s, None
    for floor_s, name in floors:
        if interval_s < floor_s:
            interval_s, capped_by = floor_s, name
    promised_s = _most_s(job, floors) if most_s is None else most_s
    for cap_s, name in ((work_s, "useful_hours"), (promised_s, "max_lost_work_s")):
        if interval_s > cap_s:
            interval_s, capped_by = cap_s, name
    return interval_s, capped_by


def _most_s(job: Job, floors: list[tuple[float, str]]) -> float:
    """Return the longest interval that keeps the promised most lost work, which is interval + lag."""
    most_s = job.constraints.max_lost_work_s
    if most_s is None:
        return float("inf")
    cap_s = float(quantity("Most lost work", most_s, "s")) - job.overheads.save_lag_s
    if cap_s < max(floor_s for floor_s, _ in floors):
        raise ImpossibleInput(
            f"At most {most_s:g} s of work may be lost, but a save takes {job.overheads.save_lag_s:g} s "
            f"after its pause of {job.overheads.pause_s:g} s until it is durable.",
            fix="Allow more lost work (max_lost_work_s), or make saves durable sooner (save_lag_s).",
        )
    return cap_s


def _checked(pause_hours: ArrayLike, hazard_per_hour: ArrayLike) -> tuple[Floats, Floats]:
    return quantity("Pause", pause_hours, "h"), quantity("Hazard", hazard_per_hour, "per hour")
