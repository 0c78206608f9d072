"""Fewer nodes than the gang: shrink to them, replace the rest by on-demand, or wait."""

from __future__ import annotations

import pytest

from model.deciding import Policy
from model.errors import ImpossibleInput
from model.policy import make_policy
from model.spot_action import Mix
from model.spot_safety import Promise

NOWHERE, SPOT_A = (None, None), ("spot", "a")
COMES_BACK = {"a": ([1] * 9 + [0] * 3) * 30}


def elastic(deadline: float, task: float = 4.0, **more: object) -> Policy:
    told: dict[str, object] = {"history": COMES_BACK, "nodes": 8, "elastic": True, **more}
    return make_policy(task, deadline, 0.25, 1.0, {"a": 1.0}, 3.0, ["a"], **told)


def asked(policy: Policy, tick: int, done: float, current, obtainable: int):
    policy.update_capacity(float(tick), {"a": obtainable})
    return policy.decide(float(tick), done, current, {"a": obtainable >= 8})


def test_nodes_are_billed_at_their_share_of_their_prices() -> None:
    # Four of eight on spot at 1 USD for all: .5; with four on demand at 3 USD for all: .5 + 1.5.
    policy = elastic(8.0)
    assert policy.usd_per_hour(SPOT_A, Mix(4, 0)) == 0.5
    assert policy.usd_per_hour(SPOT_A, Mix(4, 4)) == 2.0


def test_a_part_of_a_gang_is_safe_where_on_demand_fits_after_what_it_works() -> None:
    # Half of the gang works half of the half hour that its launch leaves: 3.75 h and .5 h take 5 ticks.
    job = Promise(4.0, 8.0, 0.5, 1.0)
    assert job.safe_on_spot(2, 4.0, 0.5, 0.5)
    assert not job.safe_on_spot(3, 4.0, 0.5, 0.5)


def test_with_some_slack_a_job_shrinks_to_what_there_is() -> None:
    policy = elastic(8.0)
    assert asked(policy, 0, 0.0, NOWHERE, 4) == SPOT_A
    assert (policy.nodes_now, policy.spot_nodes_now) == (4, 4)
    assert policy.spent_usd == 0.5


def test_without_slack_for_it_on_demand_takes_the_place_of_what_is_missing() -> None:
    # 4.5 h of work in five ticks. Half of the gang works .375 h in the first: 4.125 h and .25 h take 5 of 4.
    # All of it works .75 h: 3.75 h and .25 h take 4 of 4, should the half on spot be lost.
    policy = elastic(5.0, 4.5)
    found = {each.mix: each for each in _considered(policy, 4) if each.action == SPOT_A}
    assert found[Mix(4, 4)].safe
    assert not found[Mix(4, 0)].safe
    assert asked(policy, 0, 0.0, NOWHERE, 4) == SPOT_A
    assert (policy.nodes_now, policy.spot_nodes_now) == (8, 4)
    assert policy.spent_usd == 2.0


def _considered(policy: Policy, obtainable: int):
    policy.update_capacity(0.0, {"a": obtainable})
    return policy.consider(0.0, 0.0, NOWHERE, {"a": False})


def test_a_part_that_is_held_goes_on_owing_nothing_and_a_change_of_nodes_is_a_launch() -> None:
    policy = elastic(40.0, 20.0)
    policy.update_capacity(0.0, {"a": 4})
    policy._last, policy._mix, policy._tick = SPOT_A, Mix(4, 0), 0
    policy.consider(1.0, 0.0, SPOT_A, {"a": False})
    assert policy.owed(SPOT_A, SPOT_A, Mix(4, 0)) == 0.0
    assert policy.owed(SPOT_A, SPOT_A, Mix(4, 4)) == 0.25
    assert policy.owed(SPOT_A, SPOT_A) == 0.25


def test_a_part_that_is_no_longer_there_is_lost() -> None:
    policy = elastic(8.0)
    asked(policy, 0, 0.0, NOWHERE, 4)
    policy.update_capacity(1.0, {"a": 3})
    found = policy.consider(1.0, 0.25, SPOT_A, {"a": False})
    assert {each.mix for each in found} == {None, Mix(3, 0), Mix(3, 5)}
    assert all(policy.owed(each.action, NOWHERE, each.mix) == 0.25 for each in found if each.action[0])


def test_a_number_that_contradicts_what_is_available_is_not_used() -> None:
    assert {each.mix for each in _considered(elastic(8.0), 8)} == {None}


def test_a_job_that_is_not_elastic_is_all_or_nothing() -> None:
    assert {each.mix for each in _considered(elastic(8.0, elastic=False), 4)} == {None}
    assert {each.mix for each in _considered(elastic(8.0, nodes=1), 0)} == {None}


def test_a_floor_stays_beside_a_part() -> None:
    # Two of eight stay on demand: three on spot make five, or eight with five on demand.
    assert {each.mix for each in _considered(elastic(8.0, floor_nodes=2), 3)} == {None, Mix(3, 2), Mix(3, 5)}


def test_nodes_are_counted_for_every_action() -> None:
    policy = elastic(5.0)
    assert (policy.nodes_now, policy.spot_nodes_now) == (0, 0)
    assert asked(policy, 0, 0.0, NOWHERE, 0)[0] == "od"
    assert (policy.nodes_now, policy.spot_nodes_now) == (8, 0)
    assert asked(policy, 1, 4.0, ("od", "a"), 8) == NOWHERE  # Done.
    assert (policy.nodes_now, policy.spot_nodes_now) == (0, 0)


def test_an_impossible_number_of_nodes_is_refused() -> None:
    with pytest.raises(ImpossibleInput, match="Obtainable nodes"):
        elastic(8.0).update_capacity(0.0, {"a": -1})
    elastic(8.0).update_capacity(0.0, {"elsewhere": 3})  # A pool that is not decided about.


def test_a_budget_that_bars_on_demand_bars_it_in_place_of_spot_too() -> None:
    # Late at 50 USD an hour, with 9 USD: on-demand takes 5 ticks, 15 USD; in place of half of the nodes in
    # the first tick 2 USD and 4 ticks more, 14 USD. Half of the nodes alone take .5 USD now and may go on.
    told = {"soft": True, "value_of_time_usd_per_hour": 50.0}
    policy = elastic(3.0, budget_usd=9.0, **told)
    barred = {(each.action[0], each.mix): each.barred for each in _considered(policy, 4)}
    assert barred[("od", None)]
    assert barred[("spot", Mix(4, 4))]
    assert not barred[("spot", Mix(4, 0))]
    assert asked(policy, 0, 0.0, NOWHERE, 4) == SPOT_A
    assert policy.nodes_now == 4
