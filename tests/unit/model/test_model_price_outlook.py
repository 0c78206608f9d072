"""A pool's price to come reaches the estimate, and only what was known by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import numpy as np
import pytest

from model.cost import estimate
from model.market import PriceKind, PricePoint
from model.placement import SideCosts
from model.price_forecast import PriceLaw, learn_prices
from model.price_history import history_of, price_history
from model.price_outlook import PriceOutlook

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
MONTH = 720.0
YEAR = 8760.0


def falling(until=YEAR, start=16.0):
    """A list that falls by 4 % each month, from 16 USD/h."""
    hour = np.arange(0.0, until, MONTH)
    return price_history(hour, start * 0.96 ** np.arange(hour.size), until)


def flat(until=YEAR):
    return price_history([0.0], [10.0], until)


def interval(found):
    return (found.cost_usd.p90 - found.cost_usd.p10) / found.cost_usd.mean


def calm(statistics, **changes):
    """Return a pool that is hardly ever taken back, so that the price is what scatters."""
    return statistics(**{"hazard_shape": 1e6, "hazard_rate_hours": 1e10} | changes)


def test_a_month_on_a_price_that_trends_has_a_wider_cost_than_on_one_that_never_moved(job, statistics, as_of):
    month = job(useful_hours=MONTH)
    law = learn_prices([falling(start=start) for start in (12.0, 14.0, 16.0)])
    trending = calm(statistics, prices=PriceOutlook(falling(), law))
    still = calm(statistics, prices=PriceOutlook(flat(), learn_prices([flat(), flat()])))
    wide, narrow = (estimate(month, pool, NOTHING, from_at=as_of) for pool in (trending, still))
    assert interval(wide) > 2 * interval(narrow)
    assert interval(wide) > 0.02
    # The price in force is 16 * 0.96^12 = 9.80; on its way down, the month's mean lies below.
    assert wide.run_price_usd_per_hour is not None
    assert 9.0 < wide.run_price_usd_per_hour.mean < 9.80


def test_over_a_day_a_monthly_price_hardly_moves(job, statistics, as_of):
    pool = calm(statistics, prices=PriceOutlook(falling(), learn_prices([falling()])))
    day, month = (
        estimate(job(useful_hours=hours), pool, NOTHING, from_at=as_of).run_price_usd_per_hour
        for hours in (24.0, MONTH)
    )
    assert day is not None
    assert month is not None
    assert day.p90 - day.p10 < 0.5 * (month.p90 - month.p10)


def test_one_price_seen_once_is_no_certainty(job, statistics, as_of):
    seen = calm(statistics, prices=PriceOutlook(price_history([0.0], [10.0], 0.0)))
    assert interval(estimate(job(useful_hours=MONTH), seen, NOTHING, from_at=as_of)) > 0.01


def test_a_price_never_above_on_demand_stays_below_it(job, statistics, as_of):
    wild = price_history(np.arange(0.0, YEAR, 24.0), np.tile([9.0, 11.0, 10.0], 122)[:365], YEAR)
    pool = calm(statistics, prices=PriceOutlook(wild), on_demand_usd_per_hour=11.5)
    found = estimate(job(useful_hours=MONTH), pool, NOTHING, from_at=as_of).run_price_usd_per_hour
    assert found is not None
    assert found.p90 <= 11.5


def test_steps_after_the_instant_change_nothing(pool, as_of):
    def point(days: float, price: int) -> PricePoint:
        at = as_of + timedelta(days=days)
        return PricePoint(
            pool=pool(), price_usd_per_hour=Decimal(price), kind=PriceKind.RECORDED,
            effective_at=at, observed_at=at,
        )  # fmt: skip

    known = [point(-60, 10), point(-30, 9)]
    later = PriceOutlook(history_of([*known, point(1, 90)], as_of))
    assert later == PriceOutlook(history_of(known, as_of))


def test_an_outlook_is_told_apart_by_its_content_down_to_the_last_step(statistics):
    hour = np.arange(5000.0)
    long = price_history(hour, 10.0 + hour % 7, 5000.0)
    other = price_history(hour, 10.0 + (hour + (hour == 2500)) % 7, 5000.0)
    one, two = PriceOutlook(long), PriceOutlook(other)
    assert one != two
    assert repr(statistics(prices=one)) != repr(statistics(prices=two))
    assert one == PriceOutlook(replace(long))
    assert hash(one) == hash(PriceOutlook(replace(long)))


def test_it_says_what_it_rests_on():
    assert PriceOutlook(falling()).words == "12 price changes in 365 days"
    law = learn_prices([falling(), flat()])
    assert PriceOutlook(falling(), law).words == "12 price changes in 365 days and 2 pools of its family"


def test_a_law_of_nothing_still_gives_an_outlook():
    drawn = PriceOutlook(flat(), PriceLaw()).draws(np.array([0.1, 0.5, 0.9]), MONTH)
    assert drawn == pytest.approx(np.sort(drawn))
