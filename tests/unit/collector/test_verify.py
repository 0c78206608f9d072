"""`verify` names what could only have come into the store past the rules."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest
from signal_rows import GOOD, NOW, Given

from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store

YESTERDAY = pd.Timestamp(NOW - timedelta(days=1))


@pytest.fixture
def store():
    with Store.open(None, clock=lambda: NOW) as opened:
        for name, row in GOOD.items():
            frame = pd.DataFrame([{**row, "effective_at": YESTERDAY, "observed_at": YESTERDAY}])
            ingest(opened, Given([Batch(**{name: frame})]))
        assert opened.verify() == []
        yield opened


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        ("UPDATE interruption_band SET rate_high = 10", "bands that are no shares"),
        ("UPDATE interruption_band SET rate_high = 0.01", "bands that are no shares"),
        ("UPDATE interruption_band SET denominator = 'all'", "bands of unknown machines"),
        ("UPDATE placement_score SET outcome = 'maybe'", "scores that contradict their outcome"),
        ("UPDATE placement_score SET score = NULL", "scores that contradict their outcome"),
        ("UPDATE interruption_event SET what = 'hiccup'", "interruptions in unknown words"),
        ("UPDATE interruption_event SET witness = 'neighbour'", "interruptions in unknown words"),
        ("UPDATE capacity_offer SET ends_at = starts_at", "offers of nothing"),
        ("UPDATE sku_listing SET gpu_count = 0", "listings of no GPU"),
        ("UPDATE run_overhead SET seconds = -1", "overheads in unknown words, or that took no time"),
        ("UPDATE sku_listing SET effective_at = '1970-01-01'", "facts from before there were clouds"),
        ("INSERT INTO interruption_band FROM interruption_band", "bands stored twice"),
        ("INSERT INTO placement_score FROM placement_score", "scores stored twice"),
        ("INSERT INTO interruption_event FROM interruption_event", "interruptions stored twice"),
        ("INSERT INTO capacity_offer FROM capacity_offer", "offers stored twice"),
        ("INSERT INTO sku_listing FROM sku_listing", "listings stored twice"),
        ("INSERT INTO run_overhead FROM run_overhead", "overheads stored twice"),
    ],
)
def test_damage_is_named_and_counted(store, damage, problem):
    with store.transaction() as cursor:
        cursor.execute(damage)
    assert store.verify() == [f"{problem}: 1 rows"]
