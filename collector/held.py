"""Batches whose rows come in any order, held until many can be compared with the store at once.

A file that is read again tells nothing new, and one in no order touches every part of the store
with each of its batches. So its batches wait, and what is stored of them already is looked up
in one go; what is left of each is then written as ever, in the order it came.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from model.errors import LowtideError

from .checked import Checked
from .in_order import whole
from .sources.base import Source
from .store import Store

HELD_ROWS: Final = 3_000_000  # Of 28 bytes each, and twice that while they are looked up.
OUT_OF_ORDER: Final = 0.1  # Share of rows before their predecessor from which on a batch has no order.


def without_known(store: Store, source: Source, batches: Iterator[Checked]) -> Iterator[Checked]:
    """The batches of a source, less prices that are stored already where the batches come in no order.

    A source that must be told of each batch before it gives the next is not kept waiting. Batches
    that came before a trouble are given before it is raised.
    """
    if not getattr(source, "reads_ahead", False):
        yield from batches
        return
    held: list[Checked] = []
    try:
        for batch in batches:
            waits = _without_order(batch)
            if waits:
                held.append(_numbered(store, source, batch))
            if not waits or _rows(held) >= HELD_ROWS:
                yield from _less_known(store, held)
                held = []
            if not waits:
                yield batch
    except LowtideError:
        yield from _less_known(store, held)
        raise
    yield from _less_known(store, held)


def _without_order(batch: Checked) -> bool:
    """Whether prices jump back in time again and again."""
    if "prices" not in batch.kept:
        return False
    at = whole(batch.kept["prices"]["effective_at"])
    return bool(np.count_nonzero(at[1:] < at[:-1]) > OUT_OF_ORDER * len(at))


def _numbered(store: Store, source: Source, batch: Checked) -> Checked:
    """The same with numbers for the names of its series, in the least space."""
    store.know_pools(batch.pools, source_id=source.source_id, skus=batch.skus)
    prices = store.numbered_prices(batch.kept["prices"], source)
    return replace(batch, kept=batch.kept | {"prices": prices})


def _rows(held: list[Checked]) -> int:
    return sum(len(batch.kept["prices"]) for batch in held)


def _less_known(store: Store, held: list[Checked]) -> Iterator[Checked]:
    """The batches held, less the prices that are stored. Nothing stored is ever forgotten, so that
    what is known here is known when the rest is written."""
    if held:
        fresh = store.unknown_prices([batch.kept["prices"] for batch in held])
        for batch, prices in zip(held, fresh, strict=True):
            yield replace(batch, kept=batch.kept | {"prices": prices})
