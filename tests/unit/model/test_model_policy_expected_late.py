"""How late a policy expects to be, and what it holds where that is a part of a pool."""

from __future__ import annotations

import numpy as np
import pytest

from model.policy import make_policy
from model.policy_reasons import Question, alternatives
from model.spot_action import Mix
from model.spot_seen import seen

NOWHERE, SPOT_A = (None, None), ("spot", "a")
COMES_BACK = ([1] * 9 + [0] * 3) * 30


def soft(task: float, deadline: float, worth: float, history: list[int] = COMES_BACK, **more: float):
    told = {"spot": 1.0, **more}
    return make_policy(
        task, deadline, 0.5, 1.0, {"a": told["spot"]}, 3.0, ["a"], {"a": history},
        value_of_time_usd_per_hour=worth, soft=True,
    )  # fmt: skip


def test_late_hours_are_those_of_the_ticks_that_follow_where_nothing_can_be_gained() -> None:
    # Two ticks past the deadline with 3.5 h left and .5 h of launch, spot as dear as on-demand and down:
    # on-demand takes this tick and three more, all of them late; waiting for a tick makes one more late.
    policy = soft(3.5, 8.0, 7.0, [0] * 500, spot=3.0)
    late = {each.action[0]: hours for each, hours in policy.lateness(10.0, 0.0, NOWHERE, {"a": False})}
    assert late["od"] == pytest.approx(3.0, rel=1e-3)
    assert late[None] == pytest.approx(4.0, rel=1e-3)


def test_with_slack_enough_nothing_is_late() -> None:
    policy = soft(4.0, 65.0, 7.0)
    assert max(hours for _, hours in policy.lateness(0.0, 0.0, NOWHERE, {"a": True})) < 0.01


def test_the_dearer_an_hour_late_the_less_late_it_is() -> None:
    def late(worth: float) -> float:
        told = soft(4.0, 5.0, worth).lateness(0.0, 0.0, NOWHERE, {"a": False})
        return min(told, key=lambda each: each[0].cost_usd)[1]

    found = [late(worth) for worth in (0.0, 0.5, 5.0, 50.0)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


def test_asking_how_late_it_will_be_changes_no_decision() -> None:
    asked, quiet = soft(4.0, 5.0, 0.5), soft(4.0, 5.0, 0.5)
    asked.lateness(0.0, 0.0, NOWHERE, {"a": True})
    assert [each.cost_usd for each in asked.consider(0.0, 0.0, NOWHERE, {"a": True})] == [
        each.cost_usd for each in quiet.consider(0.0, 0.0, NOWHERE, {"a": True})
    ]


def test_a_hard_deadline_is_never_expected_to_be_missed() -> None:
    policy = make_policy(4.0, 8.0, 0.5, 1.0, {"a": 1.0}, 3.0, ["a"], {"a": COMES_BACK})
    assert {hours for _, hours in policy.lateness(0.0, 0.0, NOWHERE, {"a": True})} == {0.0}


def parts(deadline: float = 12.0):
    return make_policy(
        4.0, deadline, 0.25, 1.0, {"a": 1.0}, 3.0, ["a"], {"a": COMES_BACK}, nodes=8, elastic=True,
        checkpoint_lag_hours=0.25,
    )  # fmt: skip


def held(policy, tick: float, mix: Mix | None) -> None:
    history = seen(["a"], {"a": np.array(COMES_BACK, dtype=bool)}, 1.0)
    policy.resume(tick, SPOT_A, 0.0, history, {}, mix)


def test_a_part_that_is_held_goes_on_without_a_launch() -> None:
    # By hand: 6 of 8 at 1 USD for all cost .75 a tick; 8 of 8 would begin with a launch of a quarter hour.
    policy = parts()
    held(policy, 1.0, Mix(6, 0))
    policy.update_capacity(1.0, {"a": 6})
    assert policy.owed(SPOT_A, SPOT_A, Mix(6, 0)) == 0.0
    assert policy.owed(SPOT_A, SPOT_A, None) == 0.25
    assert policy.usd_per_hour(SPOT_A, Mix(6, 0)) == 0.75
    assert policy.decide(1.0, 0.0, SPOT_A, {"a": False}) == SPOT_A
    assert (policy.nodes_now, policy.spot_nodes_now) == (6, 6)


def test_standing_anew_forgets_what_was_told_of_parts() -> None:
    policy = parts()
    policy.update_capacity(0.0, {"a": 6})
    assert policy.obtainable("a", False) == 6
    policy.resume(0.0, NOWHERE, 0.0, seen(["a"], {"a": np.array(COMES_BACK, dtype=bool)}, 1.0), {})
    assert policy.obtainable("a", False) == 0


def test_a_part_is_safe_by_the_hour_where_on_demand_fits_after_what_it_does_not_work() -> None:
    # By hand, half of the nodes, a new launch: .25 h of it and half of the other .75 h of a tick are not
    # worked. 4 + .25 + .375 + .25 of lag and .25 of another launch are 5.125 h.
    def safe(hours: float) -> bool:
        policy = parts()
        policy.update_capacity(0.0, {"a": 4})
        found = alternatives(policy, Question(0.0, 0.0, NOWHERE, {"a": False}), hours)
        return next(each.safe for each in found if each.mix == Mix(4, 0))

    assert safe(5.126)
    assert not safe(5.124)


def test_a_part_that_cannot_end_in_time_by_itself_has_no_chance_to() -> None:
    # By hand: 4 h of work at half the speed take 8 h and a launch, and the deadline is in 5.
    policy = parts(5.0)
    policy.update_capacity(0.0, {"a": 4})
    found = alternatives(policy, Question(0.0, 0.0, NOWHERE, {"a": False}))
    half = next(each for each in found if each.mix == Mix(4, 0))
    assert (half.safe, half.p_on_time) == (False, 0.0)
