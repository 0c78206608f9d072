"""What a backtest reads of the record, and what it found, as the store keeps it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from collector.backtests import BacktestRow
from collector.ingest import ingest
from collector.sources.base import Batch
from model.market import Pool

T0 = datetime(2026, 1, 1, tzinfo=UTC)
EAST = Pool.parse("aws/us-east-1/use1-az1/p3.2xlarge/spot")
LATER = T0 + timedelta(days=9)


class Prober:
    """Three probes an hour apart; of the second a correction arrives a day late."""

    source_id, kind, licence, note, origin = "prober", "recorded", "none", "made up", "memory"

    def batches(self):
        rows = [(0, 0, 1, 2), (1, 1, 2, 2), (1, 25, 0, 2), (2, 2, 2, 2)]
        frame = pd.DataFrame(rows, columns=["at", "seen", "obtainable", "wanted"])
        clocks = {"effective_at": frame["at"], "observed_at": frame["seen"]}
        clocks = {name: T0 + pd.to_timedelta(hours, unit="h") for name, hours in clocks.items()}
        yield Batch(probes=frame[["obtainable", "wanted"]].assign(pool_id=EAST.key, holds_s=3600.0, **clocks))


ROW = BacktestRow(
    backtest_id="bt-1", name="market", from_at=T0, until_at=LATER, every_hours=24.0, window_hours=720.0,
    origins=9, pools=1, job={"job": {"name": "é"}}, seed=1, code_version="0.1", sources=("prober",),
    synthetic=False, left_out=("nothing fell here",), made_at=LATER,
)  # fmt: skip
FIGURE = {
    "figure": "brier", "unit": "per forecast", "better": "lower", "pool_id": None, "horizon_hours": 1.0,
    "baseline": "climatology", "value": 0.1, "low": 0.05, "high": 0.2, "n": 96, "days": 9,
    "baseline_value": 0.2, "apart_low": -0.15, "apart_high": -0.05,
}  # fmt: skip
BIN = {
    "horizon_hours": 1.0, "forecast": "ours", "low": 0.0, "high": 0.1, "count": 0, "chance": None,
    "came": None, "came_low": None, "came_high": None,
}  # fmt: skip


def test_every_word_on_a_probe_comes_with_when_it_was_learnt(store):
    ingest(store, Prober())
    seen = store.sightings(EAST, from_at=T0, until_at=LATER, as_of=LATER)
    hours = [((at - T0.timestamp()) / 3600) for at in seen.effective_s]
    assert hours == [0, 1, 1, 2]
    assert [(at - T0.timestamp()) / 3600 for at in seen.observed_s] == [0, 1, 25, 2]
    assert seen.share.tolist() == [0.5, 1.0, 0.0, 1.0]
    assert (seen.sources, seen.synthetic) == (("prober",), False)


def test_a_correction_is_not_seen_before_it_was_learnt(store):
    ingest(store, Prober())
    seen = store.sightings(EAST, from_at=T0, until_at=LATER, as_of=T0 + timedelta(hours=3))
    assert seen.share.tolist() == [0.5, 1.0, 1.0]


def test_probed_pools_carry_their_span(store):
    assert store.probed(LATER) == []
    ingest(store, Prober())
    (found,) = store.probed(LATER)
    assert (found.pool, found.first_at, found.last_at) == (EAST, T0, T0 + timedelta(hours=2))
    assert store.probed(T0 - timedelta(hours=1)) == []


def test_a_backtest_comes_back_as_it_was_kept(store):
    store.save_backtest(ROW, [FIGURE, {**FIGURE, "pool_id": EAST.key}], [BIN])
    assert store.newest_backtest(LATER) == ROW
    assert store.backtest_figures("bt-1") == [FIGURE]
    assert store.backtest_figures("bt-1", EAST) == [{**FIGURE, "pool_id": EAST.key}]
    assert store.backtest_bins("bt-1") == [BIN]


def test_keeping_a_backtest_twice_keeps_it_once_and_the_first_stands(store):
    store.save_backtest(ROW, [FIGURE], [BIN])
    store.save_backtest(replace(ROW, origins=1), [{**FIGURE, "value": 0.9}], [BIN])
    assert store.newest_backtest(LATER) == ROW
    assert store.backtest_figures("bt-1") == [FIGURE]
    assert store.backtest_bins("bt-1") == [BIN]


def test_the_newest_is_told_as_of_an_instant(store):
    store.save_backtest(ROW, [FIGURE], [])
    newer = replace(ROW, backtest_id="bt-2", job=None, made_at=LATER + timedelta(days=1))
    store.save_backtest(newer, [], [])
    assert store.newest_backtest(LATER - timedelta(seconds=1)) is None
    assert store.newest_backtest(LATER) == ROW
    assert store.newest_backtest(LATER + timedelta(days=2)) == newer


@pytest.mark.parametrize("missing", ["value", "n"])
def test_a_figure_without_its_number_is_not_kept(store, missing):
    with pytest.raises(Exception, match=missing):
        store.save_backtest(ROW, [{**FIGURE, missing: None}], [])
    assert store.newest_backtest(LATER) is None
