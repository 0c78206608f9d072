"""The wait for capacity that is absent now: the mean gap and the forecast, neither alone."""

from __future__ import annotations

from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.cost import estimate
from model.errors import ImpossibleInput
from model.first_wait import first_wait_hours
from model.placement import SideCosts

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


def test_a_forecast_that_says_what_the_gap_says_changes_nothing():
    # A mean gap of 2 h returns within the hour with chance 1 - e^-0.5.
    assert first_wait_hours(2.0, 1.0 - exp(-0.5)) == pytest.approx(2.0)


def test_it_is_the_geometric_mean_of_gap_and_forecast():
    # 50 % within the hour is a mean of 1 / ln 2 = 1.443 h; with a gap of 4 h: sqrt(4 * 1.443) = 2.402.
    assert first_wait_hours(4.0, 0.5) == pytest.approx((4.0 / log(2.0)) ** 0.5)


@given(st.floats(0.01, 500.0), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_a_better_chance_never_means_a_longer_wait(gap, one, other):
    low, high = sorted((one, other))
    assert first_wait_hours(gap, high) <= first_wait_hours(gap, low)


@pytest.mark.parametrize(("gap", "chance"), [(-1.0, 0.5), (1.0, 1.5), (float("nan"), 0.5)])
def test_what_cannot_be_is_refused(gap, chance):
    with pytest.raises(ImpossibleInput):
        first_wait_hours(gap, chance)


def test_the_forecast_moves_the_first_wait_and_no_later_one(job, statistics, as_of):
    away = {"available_now": False, "gap_hours": 4.0, "hazard_shape": 1e6, "hazard_rate_hours": 1e10}
    plain, soon, late = (
        estimate(job(), statistics(**away, first_wait_hours=wait), NOTHING, from_at=as_of)
        for wait in (None, 1.0, 16.0)
    )
    # Hardly ever taken back: the wait is the first one alone, 4 h on average, then 1 h and 16 h.
    assert plain.finish_hours.mean - soon.finish_hours.mean == pytest.approx(3.0, rel=0.1)
    assert late.finish_hours.mean - plain.finish_hours.mean == pytest.approx(12.0, rel=0.1)
    assert late.cost_usd == plain.cost_usd


def test_with_capacity_now_there_is_no_first_wait(job, statistics, as_of):
    here = {"available_now": True, "gap_hours": 4.0}
    one, other = (
        estimate(job(), statistics(**here, first_wait_hours=wait), NOTHING, from_at=as_of)
        for wait in (None, 16.0)
    )
    assert one.finish_hours == other.finish_hours
