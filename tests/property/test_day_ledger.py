"""A window added up from days is the window added up from rows, to the last digit, however facts arrive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store

POOLS = (
    "aws/us-east-1/use1-az1/p3.2xlarge/spot",
    "aws/us-east-1/-/p3.2xlarge/on_demand",
    "gcp/us-central1/-/a3-highgpu-8g/spot",
)
# No shrinking: every try opens a store and asks it six times, and shrinking took five minutes.
T0 = datetime(2026, 1, 30, tzinfo=UTC)  # So that days, and a month, end inside the ten days drawn.
LATEST = T0 + timedelta(days=11)
MINUTES = 60 * 24 * 10


@dataclass
class Pieces:
    given: list[Batch]
    source_id: str
    kind: str = "recorded"
    licence: str = ""
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        yield from self.given


minutes = st.integers(0, MINUTES) | st.sampled_from([0, 1440, 2880, 2880 - 1, MINUTES])
price = st.tuples(
    st.sampled_from(POOLS), minutes, st.sampled_from([0, 0, 5, 3000]), st.sampled_from(["1", "2", "3.5"])
)
probe = st.tuples(st.sampled_from(POOLS[:1]), minutes, st.integers(0, 2), st.sampled_from([600.0, 7200.0]))
deliveries = st.lists(
    st.tuples(
        st.sampled_from(["one", "two", "listed"]), st.lists(price, max_size=12), st.lists(probe, max_size=12)
    ),
    min_size=1,
    max_size=4,
)


def at(minute: int) -> datetime:
    return T0 + timedelta(minutes=minute)


def batch(prices, probes, kind: str) -> Batch:
    return Batch(
        prices=pd.DataFrame(
            {
                "pool_id": pd.Series([p[0] for p in prices], dtype="str"),
                "kind": kind,
                "effective_at": pd.to_datetime([at(p[1]) for p in prices], utc=True),
                "observed_at": pd.to_datetime([at(p[1] + p[2]) for p in prices], utc=True),
                "price_usd_per_hour": pd.Series([p[3] for p in prices], dtype="str"),
            }
        ),
        probes=pd.DataFrame(
            {
                "pool_id": pd.Series([p[0] for p in probes], dtype="str"),
                "effective_at": pd.to_datetime([at(p[1]) for p in probes], utc=True),
                "observed_at": pd.to_datetime([at(p[1]) for p in probes], utc=True),
                "wanted": 2,
                "obtainable": [p[2] for p in probes],
                "holds_s": [p[3] for p in probes],
            }
        ),
    )


def deliver(store: Store, delivery) -> None:
    source, prices, probes = delivery
    kind = "list" if source == "listed" else "recorded"
    ingest(store, Pieces([batch(prices, probes, kind)], source_id=source, kind=kind))


@given(deliveries, st.integers(0, MINUTES), st.integers(1, 60 * 24 * 12), st.sampled_from([None, POOLS[0]]))
@settings(max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_days_and_rows_give_the_same_answer(given_deliveries, late_minute, window_minutes, pool_id):
    first, *later = given_deliveries
    with Store.open(None, clock=lambda: LATEST) as store:
        deliver(store, first)
        store.add_up_days()
        for delivery in later:  # Each touches days that were added up before.
            deliver(store, delivery)
            for as_of in (LATEST, at(MINUTES + 5), at(late_minute)):
                window = timedelta(minutes=window_minutes)
                told = store.history_rows(as_of=as_of, window=window, pool_id=pool_id)
                assert told.equals(
                    store.history_rows(as_of=as_of, window=window, pool_id=pool_id, from_rows=True)
                )
                for key in POOLS:
                    assert price_of(store.price_row(key, as_of)) == price_of(slowly(store, key, as_of))
        assert store.keeps_days


def slowly(store: Store, key: str, as_of: datetime) -> dict | None:
    found = store.rows("price_as_of", pool_id=key, as_of=as_of)
    return found[0] if found else None


def price_of(row: dict | None) -> tuple | None:
    """What must agree; of two sources that say the same at the same instants, either may be named."""
    return (
        None
        if row is None
        else (row["effective_at"], row["observed_at"], row["price_usd_per_hour"], row["kind"])
    )


def test_a_ledger_is_found_again_and_answers_until_it_is_dropped(tmp_path):
    path = tmp_path / "days.duckdb"
    rows = [(POOLS[0], 0, 0, "1"), (POOLS[0], 3000, 0, "3")]
    window = timedelta(days=11)
    with Store.open(path, clock=lambda: LATEST) as store:
        deliver(store, ("one", rows, []))
        store.add_up_days()
    with Store.open(path, clock=lambda: LATEST) as store:
        assert store.keeps_days
        assert store.days_ready()
        before = store.history_rows(as_of=LATEST, window=window)
        store.drop_days()
        assert not store.days_ready()
        assert store.history_rows(as_of=LATEST, window=window).equals(before)
