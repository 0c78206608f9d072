"""Merging prices: what is new, what only repeats, and what a late row turns into a change.

Two ways lead to the same store. Rows after all that is stored of their series are judged among
themselves and appended. Any others are compared with what is there, in the database. Either way
the rows of a batch are stored series by series, so that those of one series are found together.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pyarrow as pa

from . import database
from .in_order import InOrder, exact, instant, span_of, whole
from .ledger import Ledger
from .tables import EXACT, TEXT, Codes, span

MORSEL_ROWS: Final = 100_000


class PriceWrites(Ledger):
    """The part of the store that merges prices."""

    def add_prices(self, table: pa.Table, params: dict[str, Any]) -> int:
        """Merge prices with series numbers, inside a transaction; how many were new.

        Args:
            table: series_no, effective_at, observed_at, price_usd_per_hour (text or decimal); none missing.
            params: source_id, ingest_run_id.
        """
        rows = InOrder.of(self._exact(table))
        params = params | dict(zip(("from_at", "until_at"), span_of(rows), strict=True))
        if rows.is_in_order and not self._later(rows, params):
            return self._append(rows.distinct(), params)
        with self._found({"incoming": rows.table()}):
            rows_new = self._merge(params)
        if rows_new:
            self.note_days("prices")
        return rows_new

    def unknown_prices(self, tables: list[pa.Table]) -> list[pa.Table]:
        """The rows of each table that are no stored change; others may be there, but as repeats.

        Args:
            tables: As `numbered_prices` of the store gives them; together at least one row.
        """
        held = pa.concat_tables(tables)
        first, last = span(held["effective_at"])
        with database.refusing(self.place), self._found({"held": morsels(held)}):
            answer = self._script("unknown_prices", from_at=first, until_at=last)
        is_unknown = np.zeros(len(held), dtype=bool)
        is_unknown[np.asarray(answer["row_no"])] = True
        parts = np.split(is_unknown, np.cumsum([len(table) for table in tables])[:-1])
        return [table.filter(pa.array(part)) for table, part in zip(tables, parts, strict=True)]

    def _exact(self, table: pa.Table) -> pa.Table:
        """The same with decimals for texts; equal texts are read once."""
        at = table.column_names.index("price_usd_per_hour")
        if pa.types.is_decimal(table.column(at).type):
            return table
        told = Codes(table.column(at))
        texts = pa.table({"price_usd_per_hour": pa.array(told.found(), TEXT)})
        nano = np.zeros(len(told.keys), dtype="int64")
        with self._found({"texts": texts}):
            nano[told.used()] = whole(self._script("exact_prices")["price_usd_per_hour"])
        return table.set_column(at, "price_usd_per_hour", exact(nano[told.codes], EXACT))

    def _later(self, rows: InOrder, params: dict[str, Any]) -> bool:
        """Whether anything stored of these series lies at or after the first of the rows."""
        with self._found({"incoming_reach": rows.reach()}):
            return bool(only(self._script("later_prices", **params), "later"))

    def _append(self, rows: InOrder, params: dict[str, Any]) -> int:
        """Store distinct rows that lie after all that is stored of their series."""
        is_repeat = rows.repeats(self._script("eve_prices", **params))
        repeated = bool(is_repeat.any())
        with self._found({"changes": rows.table(~is_repeat) if repeated else rows.table()}):
            self._script("append_prices", **params)
            self.note_days("changes")
        if repeated:
            self._append_repeats(rows.rows(is_repeat), params)
        return len(is_repeat)

    def _append_repeats(self, rows: InOrder, params: dict[str, Any]) -> None:
        """Store repeats that move no stored row, with the others of their passes."""
        first, last = instant(rows.observed_at.min()), instant(rows.observed_at.max())
        known = self._script("known_passes", **params | {"from_at": first, "until_at": last})
        is_known = np.isin(rows.observed_at, whole(known["observed_at"]))
        with self._found({"repeats": rows.table(is_known), "pass": rows.rows(~is_known).passes()}):
            self._script("append_passes", **params)

    def _merge(self, params: dict[str, Any]) -> int:
        """Merge `incoming`; rows that only repeat stored changes are met and left at once."""
        if not only(self._script("fresh_prices", **params), "rows_fresh"):
            return 0
        if self._judge(params):
            if not only(self._script("distinct_prices", **params), "rows_fresh"):
                return 0
            self._judge(params)
        rows_new = only(self._script("merge_prices", **params), "rows_new")
        self._script("merge_passes", **params)
        return rows_new

    def _judge(self, params: dict[str, Any]) -> int:
        """Tell changes from repeats among `fresh`; how many rows stand twice."""
        for script in ("reach_prices", "eve_prices", "judge_prices"):
            answer = self._script(script, **params)
        return only(answer, "doubles")


def morsels(table: pa.Table) -> pa.Table:
    """The same, numbered, in pieces that the database shares out among its threads."""
    pieces = table.to_batches(max_chunksize=MORSEL_ROWS)
    begins = np.cumsum([0, *map(len, pieces)]).tolist()
    numbered = [
        piece.append_column("row_no", pa.array(np.arange(begin, begin + len(piece), dtype="int32")))
        for piece, begin in zip(pieces, begins, strict=False)
    ]
    return pa.Table.from_batches(numbered)


def only(answer: pa.Table, column: str) -> int:
    """The number in an answer of one row."""
    return int(answer[column][0].as_py())
