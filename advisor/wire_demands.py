"""What a job may demand of its decision, a soft deadline and a floor, and what it may not leave half said."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .wire_job import JobSection


def refuse_half_said(job: JobSection) -> None:
    """Refuse lateness without a price or a deadline, and a floor that no pool could keep.

    Raises:
        ValueError: With what was seen, and what to write instead; it follows the name of the section.
    """
    if job.deadline_kind == "soft":
        _refuse_unpriced(job)
    if job.floor_nodes:
        _refuse_floor(job, job.floor_nodes)


def _refuse_unpriced(job: JobSection) -> None:
    if "value_of_time_usd_per_hour" not in job.model_fields_set:
        raise ValueError(
            "states deadline_kind = soft, and nothing says what an hour late costs: add "
            "value_of_time_usd_per_hour (0 where lateness costs nothing), or leave deadline_kind out"
        )
    if job.deadline_hours is None and job.deadline_at is None:
        raise ValueError(
            "states deadline_kind = soft and no deadline to be late for: add deadline_hours or "
            "deadline_at, or leave deadline_kind out"
        )


def _refuse_floor(job: JobSection, nodes: int) -> None:
    if nodes > job.gpus:
        raise ValueError(
            f"keeps floor_nodes = {nodes} on on-demand and takes {job.gpus} GPUs, so {job.gpus} nodes at "
            f"most: state a floor of {job.gpus} or less"
        )
    if job.copies > 1:
        raise ValueError(
            "states floor_nodes and copies: a sweep is whole gangs, and a floor is of one job's nodes; "
            "leave one of the two out"
        )
