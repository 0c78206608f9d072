"""Any order, any duplication, any cut of the batches leaves the same store; and the changes
that are kept answer every question as all rows would."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store
from model.market import Pool

POOLS = ("aws/us-east-1/use1-az1/p3.2xlarge/spot", "gcp/us-central1/-/a3-highgpu-8g/spot")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
FAR = T0 + timedelta(days=9)


def at(hour: int) -> datetime:
    return T0 + timedelta(hours=hour)


@dataclass
class Pieces:
    """A source of the frames it is given, each a batch of its own."""

    batches_given: list[Batch]
    source_id: str = "pieces"
    kind: str = "recorded"
    licence: str = ""
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        yield from self.batches_given


prices = st.tuples(
    st.sampled_from(POOLS),
    st.integers(0, 5),  # effective, hours
    st.sampled_from([0, 0, 0, 1, 4]),  # learnt so much later
    st.sampled_from(["1", "2", "2.0"]),  # Few, so that neighbours often agree.
)
probes = st.tuples(st.sampled_from(POOLS), st.integers(0, 6), st.sampled_from([0, 1]))
sightings = st.tuples(st.sampled_from(POOLS), st.integers(0, 3), st.integers(0, 3), st.booleans())


def price_frame(rows) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "pool_id": pd.Series([r[0] for r in rows], dtype="str"),
            "kind": "recorded",
            "effective_at": pd.to_datetime([at(r[1]) for r in rows], utc=True),
            "observed_at": pd.to_datetime([at(r[1] + r[2]) for r in rows], utc=True),
            "price_usd_per_hour": pd.Series([r[3] for r in rows], dtype="str"),
        }
    )


def probe_frame(rows) -> pd.DataFrame:
    when = pd.to_datetime([at(r[1]) for r in rows], utc=True)
    return pd.DataFrame(
        {"pool_id": [r[0] for r in rows], "effective_at": when, "observed_at": when, "wanted": 1,
         "obtainable": [r[2] for r in rows], "holds_s": 600.0}
    )  # fmt: skip


def tenure_frame(rows) -> pd.DataFrame:
    seen = pd.to_datetime([at(r[1] + r[2]) for r in rows], utc=True)
    ended = pd.Series([r[3] for r in rows], dtype="bool")
    return pd.DataFrame(
        {"pool_id": [r[0] for r in rows], "instance_ref": "i",
         "began_at": pd.to_datetime([at(r[1]) for r in rows], utc=True),
         "ended_at": pd.Series(seen).where(ended), "observed_at": seen,
         "end_cause": pd.Series("preempted", index=ended.index, dtype="str").where(ended),
         "began_before": False}
    )  # fmt: skip


FRAMES = {"prices": price_frame, "probes": probe_frame, "tenures": tenure_frame}
FACTS = (
    "SELECT COLUMNS(c -> c NOT IN ('ingest_run_id', 'source_id')) FROM {table} "
    "WHERE source_id = '{source}' ORDER BY ALL"
)
TABLES = ("price_point", "price_repeat", "probe", "tenure")
numbers = itertools.count()


@pytest.fixture(scope="module")
def shared() -> Iterator[Store]:
    """One store for many examples; each writes under a source of its own."""
    with Store.open(None, clock=lambda: FAR) as store:
        yield store
        assert store.verify() == []


def state_after(store: Store, name: str, cuts: list[list]) -> dict[str, list]:
    """Every fact these batches left, without the number of the run that brought it."""
    source = f"source-{next(numbers)}"
    batches = [Batch(**{name: FRAMES[name](rows)}) for rows in cuts if rows]
    ingest(store, Pieces(batches, source_id=source))
    with store.transaction() as cursor:
        return {
            table: cursor.sql(FACTS.format(table=table, source=source)).to_arrow_table().to_pylist()
            for table in TABLES
        }


@st.composite
def shuffled(draw, rows):
    """Some rows once in one batch, and again in any order, doubled at will, cut anywhere."""
    once = draw(st.lists(rows, min_size=3, max_size=12))
    more = draw(st.lists(st.sampled_from(once), max_size=4))
    order = draw(st.permutations(once + more))
    cuts = sorted(draw(st.sets(st.integers(1, len(order)), max_size=4)) | {len(order)})
    return once, [order[a:b] for a, b in zip([0, *cuts], cuts, strict=False)]


@pytest.mark.parametrize("name", ["prices", "probes", "tenures"])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_order_duplication_and_cut_do_not_matter(shared, name, data):
    rows = {"prices": prices, "probes": probes, "tenures": sightings}[name]
    once, again = data.draw(shuffled(rows))
    assert state_after(shared, name, [once]) == state_after(shared, name, again)


@given(st.lists(prices, min_size=1, max_size=12), st.integers(0, 8))
@settings(max_examples=15, deadline=None)
def test_the_changes_alone_give_the_price_that_all_rows_give(rows, as_of_hour):
    # By definition: of the rows effective and observed in time, the last by effect, observation, price.
    with Store.open(None, clock=lambda: FAR) as store:
        ingest(store, Pieces([Batch(prices=price_frame([row])) for row in rows]))
        for key in POOLS:
            for hour in range(as_of_hour + 1):
                seen = [
                    (r[1], r[1] + r[2], Decimal(r[3]))
                    for r in rows
                    if r[0] == key and r[1] <= hour and r[1] + r[2] <= as_of_hour
                ]
                when, as_of = at(hour), at(as_of_hour)
                found = store.price_steps(Pool.parse(key), from_at=when, until_at=when, as_of=as_of)
                assert [p.price_usd_per_hour for p in found] == ([max(seen)[2]] if seen else [])


@given(st.lists(prices, min_size=1, max_size=10))
@settings(max_examples=15, deadline=None)
def test_the_mean_price_is_the_integral_of_the_steps(rows):
    as_of, window = at(12), timedelta(hours=9)
    with Store.open(None, clock=lambda: FAR) as store:
        ingest(store, Pieces([Batch(prices=price_frame(rows))]))
        for history in store.pool_histories(as_of=as_of, window=window):
            steps = store.price_steps(history.pool, from_at=as_of - window, until_at=as_of, as_of=as_of)
            ends = [*(s.effective_at for s in steps[1:]), as_of]
            hours = [
                (end - max(step.effective_at, as_of - window)) / timedelta(hours=1)
                for step, end in zip(steps, ends, strict=True)
            ]
            paid = sum(float(s.price_usd_per_hour) * h for s, h in zip(steps, hours, strict=True))
            assert history.price_mean_usd_per_hour == pytest.approx(paid / sum(hours))


@given(st.lists(probes, min_size=1, max_size=12), st.integers(0, 8))
@settings(max_examples=15, deadline=None)
def test_up_and_gap_hours_close_to_the_observed_hours(rows, as_of_hour):
    with Store.open(None, clock=lambda: FAR) as store:
        ingest(store, Pieces([Batch(probes=probe_frame(rows))]))
        for history in store.pool_histories(as_of=at(as_of_hour), window=timedelta(days=2)):
            total = history.probe_up_hours + history.probe_gap_hours
            assert total == pytest.approx(history.probe_observed_hours)
            assert abs(history.probe_drops - history.probe_gaps) <= 1
