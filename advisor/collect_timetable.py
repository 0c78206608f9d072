"""What a service does by the clock: every feed at its cadence, and what a store wants in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from collector.collect import collect_list_prices
from collector.store import Store

from .collect_answers import due_at

if TYPE_CHECKING:
    from collector.feeds import Job
    from collector.ingest import IngestReport
    from collector.schedule import Timed

LISTING_S = 3600.0  # How often list prices are given to pools that live feeds made known.
TENDING_S = 300.0  # How often the days of a large store are added up.


def timetable(
    jobs: Sequence[Job],
    store: Store,
    now: datetime,
    read: Callable[[Job], None],
    tell: Callable[[IngestReport], Any],
) -> list[Timed]:
    """Return what is to be run, and when first.

    Args:
        jobs: Of the feeds that are configured.
        store: Which is written, and knows when each source was last read.
        now: Aware UTC.
        read: One pass of a job.
        tell: Hears of list prices.
    """
    from collector.schedule import Timed

    states = store.source_states(now)
    passes = [
        Timed(
            job_id=job.job_id, every_s=job.cadence_s, jitter_s=job.jitter_s,
            due_at=due_at(job, states, now), run=partial(read, job),
        )
        for job in jobs
    ]  # fmt: skip
    listing = Timed(
        job_id="list-prices", every_s=LISTING_S, jitter_s=0, due_at=now + timedelta(minutes=2),
        run=lambda: tell(collect_list_prices(store)),
    )  # fmt: skip
    tending = Timed(
        job_id="day-ledger", every_s=TENDING_S, jitter_s=0, due_at=now + timedelta(minutes=1),
        run=store.tend,
    )  # fmt: skip
    return [*passes, listing, tending]
