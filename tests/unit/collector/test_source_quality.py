"""How good each source is: every kind of fact counts, and the newest of each clock is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from signal_rows import GOOD, NOW, Given

from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store

KEY = "gcp/us-central1/-/a3-highgpu-8g/spot"
SIGNALS = ("bands", "scores", "interruptions", "offers", "listings", "overheads")


def day(n: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n)


@pytest.fixture
def store():
    with Store.open(None, clock=lambda: NOW) as opened:
        yield opened


def signal(name: str, effective_at: datetime, observed_at: datetime) -> Batch:
    row = {**GOOD[name], "effective_at": effective_at, "observed_at": observed_at}
    return Batch(**{name: pd.DataFrame([row])})


@pytest.mark.parametrize("name", [*SIGNALS, "tariffs"])
def test_every_kind_of_fact_counts_and_ages(store, name):
    ingest(store, Given([signal(name, day(1), day(2))]))
    (seen,) = store.quality(day(5))
    assert (seen.rows, seen.last_effective_at, seen.last_observed_at) == (1, day(1), day(2))
    assert seen.age_s == 3 * 86_400
    (before,) = store.quality(day(1))  # Effective then, and not yet observed.
    assert (before.rows, before.last_observed_at, before.age_s) == (0, None, None)


@pytest.mark.parametrize("name", SIGNALS)
def test_any_fact_of_the_market_is_news_and_a_tariff_is_none(store, name):
    ingest(store, Given([signal("tariffs", day(9), day(9))]))
    assert store.newest_observed_at(NOW) is None
    ingest(store, Given([signal(name, day(1), day(2))]))
    assert store.newest_observed_at(NOW) == day(2)
    assert store.newest_observed_at(day(1)) is None


def prices(*points: tuple[int, int, str]) -> Batch:
    frame = pd.DataFrame(
        {
            "pool_id": KEY, "kind": "recorded", "price_usd_per_hour": [usd for _, _, usd in points],
            "effective_at": pd.to_datetime([day(e) for e, _, _ in points], utc=True),
            "observed_at": pd.to_datetime([day(o) for _, o, _ in points], utc=True),
        }
    )  # fmt: skip
    return Batch(prices=frame)


def test_repeats_count_as_the_facts_they_are(store):
    # Day 0 is a change, days 1 and 2 repeat it, day 3 is a change: four facts in two changes and two passes.
    ingest(store, Given([prices((0, 0, "5"), (1, 1, "5"), (2, 2, "5"), (3, 3, "6"))]))
    assert [store.quality(day(n))[0].rows for n in range(4)] == [1, 2, 3, 4]
    assert store.quality(day(2))[0].last_effective_at == day(2)
    assert store.newest_observed_at(day(2)) == day(2)


def probes(*hours: float, wanted: int = 1) -> Batch:
    at = pd.to_datetime([day(0) + timedelta(hours=hour) for hour in hours], utc=True)
    frame = pd.DataFrame({"pool_id": KEY, "effective_at": at, "observed_at": at})
    return Batch(probes=frame.assign(wanted=wanted, obtainable=0, holds_s=3600.0))


def test_a_gap_is_more_than_three_ticks_of_one_question(store):
    # Ticks of an hour: 3 h apart is no hole, 3.5 h is one. Asking for two machines is a series of its own.
    ingest(store, Given([probes(0, 3, 6.5), probes(0, 9, wanted=2)]))
    assert store.quality(NOW)[0].gaps == 2
    assert store.quality(day(0) + timedelta(hours=8))[0].gaps == 1


def test_sources_of_one_pool_are_counted_apart(store):
    for source_id, batch in (("one", prices((0, 0, "5"), (1, 1, "5"))), ("two", prices((0, 0, "5")))):
        ingest(store, Given([batch], source_id=source_id))
    assert {seen.source_id: seen.rows for seen in store.quality(NOW)} == {"one": 2, "two": 1}
