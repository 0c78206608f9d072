"""Scores, interruptions, offers, listings, overheads: any order, duplication or cut, the same tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pandas as pd
import pytest
from conformance import NOW
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store

COMMON = {"provider": "aws", "region": "us-east-1", "effective_at": pd.Timestamp(NOW - timedelta(days=1))}
FRAMES = {
    "scores": ("placement_score", {"query": "{}", "scale": "aws 1-10", "outcome": "scored", "refusal": None}),
    "interruptions": (
        "interruption_event",
        {"what": "interruption", "witness": "eventbridge", "zone": None, "sku": None, "action": "terminate",
         "notice_s": 120.0},
    ),
    "offers": (
        "capacity_offer",
        {"zone": "use1-az4", "sku": "p5.48xlarge", "capacity_type": "capacity_block", "instances": 4,
         "starts_at": pd.Timestamp(NOW), "ends_at": pd.Timestamp(NOW + timedelta(days=2))},
    ),
    "overheads": (
        "run_overhead",
        {"run_id": "run-1", "attempt": 2, "node": "0", "pool_id": "aws/us-east-1/use1-az4/p5.48xlarge/spot",
         "what": "pause", "bytes": None},
    ),
}  # fmt: skip
FACTS = "SELECT * EXCLUDE (ingest_run_id, source_id) FROM {} WHERE source_id = '{}' ORDER BY ALL"
numbers = itertools.count()


@dataclass
class Pieces:
    """A source of the batches it is given."""

    given: list[Batch]
    source_id: str
    kind: str = "recorded"
    licence: str = "none"
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        yield from self.given


def frame(name: str, keys: list[int]) -> pd.DataFrame:
    """Rows that differ in their key and in nothing else."""
    own = {
        "scores": lambda k: {"zone": f"use1-az{k}", "score": str(k)},
        "interruptions": lambda k: {"event_id": f"event-{k}", "instance_ref": f"i-{k}"},
        "offers": lambda k: {"offer_ref": f"cb-{k}", "upfront_usd": f"{k + 1}.10"},
        "overheads": lambda k: {"seconds": k / 3},
    }[name]
    observed_at = pd.Timestamp(NOW - timedelta(hours=1))
    return pd.DataFrame([{**COMMON, **FRAMES[name][1], **own(k), "observed_at": observed_at} for k in keys])


def tables_after(store: Store, name: str, cuts: list[list[int]]) -> list[dict]:
    """What these batches left, without the numbers of their run and source."""
    source = f"source-{next(numbers)}"
    ingest(store, Pieces([Batch(**{name: frame(name, keys)}) for keys in cuts if keys], source))
    with store.transaction() as cursor:
        return cursor.sql(FACTS.format(FRAMES[name][0], source)).to_arrow_table().to_pylist()


@pytest.mark.parametrize("name", list(FRAMES))
@given(order=st.lists(st.integers(0, 4), min_size=1, max_size=9), cut=st.integers(0, 9))
@settings(max_examples=10, deadline=None)
def test_order_duplication_and_cut_do_not_matter(name, order, cut):
    with Store.open(None, clock=lambda: NOW) as once, Store.open(None, clock=lambda: NOW) as again:
        whole = tables_after(once, name, [sorted(set(order))])
        assert whole == tables_after(again, name, [order[:cut], order[cut:]])
        assert len(whole) == len(set(order))


def listing(observed_days_ago: int, *, zone: str | None = "use1-az4", count: int = 8) -> pd.DataFrame:
    at = pd.Timestamp(NOW - timedelta(days=observed_days_ago))
    row = {
        "zone": zone, "sku": "p5.48xlarge", "gpu_model": "H100-80GB", "gpu_count": count,
        "gpu_memory_bytes": None, **COMMON, "effective_at": at, "observed_at": at,
    }  # fmt: skip
    return pd.DataFrame([row])


@pytest.mark.parametrize("zone", ["use1-az4", None])
@pytest.mark.parametrize("days", list(itertools.permutations([1, 2, 3])))
def test_the_first_sight_of_a_machine_is_the_same_in_any_order(days, zone):
    with Store.open(None, clock=lambda: NOW) as store:
        ingest(store, Pieces([Batch(listings=listing(day, zone=zone)) for day in days], "listed"))
        with store.transaction() as cursor:
            first = cursor.sql("SELECT min(observed_at) AS first FROM sku_listing").to_arrow_table()
    assert first["first"][0].as_py() == NOW - timedelta(days=3)


def test_a_machine_that_is_described_anew_is_a_listing_of_its_own():
    with Store.open(None, clock=lambda: NOW) as store:
        batches = [
            Batch(listings=listing(2)),
            Batch(listings=listing(1, count=4)),
            Batch(listings=listing(0)),
        ]
        report = ingest(store, Pieces(batches, "listed"))
    assert (report.rows_new, report.rows_duplicate) == (2, 1)


@pytest.mark.parametrize("days", list(itertools.permutations([1, 2, 3])))
def test_sights_of_one_listing_are_one_row_in_any_order(days):
    # Newest first used to leave three rows, oldest first one.
    with Store.open(None, clock=lambda: NOW) as store:
        ingest(store, Pieces([Batch(listings=listing(day)) for day in days], "listed"))
        with store.transaction() as cursor:
            (seen,) = cursor.sql("SELECT observed_at FROM sku_listing").to_arrow_table().to_pylist()
        assert store.verify() == []
    assert seen["observed_at"] == NOW - timedelta(days=3)


@pytest.mark.parametrize("hours", list(itertools.permutations([1, 2, 3])))
def test_deliveries_of_one_event_are_one_row_in_any_order(hours):
    # The first delivery is kept, whenever it arrives: from then on the event was known.
    deliveries = [
        frame("interruptions", [0]).assign(observed_at=pd.Timestamp(NOW - timedelta(hours=hour)))
        for hour in hours
    ]
    with Store.open(None, clock=lambda: NOW) as store:
        ingest(store, Pieces([Batch(interruptions=delivery) for delivery in deliveries], "queue"))
        with store.transaction() as cursor:
            (seen,) = cursor.sql("SELECT observed_at FROM interruption_event").to_arrow_table().to_pylist()
    assert seen["observed_at"] == NOW - timedelta(hours=3)
