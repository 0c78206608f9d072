"""The mean price to come: known histories, honest ignorance, and regimes that earn their weight."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from model.errors import ImpossibleInput, InsufficientHistory
from model.market import PriceKind, PricePoint
from model.price_forecast import PriceLaw, forecast_price, learn_prices, price_draws
from model.price_history import history_of, hours_of, price_history
from model.price_regimes import REGIMES
from model.price_weights import lesson, likeliest_weights, no_lessons

DAY, MONTH = 24.0, 720.0
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
EVEN = (np.arange(2000) + 0.5) / 2000


@pytest.fixture
def point(pool):
    def build(price, at, *, observed_at=None, **changes):
        return PricePoint(
            pool=pool(**changes), price_usd_per_hour=Decimal(price), kind=PriceKind.RECORDED,
            effective_at=at, observed_at=observed_at or at,
        )  # fmt: skip

    return build


def monthly(change, months=12, start=10.0):
    """A price that changes by a factor once a month."""
    hours = MONTH * np.arange(months)
    return price_history(hours, start * change ** np.arange(months), MONTH * months)


def wandering(seed, days=200, per_day=4, size=0.007, reverting=0.0):
    rng = np.random.default_rng(seed)
    hours = np.cumsum(rng.exponential(24 / per_day, size=days * per_day))
    level = np.zeros(hours.size)
    for k in range(1, hours.size):
        level[k] = (1 - reverting) * level[k - 1] + rng.normal(0.0, size)
    return price_history(hours, 3.0 * np.exp(level), float(hours[-1]))


def test_a_mean_ratio_is_what_came_over_what_was():
    # 10 for a day, then 12 for three: the day before the change saw nothing, the first two days 1.1.
    history = price_history([0.0, 24.0], [10.0, 12.0], 96.0)
    assert float(history.mean_price(0.0, 48.0)) == pytest.approx(11.0)
    assert history.mean_ratios(24.0, 3).tolist() == pytest.approx([1.0, 1.0, 1.0])
    assert history.mean_ratios(200.0, 3).size == 0


def test_what_was_learnt_of_later_was_not_known(point):
    points = [
        point("10", NOON),
        point("20", NOON + timedelta(hours=1), observed_at=NOON + timedelta(hours=9)),
    ]
    assert history_of(points, NOON + timedelta(hours=5)).price_usd_per_hour == 10.0
    assert history_of(points, NOON + timedelta(hours=9)).price_usd_per_hour == 20.0


def test_a_correction_supersedes_and_repeats_are_no_changes(point):
    later = NOON + timedelta(hours=1)
    points = [point("9", NOON, observed_at=later), point("10", NOON), point("9", later)]
    history = history_of(points, later)
    assert (history.price_usd_per_hour, history.changes) == (9.0, 0)
    assert history.hour_K[0] == hours_of(NOON)


def test_no_price_by_then_is_refused_with_the_number(point):
    with pytest.raises(InsufficientHistory, match="0 prices"):
        history_of([point("10", NOON)], NOON - timedelta(hours=1))
    with pytest.raises(InsufficientHistory, match="0 prices"):
        history_of([], NOON)
    with pytest.raises(InsufficientHistory, match="0 pools"):
        learn_prices([])


def test_pools_are_not_joined(point):
    with pytest.raises(ImpossibleInput, match="2 pools"):
        history_of([point("3", NOON), point("4", NOON, zone="use1-az5")], NOON)


def test_one_price_seen_once_gives_an_interval_and_says_what_it_rests_on():
    seen_once = price_history([0.0], [10.0], 0.0)
    day, quarter = forecast_price(seen_once, DAY), forecast_price(seen_once, 90 * DAY)
    assert np.diff(quarter.quantile([0.1, 0.9]))[0] > np.diff(day.quantile([0.1, 0.9]))[0]
    assert quarter.quantile(0.1) < 10.0 < quarter.quantile(0.9)
    assert "0 price changes in 0 h" in quarter.words
    assert "assumed" in quarter.words


def test_a_price_that_never_moved_is_surer_the_longer_it_did_not():
    young = forecast_price(price_history([0.0], [10.0], DAY), MONTH)
    old = forecast_price(price_history([0.0], [10.0], 600 * DAY), MONTH)
    assert np.diff(old.quantile([0.1, 0.9]))[0] <= np.diff(young.quantile([0.1, 0.9]))[0]
    assert old.quantile(0.5) == 10.0
    assert np.std(old.draws(EVEN)) > 0  # And never certain.


def test_a_price_that_rises_every_month_is_expected_to_rise():
    # 5 % a month for a year; a model that returns to the mean would call for 22 % less.
    rising, falling = forecast_price(monthly(1.05), 3 * MONTH), forecast_price(monthly(1 / 1.05), 3 * MONTH)
    assert rising.mean_usd_per_hour > 1.01 * rising.price_usd_per_hour
    assert falling.mean_usd_per_hour < 0.99 * falling.price_usd_per_hour
    assert rising.weights["trend"] > rising.weights["revert"]


def test_siblings_whose_prices_return_let_one_expect_a_return():
    # Ours strays by .02 / sqrt(2 * .02) = 10 % about 3 and returns within days; now it is at its highest.
    pool = wandering(5, days=300, size=0.02, reverting=0.02)
    late = pool.hour_K > 100 * DAY
    peak = pool.until(float(pool.hour_K[late][np.argmax(pool.price_K[late])]))
    returning, straying = (
        forecast_price(
            peak,
            MONTH,
            law=learn_prices(
                [wandering(seed, days=300, size=0.02, reverting=back) for seed in range(20, 26)]
            ),
        )
        for back in (0.02, 0.0)
    )
    assert returning.mean_usd_per_hour < 0.98 * peak.price_usd_per_hour
    assert returning.mean_usd_per_hour < straying.mean_usd_per_hour
    assert returning.weights["revert"] > straying.weights["revert"]


def test_the_ceiling_is_on_demand_unless_it_was_broken_before():
    under, over = monthly(1.05), monthly(1.05, start=20.0)
    top = under.price_usd_per_hour * 1.01
    assert forecast_price(under, 3 * MONTH, on_demand_usd_per_hour=top).draws(EVEN).max() <= top
    above = forecast_price(over, 3 * MONTH, on_demand_usd_per_hour=top)
    assert above.draws(EVEN).max() > over.price_usd_per_hour
    assert above.quantile(0.1) > 0


def test_draws_rise_with_luck_and_have_the_mean_of_the_forecast():
    forecast = forecast_price(wandering(1), 7 * DAY)
    drawn = forecast.draws(EVEN)
    assert (np.diff(drawn) >= 0).all()
    assert drawn.mean() == pytest.approx(forecast.mean_usd_per_hour, rel=1e-3)
    assert np.array_equal(price_draws(EVEN, wandering(1), 7 * DAY), drawn)


def test_weights_sum_to_one_and_name_every_regime():
    weights = forecast_price(wandering(2), 7 * DAY).weights
    assert tuple(weights) == REGIMES
    assert sum(weights.values()) == pytest.approx(1.0)


def test_a_regime_that_foretold_what_came_gains_weight():
    # The first says 1, the second 1.1 for sure; 1.1 came ten times. With four prior lessons, even:
    # the second earns (10 + 2) / 14, less what a floor of 1 % keeps for the first.
    told = np.array([np.full(8, 1.0), np.full(8, 1.1)])
    learnt = no_lessons(2)
    for _ in range(10):
        learnt = learnt.plus(lesson(told, 1.1))
    weights = likeliest_weights(learnt, np.array([0.5, 0.5]))
    assert weights[1] == pytest.approx(12 / 14, abs=0.02)
    assert likeliest_weights(no_lessons(2), np.array([0.5, 0.5])).tolist() == [0.5, 0.5]


def test_siblings_lessons_count_for_no_more_than_they_are_worth():
    many = no_lessons(2)
    for _ in range(100):
        many = many.plus(lesson(np.array([np.full(8, 1.0), np.full(8, 1.1)]), 1.1))
    assert many.at_most(12.0).worth == pytest.approx(12.0)


def test_a_new_pool_borrows_its_siblings_restlessness():
    calm, restless = (
        learn_prices([wandering(seed, size=size) for seed in range(4)]) for size in (0.001, 0.02)
    )
    young = price_history([0.0], [3.0], DAY)
    narrow, wide = (forecast_price(young, 7 * DAY, law=law) for law in (calm, restless))
    assert np.diff(wide.quantile([0.1, 0.9]))[0] > 5 * np.diff(narrow.quantile([0.1, 0.9]))[0]
    assert "4 siblings" in wide.words


def test_the_interval_of_80_percent_holds_about_four_in_five():
    pools = [wandering(seed, days=160) for seed in range(10, 18)]
    law = learn_prices([pool.until(80 * DAY) for pool in pools])
    held = []
    for pool in pools:
        for day in range(80, 150, 7):
            known = pool.until(day * DAY)
            low, high = forecast_price(known, 7 * DAY, law=law).quantile([0.1, 0.9])
            held.append(low <= float(pool.mean_price(day * DAY, 7 * DAY)) <= high)
    assert 0.70 <= np.mean(held) <= 0.92  # 80 forecasts: one standard deviation is .045.


def test_the_same_past_gives_the_same_answer():
    one, two = (forecast_price(wandering(3), MONTH).quantile([0.1, 0.5, 0.9]) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: price_history([0.0], [float("nan")], 1.0),
        lambda: price_history([0.0], [0.0], 1.0),
        lambda: price_history([0.0], [-1.0], 1.0),
        lambda: price_history([float("nan")], [1.0], 1.0),
        lambda: price_history([0.0, 1.0], [1.0], 1.0),
        lambda: forecast_price(price_history([0.0], [1.0], 1.0), 0.0),
        lambda: forecast_price(price_history([0.0], [1.0], 1.0), float("inf")),
        lambda: forecast_price(price_history([0.0], [1.0], 1.0), 1.0, on_demand_usd_per_hour=0.0),
        lambda: price_draws([1.5], price_history([0.0], [1.0], 1.0), 1.0),
    ],
)
def test_impossible_prices_and_horizons_are_refused(impossible):
    with pytest.raises(ImpossibleInput) as refusal:
        impossible()
    assert refusal.value.fix


def test_without_siblings_the_law_is_an_assumption():
    assert PriceLaw().family.pools == 0
