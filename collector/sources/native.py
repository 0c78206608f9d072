"""Lowtide's own recorded format: a folder with market.json and up to three CSV tables.

    market.json   {"format": "lowtide-market", "version": 1, "name": …, "synthetic": true|false,
                   "licence": …, "statement": …, "skus": [{provider, name, gpu_model, …}]}
    prices.csv    pool,effective_at,price_usd_per_hour         USD per instance-hour
    probes.csv    pool,effective_at,wanted,obtainable,holds_s
    tenures.csv   pool,instance_ref,began_at,ended_at,end_cause,began_before,observed_at

Prices and probes count as observed when they took effect. A table without a market.json
beside it is refused: nobody could tell a generated market from a recorded one.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import pandas as pd

from model.market import Sku

from .base import Batch, UnreadableSource
from .files import RecordedFile, csv_of, instants, json_of

FORMAT: Final = "lowtide-market"
VERSION: Final = 1
TABLES: Final = {  # Header of a table -> its name in a batch.
    ("pool", "effective_at", "price_usd_per_hour"): "prices",
    ("pool", "effective_at", "wanted", "obtainable", "holds_s"): "probes",
    ("pool", "instance_ref", "began_at", "ended_at", "end_cause", "began_before", "observed_at"): "tenures",
}


def open_native(path: Path, table: str) -> RecordedFile:
    """The source for one table, described by the market.json beside it.

    Raises:
        UnreadableSource: There is none, or it is of another format or version.
    """
    market = _market(path.with_name("market.json"))
    return RecordedFile(
        path=path,
        source_id=f"market/{market['name']}",
        licence=market["licence"],
        note=market["statement"],
        kind="synthetic" if market["synthetic"] else "recorded",
        read=partial(_read, table=table, market=market),
        beside=(path.with_name("market.json"),),
    )


def _market(path: Path) -> dict[str, Any]:
    """The description of a market, with every field it must have."""
    if not path.is_file():
        raise UnreadableSource(
            f"{path.parent} holds a market table but no market.json, so it may be generated or recorded.",
            fix='Put market.json beside it, with "synthetic" true or false.',
        )
    market = json_of(path)
    wanted = {
        "format": str,
        "version": int,
        "name": str,
        "synthetic": bool,
        "licence": str,
        "statement": str,
        "skus": list,
    }
    wrong = [
        k for k, kind in wanted.items() if not isinstance(market, dict) or not isinstance(market.get(k), kind)
    ]
    if wrong or (market["format"], market["version"]) != (FORMAT, VERSION):
        raise UnreadableSource(
            f"{path} is no {FORMAT} version {VERSION}: see {', '.join(wrong) or 'format, version'}.",
            fix="Write it with this version of lowtide, or upgrade lowtide.",
        )
    return {**market}


def _read(path: Path, *, table: str, market: dict[str, Any]) -> Iterator[Batch]:
    """The one batch of a table."""
    frame = csv_of(path).rename(columns={"pool": "pool_id"})
    kind = "synthetic" if market["synthetic"] else "recorded"
    skus = tuple(_sku(entry, path) for entry in market["skus"])
    if table == "prices":
        at = instants(frame["effective_at"])
        yield Batch(prices=frame.assign(kind=kind, effective_at=at, observed_at=at), skus=skus)
    elif table == "probes":
        at = instants(frame["effective_at"])
        counts = {c: _number(frame[c], path) for c in ("wanted", "obtainable", "holds_s")}
        yield Batch(probes=frame.assign(effective_at=at, observed_at=at, **counts), skus=skus)
    else:
        clocks = {c: instants(frame[c]) for c in ("began_at", "ended_at", "observed_at")}
        cause = frame["end_cause"].mask(frame["end_cause"] == "")
        before = frame["began_before"] == "true"
        yield Batch(tenures=frame.assign(**clocks, end_cause=cause, began_before=before), skus=skus)


def _number(column: pd.Series, path: Path) -> pd.Series:
    """A column of numbers.

    Raises:
        UnreadableSource: It holds something else.
    """
    codes, texts = pd.factorize(column)  # Few numbers in many rows: each is read once.
    numbers = pd.Series(pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy()[codes], column.index)
    if numbers.isna().any():
        line = int(numbers.isna().to_numpy().argmax())
        raise UnreadableSource(
            f"{path.name} line {line + 2} has {column.name} = {column.iloc[line]!r}, which is no number.",
            fix="Correct that line.",
        )
    return numbers


def _sku(entry: dict[str, Any], path: Path) -> Sku:
    """One SKU as market.json spells it."""
    try:
        return Sku(
            provider=str(entry["provider"]),
            name=str(entry["name"]),
            gpu_model=str(entry["gpu_model"]),
            gpu_count=int(entry["gpu_count"]),
            gpu_memory_bytes=entry.get("gpu_memory_bytes"),
        )
    except (KeyError, TypeError, ValueError) as trouble:
        raise UnreadableSource(
            f"market.json beside {path.name} has a SKU without a usable {trouble}.",
            fix="Give each SKU its provider, name, gpu_model and gpu_count.",
        ) from None
