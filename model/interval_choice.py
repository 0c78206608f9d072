"""One door: the interval that fits what the job and the pool state, which rule that is, and why.

    hazard nil                                   one save at the end
    a law of lives                               F6, numeric; F6c by age where the age is known
    otherwise a constant hazard of the gang (F10) and
        an emergency save that may commit        F7o, its chance F7p
        saves in the background                  F8
        else                                     F3
    and where the job has light saves            F9a or F9b, if that bills less

With neither light saves, notice nor a law it answers as `choose_interval` does. A law leaves notice and
light saves out of account, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from .goodput import Cadence, async_billed_per_useful, gang_hazard_per_hour
from .interval import ChosenInterval, choose_interval, limited
from .interval_laws import best_fixed_hours, billed_by_age, gang_life, intervals_by_age, with_interval
from .interval_light import light_plans
from .job import SECONDS_PER_HOUR, Job
from .notice import notice_billed_per_useful, notice_interval_hours, saved_in_time
from .renewal import Lifetime, billed_per_useful
from .validity import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """What a pool threatens a job with."""

    hazard_per_hour: float  # Of one instance, or of the whole gang where `of_gang`.
    nodes: int = 1
    of_gang: bool = False  # A drop in a probe already is the whole pool's.
    life: Lifetime | None = None  # Of one fresh instance, where it is not exponential.
    by_age: bool = False  # Whether the trainer can save by the age of its machines.
    notice_s: float = 0.0  # Longest warning.

    def __post_init__(self) -> None:
        quantity("Hazard", self.hazard_per_hour, "per hour")
        quantity("Node count", self.nodes, "nodes", above_zero=True)
        quantity("Notice", self.notice_s, "s")


def fitting_interval(job: Job, danger: Danger, *, useful_hours: float | None = None) -> ChosenInterval:
    """Return the interval that bills least for what is stated, within the job's limits.

    Args:
        job: Its overheads, most lost work and length are used; light and emergency saves if stated.
        danger: The pool's.
        useful_hours: On the GPU in question; the job's own where None.

    Raises:
        ImpossibleInput: No interval keeps the promised most lost work, or nothing is ever kept.
    """
    work_s = (job.useful_hours if useful_hours is None else useful_hours) * SECONDS_PER_HOUR
    beta = 1.0 if danger.of_gang else job.gang_share
    if danger.life is not None:
        return _for_life(job, danger, gang_life(danger.life, danger.nodes, beta), work_s)
    hazard = float(gang_hazard_per_hour(danger.hazard_per_hour, danger.nodes, beta))
    plain = choose_interval(job, hazard, useful_hours=useful_hours)
    if hazard == 0:
        return replace(plain, why="Nothing is expected to be taken away, so one save at the end is enough.")
    gang = _gang_words(danger, hazard, beta)
    ways = [_plain(job, plain, hazard, gang), *_on_notice(job, danger, hazard, work_s, gang)][-1:]
    ways += light_plans(job, hazard, work_s, gang)
    return min(ways, key=lambda way: way.billed_per_useful or 0.0)


def cadence_of(job: Job, interval_s: float) -> Cadence:
    """Return a job's costs of saving at an interval, in hours."""
    told = job.overheads
    return Cadence(
        interval_hours=interval_s / SECONDS_PER_HOUR,
        pause_hours=told.pause_s / SECONDS_PER_HOUR,
        restart_hours=told.restart_s / SECONDS_PER_HOUR,
        save_lag_hours=told.save_lag_s / SECONDS_PER_HOUR,
    )


def _gang_words(danger: Danger, hazard: float, beta: float) -> str:
    if danger.nodes == 1:
        return f"Preemptions come {hazard:.3g} times an hour, at any age alike."
    if danger.of_gang:
        return f"Capacity for the gang goes {hazard:.3g} times an hour, seen as a whole."
    return (
        f"{danger.nodes} nodes stop {hazard:.3g} times an hour, for {beta:.0%} of a node's preemptions take "
        f"them all; counting each node alone would say {danger.nodes * danger.hazard_per_hour:.3g}."
    )


def _plain(job: Job, chosen: ChosenInterval, hazard: float, gang: str) -> ChosenInterval:
    billed = float(async_billed_per_useful(cadence_of(job, chosen.interval_s), hazard))
    lag = " A save's lag costs like more restart and does not move the optimum."
    why = gang + (lag if job.overheads.save_lag_s else "")
    return replace(chosen, why=why, billed_per_useful=billed)


def _on_notice(job: Job, danger: Danger, hazard: float, work_s: float, gang: str) -> Iterator[ChosenInterval]:
    """Yield the plan that counts on emergency saves, where one may commit."""
    told = job.overheads
    if told.emergency_save_s is None:
        return
    chance = saved_in_time(
        told.emergency_save_s, told.emergency_log_sd, danger.notice_s,
        delivered_share=told.notice_delivered_share, nodes=danger.nodes,
    )  # fmt: skip
    if not chance:
        return
    longest = work_s / SECONDS_PER_HOUR
    notice = danger.notice_s / SECONDS_PER_HOUR
    cadence = cadence_of(job, work_s)
    best = notice_interval_hours(cadence, hazard, chance, notice, longest_hours=longest)
    interval_s, capped_by = limited(job, best * SECONDS_PER_HOUR, work_s)
    billed = notice_billed_per_useful(cadence_of(job, interval_s), hazard, chance, notice)
    yield ChosenInterval(
        interval_s=interval_s, rule="notice", capped_by=capped_by, billed_per_useful=billed,
        saved_share=chance, notice_hours=notice,
        why=f"{gang} {chance:.0%} of emergency saves are expected to commit within {danger.notice_s:g} s.",
    )  # fmt: skip


def _for_life(job: Job, danger: Danger, life: Lifetime, work_s: float) -> ChosenInterval:
    """Return the best fixed interval for a law of lives, or one by age where that is asked for."""
    told = job.overheads
    left_out = (
        " Notice and light saves are not counted." if told.emergency_save_s or told.light_pause_s else ""
    )
    longest = work_s / SECONDS_PER_HOUR
    hours, _ = best_fixed_hours(life, cadence_of(job, work_s), longest)
    interval_s, capped_by = limited(job, hours * SECONDS_PER_HOUR, work_s)
    billed = billed_per_useful(life, cadence_of(job, interval_s))
    why = f"Lives of the gang are {life.mean_hours():.3g} h on average and not exponential.{left_out}"
    fixed = ChosenInterval(
        interval_s=interval_s, rule="any-life", capped_by=capped_by, billed_per_useful=billed, why=why
    )
    if not danger.by_age:
        return fixed
    shortest_s, _ = limited(job, 0.0, work_s)
    longest_s, _ = limited(job, work_s, work_s)
    cadence = with_interval(cadence_of(job, work_s), hours)
    plan = intervals_by_age(life, cadence, shortest_s / SECONDS_PER_HOUR, longest_s / SECONDS_PER_HOUR)
    aged = billed_by_age(life, cadence, plan)
    if aged >= billed:
        return fixed
    by_age_s = tuple((age * SECONDS_PER_HOUR, tau * SECONDS_PER_HOUR) for age, tau in plan)
    return replace(fixed, rule="by-age", by_age_s=by_age_s, billed_per_useful=aged, interval_s=by_age_s[0][1])
