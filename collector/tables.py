"""Facts as Arrow tables: the exact type of every column, and how a frame becomes such a table.

Frames of sources are pandas or Arrow; everything behind this door is Arrow, because DuckDB
reads it in place and a column of a million names can be told apart by numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

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
        "gpu_count": pa.int32(), "gpu_memory_bytes": pa.int64(), "note": TEXT, "effective_at": INSTANT,
        "observed_at": INSTANT,
    },
    "overheads": {
        "run_id": TEXT, "attempt": pa.int32(), "node": TEXT, "pool_id": TEXT, "what": TEXT,
        "seconds": pa.float64(), "bytes": pa.int64(), "effective_at": INSTANT, "observed_at": INSTANT,
    },
    "rejected": {"reason": TEXT, "content": TEXT},
}  # fmt: skip
BESIDE: Final[Mapping[str, dict[str, pa.DataType]]] = {  # May come too; rules read it, the store does not.
    "prices": {"currency": TEXT, "unit": TEXT},
}
OPTIONAL: Final[Mapping[str, tuple[str, ...]]] = {"listings": ("note",)}  # NULL where a source gives none.
NAMED: Final = frozenset({"pool_id", "kind", "price_usd_per_hour"})  # Few texts in many rows.
DECIMAL: Final = pa.decimal128(18, 9)
EXACT: Final = pa.decimal64(18, 9)  # The same in half the space; DuckDB reads it.
Frame: TypeAlias = pd.DataFrame | pa.Table


def as_table(name: str, frame: Frame) -> pa.Table:
    """A frame of facts in the exact types of its kind; a price that comes as decimal stays one.

    Raises:
        pa.ArrowException, KeyError: A column is missing, or holds what its type cannot.
    """
    wanted = {**SHAPES[name], **{c: t for c, t in BESIDE.get(name, {}).items() if c in _names(frame)}}
    columns = {}
    for column, kind in wanted.items():
        if column not in _names(frame) and column in OPTIONAL.get(name, ()):
            columns[column] = pa.nulls(len(frame), kind)
            continue
        values = frame[column]
        array = values if isinstance(frame, pa.Table) else _array(values, kind)
        keeps = pa.types.is_decimal(array.type) and array.type == DECIMAL
        exact = array if keeps or array.type == kind else array.cast(kind, safe=False)
        told_apart = column in NAMED and exact.type == TEXT
        columns[column] = pc.dictionary_encode(exact) if told_apart else exact
    return pa.table(columns)


def _names(frame: Frame) -> list[str]:
    return list(frame.column_names) if isinstance(frame, pa.Table) else [str(c) for c in frame.columns]


def _array(values: pd.Series, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """A pandas column; one of plain objects is read as the type it must have."""
    if pa.types.is_timestamp(kind):
        values = pd.to_datetime(values, utc=True)  # A column without any instant comes without a zone.
        return pa.Array.from_pandas(values.astype("datetime64[us, UTC]"))
    return pa.Array.from_pandas(values, type=kind if values.dtype == object else None)


class Codes:
    """A text column told apart by numbers: `keys[codes[i]]` is the text of row i."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        if pa.types.is_dictionary(column.type) and column.null_count:
            column = column.cast(TEXT)  # So that no text at all is told apart too.
        encoded = (
            column.unify_dictionaries()
            if pa.types.is_dictionary(column.type)
            else pc.dictionary_encode(column, null_encoding="encode")
        )
        whole = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        if isinstance(whole, pa.ChunkedArray):  # Of no chunk at all.
            whole = pa.array([], pa.dictionary(pa.int32(), TEXT))
        self.keys: list[str | None] = whole.dictionary.to_pylist()
        self.codes: np.ndarray = np.asarray(whole.indices)

    def spread(self, of_key: Sequence[bool] | np.ndarray) -> np.ndarray:
        """What is true of each key, of each row."""
        true = np.asarray(of_key, dtype=bool)
        return true[self.codes] if true.any() else np.zeros(len(self.codes), dtype=bool)

    def found(self, rows: np.ndarray | None = None) -> list[str]:
        """The keys that rows have, all or those chosen: a key may be left of rows that were turned away."""
        return [str(self.keys[code]) for code in self.used(rows)]

    def used(self, rows: np.ndarray | None = None) -> np.ndarray:
        """Their numbers."""
        codes = self.codes if rows is None else self.codes[rows]
        return np.flatnonzero(np.bincount(codes, minlength=len(self.keys)))


def span(column: pa.ChunkedArray) -> tuple[Any, Any]:
    """First and last value of a column, None where it holds none."""
    ends = pc.min_max(column)
    return ends["min"].as_py(), ends["max"].as_py()
