"""A feed that stops, sticks, jumps, changes unit or currency, goes back in time, repeats, comes late or
in any order ends in the store of the perfect feed, with what was wrong in quarantine, once, by reason.

A true feed is drawn first. A channel then doubles lines, puts broken copies of some beside
them, shuffles all, cuts the result into batches that mix every kind of fact, and may break
off in the middle. What the store holds afterwards is compared with the perfect feed's store.

What cannot be seen, and is not tested: a price per GPU where one per machine is meant, a
currency nobody names, and a price that is wrong by less than tenfold.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from feed_rows import NOW, POOLS, SIGNALS, SPOT, TICK_S, Feed, Row, at, batch, price, signal, wrong
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.ingest import ingest
from collector.store import Store
from model.market import Pool

TABLES = (
    "price_point", "price_repeat", "probe", "tenure", "interruption_band", "placement_score",
    "interruption_event", "capacity_offer", "sku_listing", "run_overhead",
)  # fmt: skip
STATE = "SELECT COLUMNS(c -> c <> 'ingest_run_id') FROM {} ORDER BY ALL"
KINDS = ("prices", *SIGNALS)
HOURS = 8

# Few prices, so that many lines repeat the one before: a feed that sticks for a stretch.
prices = st.builds(
    price, st.sampled_from(POOLS), st.integers(0, HOURS), st.sampled_from([0, 0, 0, 1, 4]),
    st.sampled_from(["1.25", "2.5", "3.000000001"]),
)  # fmt: skip
signals = st.builds(signal, st.sampled_from(SIGNALS), st.integers(0, 3), st.integers(0, HOURS))


def often(kind: str) -> st.SearchStrategy[Row]:
    """Lines of one kind, told apart by little but when they were seen: they have to meet one another."""
    if kind == "prices":
        usd = st.sampled_from(["1.25", "2.5"])
        return st.builds(price, st.just(SPOT), st.integers(0, 2), st.sampled_from([0, 0, 1]), usd)
    return st.builds(signal, st.just(kind), st.integers(0, 1), st.integers(0, 3))


@st.composite
def channels(draw, kind: str | None = None) -> tuple[list[Row], list[Row], list[list[Row]]]:
    """The true lines, the broken ones beside them, and all of them as they were delivered."""
    often_one = often(kind or draw(st.sampled_from(KINDS)))
    true = draw(
        st.lists(st.one_of(prices, signals, often_one, often_one), min_size=5, max_size=16, unique=True)
    )
    broken = [draw(st.sampled_from(wrong(row))) for row in draw(st.lists(st.sampled_from(true), max_size=5))]
    doubled = draw(st.lists(st.sampled_from(true + broken), max_size=6))
    order = draw(st.permutations(true + broken + doubled))
    cuts = sorted(draw(st.sets(st.integers(1, len(order)), max_size=3)) | {len(order)})
    return true, broken, [list(order[a:b]) for a, b in pairwise([0, *cuts])]


@contextmanager
def stores() -> Iterator[tuple[Store, Store]]:
    """One store for the perfect feed and one for the faulty."""
    with Store.open(None, clock=lambda: NOW) as perfect, Store.open(None, clock=lambda: NOW) as faulty:
        yield perfect, faulty
        assert perfect.verify() == faulty.verify() == []


def rows_of(store: Store, table: str) -> list[dict]:
    with store.transaction() as cursor:
        return cursor.sql(STATE.format(table)).to_arrow_table().to_pylist()


def facts(store: Store) -> dict[str, list[dict]]:
    """Every fact, without the number of the run that brought it."""
    return {table: rows_of(store, table) for table in TABLES}


def in_order(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: (dict(row.columns)["observed_at"], repr(row.columns)))


def told(store: Store) -> list[tuple]:
    """What is said of each source at several instants."""
    return [
        (seen.source_id, hour, seen.rows, seen.gaps, seen.last_effective_at, seen.last_observed_at)
        for hour in (2, 5, 99)
        for seen in store.quality(at(hour))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=15, deadline=None)
def test_any_faulty_delivery_leaves_the_store_of_the_perfect_feed(kind, data):
    true, broken, delivered = data.draw(channels(kind))
    with stores() as (perfect, faulty):
        ingest(perfect, Feed([batch(in_order(true))]))
        report = ingest(faulty, Feed([batch(lines) for lines in delivered]))
        assert facts(faulty) == facts(perfect)
        assert told(faulty) == told(perfect)
        assert quarantined(faulty) == Counter(row.reason for row in set(broken))
        assert report.rows_in == sum(map(len, delivered))


def quarantined(store: Store) -> Counter[str]:
    """How often each reason stands in quarantine; no row may stand there twice."""
    kept = rows_of(store, "quarantine")
    assert len({(row["source_id"], row["reason"], row["content"]) for row in kept}) == len(kept)
    assert all(json.loads(row["content"]) for row in kept)
    return Counter(row["reason"] for row in kept)


@given(channels(), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_feed_that_breaks_off_and_is_read_again_loses_and_doubles_nothing(drawn, batches_read):
    true, broken, delivered = drawn
    batches = [batch(lines) for lines in delivered]
    with stores() as (perfect, faulty):
        ingest(perfect, Feed([batch(in_order(true))]))
        with suppress(ConnectionResetError):
            ingest(faulty, Feed(batches, breaks_after=batches_read))
        ingest(faulty, Feed(batches))
        assert facts(faulty) == facts(perfect)
        assert quarantined(faulty) == Counter(row.reason for row in set(broken))


@pytest.mark.slow
@given(channels(), channels(), st.booleans())
@settings(max_examples=20, deadline=None)
def test_two_feeds_of_one_pool_do_not_disturb_one_another(one, two, second_first):
    # Events are told by the provider's own number and belong to whoever saw them first; others to their feed.
    feeds = [
        (name, [row for row in true if row.kind != "interruptions"]) for name, (true, _, _) in
        (("one", one), ("two", two))
    ]  # fmt: skip
    with stores() as (perfect, faulty):
        for name, true in feeds:
            ingest(perfect, Feed([batch(in_order(true))] if true else [], source_id=name))
        # In turns, line by line, backwards.
        longest = max(len(true) for _, true in feeds)
        for i in reversed(range(longest)):
            for name, true in reversed(feeds) if second_first else feeds:
                ingest(faulty, Feed([batch([row]) for row in true[i : i + 1]], source_id=name))
        assert facts(faulty) == facts(perfect)
        assert told(faulty) == told(perfect)


@given(channels(), st.integers(0, HOURS + 4))
@settings(max_examples=20, deadline=None)
def test_at_every_instant_the_price_is_the_definitions(drawn, as_of_hour):
    # In force: of the lines effective and observed by then, the last by effect, observation and price.
    true, _, delivered = drawn
    known = [dict(row.columns) for row in true if row.kind == "prices"]
    with Store.open(None, clock=lambda: NOW) as store:
        ingest(store, Feed([batch(lines) for lines in delivered]))
        for key in POOLS:
            for hour in range(as_of_hour + 1):
                seen = [
                    (r["effective_at"], r["observed_at"], Decimal(r["price_usd_per_hour"]))
                    for r in known
                    if r["pool_id"] == key
                    and r["effective_at"] <= at(hour)
                    and r["observed_at"] <= at(as_of_hour)
                ]
                steps = store.price_steps(
                    Pool.parse(key), from_at=at(hour), until_at=at(hour), as_of=at(as_of_hour)
                )
                assert [step.price_usd_per_hour for step in steps] == ([max(seen)[2]] if seen else [])


@given(st.sets(st.integers(0, 30), min_size=1, max_size=12), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_a_feed_that_stops_leaves_a_gap_that_is_counted_and_filled_by_nothing(hours, random):
    # Probes on a beat of one hour. More than three hours without one is a hole; its hours are not observed.
    lines = [signal("probes", 0, hour) for hour in sorted(hours)]
    random.shuffle(lines)
    holes = [b - a for a, b in pairwise(sorted(hours)) if b - a > 3]
    with Store.open(None, clock=lambda: NOW) as store:
        ingest(store, Feed([batch([line]) for line in lines]))
        assert store.quality(NOW)[0].gaps == len(holes)
        (seen,) = store.pool_histories(as_of=at(max(hours)), window=timedelta(days=3))
        # Before a hole the last probe stands for its own tick.
        whole_h = max(hours) - min(hours) - sum(holes) + len(holes) * TICK_S / 3600
        assert seen.probe_observed_hours == pytest.approx(whole_h)


def test_a_feed_that_sticks_confirms_one_price_and_a_feed_that_stops_does_not():
    # The same price at hours 0 to 5, then silence: a change, five repeats, and an age that grows from hour 5.
    lines = [price(SPOT, hour, 0, "1.25") for hour in range(6)]
    with Store.open(None, clock=lambda: NOW) as store:
        ingest(store, Feed([batch([line]) for line in lines]))
        assert (len(rows_of(store, "price_point")), len(rows_of(store, "price_repeat"))) == (1, 5)
        (seen,) = store.quality(at(8))
    assert seen.age_s == 3 * 3600
