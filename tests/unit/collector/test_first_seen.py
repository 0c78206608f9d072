"""Since when a machine is listed where: the first sight, whatever it was called then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from collector.ingest import ingest
from collector.listings import FirstSeen
from collector.sources.base import Batch
from collector.store import Store

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DERIVED = "model name derived from AWS's own words, R100 of 294912 MiB"


@dataclass
class Listed:
    """A source of one listing."""

    row: dict
    days_ago: int
    source_id: str = "listed"
    kind: str = "recorded"
    licence: str = "none"
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        at = pd.Timestamp(NOW - timedelta(days=self.days_ago))
        common = {"provider": "aws", "region": "us-east-1", "zone": "use1-az4", "sku": "p6r.48xlarge",
                  "gpu_model": "R100-288GB", "gpu_count": 8, "gpu_memory_bytes": None}  # fmt: skip
        yield Batch(listings=pd.DataFrame([{**common, **self.row, "effective_at": at, "observed_at": at}]))


@pytest.fixture
def store():
    with Store.open(None, clock=lambda: NOW) as opened:
        yield opened


def test_the_first_zone_that_lists_a_machine_dates_its_region(store):
    ingest(store, Listed({"zone": "use1-az6"}, days_ago=1))
    ingest(store, Listed({"zone": "use1-az4"}, days_ago=3))
    (seen,) = store.first_seen(NOW)
    assert seen == FirstSeen(
        provider="aws", gpu_model="R100-288GB", sku="p6r.48xlarge", region="us-east-1", gpu_count=8,
        first_seen_at=NOW - timedelta(days=3), note=None,
    )  # fmt: skip


def test_each_region_has_a_first_sight_of_its_own_and_the_newest_comes_first(store):
    ingest(store, Listed({}, days_ago=3))
    ingest(store, Listed({"region": "eu-west-1", "zone": None}, days_ago=1))
    assert [seen.region for seen in store.first_seen(NOW)] == ["eu-west-1", "us-east-1"]


def test_a_derived_name_that_is_replaced_keeps_its_first_sight(store):
    ingest(store, Listed({"note": DERIVED}, days_ago=5))
    assert [seen.note for seen in store.first_seen(NOW)] == [DERIVED]
    ingest(store, Listed({"gpu_model": "VR100-288GB"}, days_ago=1))
    (seen,) = store.first_seen(NOW)
    assert (seen.gpu_model, seen.note) == ("VR100-288GB", None)
    assert seen.first_seen_at == NOW - timedelta(days=5)


def test_yesterday_knows_nothing_of_what_was_listed_today(store):
    ingest(store, Listed({}, days_ago=1))
    assert store.first_seen(NOW - timedelta(days=2)) == []
