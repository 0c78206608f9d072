"""Many pools by one question: the same as pool by pool, as of any instant, whatever was kept before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store
from model.market import Pool
from model.price_history import history_of, hours_of

T0 = datetime(2026, 1, 1, tzinfo=UTC)
EAST = "aws/us-east-1/use1-az1/p3.2xlarge/spot"
WEST = "aws/us-west-2/usw2-az1/p3.2xlarge/spot"
NEVER = "aws/eu-west-1/euw1-az1/p3.2xlarge/spot"
FIELDS = ("effective_s", "observed_s", "wanted", "share", "holds_s")


def hour(number: float) -> datetime:
    return T0 + timedelta(hours=number)


class Probes:
    """Rows of (pool, effective hour, observed hour, obtainable, wanted)."""

    kind, licence, note, origin = "recorded", "none", "made up", "memory"

    def __init__(self, rows, source_id="prober"):
        self.rows, self.source_id = rows, source_id

    def batches(self):
        frame = pd.DataFrame(self.rows, columns=["pool_id", "at", "seen", "obtainable", "wanted"])
        clocks = {"effective_at": frame["at"], "observed_at": frame["seen"]}
        clocks = {name: T0 + pd.to_timedelta(hours, unit="h") for name, hours in clocks.items()}
        yield Batch(probes=frame[["pool_id", "obtainable", "wanted"]].assign(holds_s=3600.0, **clocks))


class Prices:
    """Rows of (pool, effective hour, observed hour, price, kind)."""

    kind, licence, note, origin, source_id = "recorded", "none", "made up", "memory", "pricer"

    def __init__(self, rows):
        self.rows = rows

    def batches(self):
        frame = pd.DataFrame(self.rows, columns=["pool_id", "at", "seen", "usd", "kind"])
        clocks = {"effective_at": frame["at"], "observed_at": frame["seen"]}
        clocks = {name: T0 + pd.to_timedelta(hours, unit="h") for name, hours in clocks.items()}
        usd = frame["usd"].map("{:.4f}".format)
        yield Batch(prices=frame[["pool_id", "kind"]].assign(price_usd_per_hour=usd, **clocks))


@pytest.fixture
def filled():
    with Store.open(None, clock=lambda: hour(10_000)) as opened:
        yield opened


def same(store, keys, as_of, from_at=T0):
    """Ask for many at once and one by one, and compare."""
    many = store.sightings_of(keys, from_at=from_at, as_of=as_of)
    for key in keys:
        one = store.sightings(Pool.parse(key), from_at=from_at, until_at=as_of, as_of=as_of)
        if key not in many:
            assert not one.effective_s.size
            continue
        for name in FIELDS:
            assert np.array_equal(getattr(many[key], name), getattr(one, name)), name
        assert (many[key].sources, many[key].synthetic) == (one.sources, one.synthetic)
    return many


def test_many_pools_are_told_as_each_by_itself_and_unprobed_ones_are_left_out(filled):
    ingest(filled, Probes([(EAST, 0, 0, 1, 2), (WEST, 1, 1, 2, 2), (EAST, 1, 1, 2, 2)]))
    found = same(filled, [EAST, WEST, NEVER], hour(5))
    assert set(found) == {EAST, WEST}
    assert found[EAST].share.tolist() == [0.5, 1.0]
    assert filled.sightings_of([NEVER], from_at=T0, as_of=hour(5)) == {}


def test_what_is_learnt_later_is_added_to_what_was_kept(filled):
    ingest(filled, Probes([(EAST, n, n, 1, 1) for n in range(6)] + [(EAST, 2, 8, 0, 1)]))
    assert len(same(filled, [EAST], hour(3))[EAST].share) == 4
    assert len(same(filled, [EAST], hour(5))[EAST].share) == 6
    # By hand: the correction of hour 2 comes at hour 8, and stands behind the first word on hour 2.
    assert same(filled, [EAST], hour(9))[EAST].share.tolist() == [1, 1, 1, 0, 1, 1, 1]
    assert len(same(filled, [EAST], hour(4))[EAST].share) == 5  # An earlier instant is not told the later.


def test_probes_that_come_late_to_the_store_are_seen_though_their_instant_was_kept(filled):
    ingest(filled, Probes([(EAST, n, n, 1, 1) for n in (0, 2, 4)]))
    assert len(same(filled, [EAST, WEST], hour(5))[EAST].share) == 3
    ingest(filled, Probes([(EAST, 1, 1, 0, 1), (WEST, 1, 1, 1, 1)], source_id="another"))
    found = same(filled, [EAST, WEST], hour(5))
    assert len(found[EAST].share) == 4
    assert found[EAST].sources == ("another", "prober")
    assert WEST in found


def test_reading_again_reads_only_what_is_new(filled, monkeypatch):
    ingest(filled, Probes([(EAST, n, n, 1, 1) for n in range(50)]))
    read, rows = filled.read, []

    def counted(query, **params):
        found = read(query, **params)
        if query == "sightings":
            rows.append(found.num_rows)
        return found

    monkeypatch.setattr(filled, "read", counted)
    for at in (40, 41, 41):
        filled.sightings_of([EAST], from_at=T0, as_of=hour(at))
    assert rows == [41, 1, 0]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.sampled_from([EAST, WEST]), st.integers(0, 20), st.integers(0, 9), st.integers(0, 2),
            st.integers(1, 2),
        ),
        min_size=1, max_size=40,
    ),
    st.lists(st.integers(0, 30), min_size=1, max_size=6),
    st.integers(0, 40),
)  # fmt: skip
def test_whatever_order_is_asked_in_the_answers_are_those_of_a_fresh_store(rows, asked, cut):
    told = [(key, at, at + lag, min(had, wanted), wanted) for key, at, lag, had, wanted in rows]
    with Store.open(None, clock=lambda: hour(10_000)) as store:
        for part in (told[:cut], told[cut:]):
            if part:
                ingest(store, Probes(part))
            for at in asked:
                same(store, [EAST, WEST], hour(at))


# Prices.


def steps(store, keys, as_of, from_at=T0):
    """Compare steps of many with the steps of each, as a forecast takes them."""
    found = store.steps_of(keys, from_at=from_at, as_of=as_of)
    for key in keys:
        pool = Pool.parse(key)
        points = store.price_steps(pool, from_at=from_at, until_at=as_of, as_of=as_of)
        assert (key in found) == bool(points)
        if points:
            known = history_of(points, as_of)
            since_2000 = found[key].effective_s_K / 3600.0 + hours_of(datetime(1970, 1, 1, tzinfo=UTC))
            assert np.allclose(since_2000, known.hour_K)
            assert np.allclose(found[key].usd_per_hour_K, known.price_K)
    return found


def test_prices_of_many_pools_are_the_steps_of_each(filled):
    rows = [(EAST, 0, 0, 1.0, "recorded"), (EAST, 5, 5, 1.2, "recorded"), (EAST, 9, 9, 1.1, "recorded")]
    ingest(filled, Prices([*rows, (WEST, 2, 30, 2.0, "recorded")]))
    assert set(steps(filled, [EAST, WEST, NEVER], hour(20))) == {EAST}  # West's was learnt later.
    assert set(steps(filled, [EAST, WEST], hour(40))) == {EAST, WEST}
    # By hand: at hour 7 the price of hour 5 is in force, and comes along.
    assert steps(filled, [EAST], hour(20), from_at=hour(7))[EAST].usd_per_hour_K.tolist() == [1.2, 1.1]


def test_where_a_list_price_competes_a_pool_is_asked_for_by_itself(filled):
    rows = [(EAST, 0, 0, 1.0, "recorded"), (EAST, 3, 3, 5.0, "list"), (EAST, 6, 6, 1.0, "recorded")]
    ingest(filled, Prices([*rows, (WEST, 0, 0, 2.0, "recorded")]))
    assert steps(filled, [EAST, WEST], hour(9))[EAST].usd_per_hour_K.tolist() == [1.0, 5.0, 1.0]


def test_versions_move_when_facts_are_written_and_not_when_they_are_read(filled):
    before = filled.version("prices")
    ingest(filled, Prices([(EAST, 0, 0, 1.0, "recorded")]))
    after = filled.version("prices")
    assert after != before
    filled.steps_of([EAST], from_at=T0, as_of=hour(1))
    assert filled.version("prices") == after
    assert filled.version("probes") == 0
