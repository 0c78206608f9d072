"""What a backtest reads of the record, and what it found: kept once, never changed.

A sighting comes with the instant at which it was learnt, superseded ones included, so that whoever
asks can leave out what was not known yet (`collector.sighted`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from model.market import Pool

from . import rows
from .core import StoreCore

_FIGURES: Final = pa.schema(
    {
        "place": pa.int32(), "figure": pa.string(), "unit": pa.string(), "better": pa.string(),
        "pool_id": pa.string(), "horizon_hours": pa.float64(), "baseline": pa.string(), "value": pa.float64(),
        "low": pa.float64(), "high": pa.float64(), "n": pa.int64(), "days": pa.int32(),
        "baseline_value": pa.float64(), "apart_low": pa.float64(), "apart_high": pa.float64(),
    }
)  # fmt: skip
_BINS: Final = pa.schema(
    {
        "horizon_hours": pa.float64(), "forecast": pa.string(), "low": pa.float64(), "high": pa.float64(),
        "count": pa.int64(), "chance": pa.float64(), "came": pa.float64(), "came_low": pa.float64(),
        "came_high": pa.float64(),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedPool:
    """A pool somebody probed, and the span of that."""

    pool: Pool
    gpu_model: str
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestRow:
    """A backtest as it was kept."""

    backtest_id: str
    name: str
    from_at: datetime
    until_at: datetime
    every_hours: float
    window_hours: float
    origins: int
    pools: int
    job: dict[str, Any] | None
    seed: int
    code_version: str
    sources: tuple[str, ...]
    synthetic: bool
    left_out: tuple[str, ...]
    made_at: datetime


class BacktestRecords(StoreCore):
    """The part of the store that backtests read and write."""

    def probed(self, as_of: datetime) -> list[ProbedPool]:
        """Every pool that was probed by `as_of`, by pool key."""
        return [
            ProbedPool(
                pool=Pool.parse(row["pool_id"]), gpu_model=row["gpu_model"],
                first_at=rows.instant(row, "first_at"), last_at=rows.instant(row, "last_at"),
            )
            for row in self.rows("probed", as_of=as_of)
        ]  # fmt: skip

    def save_backtest(
        self, row: BacktestRow, figures: Sequence[Mapping[str, Any]], bins: Sequence[Mapping[str, Any]]
    ) -> None:
        """Keep a backtest; the first under an id stands.

        Args:
            row: Its head.
            figures: Rows with the columns of `backtest_figure`, in the order in which they are told.
            bins: Rows with the columns of `backtest_bin`.
        """
        placed = [{**figure, "place": place} for place, figure in enumerate(figures)]
        tables = {
            "told_figures": pa.Table.from_pylist(placed, schema=_FIGURES),
            "told_bins": pa.Table.from_pylist([dict(each) for each in bins], schema=_BINS),
        }
        self.write(
            "save_backtest", tables,
            backtest_id=row.backtest_id, name=row.name, from_at=row.from_at, until_at=row.until_at,
            every_hours=row.every_hours, window_hours=row.window_hours, origins=row.origins, pools=row.pools,
            job=None if row.job is None else json.dumps(row.job, sort_keys=True), seed=row.seed,
            code_version=row.code_version, sources=json.dumps(row.sources), synthetic=row.synthetic,
            left_out=json.dumps(row.left_out), made_at=row.made_at,
        )  # fmt: skip

    def newest_backtest(self, as_of: datetime) -> BacktestRow | None:
        """The backtest made last by `as_of`; None where none was made."""
        found = self.rows("newest_backtest", as_of=as_of)
        return _row(found[0]) if found else None

    def backtest_figures(self, backtest_id: str, pool: Pool | None = None) -> list[dict[str, Any]]:
        """The figures of all pools together, or of one pool."""
        key = None if pool is None else pool.key
        return self.rows("backtest_figures", backtest_id=backtest_id, pool_id=key)

    def backtest_bins(self, backtest_id: str) -> list[dict[str, Any]]:
        """How often what was given a chance came, by horizon and forecast."""
        return self.rows("backtest_bins", backtest_id=backtest_id)


def _row(row: rows.Row) -> BacktestRow:
    read = {
        "job": None if row["job"] is None else json.loads(row["job"]),
        "sources": tuple(json.loads(row["sources"])), "left_out": tuple(json.loads(row["left_out"])),
        **{name: rows.instant(row, name) for name in ("from_at", "until_at", "made_at")},
    }  # fmt: skip
    return BacktestRow(**{**row, **read})
