"""How a live source stands, as the service tells it: from the record, the schedule and what is under way.

A pass without an end is running where this process reads the source now, and otherwise its process
was killed. Nothing here asks the store or a clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from collector.collection import SourceGap, SourceState

if TYPE_CHECKING:
    from collector.feeds import Job


def due_at(job: Job, states: Sequence[SourceState], now: datetime) -> datetime:
    """When a job is due first: a cadence after its last pass, or now where that did not go well."""
    own = [state for state in states if state.job_id == job.job_id and not superseded(state, states)]
    if not own or any(state.outcome != "ok" for state in own):
        return now
    return min(state.started_at for state in own) + timedelta(seconds=job.cadence_s)


def superseded(state: SourceState, states: Sequence[SourceState]) -> bool:
    """A job's own record, of a time when its sources could not be told, once they could be."""
    return state.source_id == state.job_id and any(
        other.job_id == state.job_id
        and other.source_id != state.source_id
        and other.started_at > state.started_at
        for other in states
    )


def source_answer(state: SourceState, gaps: Sequence[SourceGap], underway: set[str]) -> dict[str, Any]:
    """One source as the service tells it."""
    outcome = state.outcome or ("running" if state.source_id in underway else "interrupted")
    return {
        **asdict(state),
        "outcome": outcome,
        "stale": state.stale,
        "gaps": [
            {
                "from_at": gap.from_at,
                "until_at": gap.until_at,
                "lost_until": gap.lost_until,
                "lost_s": gap.lost_s,
            }
            for gap in gaps
        ],
    }


def unread_answer(job: Job, next_run_at: datetime | None) -> dict[str, Any]:
    """A job of which nothing was ever read."""
    nothing = ("started_at", "finished_at", "trouble", "last_ok_at", "age_s", "failed_at", "error")
    counts = ("passes", "rows_in", "rows_new", "rows_duplicate", "rows_quarantined")
    return {
        "source_id": job.job_id, "job_id": job.job_id, "feed": job.family.feed, "cadence_s": job.cadence_s,
        "stale_after_s": job.stale_after_s, "outcome": "not read yet", "stale": False, "configured": True,
        "gaps": [], "next_run_at": next_run_at, **dict.fromkeys(nothing), **dict.fromkeys(counts, 0),
    }  # fmt: skip
