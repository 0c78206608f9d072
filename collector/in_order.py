"""Prices of one batch by series and instant: what they say of one another, told without the database.

A feed comes in order, so nearly every batch lies after all that is stored of its series. Then a
price is judged by the row before it in the batch, which takes a hundredth of the time that a sort
and a join of the database take. The rule is that of sql/writes/judge_prices.sql.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyarrow as pa

from .tables import EXACT, INSTANT

Column = np.ndarray
DIGIT: Final = 0xFFFF  # numpy sorts numbers of 16 bits by counting, ten times faster than others.


@dataclass(frozen=True, kw_only=True)
class InOrder:
    """Prices, those of a series together, and a series after those of lower numbers."""

    series_no: Column  # int32
    effective_at: Column  # Microseconds since 1970, as int64.
    observed_at: Column
    price_usd_per_hour: Column  # 1e-9 USD, as int64.

    @classmethod
    def of(cls, table: pa.Table) -> InOrder:
        """The rows of a table of exact prices with series numbers; within a series as they came."""
        series_no = np.asarray(table["series_no"])
        order = by_number(series_no)
        return cls(
            series_no=series_no[order],
            effective_at=whole(table["effective_at"])[order],
            observed_at=whole(table["observed_at"])[order],
            price_usd_per_hour=whole(table["price_usd_per_hour"])[order],
        )

    def table(self, chosen: Column | slice = slice(None)) -> pa.Table:
        """The rows again as Arrow, all of them or those chosen."""
        columns = {name: np.ascontiguousarray(getattr(self, name)[chosen]) for name in TYPES}
        return pa.table({name: exact(column, TYPES[name]) for name, column in columns.items()})

    def rows(self, chosen: Column) -> InOrder:
        """Those chosen."""
        return InOrder(**{name: getattr(self, name)[chosen] for name in TYPES})

    @cached_property
    def follows(self) -> Column:
        """Whether a row, from the second on, is of the same series as the one before it."""
        same: Column = ~step(self.series_no)
        return same

    @cached_property
    def ties(self) -> Column:
        """Whether a row, from the second on, shares series and both instants with the one before it."""
        ties: Column = self.follows & ~step(self.effective_at) & ~step(self.observed_at)
        return ties

    @cached_property
    def is_in_order(self) -> bool:
        """Whether each series is in order of effective_at, observed_at, price."""
        back = np.zeros(max(len(self.series_no) - 1, 0), dtype=bool)
        for column in (self.price_usd_per_hour, self.observed_at, self.effective_at):
            back = (column[1:] < column[:-1]) | (back & (column[1:] == column[:-1]))
        return not (back & self.follows).any()

    def distinct(self) -> InOrder:
        """Each row once."""
        doubles = self.ties & ~step(self.price_usd_per_hour)
        return self.rows(~np.concatenate([[False], doubles])) if doubles.any() else self

    @cached_property
    def firsts(self) -> Column:
        """Where each series begins."""
        return np.flatnonzero(np.concatenate([[True], ~self.follows]))

    def reach(self) -> pa.Table:
        """For each series the first and the last instant: series_no, low, high."""
        lasts = np.append(self.firsts[1:], len(self.series_no)) - 1
        return pa.table(
            {
                "series_no": self.series_no[self.firsts],
                "low": exact(self.effective_at[self.firsts], INSTANT),
                "high": exact(self.effective_at[lasts], INSTANT),
            }
        )

    def repeats(self, eve: pa.Table) -> Column:
        """Which rows repeat the one before them; none may stand twice.

        Args:
            eve: series_no, observed_at, price_usd_per_hour of the last stored row of each series
                that has any, all of them effective before the rows here.
        """
        is_repeat = np.zeros(len(self.series_no), dtype=bool)
        is_repeat[1:] = self.follows & ~step(self.price_usd_per_hour)
        is_repeat[1:] &= self.observed_at[1:] >= self.observed_at[:-1]
        place = np.searchsorted(self.series_no[self.firsts], np.asarray(eve["series_no"]))
        first = self.firsts[place]
        is_repeat[first] = (self.price_usd_per_hour[first] == whole(eve["price_usd_per_hour"])) & (
            self.observed_at[first] >= whole(eve["observed_at"])
        )
        is_repeat[1:] &= ~self.ties
        is_repeat[:-1] &= ~self.ties
        return is_repeat

    def passes(self) -> pa.Table:
        """The rows by what was observed at once: observed_at, first_at, last_at, seen."""
        order = np.argsort(self.observed_at, kind="stable")
        observed, effective = self.observed_at[order], self.effective_at[order]
        begins = np.flatnonzero(np.concatenate([[True], step(observed)])[: len(order)])
        seen = pa.StructArray.from_arrays(
            [pa.array(self.series_no[order]), exact(effective, INSTANT)], ["series_no", "effective_at"]
        )
        return pa.table(
            {
                "observed_at": exact(observed[begins], INSTANT),
                "first_at": exact(np.minimum.reduceat(effective, begins), INSTANT),
                "last_at": exact(np.maximum.reduceat(effective, begins), INSTANT),
                "seen": pa.ListArray.from_arrays(np.append(begins, len(order)).astype("int32"), seen),
            }
        )


TYPES: Final = {
    "series_no": pa.int32(), "effective_at": INSTANT, "observed_at": INSTANT, "price_usd_per_hour": EXACT,
}  # fmt: skip


def by_number(numbers: Column) -> Column:
    """The order that sorts whole numbers from 0, equal ones as they came."""
    order = np.argsort((numbers & DIGIT).astype("uint16"), kind="stable")
    if len(numbers) and numbers.max() > DIGIT:
        order = order[np.argsort((numbers[order] >> 16).astype("uint16"), kind="stable")]
    return order


def whole(column: pa.ChunkedArray) -> Column:
    """Instants or exact prices, none missing, as the whole numbers they are kept as."""
    wanted = EXACT if pa.types.is_decimal(column.type) else INSTANT
    flat = column.cast(wanted).combine_chunks()
    values = np.frombuffer(flat.buffers()[1], dtype="int64") if len(flat) else np.zeros(0, "int64")
    return values[flat.offset : flat.offset + len(flat)]


def exact(numbers: Column, kind: pa.DataType) -> pa.Array:
    """Whole numbers as the instants or prices they stand for."""
    return pa.Array.from_buffers(kind, len(numbers), [None, pa.py_buffer(numbers)])


def step(column: Column) -> Column:
    """Whether a value, from the second on, differs from the one before it."""
    differs: Column = column[1:] != column[:-1]
    return differs


def instant(us: int) -> Any:
    """Microseconds since 1970 as an instant."""
    return pa.scalar(int(us), INSTANT).as_py()


def span_of(rows: InOrder) -> tuple[datetime, datetime]:
    """First and last effective instant."""
    return instant(rows.effective_at.min()), instant(rows.effective_at.max())
