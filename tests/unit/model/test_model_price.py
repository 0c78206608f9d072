"""Prices as steps, billed to the microsecond; forecasts; bytes and tariffs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from math import exp

import pytest

from model.egress import egress_usd, move_hours, storage_usd_per_hour
from model.errors import ImpossibleInput, InsufficientHistory
from model.market import PriceKind, PricePoint
from model.price import billed_usd, discount, forecast_log_sd, forecast_mean, time_weighted_mean

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def step(pool):
    def build(price, at=NOON, *, observed_at=None, **changes):
        return PricePoint(
            pool=pool(**changes),
            price_usd_per_hour=Decimal(price),
            kind=PriceKind.RECORDED,
            effective_at=at,
            observed_at=observed_at or at,
        )

    return build


def test_a_bill_across_a_price_change_adds_both_parts(step):
    # 1 h at 3 and half an hour at 5: 5.50.
    steps = [step("3"), step("5", NOON + HOUR)]
    assert billed_usd(steps, NOON, NOON + 1.5 * HOUR) == Decimal("5.5")


def test_the_price_in_force_is_carried_into_the_bill(step):
    assert billed_usd([step("3", NOON - 100 * HOUR)], NOON, NOON + HOUR) == Decimal(3)


def test_order_does_not_matter_and_a_later_observation_supersedes(step):
    wrong, right = step("9"), step("3", observed_at=NOON + HOUR)
    assert billed_usd([right, wrong], NOON, NOON + HOUR) == Decimal(3)


def test_a_bill_is_exact_to_the_microsecond_where_floats_are_not(step):
    # A tenth of a dollar for 3 600 000 001 microseconds.
    bill = billed_usd([step("0.1")], NOON, NOON + HOUR + timedelta(microseconds=1))
    assert bill * 3_600_000_000 == Decimal("0.1") * 3_600_000_001


def test_nothing_is_billed_over_no_time(step):
    assert billed_usd([step("3")], NOON, NOON) == 0


def test_a_bill_before_the_first_price_is_refused_and_not_free(step):
    with pytest.raises(InsufficientHistory, match="No price is in force"):
        billed_usd([step("3")], NOON - HOUR, NOON + HOUR)
    with pytest.raises(InsufficientHistory, match="none is known"):
        billed_usd([], NOON, NOON + HOUR)


def test_prices_of_two_pools_never_share_a_bill(step):
    with pytest.raises(ImpossibleInput, match="2 pools"):
        billed_usd([step("3"), step("4", zone="use1-az5")], NOON, NOON + HOUR)


def test_time_cannot_run_backwards_or_float(step):
    with pytest.raises(ImpossibleInput, match="before it began"):
        billed_usd([step("3")], NOON, NOON - HOUR)
    with pytest.raises(ImpossibleInput, match="no time zone"):
        billed_usd([step("3")], NOON, NOON.replace(tzinfo=None))


def test_the_mean_price_weighs_by_how_long_it_held(step):
    # 3 h at 2 and 1 h at 6: 12 / 4 = 3.
    assert time_weighted_mean([step("2"), step("6", NOON + 3 * HOUR)], NOON, NOON + 4 * HOUR) == 3.0
    with pytest.raises(ImpossibleInput, match="0 hours"):
        time_weighted_mean([step("2")], NOON, NOON)


def test_discount_is_what_spot_takes_off():
    assert discount(Decimal(6), Decimal(20)) == Decimal("0.7")
    assert discount(Decimal(20), Decimal(20)) == 0
    assert discount(Decimal(30), Decimal(20)) == Decimal("-0.5")
    with pytest.raises(ImpossibleInput, match="On-demand price"):
        discount(Decimal(6), Decimal(0))


def test_a_price_above_its_mean_is_expected_to_come_down():
    # 6 + 3 (1 - e^-2.4) / 2.4 = 7.1366.
    assert forecast_mean(9.0, 6.0, 24.0, 0.1) == pytest.approx(6 + 3 * (1 - exp(-2.4)) / 2.4)
    assert forecast_mean(9.0, 6.0, 24.0, 0.0) == 9.0
    assert forecast_mean(9.0, 6.0, 1e9) == pytest.approx(6.0, abs=1e-5)


def test_a_price_that_never_moved_is_certain_and_others_are_not():
    assert forecast_log_sd(0.0, 0, 24.0) == 0.0
    assert forecast_log_sd(0.0, 1, 24.0) > 0.0  # Even where the one change left no spread.
    # Long runs average the wandering out: s sqrt(2 / x) for large x.
    assert forecast_log_sd(0.3, 10**6, 168e4) == pytest.approx(0.3 * (2 / 1e4) ** 0.5, rel=1e-3)


def test_the_spread_grows_smoothly_from_a_short_run():
    # At 1e-3 of a week the first term 2 x / 3 takes over.
    below, above = forecast_log_sd(0.2, 10, 0.16799), forecast_log_sd(0.2, 10, 0.16801)
    assert above / below == pytest.approx(1.0, rel=1e-3)


def test_a_terabyte_at_two_cents_is_twenty_dollars():
    assert egress_usd(1e12, 0.02) == pytest.approx(20.0)
    assert move_hours(1e12, 1e9) == pytest.approx(1000 / 3600)
    # 730 GB at .02 USD a month is .02 USD an hour.
    assert storage_usd_per_hour(730e9, 0.02) == pytest.approx(0.02)


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: egress_usd(-1, 0.1),
        lambda: egress_usd(1, float("nan")),
        lambda: move_hours(1, 0.0),
        lambda: storage_usd_per_hour(1, -1.0),
        lambda: forecast_mean(-1.0, 1.0, 1.0),
        lambda: forecast_mean(1.0, 1.0, 0.0),
        lambda: forecast_log_sd(float("inf"), 1, 1.0),
    ],
)
def test_impossible_prices_and_bytes_are_refused(impossible):
    with pytest.raises(ImpossibleInput) as refusal:
        impossible()
    assert refusal.value.fix
