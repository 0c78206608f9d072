"""What a job demands beyond a price, in sentences: lateness that costs, and nodes kept on on-demand."""

from __future__ import annotations

from model.estimate import Estimate
from model.floor_kept import kept_floor
from model.job import Job

from . import format as fmt


def soft_words(job: Job, found: Estimate) -> str | None:
    """Return how late an option is expected to end, and what that counts; None without a soft deadline."""
    late = found.late_hours
    if late is None or found.p_deadline is None:
        return None
    chance = fmt.percent(found.p_deadline)
    told = f"Meets the soft deadline {fmt.instant(job.deadline_at)} with a chance of {chance}"
    if late.mean <= 0:
        return f"{told}."
    worth = job.late_usd_per_hour
    return (
        f"{told}; it is {fmt.hours(late.mean)} late on average (P90 {fmt.hours(late.p90)}), which counts "
        f"{fmt.usd(worth * late.mean)} at {fmt.usd_per_hour(worth)} in its price and rank, not in its cost."
    )


def floor_words(job: Job, found: Estimate) -> str | None:
    """Return which nodes stay on on-demand, and what that adds; None where none has to."""
    floor = kept_floor(job, found.statistics, found.nodes)
    if floor is None:
        return None
    more = found.parts.on_demand * found.useful_gpu_hours
    side = "more" if more >= 0 else "less"
    return (
        f"{floor.floor_nodes} of {floor.nodes} nodes stay on on-demand, at "
        f"{fmt.usd_per_hour(floor.on_demand_usd_per_hour)} each, and work alone while spot is away: "
        f"{fmt.usd(abs(more))} {side} than all on spot."
    )
