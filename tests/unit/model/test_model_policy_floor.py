"""Nodes that stay on on-demand: what they cost, and that what they work while the rest waits is counted."""

from __future__ import annotations

import pytest

from model.errors import ImpossibleInput
from model.policy import make_policy
from model.policy_reasons import Question, alternatives
from model.spot_safety import Promise

NOWHERE = (None, None)


def floored(floor: int, nodes: int = 4, deadline: float = 8.0, **more: object):
    told: dict[str, object] = {"history": {"a": [1] * 200}, **more}
    prices = told.pop("prices", {"a": 1.0})
    return make_policy(
        4.0, deadline, 0.5, 1.0, prices, 3.0, list(prices), nodes=nodes, floor_nodes=floor, **told
    )


def test_a_floor_costs_its_share_of_on_demand_and_the_rest_its_share_of_spot() -> None:
    # One node of four: 3 / 4 = .75 USD/h alone; with three on spot .75 + 3/4 * 1 = 1.50; all on demand 3.
    policy = floored(1)
    assert policy.usd_per_hour(NOWHERE) == 0.75
    assert policy.usd_per_hour(("spot", "a")) == 1.5
    assert policy.usd_per_hour(("od", "a")) == 3.0


def test_work_of_the_floor_counts_for_the_deadline_to_the_hour() -> None:
    # Half of the gang does .5 h in a tick of waiting: 3.5 h and .5 h of launch then take 4 of 4 ticks.
    half = Promise(4.0, 8.0, 0.5, 1.0, 0.0, 0.5)
    assert half.safe_to_wait(3, 4.0)
    # Where the floor itself owes .5 h of its launch it does .25 h: 3.75 h and .5 h take 5.
    assert not half.safe_to_wait(3, 4.0, 0.5)
    assert not Promise(4.0, 8.0, 0.5, 1.0).safe_to_wait(3, 4.0)
    # A floor that finishes the work itself is in time in the last tick, and not after it.
    assert half.safe_to_wait(7, 0.5)
    assert not half.safe_to_wait(8, 0.5)


def test_a_floor_owes_its_launch_at_the_start_and_after_a_loss_and_then_no_more() -> None:
    policy = floored(2, deadline=40.0, history={"a": [1] * 9 + [0] * 2})
    owed = []
    for tick, current in enumerate([NOWHERE, NOWHERE, ("spot", "a"), NOWHERE, NOWHERE]):
        policy.consider(float(tick), 0.0, current, {"a": current[0] == "spot"})
        owed.append(policy.owed(NOWHERE, current))
        policy._last = current if tick != 1 else ("spot", "a")  # As if it had been taken at the second tick.
    # At the start, over after an hour, leaving spot for the floor alone, after the loss, over.
    assert owed == [0.5, 0.0, 0.5, 0.5, 0.0]


def test_waiting_with_a_floor_is_allowed_for_longer() -> None:
    # Half of the gang works .25 h in the first tick, as .5 h is owed of its launch, then .5 h in each.
    # After 5 ticks 2.25 h are done; a tick more leaves 1.25 h and .5 h of launch: 2 of the 2 ticks left then.
    # After 6 ticks: .75 h and .5 h take 2 of the 1 tick left.
    down = {"a": ([1] * 9 + [0]) * 20}
    policy = floored(2, history=down)
    for tick in range(7):
        done = max(0.5 * tick - 0.25, 0.0)
        found = {each.action: each for each in policy.consider(float(tick), done, NOWHERE, {"a": False})}
        assert found[NOWHERE].safe is (tick < 6), tick
        policy.decide(float(tick), done, NOWHERE, {"a": False})


def test_a_floor_of_all_nodes_is_on_demand() -> None:
    assert floored(4).decide(0.0, 0.0, NOWHERE, {"a": True})[0] == "od"


def test_a_price_of_spot_counts_only_for_the_nodes_on_spot() -> None:
    # 40 h at .1 USD less per hour of all nodes are worth a move; with 7 of 8 nodes on demand not.
    told = {"prices": {"a": 1.0, "b": 0.9}, "history": {"a": [1] * 300, "b": [1] * 300}}
    for floor, wanted in ((0, "b"), (7, "a")):
        policy = make_policy(
            40.0, 90.0, 0.5, 1.0, told["prices"], 3.0, ["a", "b"], told["history"], nodes=8, floor_nodes=floor
        )
        chosen = policy.decide(0.0, 0.0, ("spot", "a"), {"a": True, "b": True})
        assert chosen == ("spot", wanted), floor


def test_a_wait_beside_a_floor_is_judged_by_the_hour_with_its_work() -> None:
    # 4 h of work, 5.2 h left: after an hour of waiting in which half a gang does .25 h (it owes .5 h first),
    # 3.75 h and .5 h of launch take 4.25 h of 4.2: not safe. With 5.3 h left it is.
    policy = floored(2, history={"a": [0] * 9}, deadline=6.0)
    for hours, safe in ((5.2, False), (5.3, True)):
        found = {e.action: e for e in alternatives(policy, Question(0.0, 0.0, NOWHERE, {"a": False}), hours)}
        assert found[NOWHERE].safe is safe, hours


@pytest.mark.parametrize(
    ("floor", "nodes", "words"), [(5, 4, "5 nodes was asked of a gang of 4"), (-1, 4, "is -1")]
)
def test_an_impossible_floor_is_refused(floor: int, nodes: int, words: str) -> None:
    with pytest.raises(ImpossibleInput, match=words):
        floored(floor, nodes)
