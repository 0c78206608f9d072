"""Batches of a source, checked and ready to be written, read one ahead where the source allows it.

Checking is Python's work and merging is the database's, which does not hold Python up: a file
is checked one batch ahead of what is written. A queue acknowledges what it handed over when it
is asked on, so it is asked on only after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from model.market import Sku

from .catalog import Catalog
from .facts import OF_POOLS, Pair
from .quality import check
from .sources.base import Batch, Source
from .tables import Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One batch: what may be stored, what was turned away, and whose pools it speaks of."""

    kept: dict[str, pa.Table]
    refused: pd.DataFrame | None  # reason, content
    rows_in: int
    pairs: set[Pair]
    skus: dict[tuple[str, str], Sku]


def checked_batches(source: Source, *, now: Callable[[], datetime], catalog: Catalog) -> Iterator[Checked]:
    """Every batch of a source, in order; raises as `Source.batches`."""
    batches = source.batches()

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
    pairs = [_pairs(table, kind) for name, table in kept.items() if name in OF_POOLS]
    return Checked(
        kept=kept,
        refused=pd.concat(turned_away, ignore_index=True) if turned_away else None,
        rows_in=rows_in,
        pairs=set().union(*pairs),
        skus={**catalog.skus, **{(sku.provider, sku.name): sku for sku in batch.skus}},
    )


def _pairs(table: pa.Table, kind: str) -> set[Pair]:
    """Every pool key of a table with the kinds of its prices; facts without one are of the source's kind."""
    pools = Codes(table["pool_id"])
    if "kind" not in table.column_names:
        return {(str(pools.keys[pool]), kind) for pool in np.unique(pools.codes)}
    kinds = Codes(table["kind"])
    # By the codes that rows have: a key may be left of rows that were turned away.
    both = np.unique(pools.codes.astype("int64") * len(kinds.keys) + kinds.codes)
    pairs = (divmod(int(code), len(kinds.keys)) for code in both)
    return {(str(pools.keys[pool]), str(kinds.keys[kind])) for pool, kind in pairs}
