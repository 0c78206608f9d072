"""Runs that may be late, keep a floor, or have a part of a pool: what is asked of the policy and told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from advisor.capacity_told import OF_A_GANG, with_capacity
from advisor.policy_asked import Asked, is_available
from advisor.policy_desk import Desk
from advisor.policy_past import Past
from advisor.policy_words import told
from advisor.run_choices import ordered
from model.cost import SideCosts
from model.errors import ImpossibleInput
from model.market import CapacityType
from model.spot_action import Mix

NOW = datetime(2023, 3, 1, tzinfo=UTC)
FREE = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
NEW = {"value_of_time_usd_per_hour", "expected_late_hours", "expected_late_usd", "nodes", "floor_nodes",
       "nodes_now", "spot_nodes_now"}  # fmt: skip


class Nothing:
    """A store that nobody ever filled."""

    def sightings_of(self, pool_keys, **when):
        return {}


class Market:
    """A service whose statistics are what it is given."""

    def __init__(self, *pools):
        self.pools, self.store = list(pools), Nothing()

    def statistics(self, job, as_of, window_hours):
        return list(self.pools), []


@pytest.fixture
def ask(job, spot):
    def make(job=job, **other):
        plain = {
            "run_id": "run-1", "job": job, "left": job, "here": spot().pool, "holds": False,
            "owed_hours": 0.0, "as_of": NOW, "stall_share": 0.0, "lag_hours": 0.1, "unavailable": frozenset(),
            "window": timedelta(days=30),
        }  # fmt: skip
        return Asked(**{**plain, **other})

    return make


def decided(asked, *pools):
    return Desk(Market(*pools)).decide(asked, lambda seen: FREE)


def answer(asked, *pools):
    found = decided(asked, *pools)
    return found, told(found, asked, solve=False)


@pytest.fixture
def soft(job):
    """Ten hours of work, soft, an hour late at so many USD, with so many hours to the deadline."""

    def make(hours, worth):
        at = NOW + timedelta(hours=hours)
        return replace(job, soft=True, value_of_time_usd_per_hour=worth, deadline_at=at)

    return make


def test_a_job_that_states_none_of_it_is_told_none_of_it(ask, job, spot, on_demand):
    for each in (job, replace(job, elastic=True), replace(job, value_of_time_usd_per_hour=3.0)):
        _, words = answer(ask(each), spot(), on_demand())
        assert not NEW & set(words.decision)
        assert not NEW & {name for other in words.decision["alternatives"] for name in other}
        assert words.nodes is None


def test_a_hard_deadline_goes_on_demand_and_a_cheap_soft_one_stays_on_spot(ask, job, soft, spot, on_demand):
    # 10.2 h for 10 h of work: a loss of spot makes it late for sure, which costs 1 USD an hour or all.
    tight = replace(job, deadline_at=NOW + timedelta(hours=10.2))
    assert decided(ask(tight), spot(), on_demand()).target.pool == on_demand().pool
    found, words = answer(ask(soft(10.2, 1.0)), spot(), on_demand())
    assert found.target.pool == spot().pool
    assert words.decision["deadline"] == "soft"


def test_a_soft_decision_tells_how_late_it_expects_to_be_and_what_that_counts(ask, soft, spot, on_demand):
    # By hand: 10 h of work and 5 min of launch against 4 h end 6 h 5 min late on on-demand, at the least.
    _, words = answer(ask(soft(4.0, 100.0)), spot(price=3.05), on_demand())
    decision = words.decision
    assert decision["expected_late_hours"] == pytest.approx(6 + 5 / 60, abs=0.2)
    assert decision["expected_late_usd"] == pytest.approx(100.0 * decision["expected_late_hours"])
    assert (decision["deadline"], decision["value_of_time_usd_per_hour"]) == ("soft", 100.0)
    assert decision["late_hours"] == pytest.approx(6 + 5 / 60)  # Of on-demand, as with a hard deadline.
    assert all(each["p_on_time"] == 0.0 for each in decision["alternatives"])
    told_so = next(each for each in words.reasons if "is soft" in each)
    assert "late on average, which counts $" in told_so
    assert "at $100.00/h" in told_so


def test_hours_that_have_passed_since_a_soft_deadline_count_as_late(ask, soft, spot, on_demand):
    # By hand: two hours past it, with 10 h of work and a launch to go: 12 h 5 min late on on-demand.
    late = soft(4.0, 100.0)
    _, words = answer(ask(late, as_of=NOW + timedelta(hours=6)), spot(price=3.05), on_demand())
    assert words.decision["expected_late_hours"] == pytest.approx(12 + 5 / 60, abs=0.2)


def test_a_soft_deadline_that_will_be_met_says_so(ask, soft, spot, on_demand):
    _, words = answer(ask(soft(200.0, 50.0)), spot(), on_demand())
    assert any("it is expected to be met" in each for each in words.reasons)
    assert words.decision["expected_late_hours"] < 1 / 60


def test_the_chance_to_be_in_time_is_not_told_where_it_is_a_matter_of_choice(ask, soft, spot, on_demand):
    _, words = answer(ask(soft(200.0, 1.0)), spot(), on_demand())
    assert {each["p_on_time"] for each in words.decision["alternatives"]} == {None}
    assert not any("chance" in each for each in words.reasons)


@pytest.fixture
def eight(job):
    """Eight nodes of one GPU."""

    def make(**changes):
        return replace(job, gpus=8, **changes)

    return make


def test_a_floor_is_paid_for_in_every_decision(ask, eight, spot, on_demand):
    plain, _ = answer(ask(eight()), spot(), on_demand())
    found, words = answer(ask(eight(floor_nodes=2)), spot(), on_demand())
    # By hand: a tick of six nodes at .92 and two at 3.06 USD is 11.64 USD an hour, against 7.36.
    assert found.chosen.policy.usd_per_hour(found.chosen.best.action) == pytest.approx(6 * 0.92 + 2 * 3.06)
    assert found.chosen.best.cost_usd > plain.chosen.best.cost_usd
    decision = words.decision
    assert (decision["nodes"], decision["floor_nodes"]) == (8, 2)
    assert (decision["nodes_now"], decision["spot_nodes_now"], words.nodes) == (8, 6, (8, 6))
    assert "All 8 nodes run, 2 of them on on-demand as the job demands." in words.reasons


def test_a_floor_goes_on_alone_while_spot_is_away(ask, eight, spot, on_demand):
    asked = ask(eight(floor_nodes=2), unavailable=frozenset({spot().pool.key}))
    found, words = answer(asked, spot(), on_demand())
    assert found.chosen.best.action == (None, None)
    assert words.target.pool == on_demand().pool
    assert words.nodes == (2, 0)
    assert any(each.startswith("The floor of 2 of 8 nodes goes on alone") for each in words.reasons)


def test_a_floor_that_is_alone_stays_so_until_spot_is_back(ask, eight, spot, on_demand):
    held = {"holds": True, "floor_alone": True, "here": on_demand().pool}
    away = ask(eight(floor_nodes=2), unavailable=frozenset({spot().pool.key}), **held)
    found, words = answer(away, spot(), on_demand())
    assert ordered(found, away, words).word == "continue"
    back = ask(eight(floor_nodes=2), capacity={spot().pool.key: 6}, **held)
    found, words = answer(back, spot(), on_demand())
    order = ordered(found, back, words)
    assert (order.word, order.target) == ("migrate", spot().pool)


def test_a_floor_and_its_spot_nodes_are_of_one_machine_in_one_region(ask, eight, spot, on_demand):
    asked = ask(eight(floor_nodes=2))
    found = decided(asked, spot(), spot("us-west-2", 0.5), on_demand())
    assert [list(each.field.spots) for each in (found.chosen, *found.others)] == [[spot().pool.key]]
    assert "No on-demand pool" in found.left_out[spot("us-west-2").pool.key]


def test_work_that_scales_takes_the_part_of_a_pool_that_can_be_had(ask, eight, spot, on_demand):
    asked = ask(eight(elastic=True), capacity={spot().pool.key: 6})
    found, words = answer(asked, spot(), on_demand())
    assert found.target.pool == spot().pool
    assert words.nodes in ((6, 6), (8, 6))
    assert any(each.startswith("6 of the 8 nodes for spot can be had") for each in words.reasons)
    every = {(each["nodes_now"], each["spot_nodes_now"]) for each in words.decision["alternatives"]}
    assert every == {(6, 6), (8, 6), (8, 0), (0, 0)}  # Shrink, fill up, on-demand, wait.


def test_a_pool_that_has_all_of_it_is_taken_whole_whatever_the_probes_say(ask, eight, spot, on_demand):
    _, words = answer(ask(eight(elastic=True), capacity={spot().pool.key: 8}), spot(), on_demand())
    assert words.nodes == (8, 8)
    _, words = answer(ask(eight(elastic=True), capacity={spot().pool.key: 0}), spot(), on_demand())
    assert words.nodes[1] == 0


def test_a_part_that_is_held_is_kept_and_not_left_for_a_whole_that_nobody_saw(ask, eight, spot, on_demand):
    asked = ask(eight(elastic=True), holds=True, mix=Mix(6, 0))
    found, words = answer(asked, spot(), on_demand())
    assert found.chosen.question.current == ("spot", spot().pool.key)
    assert words.nodes == (6, 6)
    assert ordered(found, asked, words).word == "continue"


def test_probes_that_asked_for_fewer_do_not_show_that_a_part_may_grow(ask, eight, spot):
    key = spot().pool.key
    up = {key: np.array([True])}
    asked = ask(eight(elastic=True), holds=True, mix=Mix(6, 0))
    current = ("spot", key)
    seen = Past(up=up, tick_hours=1.0, asked_for_fewer=0)
    fewer = Past(up=up, tick_hours=1.0, asked_for_fewer=1, fewer=frozenset({key}))
    assert is_available(asked, key, current, seen, 8)
    assert not is_available(asked, key, current, fewer, 8)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"aws/us-east-1/name:us-east-1a/p3.2xlarge/spot": 9}, "9 nodes were told of aws/us-east-1"),
        ({"aws/us-east-1/-/p3.2xlarge/on_demand": 1}, "no spot pool"),
        ({"nowhere": 1}, "no spot pool"),
    ],
)
def test_counts_that_cannot_be_are_refused_of_gangs_too(ask, eight, spot, on_demand, told, words):
    for job in (eight(elastic=True), eight()):
        with pytest.raises(ImpossibleInput, match=words) as refused:
            with_capacity(ask(job), told, [spot(), on_demand()])
        assert refused.value.fix


def test_a_gang_is_told_that_counts_are_not_used(ask, eight, spot):
    asked, words = with_capacity(ask(eight()), {spot().pool.key: 6}, [spot()])
    assert (asked.capacity, words) == ({}, (OF_A_GANG,))
    asked, words = with_capacity(ask(eight(elastic=True)), {spot().pool.key: 6}, [spot()])
    assert (asked.capacity, words) == ({spot().pool.key: 6}, ())


def test_on_demand_takes_all_nodes_where_time_is_short_floor_or_not(ask, eight, spot, on_demand):
    short = eight(floor_nodes=2, deadline_at=NOW + timedelta(hours=10.2))
    found, words = answer(ask(short), spot(), on_demand())
    assert found.target.pool.capacity_type is CapacityType.ON_DEMAND
    assert (words.nodes, words.reasons[1]) == ((8, 0), "All 8 nodes are on on-demand.")


def test_a_floor_that_was_lost_with_its_gang_owes_a_launch_of_its_own(ask, eight, spot, on_demand):
    # By hand: 5 min of restart, a tick of 15: the floor works 10 of them, 2/8 of 10 min are 2.5 min.
    # Waiting leaves 10 h of work less 2.5 min for on-demand with 5 min of launch: 10 h 17.5 min are needed.
    def safe(minutes: float) -> bool:
        job = eight(floor_nodes=2, deadline_at=NOW + timedelta(hours=10, minutes=minutes))
        found = decided(ask(job, unavailable=frozenset({spot().pool.key})), spot(), on_demand())
        return next(each.safe for each in found.chosen.found if each.action == (None, None))

    assert not safe(17.4)
    assert safe(35.0)  # In whole ticks as well: 10 h 35 min are 42 of them, one waited, 41 for 10 h 2.5 min.


def test_a_part_is_asked_about_after_its_launch_and_ten_minutes(ask, eight, spot, on_demand):
    # A whole gang keeps its slack while it works, so the longer of the two is a tick; a part loses some.
    field = decided(ask(eight()), spot(), on_demand()).chosen.field
    assert ask(eight()).tick_hours(field) == pytest.approx(10 / 60)
    assert ask(eight(elastic=True), capacity={spot().pool.key: 6}).tick_hours(field) == pytest.approx(15 / 60)
