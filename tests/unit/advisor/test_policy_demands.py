"""Runs that may be late: what is asked of the policy, what it says of lateness, what others are told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from advisor.recommend import rank
from advisor.steering import chance, left_to_pay, next_choice
from model.cost import SideCosts

NOW = datetime(2023, 3, 1, tzinfo=UTC)
FREE = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
NEW = {"value_of_time_usd_per_hour", "expected_late_hours", "expected_late_usd", "nodes", "floor_nodes",
       "nodes_now", "spot_nodes_now"}  # fmt: skip


@pytest.fixture
def soft(job):
    """Ten hours of work, soft, an hour late at so many USD, with so many hours to the deadline."""

    def make(hours, worth):
        at = NOW + timedelta(hours=hours)
        return replace(job, soft=True, value_of_time_usd_per_hour=worth, deadline_at=at)

    return make


def test_a_job_that_states_none_of_it_is_told_none_of_it(asking, job, spot, on_demand, answer):
    for each in (job, replace(job, elastic=True), replace(job, value_of_time_usd_per_hour=3.0)):
        _, words = answer(asking(each), spot(), on_demand())
        assert not NEW & set(words.decision)
        assert not NEW & {name for other in words.decision["alternatives"] for name in other}
        assert words.nodes is None


def test_a_hard_deadline_goes_on_demand_and_a_cheap_soft_one_stays_on_spot(
    asking, job, soft, spot, on_demand, decided, answer
):
    # 10.2 h for 10 h of work: a loss of spot makes it late for sure, which costs 1 USD an hour or all.
    tight = replace(job, deadline_at=NOW + timedelta(hours=10.2))
    assert decided(asking(tight), spot(), on_demand()).target.pool == on_demand().pool
    found, words = answer(asking(soft(10.2, 1.0)), spot(), on_demand())
    assert found.target.pool == spot().pool
    assert words.decision["deadline"] == "soft"


def test_a_soft_decision_tells_how_late_it_expects_to_be_and_what_that_counts(
    asking, soft, spot, on_demand, answer
):
    # By hand: 10 h of work and 5 min of launch against 4 h end 6 h 5 min late on on-demand, at the least.
    _, words = answer(asking(soft(4.0, 100.0)), spot(price=3.05), on_demand())
    decision = words.decision
    assert decision["expected_late_hours"] == pytest.approx(6 + 5 / 60, abs=0.2)
    assert decision["expected_late_usd"] == pytest.approx(100.0 * decision["expected_late_hours"])
    assert (decision["deadline"], decision["value_of_time_usd_per_hour"]) == ("soft", 100.0)
    assert decision["late_hours"] == pytest.approx(6 + 5 / 60)  # Of on-demand, as with a hard deadline.
    assert all(each["p_on_time"] == 0.0 for each in decision["alternatives"])
    told_so = next(each for each in words.reasons if "is soft" in each)
    assert "late on average, which counts $" in told_so
    assert "at $100.00/h" in told_so


def test_hours_that_have_passed_since_a_soft_deadline_count_as_late(asking, soft, spot, on_demand, answer):
    # By hand: two hours past it, with 10 h of work and a launch to go: 12 h 5 min late on on-demand.
    late = soft(4.0, 100.0)
    _, words = answer(asking(late, as_of=NOW + timedelta(hours=6)), spot(price=3.05), on_demand())
    assert words.decision["expected_late_hours"] == pytest.approx(12 + 5 / 60, abs=0.2)


def test_a_soft_deadline_that_will_be_met_says_so(asking, soft, spot, on_demand, answer):
    _, words = answer(asking(soft(200.0, 50.0)), spot(), on_demand())
    assert any("it is expected to be met" in each for each in words.reasons)
    assert words.decision["expected_late_hours"] < 1 / 60


def test_the_chance_to_be_in_time_is_not_told_where_it_is_a_matter_of_choice(
    asking, soft, spot, on_demand, answer
):
    _, words = answer(asking(soft(200.0, 1.0)), spot(), on_demand())
    assert {each["p_on_time"] for each in words.decision["alternatives"]} == {None}
    assert not any("chance" in each for each in words.reasons)


def test_estimates_alone_weigh_lateness_by_its_price_too(job, soft, spot):
    # Eleven hours for ten of work: hard, a risky pool is in time too seldom; soft, it costs what it costs.
    def option(told):
        found = rank(told, [spot(hazard=0.3)], lambda seen: FREE, as_of=NOW, seed=0, draws=400)[0]
        return found[0]

    hard = option(replace(job, deadline_at=NOW + timedelta(hours=11)))
    late = option(soft(11, 5.0))
    assert chance(hard) < 0.9
    assert chance(late) == 1.0
    # By hand: what is left to pay is the money and 5 USD for each hour late.
    counted = late.estimate.cost_usd.mean + 5.0 * late.estimate.late_hours.mean
    assert left_to_pay(late) == pytest.approx(counted)
    assert next_choice([late], soft(11, 5.0), ()).option is late
