"""The data grade: what was seen of the pool itself, the prior's weight, the newest row, a stated letter."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from model.estimate import PoolStatistics
from model.grade import RUNGS, grade
from model.market import Evidence, PriceKind
from model.statistics import all_statistics


def test_a_pool_watched_for_long_is_an_a(statistics):
    # 50 drops in 500 h with no prior but half a drop: rate 500, of which 500 its own.
    found = grade(statistics())
    assert (found.letter, found.events, found.exposure_hours, found.prior_share) == ("A", 50, 500.0, 0.0)
    assert found.newest_age_s == 0.0
    assert found.words == "50 drops of its own in 500 h at risk; the prior weighs 0 %; newest row 0.0 h old"


def test_the_priors_share_is_its_hours_over_all_hours(statistics):
    # A prior of 100 h and 300 h of its own: 100 / 400.
    found = grade(statistics(exposure_hours=300.0, hazard_rate_hours=400.0, preemptions=30))
    assert found.prior_share == pytest.approx(0.25)
    assert found.letter == "B"


@pytest.mark.parametrize(
    ("events", "hours", "rate", "age_days", "letter"),
    [
        (20, 100.0, 100.0, 1.0, "A"),
        (0, 500.0, 500.0, 1.0, "A"),  # A calm pool is known by its hours.
        (20, 100.0, 100.0, 1.01, "B"),
        (5, 100.0, 200.0, 7.0, "B"),
        (4, 100.0, 200.0, 7.0, "C"),
        (1, 10.0, 100.0, 30.0, "C"),
        (0, 47.0, 100.0, 1.0, "D"),
        (5, 100.0, 100.0, 31.0, "D"),
        (5, 9.0, 100.0, 1.0, "D"),  # The prior weighs .91.
    ],
)
def test_the_letter_follows_the_stated_rule(statistics, as_of, events, hours, rate, age_days, letter):
    age = timedelta(days=age_days)
    seen = statistics(
        preemptions=events, exposure_hours=hours, hazard_rate_hours=rate,
        price_age_s=age.total_seconds(), observed_until=as_of - age,
    )  # fmt: skip
    assert grade(seen).letter == letter


def test_the_rungs_ask_for_less_and_less():
    for better, worse in pairwise(RUNGS):
        assert better.most_prior_share <= worse.most_prior_share
        assert better.least_events >= worse.least_events
        assert better.least_exposure_hours >= worse.least_exposure_hours
        assert better.most_age_days <= worse.most_age_days


def test_what_is_not_taken_back_is_graded_by_its_price_alone(on_demand, statistics):
    assert grade(on_demand).letter == "A"
    listed = statistics(
        evidence=Evidence.CONTRACT, price_kind=PriceKind.LIST, hazard_shape=0.0, hazard_rate_hours=0.0,
        preemptions=0, exposure_hours=0.0,
    )  # fmt: skip
    assert grade(listed).letter == "B"
    assert grade(listed).prior_share == 0.0
    assert "list price" in grade(listed).words


def test_the_newest_row_is_the_younger_of_price_and_sighting(statistics, as_of):
    old_price = statistics(price_age_s=9e5, observed_until=as_of - timedelta(hours=2))
    assert grade(old_price).newest_age_s == 7200.0
    assert grade(statistics(price_age_s=60.0, observed_until=None)).newest_age_s == 60.0


def test_what_siblings_showed_is_not_its_own(history, pool):
    # Its own: 1 drop in 40 h, under 48. The sibling: 30 drops in 600 h.
    own = history(probe_drops=1, probe_up_hours=40.0, probe_observed_hours=40.0)
    other = history(
        pool=pool(zone="use1-az6"), probe_drops=30, probe_up_hours=600.0, probe_observed_hours=600.0,
        price_usd_per_hour=Decimal(9),
    )  # fmt: skip
    known, _ = all_statistics([own, other], borrow="region")
    borrowed: PoolStatistics = known[0]
    assert borrowed.evidence is Evidence.BORROWED
    found = grade(borrowed)
    assert (found.events, found.exposure_hours) == (1, 40.0)
    assert found.prior_share == pytest.approx(1 - 40.0 / borrowed.hazard_rate_hours)
    assert "what siblings showed weighs" in found.words
