"""Writing facts: pools, prices, probes, tenures, published figures, and what was turned away.

Tables come in checked (`collector.quality`) and are merged by sql/writes. Nothing is judged
and nothing is updated in place. Facts of a pool are stored under the number of their series.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from model.market import Pool, Sku

from .in_order import TYPES
from .prices import PriceWrites, only
from .sources.base import Source
from .tables import TEXT, Codes, span

OF_POOLS: Final = frozenset({"prices", "probes", "tenures"})
NAMES: Final = frozenset({"pool_id", "kind", "currency", "unit"})  # Columns that a series number stands for.
_POOL: Final = pa.schema(
    [(n, TEXT) for n in ("pool_id", "provider", "region", "zone", "sku", "capacity_type", "kind")]
)
_SKU: Final = pa.schema(
    {
        "provider": TEXT, "name": TEXT, "gpu_model": TEXT, "gpu_count": pa.int32(),
        "gpu_memory_bytes": pa.int64(),
    }
)  # fmt: skip
Skus = Mapping[tuple[str, str], Sku]


class FactWrites(PriceWrites):
    """The writing half of the store that `collector.ingest` uses."""

    def begin_ingest(self, source: Source, fingerprint: str | None = None) -> int:
        """Open an ingest run of this source; its number goes on every fact."""
        opened = self.write(
            "begin_ingest",
            source_id=source.source_id, kind=source.kind, licence=source.licence, note=source.note,
            origin=source.origin, fingerprint=fingerprint, at=self.now(),
        )  # fmt: skip
        return int(opened["ingest_run_id"][0].as_py())

    def end_ingest(self, ingest_run_id: int, **counts: int | datetime | str | None) -> None:
        """Close an ingest run with its rows_in, rows_new, rows_duplicate, rows_quarantined,
        from_at, until_at and trouble (None: it went well)."""
        params: dict[str, Any] = {**counts, "ingest_run_id": ingest_run_id, "at": self.now()}
        self.write("end_ingest", **params)

    def same_file(self, source_id: str, fingerprint: str) -> dict[str, Any] | None:
        """The ingest run that read this very file to its end before, None where none did."""
        found = self.rows("same_file", source_id=source_id, fingerprint=fingerprint)
        return found[0] if found else None

    def know_pools(self, pools: Mapping[str, set[str]], *, source_id: str, skus: Skus) -> None:
        """Make pools, their SKUs and the source's series on them known.

        A transaction of its own: numbers are given before the facts that carry them.

        Args:
            pools: Pool keys by kind of price.
            source_id: Whose series.
            skus: SKUs by provider and name; one for every pool.
        """
        known = self._series.setdefault(source_id, {})
        missing = [
            (Pool.parse(key), kind)
            for kind, keys in sorted(pools.items())
            for key in sorted(keys - known.setdefault(kind, {}).keys())
        ]
        if not missing:
            return
        needed = sorted({(pool.provider, pool.sku) for pool, _ in missing})
        tables = {
            "incoming": pa.Table.from_pylist([_pool_row(*one) for one in missing], schema=_POOL),
            "incoming_sku": pa.Table.from_pylist([asdict(skus[name]) for name in needed], schema=_SKU),
        }
        numbered = self.write("merge_pools", tables, source_id=source_id)
        for row in numbered.to_pylist():
            known[row["kind"]][row["pool_id"]] = row["series_no"]

    def add_facts(self, name: str, table: pa.Table, *, source: Source, ingest_run_id: int) -> int:
        """Merge one table of a batch (`prices`, `probes`…); how many rows were new."""
        params: dict[str, Any] = {"source_id": source.source_id, "ingest_run_id": ingest_run_id}
        if name in OF_POOLS and "series_no" not in table.column_names:
            table = self._numbered(table, source)
        if name == "prices":
            with self.transaction(source.source_id):
                self.note_facts(name)
                return self.add_prices(table, params)
        if name in OF_POOLS:
            first, last = span(table["began_at" if name == "tenures" else "effective_at"])
            params |= {"from_at": first, "until_at": last}
        with self._given({"incoming": table}, lock=source.source_id):
            self.note_facts(name)
            rows_new = only(self._script(f"merge_{name}", at=self.now(), **params), "rows_new")
            if rows_new:
                self.note_days(name)
            return rows_new

    def numbered_prices(self, table: pa.Table, source: Source) -> pa.Table:
        """Prices of known pools as `add_prices` takes them, in the least space."""
        told = self._exact(self._numbered(table, source))
        return pa.table({name: told[name].cast(kind) for name, kind in TYPES.items()})

    def _numbered(self, table: pa.Table, source: Source) -> pa.Table:
        """The table with series numbers in the place of names."""
        pools, known = Codes(table["pool_id"]), self._series[source.source_id]
        kinds = Codes(table["kind"]) if "kind" in table.column_names else None
        own = [known.get(str(kind), {}) for kind in (kinds.keys if kinds else [source.kind])]
        numbers = np.array([[numbers.get(key, -1) for key in pools.keys] for numbers in own], dtype="int32")
        chosen = numbers[kinds.codes if kinds else 0, pools.codes]
        stored = table.select([name for name in table.column_names if name not in NAMES])
        return stored.append_column("series_no", pa.array(chosen))


def _pool_row(pool: Pool, kind: str) -> dict[str, str | None]:
    return {
        "pool_id": pool.key, "provider": pool.provider, "region": pool.region, "zone": pool.zone,
        "sku": pool.sku, "capacity_type": pool.capacity_type.value, "kind": kind,
    }  # fmt: skip
