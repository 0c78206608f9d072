"""Which pools have a first wait by a forecast, and that nothing later than now is in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from advisor.first_waits import FirstWaits
from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store

from .conftest import NOW

EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
FIRST = NOW - timedelta(days=10)
QUARTER = timedelta(minutes=15)


class Probed:
    """East probed each quarter of an hour for ten days: in turns of hours there, and away, and away now."""

    source_id, kind, licence, note, origin = "probed", "recorded", "none", "made up", "memory"

    def __init__(self, later=False):
        self.later = later

    def batches(self):
        """The batch."""
        looks = 960
        there = (np.arange(looks) + 11) // 12 % 2  # Three hours there, three away; now away for 2.75 h.
        at = pd.Series(pd.to_datetime([NOW - (looks - n) * QUARTER for n in range(looks)], utc=True))
        rows = pd.DataFrame(
            {
                "pool_id": EAST, "effective_at": at, "observed_at": at, "wanted": 1, "obtainable": there,
                "holds_s": QUARTER.total_seconds(),
            }
        )  # fmt: skip
        if self.later:
            after = rows.tail(40).assign(obtainable=1)
            after["effective_at"] = after["observed_at"] = after["effective_at"] + timedelta(days=1)
            rows = pd.concat([rows, after])
        prices = pd.DataFrame(
            {
                "pool_id": [EAST], "effective_at": [FIRST], "observed_at": [FIRST],
                "price_usd_per_hour": ["0.92"], "kind": ["recorded"],
            }
        )  # fmt: skip
        yield Batch(prices=prices, probes=rows)


@pytest.fixture
def waits():
    """A maker of first waits over a store that holds one source."""
    opened = []

    def build(source=None):
        store = Store.open(None, clock=lambda: NOW + timedelta(days=3))
        opened.append(store)
        found = store.__enter__()
        if source is not None:
            ingest(found, source)
        return FirstWaits(found)

    yield build
    for store in opened:
        store.__exit__(None, None, None)


def test_a_pool_without_capacity_waits_by_the_forecast(spot, waits):
    found = waits(Probed())(spot(available_now=False, gap_hours=8.0))
    assert found is not None
    assert 0 < found < 8.0


def test_with_capacity_or_without_probes_nothing_better_is_known(spot, waits):
    probed = waits(Probed())
    assert probed(spot(available_now=True)) is None
    assert probed(spot(available_now=None)) is None
    assert probed(spot("us-west-2", available_now=False)) is None
    assert waits()(spot(available_now=False)) is None


def test_what_was_seen_later_is_not_in_it(spot, waits):
    seen = spot(available_now=False)
    assert waits(Probed(later=True))(seen) == waits(Probed())(seen)


def test_on_demand_is_never_waited_for(on_demand, waits):
    assert waits(Probed())(replace(on_demand(), available_now=False)) is None
