"""Prices as changes: what is kept as a change, what as a repeat, and what is carried in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd

from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store
from model.market import Pool

KEY = "gcp/us-central1/-/a3-highgpu-8g/spot"
POOL = Pool.parse(KEY)


@dataclass
class FakeSource:
    given: list[Batch]
    source_id: str = "large"
    kind: str = "recorded"
    licence: str = "none"
    note: str = ""
    origin: str = "memory"

    def batches(self) -> Iterator[Batch]:
        yield from self.given


def at(hour: float) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


def rows(*points):
    return [(KEY, at(effective), at(observed), usd) for effective, observed, usd in points]


def test_every_repeat_of_one_pass_is_in_one_row(store, give):
    others = [KEY.replace("us-central1", f"us-east{i}") for i in range(5)]
    for hour in range(4):
        give(prices=[(key, at(hour), at(hour), "1.50") for key in others])
    assert kept(store) == (5, 15)
    with store.transaction() as cursor:
        assert cursor.sql("SELECT count(*), max(len(seen)) FROM price_confirmed").fetchone() == (3, 5)


def test_a_large_batch_is_seen_at_once_by_whoever_asks(tmp_path):
    # DuckDB 1.5.5 hides the rows of a first INSERT behind a second one of the same transaction.
    rows_in = 250_000  # More than two row groups of a table.
    path = tmp_path / "large.duckdb"
    with Store.open(path, clock=lambda: at(9_000)) as store:
        for batch in range(2):
            begins = pd.Timestamp(at(batch * 1_000))
            when = begins + pd.to_timedelta(range(rows_in), unit="s")
            usd = pd.Series(range(rows_in)).mod(7).add(1).astype("str")
            frame = pd.DataFrame(
                {"pool_id": KEY, "kind": "recorded", "effective_at": when, "observed_at": when}
            )
            ingest(store, FakeSource([Batch(prices=frame.assign(price_usd_per_hour=usd))]))
            assert kept(store)[0] == (batch + 1) * rows_in


def kept(store) -> tuple[int, int]:
    """How many changes and repeats the store holds."""
    with store.transaction() as cursor:
        changes = cursor.sql("SELECT count(*) FROM price_point").fetchone()[0]
        repeats = cursor.sql("SELECT count(*) FROM price_repeat").fetchone()[0]
    return changes, repeats


def steps(store, from_hour, until_hour, as_of_hour=99):
    found = store.price_steps(POOL, from_at=at(from_hour), until_at=at(until_hour), as_of=at(as_of_hour))
    return [(p.effective_at, p.price_usd_per_hour) for p in found]


def test_an_observation_equal_to_the_price_in_force_adds_no_change(store, give):
    give(prices=rows((0, 0, "20.42"), (1, 1, "20.42"), (2, 2, "20.420")))
    assert kept(store) == (1, 2)


def test_a_late_row_between_two_equal_ones_makes_the_second_a_change_again(store, give):
    give(prices=rows((0, 0, "5"), (4, 4, "5")))
    assert kept(store) == (1, 1)
    give(prices=rows((2, 6, "7")))
    assert kept(store) == (3, 0)
    assert steps(store, 0, 9) == [(at(0), Decimal(5)), (at(2), Decimal(7)), (at(4), Decimal(5))]


def test_an_earlier_equal_row_does_not_make_one_of_two_prices_of_an_instant_a_repeat(store, give):
    # Hour 2 has two prices. Alone, the lower would repeat the late row of hour 0; beside another it may not.
    give(prices=rows((2, 2, "5"), (2, 2, "7")))
    give(prices=rows((0, 0, "5")))
    assert kept(store) == (3, 0)


def test_an_earlier_equal_row_that_was_learnt_later_hides_nothing(store, give):
    # The row of hour 2 was learnt at hour 9; at hour 5 only the row of hour 4 was known.
    give(prices=rows((4, 4, "5")))
    give(prices=rows((2, 9, "5")))
    assert steps(store, 0, 9, as_of_hour=5) == [(at(4), Decimal(5))]
    assert steps(store, 0, 9, as_of_hour=9) == [(at(2), Decimal(5))]


def test_steps_begin_with_the_price_carried_in(store, give):
    give(prices=rows((0, 0, "1"), (5, 5, "2"), (9, 9, "3")))
    assert steps(store, 6, 8) == [(at(5), Decimal(2))]
    assert steps(store, 5, 9) == [(at(5), Decimal(2)), (at(9), Decimal(3))]
    assert steps(store, -3, -1) == []


def test_of_two_prices_for_one_instant_the_later_learnt_stands_and_then_the_dearer(store, give):
    give(prices=rows((0, 0, "4"), (0, 0, "6")))
    assert steps(store, 0, 1) == [(at(0), Decimal(6))]
    give(prices=rows((0, 2, "5")))
    assert steps(store, 0, 1, as_of_hour=1) == [(at(0), Decimal(6))]
    assert steps(store, 0, 1, as_of_hour=2) == [(at(0), Decimal(5))]


def test_nine_decimals_survive_and_a_tenth_is_rounded(store, give):
    give(prices=rows((0, 0, "4.562937526"), (1, 1, "0.1234567895")))
    assert [usd for _, usd in steps(store, 0, 9)] == [Decimal("4.562937526"), Decimal("0.123456790")]


def test_ingesting_twice_adds_nothing_and_says_so(store, give):
    first = give(prices=rows((0, 0, "1"), (1, 1, "2")))
    again = give(prices=rows((0, 0, "1"), (1, 1, "2")))
    assert (first.rows_in, first.rows_new, first.rows_duplicate) == (2, 2, 0)
    assert (again.rows_in, again.rows_new, again.rows_duplicate) == (2, 0, 2)
    assert (first.from_at, first.until_at) == (at(0), at(1))


def test_the_same_price_from_two_sources_is_two_facts(store, give):
    give(prices=rows((0, 0, "1")), source_id="one")
    give(prices=rows((0, 0, "1")), source_id="two")
    assert kept(store) == (2, 0)
    assert {q.source_id: q.rows for q in store.quality(at(99))} == {"one": 1, "two": 1}


def test_quality_says_how_old_and_how_holed_a_source_is(store, give):
    give(probes=[(KEY, at(0), 1, 1), (KEY, at(5), 1, 1)], prices=rows((0, 0, "1"), (1, 1, "-1")))
    (seen,) = store.quality(at(8))
    assert (seen.rows, seen.gaps, seen.quarantined) == (3, 1, 0)  # Turned away later than hour 8.
    assert seen.age_s == 3 * 3600
    assert store.newest_observed_at(at(8)) == at(5)
    assert store.newest_observed_at(at(4)) == at(0)  # The negative price of hour 1 was turned away.
    assert store.span() == (at(0), at(5))
