"""From a source into the store: read, check, merge; again and again without harm.

A batch is one transaction: once `ingest` has reported it, it survives a killed process. The
same facts in any order, any number of times, cut any way, leave the same store. A file that
was read to its end before, in the same way, is not read again. What is turned away is kept
in the quarantine with its reason.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd
import pyarrow as pa

from model.errors import LowtideError

from . import rows
from .catalog import Catalog, load_catalog
from .facts import OF_POOLS
from .fingerprint import fingerprint_of
from .quality import check
from .sources.base import Batch, Source
from .store import Store
from .tables import as_table, span

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
            for batch in source.batches():
                if not report.run_id:  # Opened late, so that an unreadable file leaves no trace in the store.
                    report.run_id = store.begin_ingest(source, fingerprint)
                _store(store, source, batch, report, catalog)
                report.seconds = time.perf_counter() - began
                if progress:
                    progress(report)
    except LowtideError as trouble:
        stopped, report.trouble = trouble, str(trouble)
    report.seconds = time.perf_counter() - began
    return report, _close(store, report, stopped)


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


def _store(store: Store, source: Source, batch: Batch, report: IngestReport, catalog: Catalog) -> None:
    """Check one batch and write it, whole or not at all."""
    kept, refused, rows_in = _checked(store, batch, catalog)
    skus = {**catalog.skus, **{(sku.provider, sku.name): sku for sku in batch.skus}}
    for table in (table for name, table in kept.items() if name in OF_POOLS):
        store.know_pools(_pairs(table, source.kind), source_id=source.source_id, skus=skus)

    def write() -> int:
        rows_new = 0
        for name, table in kept.items():
            if len(table):
                rows_new += store.add_facts(name, table, source=source, ingest_run_id=report.run_id)
        if refused is not None:
            told = as_table("rejected", refused)
            store.add_facts("rejected", told, source=source, ingest_run_id=report.run_id)
        return rows_new

    rows_new = store.settle(source.source_id, write)
    _tally(report, kept, refused, rows_in=rows_in, rows_new=rows_new)


def _checked(
    store: Store, batch: Batch, catalog: Catalog
) -> tuple[dict[str, pa.Table], pd.DataFrame | None, int]:
    """What of a batch may be stored, what was turned away, and how many rows came."""
    kept: dict[str, pa.Table] = {}
    turned_away = [] if batch.rejected is None else [batch.rejected]
    rows_in = sum(map(len, turned_away))
    for name, frame in batch.facts():
        rows_in += len(frame)
        kept[name], broken = check(name, frame, batch, now=store.now(), catalog=catalog)
        if broken is not None:
            turned_away.append(broken)
    return kept, pd.concat(turned_away, ignore_index=True) if turned_away else None, rows_in


def _pairs(table: pa.Table, kind: str) -> set[tuple[str, str]]:
    """Every pool key of a table with the kinds of its prices; facts without one are of the source's kind."""
    if "kind" not in table.column_names:
        return {(key, kind) for key in table["pool_id"].unique().to_pylist()}
    pairs = table.select(["pool_id", "kind"]).group_by(["pool_id", "kind"], use_threads=False).aggregate([])
    return {(pair["pool_id"], pair["kind"]) for pair in pairs.to_pylist()}


def _tally(
    report: IngestReport,
    kept: dict[str, pa.Table],
    refused: pd.DataFrame | None,
    *,
    rows_in: int,
    rows_new: int,
) -> None:
    """Add one committed batch to the report."""
    reasons = Counter(refused["reason"]) if refused is not None else Counter()
    report.rows_in += rows_in
    report.rows_new += rows_new
    report.rows_quarantined += reasons.total()
    report.rows_duplicate = report.rows_in - report.rows_new - report.rows_quarantined
    report.reasons = dict(Counter(report.reasons) + reasons)
    for table in kept.values():
        clock = next((c for c in ("effective_at", "began_at") if c in table.column_names), None)
        if clock and len(table):
            first, last = span(table[clock])
            report.from_at = min(filter(None, (report.from_at, rows.utc(first))))
            report.until_at = max(filter(None, (report.until_at, rows.utc(last))))


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
