"""Writing facts: pools, prices, probes, tenures, published figures, and what was turned away.

Frames come in checked (`collector.quality`); here they get their exact types and are merged
by sql/writes. Nothing is judged and nothing is updated in place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

import pandas as pd
import pyarrow as pa

from model.market import Pool, Sku

from .core import StoreCore
from .sources.base import Source

INSTANT: Final = pa.timestamp("us", tz="UTC")
TEXT: Final = pa.string()
SHAPES: Final[Mapping[str, dict[str, pa.DataType]]] = {
    "prices": {
        "pool_id": TEXT, "kind": TEXT, "effective_at": INSTANT, "observed_at": INSTANT,
        "price_usd_per_hour": TEXT,
    },
    "probes": {
        "pool_id": TEXT, "effective_at": INSTANT, "observed_at": INSTANT, "wanted": pa.int32(),
        "obtainable": pa.int32(), "holds_s": pa.float64(),
    },
    "tenures": {
        "pool_id": TEXT, "instance_ref": TEXT, "began_at": INSTANT, "ended_at": INSTANT,
        "end_cause": TEXT, "began_before": pa.bool_(), "observed_at": INSTANT,
    },
    "bands": {
        "provider": TEXT, "region": TEXT, "sku": TEXT, "what": TEXT, "horizon_s": pa.float64(),
        "rate_low": pa.float64(), "rate_high": pa.float64(), "saving": pa.float64(),
        "effective_at": INSTANT, "observed_at": INSTANT, "zone": TEXT, "denominator": TEXT,
        "window_s": pa.float64(), "label": TEXT,
    },
    "tariffs": {
        "provider": TEXT, "region": TEXT, "kind": TEXT, "item": TEXT, "tier": TEXT, "price_usd": TEXT,
        "unit": TEXT, "effective_at": INSTANT, "observed_at": INSTANT,
    },
    "inventory": {
        "provider": TEXT, "gpu_model": TEXT, "gpus_per_node": pa.int32(), "cpus_per_node": pa.int32(),
        "nodes": pa.int64(),
    },
    "demand": {"provider": TEXT, "measure": TEXT, "hour": pa.int32(), "value": pa.float64()},
    "scores": {
        "provider": TEXT, "region": TEXT, "zone": TEXT, "query": TEXT, "scale": TEXT, "outcome": TEXT,
        "score": TEXT, "refusal": TEXT, "effective_at": INSTANT, "observed_at": INSTANT,
    },
    "interruptions": {
        "provider": TEXT, "event_id": TEXT, "what": TEXT, "witness": TEXT, "region": TEXT, "zone": TEXT,
        "sku": TEXT, "instance_ref": TEXT, "action": TEXT, "notice_s": pa.float64(),
        "effective_at": INSTANT, "observed_at": INSTANT,
    },
    "offers": {
        "provider": TEXT, "region": TEXT, "zone": TEXT, "sku": TEXT, "capacity_type": TEXT,
        "offer_ref": TEXT, "instances": pa.int32(), "starts_at": INSTANT, "ends_at": INSTANT,
        "upfront_usd": TEXT, "effective_at": INSTANT, "observed_at": INSTANT,
    },
    "listings": {
        "provider": TEXT, "region": TEXT, "zone": TEXT, "sku": TEXT, "gpu_model": TEXT,
        "gpu_count": pa.int32(), "gpu_memory_bytes": pa.int64(), "effective_at": INSTANT,
        "observed_at": INSTANT,
    },
    "rejected": {"reason": TEXT, "content": TEXT},
}  # fmt: skip


class FactWrites(StoreCore):
    """The writing half of the store that `collector.ingest` uses."""

    def begin_ingest(self, source: Source) -> int:
        """Open an ingest run of this source; its number goes on every fact."""
        opened = self.write(
            "begin_ingest",
            source_id=source.source_id, kind=source.kind, licence=source.licence, note=source.note,
            origin=source.origin, at=self.now(),
        )  # fmt: skip
        return int(opened["ingest_run_id"][0].as_py())

    def end_ingest(self, ingest_run_id: int, **counts: int | datetime | str | None) -> None:
        """Close an ingest run with its rows_in, rows_new, rows_duplicate, rows_quarantined,
        from_at, until_at and trouble (None: it went well)."""
        params: dict[str, Any] = {**counts, "ingest_run_id": ingest_run_id, "at": self.now()}
        self.write("end_ingest", **params)

    def add_pools(self, pools: Iterable[Pool], skus: Iterable[Sku]) -> None:
        """Make pools and SKUs known; what is known already stays as it is."""
        pool_rows = [
            {"pool_id": p.key, "provider": p.provider, "region": p.region, "zone": p.zone, "sku": p.sku,
             "capacity_type": p.capacity_type.value}
            for p in pools
        ]  # fmt: skip
        sku_rows = [asdict(sku) for sku in skus]
        if not pool_rows or not sku_rows:
            return
        tables = {
            "incoming": pa.Table.from_pylist(pool_rows, schema=_POOL_SCHEMA),
            "incoming_sku": pa.Table.from_pylist(sku_rows, schema=_SKU_SCHEMA),
        }
        self.write("merge_pools", tables)

    def add_facts(self, name: str, frame: pd.DataFrame, *, source_id: str, ingest_run_id: int) -> int:
        """Merge one frame of a batch (`prices`, `probes`…); how many rows were new."""
        table = pa.Table.from_pandas(frame, schema=pa.schema(SHAPES[name]), preserve_index=False)
        clock = "began_at" if name == "tenures" else "effective_at"
        span = _span(frame[clock]) if clock in frame else (None, None)
        merged = self.write(
            f"merge_{name}", {"incoming": table}, source_id=source_id, ingest_run_id=ingest_run_id,
            from_at=span[0], until_at=span[1], at=self.now(),
        )  # fmt: skip
        return int(merged["rows_new"][0].as_py())


def _span(instants: pd.Series) -> tuple[datetime, datetime]:
    """First and last instant of a column."""
    return instants.min().to_pydatetime(), instants.max().to_pydatetime()


_POOL_SCHEMA: Final = pa.schema(
    [(name, TEXT) for name in ("pool_id", "provider", "region", "zone", "sku", "capacity_type")]
)
_SKU_SCHEMA: Final = pa.schema(
    {
        "provider": TEXT,
        "name": TEXT,
        "gpu_model": TEXT,
        "gpu_count": pa.int32(),
        "gpu_memory_bytes": pa.int64(),
    }
)
