"""From a source into the store: read, check, merge; again and again without harm.

A batch is one transaction (one of very many rows: several), and once `ingest` has reported it,
it survives a killed process. The same facts in any order, any number of times, cut any way,
leave the same store. A file that was read to its end before, in the same way, is not read
again. What is turned away is kept in the quarantine with its reason.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from model.errors import LowtideError

from . import rows
from .catalog import Catalog, load_catalog
from .checked import Checked, checked_batches
from .fingerprint import fingerprint_of
from .held import without_known
from .sources.base import Source
from .store import Store
from .tables import as_table

Progress = Callable[["IngestReport"], None]


@dataclass(slots=True, kw_only=True)
class IngestReport:
    """What became of one source's rows. rows_in = new + duplicate + quarantined."""

    source_id: str
    origin: str  # The file or address read.
    run_id: int = 0  # 0 while nothing could be read.
    rows_in: int = 0
    rows_new: int = 0
    rows_duplicate: int = 0
    rows_quarantined: int = 0
    reasons: dict[str, int] = field(default_factory=dict)  # Of the quarantined.
    from_at: datetime | None = None  # First and last effective instant of the accepted rows.
    until_at: datetime | None = None
    seconds: float = 0.0
    trouble: str | None = None  # Why reading stopped; what was read before it is kept.


def ingest(
    store: Store, source: Source, *, catalog: Catalog | None = None, progress: Progress | None = None
) -> IngestReport:
    """Read a source to its end and store what it holds.

    Args:
        store: Where to; other threads may read meanwhile.
        source: Where from.
        catalog: SKUs and list prices; the built-in one by default.
        progress: Called after every batch with the report so far.

    Raises:
        LowtideError: The source is unreadable or the store cannot be written. Batches that
            were committed stay, and the ingest run is closed with the trouble.
    """
    report, trouble = _read(store, source, catalog or load_catalog(), progress)
    if trouble is not None:
        raise trouble
    return report


def ingest_all(
    store: Store,
    sources: Iterable[Source],
    *,
    catalog: Catalog | None = None,
    progress: Progress | None = None,
) -> list[IngestReport]:
    """Ingest many sources; a bad one is reported, with its trouble, and does not stop the others."""
    return [_read(store, source, catalog or load_catalog(), progress)[0] for source in sources]


def _read(
    store: Store, source: Source, catalog: Catalog, progress: Progress | None
) -> tuple[IngestReport, LowtideError | None]:
    """Ingest one source; the report, and what stopped it if anything did."""
    began = time.perf_counter()
    report = IngestReport(source_id=source.source_id, origin=source.origin)
    stopped = None
    try:
        fingerprint = fingerprint_of(source, catalog)
        if fingerprint is None or not _read_before(store, fingerprint, report):
            checked = checked_batches(source, now=store.now, catalog=catalog)
            opened = _opened(store, source, fingerprint, report, checked)
            for batch in without_known(store, source, opened):
                _store(store, source, batch, report)
                report.seconds = time.perf_counter() - began
                if progress:
                    progress(report)
    except LowtideError as trouble:
        stopped, report.trouble = trouble, str(trouble)
    report.seconds = time.perf_counter() - began
    return report, _close(store, report, stopped)


def _opened(
    store: Store, source: Source, fingerprint: str | None, report: IngestReport, batches: Iterator[Checked]
) -> Iterator[Checked]:
    """The batches; the run is opened with the first, so that an unreadable file leaves no trace."""
    for batch in batches:
        if not report.run_id:
            report.run_id = store.begin_ingest(source, fingerprint)
        yield batch


def _read_before(store: Store, fingerprint: str, report: IngestReport) -> bool:
    """True, and the report filled, where this very file was read to its end before."""
    known = store.same_file(report.source_id, fingerprint)
    if known is None:
        return False
    report.rows_in = known["rows_in"]
    report.reasons = json.loads(known["reasons"])
    report.rows_quarantined = known["rows_quarantined"]
    report.rows_duplicate = report.rows_in - report.rows_quarantined
    report.from_at, report.until_at = rows.utc(known["from_at"]), rows.utc(known["until_at"])
    return True


def _store(store: Store, source: Source, batch: Checked, report: IngestReport) -> None:
    """Write one batch, whole or not at all."""
    store.know_pools(batch.pools, source_id=source.source_id, skus=batch.skus)

    def write() -> int:
        rows_new = 0
        for name, table in batch.kept.items():
            if len(table):
                rows_new += store.add_facts(name, table, source=source, ingest_run_id=report.run_id)
        if batch.refused is not None:
            told = as_table("rejected", batch.refused)
            store.add_facts("rejected", told, source=source, ingest_run_id=report.run_id)
        return rows_new

    _tally(report, batch, rows_new=store.settle(source.source_id, write))


def _tally(report: IngestReport, batch: Checked, *, rows_new: int) -> None:
    """Add one committed batch to the report."""
    reasons = Counter(batch.refused["reason"]) if batch.refused is not None else Counter()
    report.rows_in += batch.rows_in
    report.rows_new += rows_new
    report.rows_quarantined += reasons.total()
    report.rows_duplicate = report.rows_in - report.rows_new - report.rows_quarantined
    report.reasons = dict(Counter(report.reasons) + reasons)
    if batch.span is not None:
        first, last = batch.span
        report.from_at = min(filter(None, (report.from_at, first)))
        report.until_at = max(filter(None, (report.until_at, last)))


def _close(store: Store, report: IngestReport, stopped: LowtideError | None) -> LowtideError | None:
    """Close the ingest run with its counts; what stopped it, or what stopped the closing."""
    if not report.run_id:
        return stopped
    try:
        store.end_ingest(
            report.run_id,
            rows_in=report.rows_in,
            rows_new=report.rows_new,
            rows_duplicate=report.rows_duplicate,
            rows_quarantined=report.rows_quarantined,
            reasons=json.dumps(report.reasons, sort_keys=True),
            from_at=report.from_at,
            until_at=report.until_at,
            trouble=report.trouble,
        )
    except LowtideError as late:  # A full disk stops this write too; the first trouble says more.
        report.trouble = report.trouble or str(late)
        return stopped or late
    return stopped
