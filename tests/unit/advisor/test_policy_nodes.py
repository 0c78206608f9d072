"""Runs that keep a floor or have a part of a pool: what is asked of the policy, which nodes run, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from advisor.capacity_told import OF_A_GANG, with_capacity
from advisor.policy_asked import is_available
from advisor.policy_past import Past
from advisor.run_choices import ordered
from model.errors import ImpossibleInput
from model.market import CapacityType
from model.spot_action import Mix

NOW = datetime(2023, 3, 1, tzinfo=UTC)


@pytest.fixture
def eight(job):
    """Eight nodes of one GPU."""

    def make(**changes):
        return replace(job, gpus=8, **changes)

    return make


def test_a_floor_is_paid_for_in_every_decision(asking, eight, spot, on_demand, answer):
    plain, _ = answer(asking(eight()), spot(), on_demand())
    found, words = answer(asking(eight(floor_nodes=2)), spot(), on_demand())
    # By hand: a tick of six nodes at .92 and two at 3.06 USD is 11.64 USD an hour, against 7.36.
    assert found.chosen.policy.usd_per_hour(found.chosen.best.action) == pytest.approx(6 * 0.92 + 2 * 3.06)
    assert found.chosen.best.cost_usd > plain.chosen.best.cost_usd
    decision = words.decision
    assert (decision["nodes"], decision["floor_nodes"]) == (8, 2)
    assert (decision["nodes_now"], decision["spot_nodes_now"], words.nodes) == (8, 6, (8, 6))
    assert "All 8 nodes run, 2 of them on on-demand as the job demands." in words.reasons


def test_a_floor_goes_on_alone_while_spot_is_away(asking, eight, spot, on_demand, answer):
    asked = asking(eight(floor_nodes=2), unavailable=frozenset({spot().pool.key}))
    found, words = answer(asked, spot(), on_demand())
    assert found.chosen.best.action == (None, None)
    assert words.target.pool == on_demand().pool
    assert words.nodes == (2, 0)
    assert any(each.startswith("The floor of 2 of 8 nodes goes on alone") for each in words.reasons)


def test_a_floor_that_is_alone_stays_so_until_spot_is_back(asking, eight, spot, on_demand, answer):
    held = {"holds": True, "floor_alone": True, "here": on_demand().pool}
    away = asking(eight(floor_nodes=2), unavailable=frozenset({spot().pool.key}), **held)
    found, words = answer(away, spot(), on_demand())
    assert ordered(found, away, words).word == "continue"
    back = asking(eight(floor_nodes=2), capacity={spot().pool.key: 6}, **held)
    found, words = answer(back, spot(), on_demand())
    order = ordered(found, back, words)
    assert (order.word, order.target) == ("migrate", spot().pool)


def test_a_floor_and_its_spot_nodes_are_of_one_machine_in_one_region(asking, eight, spot, on_demand, decided):
    asked = asking(eight(floor_nodes=2))
    found = decided(asked, spot(), spot("us-west-2", 0.5), on_demand())
    assert [list(each.field.spots) for each in (found.chosen, *found.others)] == [[spot().pool.key]]
    assert "No on-demand pool" in found.left_out[spot("us-west-2").pool.key]


def test_work_that_scales_takes_the_part_of_a_pool_that_can_be_had(asking, eight, spot, on_demand, answer):
    asked = asking(eight(elastic=True), capacity={spot().pool.key: 6})
    found, words = answer(asked, spot(), on_demand())
    assert found.target.pool == spot().pool
    assert words.nodes in ((6, 6), (8, 6))
    assert any(each.startswith("6 of the 8 nodes for spot can be had") for each in words.reasons)
    every = {(each["nodes_now"], each["spot_nodes_now"]) for each in words.decision["alternatives"]}
    assert every == {(6, 6), (8, 6), (8, 0), (0, 0)}  # Shrink, fill up, on-demand, wait.


def test_a_pool_that_has_all_of_it_is_taken_whole_whatever_the_probes_say(
    asking, eight, spot, on_demand, answer
):
    _, words = answer(asking(eight(elastic=True), capacity={spot().pool.key: 8}), spot(), on_demand())
    assert words.nodes == (8, 8)
    _, words = answer(asking(eight(elastic=True), capacity={spot().pool.key: 0}), spot(), on_demand())
    assert words.nodes[1] == 0


def test_a_part_that_is_held_is_kept_and_not_left_for_a_whole_that_nobody_saw(
    asking, eight, spot, on_demand, answer
):
    asked = asking(eight(elastic=True), holds=True, mix=Mix(6, 0))
    found, words = answer(asked, spot(), on_demand())
    assert found.chosen.question.current == ("spot", spot().pool.key)
    assert words.nodes == (6, 6)
    assert ordered(found, asked, words).word == "continue"


def test_probes_that_asked_for_fewer_do_not_show_that_a_part_may_grow(asking, eight, spot):
    key = spot().pool.key
    up = {key: np.array([True])}
    asked = asking(eight(elastic=True), holds=True, mix=Mix(6, 0))
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
def test_counts_that_cannot_be_are_refused_of_gangs_too(asking, eight, spot, on_demand, told, words):
    for job in (eight(elastic=True), eight()):
        with pytest.raises(ImpossibleInput, match=words) as refused:
            with_capacity(asking(job), told, [spot(), on_demand()])
        assert refused.value.fix


def test_a_gang_is_told_that_counts_are_not_used(asking, eight, spot):
    asked, words = with_capacity(asking(eight()), {spot().pool.key: 6}, [spot()])
    assert (asked.capacity, words) == ({}, (OF_A_GANG,))
    asked, words = with_capacity(asking(eight(elastic=True)), {spot().pool.key: 6}, [spot()])
    assert (asked.capacity, words) == ({spot().pool.key: 6}, ())


def test_on_demand_takes_all_nodes_where_time_is_short_floor_or_not(asking, eight, spot, on_demand, answer):
    short = eight(floor_nodes=2, deadline_at=NOW + timedelta(hours=10.2))
    found, words = answer(asking(short), spot(), on_demand())
    assert found.target.pool.capacity_type is CapacityType.ON_DEMAND
    assert (words.nodes, words.reasons[1]) == ((8, 0), "All 8 nodes are on on-demand.")


def test_a_floor_that_was_lost_with_its_gang_owes_a_launch_of_its_own(
    asking, eight, spot, on_demand, decided
):
    # By hand: 5 min of restart, a tick of 15: the floor works 10 of them, 2/8 of 10 min are 2.5 min.
    # Waiting leaves 10 h of work less 2.5 min for on-demand with 5 min of launch: 10 h 17.5 min are needed.
    def safe(minutes: float) -> bool:
        job = eight(floor_nodes=2, deadline_at=NOW + timedelta(hours=10, minutes=minutes))
        found = decided(asking(job, unavailable=frozenset({spot().pool.key})), spot(), on_demand())
        return next(each.safe for each in found.chosen.found if each.action == (None, None))

    assert not safe(17.4)
    assert safe(35.0)  # In whole ticks as well: 10 h 35 min are 42 of them, one waited, 41 for 10 h 2.5 min.


def test_a_part_is_asked_about_after_its_launch_and_ten_minutes(asking, eight, spot, on_demand, decided):
    # A whole gang keeps its slack while it works, so the longer of the two is a tick; a part loses some.
    field = decided(asking(eight()), spot(), on_demand()).chosen.field
    assert asking(eight()).tick_hours(field) == pytest.approx(10 / 60)
    assert asking(eight(elastic=True), capacity={spot().pool.key: 6}).tick_hours(field) == pytest.approx(
        15 / 60
    )


def test_a_floor_that_is_alone_in_one_region_runs_in_no_other(asking, eight, spot, on_demand, decided):
    # There it would take a launch and the egress, and what lives here is not given up to wait elsewhere.
    away = frozenset({spot().pool.key, spot("us-west-2").pool.key})
    alone = {"holds": True, "floor_alone": True, "here": on_demand().pool}
    asked = asking(eight(floor_nodes=2), unavailable=away, **alone)
    found = decided(asked, spot(), on_demand(), spot("us-west-2", 0.9), on_demand("us-west-2", 3.0))
    here, there = sorted((found.chosen, *found.others), key=lambda each: each.field.on_demand.pool.region)
    assert (None, None) in [each.action for each in here.found]
    assert [each.action[0] for each in there.found] == ["od"]
