"""The record of collecting: every pass of a live source, how it ended, and where gaps are.

A pass that gave nothing is as much a fact as one that did: without it nobody could tell a quiet
market from a silent feed. Gaps are told as gaps and never filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from . import rows
from .core import StoreCore

LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceState:
    """How one live source stands, as of an instant."""

    source_id: str
    job_id: str
    feed: str
    cadence_s: float
    stale_after_s: float
    started_at: datetime  # Of the last pass; so are the next three.
    finished_at: datetime | None
    outcome: str | None  # None: it did not end; it is under way, or its process was killed.
    trouble: str | None
    last_ok_at: datetime | None
    age_s: float | None  # Since last_ok_at; None: it was never read.
    failed_at: datetime | None
    error: str | None  # Of the last pass that ended badly, also where the last one went well.
    passes: int
    rows_in: int
    rows_new: int
    rows_duplicate: int
    rows_quarantined: int

    @property
    def stale(self) -> bool:
        """Its facts are older than it allows, or there are none."""
        return self.age_s is None or self.age_s > self.stale_after_s


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceGap:
    """A time over which a source was not read for more than three of its cadences."""

    source_id: str
    from_at: datetime
    until_at: datetime | None  # None: it lasts.
    lost_until: datetime | None  # The provider does not answer for what lies before; None: it does.
    lost_s: float


class CollectionRecords(StoreCore):
    """The part of the store that says what was collected when."""

    def begin_pass(
        self, pass_id: str, *, source_id: str, job_id: str, feed: str, cadence_s: float, stale_after_s: float,
        history_s: float, started_at: datetime,
    ) -> None:  # fmt: skip
        """Write down that a pass began; a second time changes nothing."""
        self.write(
            "begin_pass",
            pass_id=pass_id, source_id=source_id, job_id=job_id, feed=feed, cadence_s=cadence_s,
            stale_after_s=stale_after_s, history_s=history_s, started_at=started_at,
        )  # fmt: skip

    def end_pass(
        self, pass_id: str, *, source_id: str, cadence_s: float, history_s: float, started_at: datetime,
        outcome: str, trouble: str | None, finished_at: datetime, ingest_run_id: int | None, rows_in: int,
        rows_new: int, rows_duplicate: int, rows_quarantined: int,
    ) -> None:  # fmt: skip
        """Write down how a pass ended; the first ending stands."""
        self.write(
            "end_pass",
            pass_id=pass_id, source_id=source_id, cadence_s=cadence_s, history_s=history_s,
            started_at=started_at, outcome=outcome, trouble=trouble, finished_at=finished_at,
            ingest_run_id=ingest_run_id, rows_in=rows_in, rows_new=rows_new, rows_duplicate=rows_duplicate,
            rows_quarantined=rows_quarantined,
        )  # fmt: skip

    def watermark(self, source_id: str) -> datetime | None:
        """The newest effective instant known of a source; None where it is to be read whole."""
        return rows.utc(self.rows("watermark", source_id=source_id, as_of=self.now())[0]["until_at"])

    def asked_scores(self, source_id: str, unsent: str) -> frozenset[str]:
        """The placement questions sent in the last 24 h."""
        found = self.rows("asked_scores", as_of=self.now(), source_id=source_id, unsent=unsent)
        return frozenset(str(row["query"]) for row in found)

    def source_states(self, as_of: datetime) -> list[SourceState]:
        """Every live source that was ever to be read, by name."""
        return [_state(row, as_of) for row in self.rows("source_states", as_of=as_of)]

    def source_gaps(self, as_of: datetime, *, since: datetime = LONG_AGO) -> list[SourceGap]:
        """Every gap of every live source that lasted until `since` or longer, in order."""
        return [
            SourceGap(
                source_id=row["source_id"], from_at=rows.instant(row, "from_at"),
                until_at=rows.utc(row["until_at"]), lost_until=rows.utc(row["lost_until"]),
                lost_s=row["lost_s"],
            )
            for row in self.rows("source_gaps", as_of=as_of, since=since)
        ]  # fmt: skip


def _state(row: rows.Row, as_of: datetime) -> SourceState:
    """One row of source_states.sql."""
    read = rows.utc(row["last_ok_at"])
    told = {name: row[name] for name in row if not name.endswith("_at")}
    return SourceState(
        **told,
        started_at=rows.instant(row, "started_at"),
        finished_at=rows.utc(row["finished_at"]),
        last_ok_at=read,
        failed_at=rows.utc(row["failed_at"]),
        age_s=None if read is None else max((as_of - read) / timedelta(seconds=1), 0.0),
    )
