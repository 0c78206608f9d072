"""What a life costs in billed time: the first-hour refund, the least billed time, any law."""

from __future__ import annotations

from datetime import timedelta
from math import exp

import numpy as np
import pytest

from model.billing import (
    AWS_LINUX,
    EVERY_SECOND,
    BillingRule,
    billed_hours,
    billed_per_life,
    billed_per_useful_under,
    billed_time,
    hours_beyond,
    refunded_per_loss,
)
from model.errors import ImpossibleInput
from model.goodput import Cadence
from model.renewal import (
    bathtub,
    billed_per_life_with_refund,
    billed_per_useful,
    exponential,
    weibull,
)

HOUR = timedelta(hours=1)
REFUND = BillingRule(refund_s=3600.0)
LAWS = [exponential(1 / 1.5), weibull(0.7, 3.0), weibull(1.5, 0.8), bathtub(0.45, 1.0, 0.8, 24.0)]


def drawn(life, count=200_001):
    """Lives at evenly spaced chances, by inverting survival on a fine grid of ages."""
    ages = np.concatenate([[0.0], np.geomspace(1e-6, min(life.longest_hours, 1e4), 400_000)])
    chance = (np.arange(count) + 0.5) / count
    return np.interp(-chance, -life.at(ages), ages)


def test_a_life_the_provider_cuts_short_of_an_hour_is_free():
    assert billed_time(HOUR - timedelta(microseconds=1), taken_back=True, rule=REFUND) == timedelta(0)
    assert billed_time(HOUR, taken_back=True, rule=REFUND) == HOUR


def test_a_life_we_end_ourselves_is_never_free():
    assert billed_time(HOUR / 2, taken_back=False, rule=REFUND) == HOUR / 2


def test_a_short_life_is_billed_a_minute():
    assert billed_time(timedelta(seconds=5), taken_back=False, rule=AWS_LINUX) == timedelta(seconds=60)
    assert billed_time(timedelta(seconds=61), taken_back=False, rule=AWS_LINUX) == timedelta(seconds=61)


def test_time_cannot_run_backwards():
    with pytest.raises(ImpossibleInput, match="lasted"):
        billed_time(-HOUR, taken_back=False, rule=REFUND)


def test_many_lives_are_billed_as_each_is():
    # Free, 1.5 h, ours: .5 h, ours and too short: a minute.
    lives, taken = [0.5, 1.5, 0.5, 0.001], [True, True, False, False]
    assert billed_hours(lives, taken, AWS_LINUX).tolist() == [0.0, 1.5, 0.5, 60 / 3600]


def test_exponential_lives_are_billed_as_the_closed_form_says():
    # e^(-1/1.5) (1.5 + 1) = 1.28354.
    ours = billed_per_life(exponential(1 / 1.5), REFUND)
    assert ours == pytest.approx(exp(-1 / 1.5) * 2.5, rel=1e-9)
    assert ours == pytest.approx(billed_per_life_with_refund(1 / 1.5, 1.0), rel=1e-9)


@pytest.mark.parametrize("life", LAWS)
@pytest.mark.parametrize(
    "rule",
    [EVERY_SECOND, REFUND, AWS_LINUX, BillingRule(least_s=1800.0), BillingRule(refund_s=60, least_s=7200)],
)
def test_any_law_is_billed_as_lives_drawn_from_it(life, rule):
    lives = drawn(life)
    by_lives = float(billed_hours(lives, np.ones(lives.size), rule).mean())
    assert billed_per_life(life, rule) == pytest.approx(by_lives, rel=0.005)


def test_nothing_is_lived_beyond_the_age_none_outlives():
    assert hours_beyond(bathtub(0.45, 1.0, 0.8, 24.0), 24.0) == 0.0
    # Memoryless: 2 h more for each of the e^(-10/2) that reach 10 h.
    assert hours_beyond(exponential(0.5), 10.0) == pytest.approx(2 * exp(-5), rel=1e-9)


def test_the_refund_lowers_the_bill_and_not_the_work():
    # Billed share 1.28354 / 1.5 of what every second would cost.
    life = exponential(1 / 1.5)
    cadence = Cadence(interval_hours=0.5, pause_hours=0.02, restart_hours=0.1)
    ours = billed_per_useful_under(life, cadence, REFUND)
    assert ours == pytest.approx(billed_per_useful(life, cadence) * exp(-1 / 1.5) * 2.5 / 1.5, rel=1e-9)


@pytest.mark.parametrize("impossible", [{"refund_s": -1.0}, {"least_s": float("nan")}])
def test_impossible_rules_are_refused(impossible):
    with pytest.raises(ImpossibleInput):
        BillingRule(**impossible)


def test_hours_not_billed_for_each_loss_are_those_of_short_lives():
    # M = 2 h, g = 1 h: 2 - e^-0.5 * 3 = 0.1804 h; square 2 * 4 * P(3, 0.5) = 8 * 0.014388 = 0.1151.
    mean, variance = refunded_per_loss(0.5, REFUND)
    assert mean == pytest.approx(0.18041, abs=1e-5)
    assert variance == pytest.approx(0.11510 - 0.18041**2, abs=1e-4)
    assert refunded_per_loss(0.0, REFUND)[0] == 0.0
    assert refunded_per_loss(0.5, EVERY_SECOND)[0] == 0.0
    # And with what is billed they make the whole life.
    assert float(mean) + billed_per_life(exponential(0.5), REFUND) == pytest.approx(2.0)
