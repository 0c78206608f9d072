"""Live feeds in the service: one pass on demand, many by the clock, and how each source stands.

The collector's own modules are loaded when something is collected: a verb that only asks a price
should not wait for the clients of three clouds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from collector.activity import Activity, Errand
from collector.collect import collect_list_prices, collect_recorded, collect_sample
from collector.feed_config import FeedsConfig
from collector.ingest import IngestReport, Progress
from collector.store import Store
from model.errors import ImpossibleInput

from .collect_answers import source_answer, superseded, unread_answer
from .collect_request import asked_jobs
from .collect_timetable import timetable
from .wire import CollectRequest

if TYPE_CHECKING:
    from collector.feed_world import World
    from collector.feeds import Job
    from collector.schedule import Schedule

GRACE_S = 8.0  # How long a stopping service waits for batches under way.
RETRY_S = 900.0  # When a source is asked again that could not be read, where its cadence is longer.
GAPS_OF = timedelta(days=90)
Told = Callable[[Mapping[str, Any]], None]


class Collecting:
    """What the service knows of its feeds.

    Args:
        store: Where to.
        clock: Aware UTC.
        config: The feeds that are configured.
        environ: Where their credentials are looked up by name.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], datetime],
        config: FeedsConfig,
        environ: Mapping[str, str],
    ) -> None:
        self._store, self._clock, self._config, self._environ = store, clock, config, environ
        self.activity = Activity()
        self.told: Told = lambda report: None  # Hears of every report; the counters listen here.
        self._world: World | None = None
        self._schedule: Schedule | None = None

    def collect(self, request: CollectRequest) -> list[dict[str, Any]]:
        """Read a source once; reading it again adds nothing.

        Raises:
            ImpossibleInput: Recorded history without a path, an instant in the future, a region or a
                feed that cannot be.
        """
        with self.activity.errand() as errand:
            if request.source == "sample":
                reports = self._sample(request, errand)
            elif request.source == "recorded":
                reports = self._recorded(request, errand)
            else:
                return self._live(request, errand)
            self._store.tend()
        return [self._tell(report) for report in reports]

    def _sample(self, request: CollectRequest, errand: Errand) -> list[IngestReport]:
        with tempfile.TemporaryDirectory(prefix="lowtide-sample-") as folder:
            return collect_sample(
                self._store, Path(folder), seed=request.seed, progress=self._noting(errand),
                planned=planned(errand),
            )  # fmt: skip

    def _recorded(self, request: CollectRequest, errand: Errand) -> list[IngestReport]:
        if not request.path:
            raise ImpossibleInput(
                "Collecting recorded history needs a path.", fix="Give the file or folder to read."
            )
        return collect_recorded(
            self._store, Path(request.path), available_means=request.available_means,
            progress=self._noting(errand), planned=planned(errand),
        )  # fmt: skip

    def _noting(self, errand: Errand) -> Progress:
        """Counts the rows of files, and ends reading after a batch when the service goes down."""

        def note(report: IngestReport) -> None:
            errand.note(report)
            self.activity.check()

        return note

    def _live(self, request: CollectRequest, errand: Errand) -> list[dict[str, Any]]:
        """One pass over one feed, or over all that are configured."""
        from collector.passes import read_job

        jobs = asked_jobs(request, self._config, self._clock())
        errand.parts, reports = len(jobs), []
        for job in jobs:
            errand.at = job.job_id
            since = request.since if job.family.takes_since else None
            done = read_job(self._store, job, self.world(), activity=self.activity, since=since)
            reports += [self._tell(report) for report in done]
            errand.done += 1
            errand.rows_in += sum(report.rows_in for report in done)
        return [*reports, self._tell(collect_list_prices(self._store))]

    def world(self) -> World:
        """What sources are built from; made once."""
        from collector.feed_world import World

        if self._world is None:
            self._world = World(
                environ=self._environ,
                now=self._clock,
                since=self._store.watermark,
                watched=lambda: frozenset(self._store.watched_pools(self._clock())),
                asked=self._store.asked_scores,
            )
        return self._world

    def start(self, *, threads: int) -> list[str]:
        """Put every configured feed on the clock; the names of its jobs, none where there is no feed.

        Raises:
            ImpossibleInput: A feed's settings cannot be.
        """
        if not self._config.feeds:
            return []
        from collector.feeds import jobs
        from collector.schedule import Schedule

        planned, now = jobs(self._config), self._clock()
        timed = timetable(planned, self._store, now, self._pass, self._tell)
        self._schedule = Schedule(timed, now=self._clock, threads=threads)
        self._schedule.start()
        return [job.job_id for job in planned]

    def _pass(self, job: Job) -> None:
        """One pass by the clock."""
        from collector.passes import read_job

        reports = read_job(self._store, job, self.world(), activity=self.activity, told=self._hear)
        if self._schedule is not None and any(report.outcome != "ok" for report in reports):
            self._schedule.sooner(job.job_id, self._clock() + timedelta(seconds=RETRY_S))

    def _hear(self, report: IngestReport) -> None:
        self.told(asdict(report))

    def stop(self, grace_s: float = GRACE_S) -> bool:
        """Start no pass any more and end those under way after their batch; True when all did in time."""
        if self._schedule is not None:
            self._schedule.stop()
        ended = self.activity.stop(grace_s)
        if self._world is not None and ended:
            self._world.kept.close()
        return ended

    def sources(self, *, gaps: bool = True) -> list[dict[str, Any]]:
        """How every live source stands: those that were read, and those that are to be.

        Gaps of the last 90 days are told; `gaps` False leaves them out, for whoever asks often.
        """
        now = self._clock()
        states = self._store.source_states(now)
        holes = self._store.source_gaps(now, since=now - GAPS_OF) if gaps else []
        next_runs = self._schedule.next_runs() if self._schedule else {}
        underway = {each.source_id for each in self.activity.underway()}
        wanted = {job.job_id: job for job in self._configured()}
        told = [
            {
                **source_answer(state, [gap for gap in holes if gap.source_id == state.source_id], underway),
                "configured": state.job_id in wanted,
                "next_run_at": next_runs.get(state.job_id),
            }
            for state in states
            if not superseded(state, states)
        ]
        seen = {state.job_id for state in states}
        unread = [unread_answer(job, next_runs.get(name)) for name, job in wanted.items() if name not in seen]
        return told + unread

    def _configured(self) -> list[Job]:
        """The jobs of the configured feeds."""
        if not self._config.feeds:
            return []
        from collector.feeds import jobs

        return jobs(self._config)

    def status(self) -> dict[str, Any]:
        """Whether anything is collected by the clock, and how every source stands."""
        collecting = self._schedule is not None
        return {
            "collecting": collecting,
            "why": None if collecting else self._why(),
            "sources": self.sources(),
            "missed": self._schedule.skipped() if self._schedule else {},
        }

    def _why(self) -> str:
        """Why nothing is collected by the clock."""
        if not self._config.feeds:
            return "No feed is configured; docs/collect.md shows how."
        return "Nothing reads by the clock here; lowtide serve does, unless it is told --no-collect."

    def progress(self) -> dict[str, Any]:
        """What is under way at this moment; cheap, for whoever watches."""
        return {
            "underway": [asdict(each) for each in self.activity.underway()],
            "errands": [
                {"parts": each.parts, "done": each.done, "rows_in": each.rows_in, "at": each.at}
                for each in self.activity.errands()
            ],
        }

    def _tell(self, report: IngestReport) -> dict[str, Any]:
        self._hear(report)
        return asdict(report)


def planned(errand: Errand) -> Callable[[int], None]:
    """Tells an errand how many files it has; the list prices come on top."""

    def tell(files: int) -> None:
        errand.parts = files + 1

    return tell
