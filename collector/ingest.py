"""From a source into the store: read, check, merge; again and again without harm.

A batch is one transaction: once `ingest` has reported it, it survives a killed process. The
same facts in any order, any number of times, cut any way, leave the same store. What is
turned away is kept in the quarantine with its reason.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from model.errors import LowtideError
from model.market import Pool

from .catalog import Catalog, load_catalog
from .quality import check
from .sources.base import Batch, Source
from .store import Store

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
        for batch in source.batches():
            if not report.run_id:  # Opened late, so that an unreadable file leaves no trace in the store.
                report.run_id = store.begin_ingest(source)
            _store(store, batch, report, catalog)
            report.seconds = time.perf_counter() - began
            if progress:
                progress(report)
    except LowtideError as trouble:
        stopped, report.trouble = trouble, str(trouble)
    report.seconds = time.perf_counter() - began
    return report, _close(store, report, stopped)


def _store(store: Store, batch: Batch, report: IngestReport, catalog: Catalog) -> None:
    """Check one batch and write it, whole or not at all."""
    kept, rejected, rows_in = {}, [], 0
    for name, frame in batch.facts():
        rows_in += len(frame)
        kept[name], turned_away = check(name, frame, batch, now=store.now(), catalog=catalog)
        rejected.append(turned_away)
    if batch.rejected is not None:
        rows_in += len(batch.rejected)
        rejected.append(batch.rejected)
    refused = (
        pd.concat(found, ignore_index=True) if (found := [r for r in rejected if r is not None]) else None
    )
    rows_new = 0
    with store.transaction():
        _add_pools(store, kept, batch, catalog)
        for name, frame in kept.items():
            if len(frame):
                rows_new += store.add_facts(
                    name, frame, source_id=report.source_id, ingest_run_id=report.run_id
                )
        if refused is not None:
            store.add_facts("rejected", refused, source_id=report.source_id, ingest_run_id=report.run_id)
    _tally(report, kept, refused, rows_in=rows_in, rows_new=rows_new)


def _add_pools(store: Store, kept: dict[str, pd.DataFrame], batch: Batch, catalog: Catalog) -> None:
    """Make known the pools of the rows that were kept, with their SKUs."""
    keys = {key for frame in kept.values() if "pool_id" in frame for key in frame["pool_id"].unique()}
    pools = [Pool.parse(key) for key in sorted(keys)]
    skus = {**catalog.skus, **{(sku.provider, sku.name): sku for sku in batch.skus}}
    store.add_pools(pools, {skus[pool.provider, pool.sku] for pool in pools})


def _tally(
    report: IngestReport,
    kept: dict[str, pd.DataFrame],
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
    for frame in kept.values():
        clock = next((c for c in ("effective_at", "began_at") if c in frame), None)
        if clock and len(frame):
            first, last = frame[clock].min().to_pydatetime(), frame[clock].max().to_pydatetime()
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
            from_at=report.from_at,
            until_at=report.until_at,
            trouble=report.trouble,
        )
    except LowtideError as late:  # A full disk stops this write too; the first trouble says more.
        report.trouble = report.trouble or str(late)
        return stopped or late
    return stopped
