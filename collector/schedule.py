"""When each job runs: APScheduler in a thread of its own, the passes in a small pool.

A job never overlaps itself. Times that were missed, because a pass took longer than its cadence or
the machine slept, are made up for by one pass and not by many. After a restart a job is due when it
would have been, so that a daily feed is not asked at every start. This module knows nothing of what
a job does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, Final

from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

logger = logging.getLogger("lowtide.collect")
THREADS: Final = 4  # Passes wait for the network; the store takes one writer at a time anyway.
STAGGER: Final = timedelta(seconds=0.2)  # Between the first passes of jobs that are due at once.


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Something to be done again and again.

    Args:
        job_id: Stable name.
        every_s: Seconds between two beginnings.
        jitter_s: Up to so much later, by chance.
        due_at: When the first is due; one that lies in the past is due now.
        run: Does it. What it raises is logged by its kind and stops nothing.
    """

    job_id: str
    every_s: float
    jitter_s: float
    due_at: datetime
    run: Callable[[], object]


class Schedule:
    """Jobs on a clock. Start it once, stop it once."""

    def __init__(self, jobs: Sequence[Timed], *, now: Callable[[], datetime], threads: int = THREADS) -> None:
        self._scheduler: Any = BackgroundScheduler(
            timezone=UTC,
            executors={"default": ThreadPoolExecutor(threads)},
            job_defaults={"coalesce": True, "max_instances": 1},
        )
        self._late: dict[str, int] = {}
        self._lock = threading.Lock()
        self._scheduler.add_listener(self._note_late, EVENT_JOB_MAX_INSTANCES)
        logging.getLogger("apscheduler").setLevel(logging.ERROR)  # It warns of every pass that takes long.
        for number, job in enumerate(jobs):
            self._add(job, max(job.due_at, now() + number * STAGGER))

    def _add(self, job: Timed, first_at: datetime) -> None:
        """Put a job on the clock, in the place of one of the same name."""
        trigger = IntervalTrigger(seconds=job.every_s, timezone=UTC, jitter=job.jitter_s or None)
        self._scheduler.add_job(
            _guarded(job),
            trigger,
            id=job.job_id,
            name=job.job_id,
            replace_existing=True,
            next_run_time=first_at,
            misfire_grace_time=max(ceil(job.every_s), 1),  # The last time that was missed is never older.
        )

    def start(self) -> None:
        """Begin; due jobs run at once."""
        self._scheduler.start()

    def sooner(self, job_id: str, at: datetime) -> None:
        """Let a job run at that instant, unless it is due before; its cadence goes on from there."""
        job = self._scheduler.get_job(job_id)
        if self._scheduler.running and job is not None and job.next_run_time > at:
            self._scheduler.modify_job(job_id, next_run_time=at)

    def stop(self) -> None:
        """Start nothing more. Passes under way are ended by whoever gave them."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def next_runs(self) -> dict[str, datetime]:
        """When each job is due next."""
        due = ((job.id, getattr(job, "next_run_time", None)) for job in self._scheduler.get_jobs())
        return {name: at.astimezone(UTC) for name, at in due if at is not None}

    def skipped(self) -> dict[str, int]:
        """How often a job was due while its last pass was not over."""
        with self._lock:
            return dict(self._late)

    def _note_late(self, event: Any) -> None:
        with self._lock:
            self._late[event.job_id] = self._late.get(event.job_id, 0) + 1


def _guarded(job: Timed) -> Callable[[], None]:
    """The job's own doing, whose faults stay its own."""

    def run() -> None:
        try:
            job.run()
        except Exception as fault:  # Its message may hold anything; the kind is enough to look for it.
            logger.error("the job %s failed: %s", job.job_id, type(fault).__name__)

    return run
