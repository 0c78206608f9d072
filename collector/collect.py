"""One pass of collecting: recorded files or the embedded market, and the list prices they need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .catalog import load_catalog
from .ingest import IngestReport, Progress, ingest, ingest_all
from .sample import write_sample
from .sources.base import UnreadableSource
from .sources.listed import ListPrices
from .sources.recorded import open_recorded
from .store import Store


def collect_recorded(
    store: Store,
    path: Path,
    *,
    available_means: int = 1,
    progress: Progress | None = None,
    planned: Callable[[int], None] = lambda files: None,
) -> list[IngestReport]:
    """Ingest a recorded file or folder, then list prices for the pools now known.

    Args:
        store: Where to.
        path: A file or a folder; see `sources.recorded`.
        available_means: Polarity of availability traces.
        progress: Called after every batch.
        planned: Called once with the number of files, before the first is read.

    Returns:
        One report per file, and a last one for the catalogue. A file of a folder that could
        not be read has its trouble in its report and did not stop the others.

    Raises:
        UnreadableSource: The one file named, or every file of the folder, is unreadable.
    """
    sources = open_recorded(path, available_means=available_means)
    planned(len(sources))
    if path.is_file():
        reports = [ingest(store, sources[0], progress=progress)]
    else:
        reports = ingest_all(store, sources, progress=progress)
    troubles = [report.trouble for report in reports if report.trouble]
    if len(troubles) == len(reports):
        raise UnreadableSource(
            f"None of the {len(reports)} files under {path} could be read; the first said: {troubles[0]}",
            fix="Name a folder of recorded market data.",
        )
    return [*reports, collect_list_prices(store, progress=progress)]


def collect_sample(
    store: Store,
    folder: Path,
    *,
    seed: int,
    progress: Progress | None = None,
    planned: Callable[[int], None] = lambda files: None,
) -> list[IngestReport]:
    """Write the embedded synthetic market into `folder` and ingest it like any recorded one."""
    write_sample(folder, seed=seed)
    return collect_recorded(store, folder, progress=progress, planned=planned)


def collect_list_prices(store: Store, *, progress: Progress | None = None) -> IngestReport:
    """Give the catalogue's list prices to watched pools, and on-demand beside every pool."""
    catalog = load_catalog()
    known = tuple(pool for pool, _ in store.pools(store.now()))
    listed = ListPrices(catalog, watched=tuple(store.watched_pools(store.now())), known=known)
    return ingest(store, listed, catalog=catalog, progress=progress)
