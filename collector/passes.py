"""One pass over a live source, and the record that it leaves whatever comes of it.

A recorded file that cannot be read leaves no trace, since nobody waits for it. A live source does:
a feed without its credential, one that is down and one that changed its format are three different
things to mend, and each is written down with its words.
"""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final

from model.errors import LowtideError

from .activity import Activity, PassStopped
from .feed_world import World
from .feeds import Job
from .ingest import IngestReport, ingest
from .sources.base import Source, SourceSkipped, SourceUnavailable, UnreadableSource
from .store import Store

logger = logging.getLogger("lowtide.collect")
OK: Final = "ok"
FAILED: Final = "failed"
OUTCOMES: Final = (  # The first that fits; any other refusal is `refused`.
    (SourceSkipped, "skipped"),
    (SourceUnavailable, "unavailable"),
    (UnreadableSource, "unreadable"),
    (PassStopped, "interrupted"),
    (LowtideError, "refused"),
)


@dataclass(slots=True, kw_only=True)
class PassReport(IngestReport):
    """What became of one pass; an `IngestReport` of a source that was asked live."""

    pass_id: str
    job_id: str
    feed: str
    outcome: str = OK
    fix: str | None = None  # What to do about the trouble.
    started_at: datetime
    finished_at: datetime | None = None


Told = Callable[[PassReport], None]


def read_job(
    store: Store, job: Job, world: World, *, activity: Activity, since: datetime | None = None,
    told: Told = lambda report: None,
) -> list[PassReport]:  # fmt: skip
    """Read every source of a job once. A bad source is recorded and does not stop the others.

    Args:
        store: Where to.
        job: What.
        world: What the sources are built from.
        activity: Shows what is under way, and stops it.
        since: From when on, where the provider keeps a history; None: from the watermark.
        told: Hears of every pass that ended.
    """
    try:
        activity.check()
        sources = job.sources(world, since=since)
    except PassStopped:
        return []
    except Exception as trouble:
        reports = [_unbuilt(store, job, trouble)]
    else:
        reports = [read_source(store, source, job, activity=activity) for source in sources]
    for report in reports:
        told(report)
    return reports


def read_source(store: Store, source: Source, job: Job, *, activity: Activity) -> PassReport:
    """Read one source once, and write down that it began and how it ended."""
    report = _begin(store, job, source.source_id, source.origin)
    try:
        with activity.reading(source.source_id, report.started_at) as progress:

            def kept(seen: IngestReport) -> None:
                _copy(seen, report)
                progress(seen)

            _copy(ingest(store, source, progress=kept), report)
    except Exception as trouble:
        _judge(report, trouble)
    return _end(store, report, job)


def _unbuilt(store: Store, job: Job, trouble: Exception) -> PassReport:
    """The record of a job whose sources could not be told, under the job's own name."""
    report = _begin(store, job, job.job_id, job.family.feed)
    _judge(report, trouble)
    return _end(store, report, job)


def _begin(store: Store, job: Job, source_id: str, origin: str) -> PassReport:
    at = store.now()
    report = PassReport(
        source_id=source_id, origin=origin, pass_id=f"pass-{uuid.uuid4().hex}", job_id=job.job_id,
        feed=job.family.feed, started_at=at,
    )  # fmt: skip
    try:
        store.begin_pass(
            report.pass_id, source_id=source_id, job_id=job.job_id, feed=job.family.feed,
            cadence_s=job.cadence_s, stale_after_s=job.stale_after_s, history_s=job.family.history_s,
            started_at=at,
        )  # fmt: skip
    except LowtideError as full:  # Reading goes on, and will say so again if it cannot be stored.
        logger.error("the beginning of a pass over %s could not be written: %s", source_id, full)
    return report


def _copy(seen: IngestReport, report: PassReport) -> None:
    """Take over what an ingest has counted so far."""
    for each in fields(IngestReport):
        setattr(report, each.name, getattr(seen, each.name))


def _judge(report: PassReport, trouble: Exception) -> None:
    """What a trouble means. Of a fault of ours only the kind is kept: its message may hold anything."""
    if isinstance(trouble, LowtideError):
        report.outcome = next(word for kind, word in OUTCOMES if isinstance(trouble, kind))
        report.trouble, report.fix = trouble.seen, trouble.fix
        return
    where = "".join(traceback.format_tb(trouble.__traceback__))
    logger.error("fault while reading %s: %s\n%s", report.source_id, type(trouble).__name__, where)
    report.outcome, report.trouble = FAILED, f"A fault of ours: {type(trouble).__name__}."
    report.fix = "Report it with the service's log; the details are there."


def _end(store: Store, report: PassReport, job: Job) -> PassReport:
    report.finished_at = store.now()
    try:
        store.end_pass(
            report.pass_id, source_id=report.source_id, cadence_s=job.cadence_s,
            history_s=job.family.history_s, started_at=report.started_at, outcome=report.outcome,
            trouble=report.trouble, finished_at=report.finished_at, ingest_run_id=report.run_id or None,
            rows_in=report.rows_in, rows_new=report.rows_new, rows_duplicate=report.rows_duplicate,
            rows_quarantined=report.rows_quarantined,
        )  # fmt: skip
    except LowtideError as full:
        logger.error("the end of a pass over %s could not be written: %s", report.source_id, full)
        report.outcome, report.trouble, report.fix = "refused", full.seen, full.fix
    return report
