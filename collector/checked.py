"""Batches of a source, checked and ready to be written, read one ahead where the source allows it.

Checking is Python's work and merging is the database's, which does not hold Python up: a file
is checked one batch ahead of what is written. A queue acknowledges what it handed over when it
is asked on, so it is asked on only after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from model.market import Sku

from .catalog import Catalog
from .facts import OF_POOLS
from .quality import check
from .rows import utc
from .sources.base import Batch, Source
from .tables import Codes, Frame, span

PART_ROWS: Final = 500_000  # Twice as many are merged a tenth faster and take a quarter more memory.


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One batch: what may be stored, what was turned away, and whose pools it speaks of."""

    kept: dict[str, pa.Table]
    refused: pd.DataFrame | None  # reason, content
    rows_in: int
    pools: dict[str, set[str]]  # Kind of price -> pool keys.
    skus: dict[tuple[str, str], Sku]
    span: tuple[datetime, datetime] | None  # First and last instant of what may be stored.


def checked_batches(source: Source, *, now: Callable[[], datetime], catalog: Catalog) -> Iterator[Checked]:
    """Every batch of a source, in order; raises as `Source.batches`."""
    batches = (part for batch in source.batches() for part in parts(batch))

    def step() -> Checked | None:
        batch = next(batches, None)
        return None if batch is None else check_batch(batch, now=now(), catalog=catalog, kind=source.kind)

    if not getattr(source, "reads_ahead", False):
        while (each := step()) is not None:
            yield each
        return
    with ThreadPoolExecutor(1, thread_name_prefix="checking") as ahead:
        coming = ahead.submit(step)
        while (each := coming.result()) is not None:
            coming = ahead.submit(step)
            yield each


def parts(batch: Batch) -> Iterator[Batch]:
    """A batch in parts that fit into memory however large it comes; each is written on its own."""
    rows = max((len(frame) for _, frame in batch.facts()), default=0)
    if rows <= PART_ROWS:
        yield batch
        return
    for first in range(0, rows, PART_ROWS):
        cut: dict[str, Any] = {name: _rows(frame, first) for name, frame in batch.facts()}
        yield replace(batch, rejected=None if first else batch.rejected, **cut)


def _rows(frame: Frame, first: int) -> Frame:
    """The rows of one part."""
    if isinstance(frame, pa.Table):
        return frame.slice(first, PART_ROWS)
    return frame.iloc[first : first + PART_ROWS]


def check_batch(batch: Batch, *, now: datetime, catalog: Catalog, kind: str) -> Checked:
    """Judge every frame of a batch; `kind` is the source's."""
    kept: dict[str, pa.Table] = {}
    turned_away = [] if batch.rejected is None else [batch.rejected]
    rows_in = sum(map(len, turned_away))
    for name, frame in batch.facts():
        rows_in += len(frame)
        kept[name], broken = check(name, frame, batch, now=now, catalog=catalog)
        if broken is not None:
            turned_away.append(broken)
    pools: dict[str, set[str]] = {}
    for table in (table for name, table in kept.items() if name in OF_POOLS):
        for of_kind, keys in _pools(table, kind):
            pools.setdefault(of_kind, set()).update(keys)
    return Checked(
        kept=kept,
        refused=pd.concat(turned_away, ignore_index=True) if turned_away else None,
        rows_in=rows_in,
        pools=pools,
        skus={**catalog.skus, **{(sku.provider, sku.name): sku for sku in batch.skus}},
        span=_span(kept.values()),
    )


def _span(tables: Iterable[pa.Table]) -> tuple[datetime, datetime] | None:
    """First and last effective instant, None where there is none."""
    clocks = [
        utc(end)
        for table in tables
        for column in ("effective_at", "began_at")
        if column in table.column_names
        for end in span(table[column])
    ]
    known = [clock for clock in clocks if clock is not None]
    return (min(known), max(known)) if known else None


def _pools(table: pa.Table, kind: str) -> Iterator[tuple[str, list[str]]]:
    """The pool keys of a table by the kind of their prices; facts without one are of the source's kind."""
    pools = Codes(table["pool_id"])
    if "kind" not in table.column_names:
        yield kind, pools.found()
        return
    kinds = Codes(table["kind"])
    for code, of_kind in enumerate(kinds.keys):
        yield str(of_kind), pools.found(None if len(kinds.keys) == 1 else kinds.codes == code)
