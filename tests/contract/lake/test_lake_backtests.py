"""Backtests in a lake: the same SQL, kept once, read as from a file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from collector.backtests import BacktestRow
from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store
from model.market import Pool

POOL = Pool.parse("aws/us-east-1/use1-az1/p3.2xlarge/spot")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
FAR = T0 + timedelta(days=30)
ROW = BacktestRow(
    backtest_id="bt-1", name="market", from_at=T0, until_at=FAR, every_hours=24.0, window_hours=720.0,
    origins=9, pools=1, job=None, seed=1, code_version="0.1", sources=("prober",), synthetic=False,
    left_out=("none",), made_at=T0 + timedelta(days=1),
)  # fmt: skip
FIGURE = {
    "figure": "brier", "unit": "per forecast", "better": "lower", "pool_id": None, "horizon_hours": 1.0,
    "baseline": "climatology", "value": 0.1, "low": 0.05, "high": 0.2, "n": 96, "days": 9,
    "baseline_value": 0.2, "apart_low": -0.15, "apart_high": -0.05,
}  # fmt: skip
BIN = {
    "horizon_hours": 1.0, "forecast": "ours", "low": 0.0, "high": 0.1, "count": 1, "chance": 0.05,
    "came": 0.0, "came_low": 0.0, "came_high": 0.0,
}  # fmt: skip


class Prober:
    source_id, kind, licence, note, origin = "prober", "recorded", "none", "made up", "memory"

    def batches(self):
        at = pd.date_range(T0, periods=3, freq="1h")
        yield Batch(probes=pd.DataFrame(
            {"pool_id": POOL.key, "effective_at": at, "observed_at": at, "wanted": 1, "obtainable": [1, 0, 1],
             "holds_s": 3600.0}))  # fmt: skip


def told(store: Store) -> list[object]:
    newest = store.newest_backtest(FAR)
    assert newest is not None
    return [
        newest, store.backtest_figures("bt-1"), store.backtest_figures("bt-1", POOL),
        store.backtest_bins("bt-1"), store.probed(FAR), store.verify(),
    ]  # fmt: skip


def test_a_lake_keeps_and_tells_a_backtest_as_a_file_does(lake):
    with Store.open(None, clock=lambda: FAR) as file, Store.open(lake, clock=lambda: FAR) as far:
        for store in (file, far):
            ingest(store, Prober())
            for _ in range(2):  # The second changes nothing.
                store.save_backtest(ROW, [FIGURE, {**FIGURE, "pool_id": POOL.key}], [BIN])
            store.save_backtest(replace(ROW, backtest_id="bt-0", made_at=T0), [], [])
        assert told(far) == told(file)
        when = {"from_at": T0, "until_at": FAR, "as_of": FAR}
        here, there = (store.sightings(POOL, **when) for store in (file, far))
        assert np.array_equal(here.effective_s, there.effective_s)
        assert here.share.tolist() == there.share.tolist() == [1.0, 0.0, 1.0]
