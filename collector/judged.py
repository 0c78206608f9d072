"""One table under judgement: what rules look at, and the small questions they share.

A rule yields a reason and the rows that break it. It sees the table, the clock and the
catalogue, and nothing of the store or of other batches: so a fact is judged alike whatever
it came with, and any cut of a feed leaves the same store.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from model.errors import ImpossibleInput
from model.market import Pool, Sku

from .catalog import Catalog
from .tables import Codes

Mask = np.ndarray  # bool, one per row; true where the row breaks the rule.
Rule = Callable[["Judged"], Iterator[tuple[str, Mask]]]


@dataclass(frozen=True)
class Machines:
    """Many pools are of few machines: a pool of each stands for all."""

    samples: list[Pool | None]  # One per provider, SKU and capacity type.
    codes: np.ndarray  # Of each pool.

    @classmethod
    def of(cls, pools: list[Pool | None]) -> Machines:
        """The machines of these pools; None among them is a key that is malformed."""
        first: dict[tuple[str, ...] | None, int] = {}
        samples: list[Pool | None] = []
        codes = []
        for pool in pools:
            what = None if pool is None else (pool.provider, pool.sku, pool.capacity_type.value)
            code = first.setdefault(what, len(samples))
            if code == len(samples):
                samples.append(pool)
            codes.append(code)
        return cls(samples, np.array(codes, dtype="int64"))

    def each(self, of_machine: Callable[[Pool | None], Any]) -> np.ndarray:
        """What a function says of a machine, for each pool."""
        said: np.ndarray = np.array([of_machine(pool) for pool in self.samples])[self.codes]
        return said


@dataclass(frozen=True)
class Judged:
    """One table under judgement, and what rules measure it against."""

    table: pa.Table
    now: datetime
    catalog: Catalog
    skus: Mapping[tuple[str, str], Sku]  # Those of the catalogue and of the batch.

    @cached_property
    def pools(self) -> Codes:
        """Pool keys by row."""
        return Codes(self.table["pool_id"])

    @cached_property
    def parsed(self) -> list[Pool | None]:
        """A pool per key; None where the key is malformed."""
        return list(map(_pool, self.pools.keys))

    @cached_property
    def machines(self) -> Machines:
        """What is rented where the keys say, told apart by numbers."""
        return Machines.of(self.parsed)

    def must(self, holds: Any) -> Mask:
        """Where a condition does not hold; what is unknown does not hold."""
        return ~np.asarray(pc.fill_null(holds, False))

    def missing(self, column: str) -> Mask:
        """Where a column has no value."""
        return np.asarray(pc.is_null(self.table[column]))

    def blank(self, column: str) -> Mask:
        """Where a text is missing or empty."""
        return np.asarray(pc.fill_null(pc.equal(self.table[column], ""), True))

    def outside(self, column: str, allowed: Iterable[str]) -> Mask:
        """Where a text is none of those allowed."""
        codes, known = Codes(self.table[column]), set(allowed)
        return codes.spread([key not in known for key in codes.keys])

    def numbers(self, column: str) -> np.ndarray:
        """Text or decimals as floats to judge by, NaN where there is no number."""
        values = self.table[column]
        if pa.types.is_string(values.type) or pa.types.is_dictionary(values.type):
            codes = Codes(values)
            parsed = pd.to_numeric(pd.Series(codes.keys, dtype="str"), errors="coerce")
            floats: np.ndarray = parsed.to_numpy("float64", na_value=np.nan)
            each: np.ndarray = floats[codes.codes]
            return each
        return np.asarray(pc.fill_null(values.cast(pa.float64()), float("nan")))


@lru_cache(maxsize=1 << 17)  # Every batch of a feed names the same pools.
def _pool(key: str | None) -> Pool | None:
    try:
        return Pool.parse(key or "")
    except ImpossibleInput:
        return None
