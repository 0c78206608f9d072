"""Intervals for a job with two kinds of save: how often a light one, and each how many a full one.

The job says either which share of losses a light save survives (F9a: on a peer's disk it survives a
fault of software, not of the machine) or what warming up after one takes (F9b: weights without
optimizer state). Both are weighed without approximation; the first-order forms say where to look.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import ImpossibleInput
from .goodput import Cadence
from .interval import SHORTEST_S, ChosenInterval, exact_hours, limited
from .interval_laws import refined
from .job import SECONDS_PER_HOUR, Job
from .tiers import TwoLevels, two_level_billed_per_useful, weights_only_per_useful

SPAN = 8.0  # Light saves are looked for from 1 / SPAN^1.5 to SPAN^0.5 times the interval of full ones.
TRIED = 24


def light_plans(job: Job, hazard: float, work_s: float, gang: str) -> Iterator[ChosenInterval]:
    """Yield the best plan with light saves, if the job has any and says what they are worth.

    Args:
        job: Its overheads and most lost work.
        hazard: Of the gang, per hour, above 0.
        work_s: Useful seconds of the whole job.
        gang: In words, how the gang is threatened.

    Raises:
        ImpossibleInput: The job has light saves and does not say one thing of what they are worth.
    """
    told = job.overheads
    if told.light_pause_s is None:
        return
    if (told.light_survives_share is None) == (told.light_warmup_s is None) or told.light_most < 1:
        raise ImpossibleInput(
            f"Job {job.name!r} has light saves of {told.light_pause_s:g} s, {told.light_most} to a full one "
            "at most; it must say which share of losses they survive, or what warming up after one takes.",
            fix="State light_survives_share or light_warmup_s, and light_most of at least 1.",
        )
    if told.light_pause_s >= told.pause_s or told.light_survives_share == 0.0:
        return  # Nothing to gain.
    if told.light_survives_share is not None:
        rule, counts = "two-levels", _level_counts(job, hazard)
        words = f"A light save survives {told.light_survives_share:.0%} of losses"
    else:
        rule, counts = "weights-only", list(range(2, told.light_most + 1))
        words = f"Training warms up for {told.light_warmup_s or 0.0:g} s after a light restore"
    kept = [every for every in counts if every > 1 and _promised_s(job, every)]
    found = [_at_every(job, hazard, work_s, every) for every in kept]
    if found:
        billed, every, interval_s, capped_by = min(found)
        yield ChosenInterval(
            interval_s=interval_s, rule=rule, capped_by=capped_by or None, full_every=every,
            billed_per_useful=billed, light_pause_s=told.light_pause_s,
            why=f"{gang} {words}; each {every}th save is full.",
        )  # fmt: skip


def _level_counts(job: Job, hazard: float) -> list[int]:
    """Return how many saves to a full one are worth trying: near the first-order optimum (F9a)."""
    told, survives = job.overheads, job.overheads.light_survives_share or 0.0
    if survives == 1.0:
        return [told.light_most]
    near = TwoLevels(
        light_hours=max(told.light_pause_s or 0.0, 1e-3) / SECONDS_PER_HOUR,
        full_hours=told.pause_s / SECONDS_PER_HOUR, hazard_per_hour=hazard, light_share=survives,
    ).best_every()  # fmt: skip
    return sorted({min(max(near + off, 1), told.light_most) for off in (-2, -1, 0, 1, 2)})


def _at_every(job: Job, hazard: float, work_s: float, every: int) -> tuple[float, int, float, str]:
    """Return billed hours per useful hour, saves to a full one, seconds between saves, and the limit."""

    def billed(hours: float) -> float:
        return light_billed_per_useful(job, hazard, every, hours)

    first = float(exact_hours(job.overheads.pause_s / SECONDS_PER_HOUR, hazard))
    grid = [first * SPAN ** (2.0 * k / (TRIED - 1) - 1.5) for k in range(TRIED)]
    costs = [billed(hours) for hours in grid]
    best = costs.index(min(costs))
    hours, _ = refined(billed, grid[max(best - 1, 0)], grid[min(best + 1, TRIED - 1)])
    interval_s, capped_by = limited(job, hours * SECONDS_PER_HOUR, work_s, _promised_s(job, every))
    return billed(interval_s / SECONDS_PER_HOUR), every, interval_s, capped_by or ""


def _promised_s(job: Job, every: int) -> float | None:
    """Return the longest interval that keeps the promised most lost work; None where none does.

    A loss may go back to the last full save, or, where weights are enough, as far as warming up is worth.
    """
    most_s, told = job.constraints.max_lost_work_s, job.overheads
    if most_s is None:
        return float("inf")
    left_s, warm_s = most_s - told.save_lag_s, told.light_warmup_s
    promised = left_s / every if warm_s is None else max(left_s / every, left_s - warm_s)
    return promised if promised >= max(SHORTEST_S, told.save_lag_s - told.pause_s) else None


def light_billed_per_useful(job: Job, hazard_per_hour: float, every: int, interval_hours: float) -> float:
    """Return billed hours per useful hour with light saves, by what the job says they are worth (F9a, F9b).

    Raises:
        ImpossibleInput: An input is outside its range.
    """
    told = job.overheads
    full = told.pause_s / SECONDS_PER_HOUR
    cadence = Cadence(
        interval_hours=interval_hours,
        pause_hours=(told.light_pause_s or 0.0) / SECONDS_PER_HOUR,
        restart_hours=(told.restart_s + told.save_lag_s) / SECONDS_PER_HOUR,
    )
    if told.light_survives_share is not None:
        return two_level_billed_per_useful(cadence, full, every, told.light_survives_share, hazard_per_hour)
    warm = (told.light_warmup_s or 0.0) / SECONDS_PER_HOUR
    try:
        return weights_only_per_useful(cadence, full, every, warm, hazard_per_hour).billed
    except OverflowError:  # So long an interval that it is never kept.
        return float("inf")
