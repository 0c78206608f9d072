"""Why a decision is what it is: alternatives with their chances, slack, and what would change it."""

from __future__ import annotations

import numpy as np
import pytest

from model.deciding import Policy
from model.policy import make_policy
from model.policy_reasons import (
    Question,
    alternatives,
    back_within,
    comings_and_goings,
    held_for,
    price_limits,
    slack_hours,
)  # fmt: skip
from model.spot_action import cheapest
from model.spot_seen import seen

NOWHERE = (None, None)
STEADY = [1] * 300
FLICKER = [1, 1, 0] * 100


def made(task: float = 8.0, deadline: float = 20.0, **told: object) -> Policy:
    told.setdefault("history", {"a": STEADY})
    prices = told.pop("prices", {"a": 1.0})
    return make_policy(task, deadline, 0.5, 1.0, prices, 3.0, list(prices), **told)


def test_slack_is_how_long_nothing_can_be_done_until_on_demand_has_to_start() -> None:
    # By hand: 20 h less 8.5 h on demand; after 3 h with 2.5 h done 17 less 6; after 15 h 5 less 8.5.
    assert slack_hours(made(), Question(0.0, 0.0, NOWHERE, {})) == 11.5
    assert slack_hours(made(), Question(3.0, 2.5, NOWHERE, {})) == 11.0
    assert slack_hours(made(), Question(15.0, 0.0, NOWHERE, {})) == -3.5
    assert slack_hours(made(), Question(0.0, 0.0, NOWHERE, {}), 9.25) == 0.75


def test_a_deadline_between_ticks_is_judged_by_the_hour() -> None:
    # By hand: 8 h and an overhead on spot, and another overhead after a loss, are 9 h.
    asked = Question(0.0, 0.0, NOWHERE, {"a": True})
    for hours, safe in ((8.9, False), (9.0, True)):
        found = {each.action[0]: each for each in alternatives(made(8.0, 9.0), asked, hours)}
        assert found["spot"].safe is safe
        assert found["od"].p_on_time == 1.0


def test_every_safe_alternative_is_in_time_and_an_unsafe_one_has_the_chance_of_its_pool() -> None:
    # By hand: 9 ticks for 8.5 h; lost after one tick, 7.5 h and an overhead take 8 of the 8 left: safe.
    # With a lag of an hour the loss takes 9 of 8: not safe, in time only if spot holds for 8.5 h.
    asked = Question(0.0, 0.0, NOWHERE, {"a": True})
    safe = {each.action[0]: each for each in alternatives(made(8.0, 9.0), asked)}
    assert (safe["spot"].safe, safe["spot"].p_on_time) == (True, 1.0)
    policy = made(8.0, 9.0, checkpoint_lag_hours=1.0)
    unsafe = {each.action[0]: each for each in alternatives(policy, asked)}
    assert not unsafe["spot"].safe
    assert unsafe["spot"].p_on_time == held_for(policy, "a", 8.5)
    assert 0.0 < unsafe["spot"].p_on_time < 1.0
    assert unsafe["od"].p_on_time == 1.0
    absent = alternatives(policy, Question(0.0, 0.0, NOWHERE, {"a": False}))
    assert {each.action[0]: each.p_on_time for each in absent} == {"od": 1.0, None: 0.0}
    assert alternatives(policy, asked)[0].action[0] == "od"  # What is safe comes first.


def test_waiting_is_no_alternative_beside_a_pool_that_is_up() -> None:
    for up, wanted in ((True, {"spot", "od"}), (False, {"od", None})):
        found = alternatives(made(8.0, 40.0), Question(0.0, 0.0, NOWHERE, {"a": up}))
        assert {each.action[0] for each in found} == wanted


def test_where_on_demand_comes_too_late_no_chance_is_left() -> None:
    found = alternatives(made(), Question(15.0, 0.0, NOWHERE, {"a": False}))
    assert [each.p_on_time for each in found] == [0.0] * len(found)


def test_asking_leaves_the_policy_as_it_was() -> None:
    history = {"a": FLICKER, "b": FLICKER}
    policy, same = (made(prices={"a": 1.0, "b": 1.1}, history=history) for _ in range(2))
    asked = Question(0.0, 0.0, NOWHERE, {"a": True, "b": False})
    assert policy.decide(0.0, 0.0, NOWHERE, asked.available) == same.decide(
        0.0, 0.0, NOWHERE, asked.available
    )
    held = Question(0.0, 0.0, ("spot", "a"), asked.available)
    alternatives(policy, held), price_limits(policy, held, solve=True), comings_and_goings(policy, held)
    for tick in range(1, 6):
        now = (float(tick), tick - 0.5, ("spot", "a"), {"a": True, "b": tick > 2})
        assert policy.consider(*now) == same.consider(*now)


@pytest.mark.parametrize("solve", [False, True])
def test_a_pool_gives_way_above_its_limit_and_not_below(solve: bool) -> None:
    policy = made(prices={"a": 1.0, "b": 1.2}, history={"a": STEADY, "b": STEADY})
    asked = Question(0.0, 0.0, NOWHERE, {"a": True, "b": True})
    limit = price_limits(policy, asked, solve=solve)[0]
    assert (limit.what, limit.pool, limit.becomes) == ("dearer", "a", ("spot", "b"))
    assert limit.usd_per_hour == pytest.approx(1.2, abs=0.05)  # Pools alike but for the price.
    for share, pool in ((0.97, "a"), (1.03, "b")):
        trial = policy.trial({"a": limit.usd_per_hour * share}, solve=solve)
        assert cheapest(asked.of(trial)).action == ("spot", pool)


def test_spot_that_is_not_taken_says_below_which_price_it_would_be() -> None:
    policy = made(8.0, 40.0, prices={"a": 50.0})
    asked = Question(0.0, 0.0, NOWHERE, {"a": True})
    assert cheapest(asked.of(policy.trial())).action[0] != "spot"
    limit = price_limits(policy, asked, solve=True)[0]
    assert (limit.what, limit.becomes) == ("cheaper", ("spot", "a"))
    assert 1.0 < limit.usd_per_hour < 4.0  # About on-demand, which costs 3.


def test_against_on_demand_or_waiting_the_price_of_one_tick_is_not_told_for_one_that_lasts() -> None:
    policy = made(8.0, 40.0, prices={"a": 1.0})
    asked = Question(0.0, 0.0, NOWHERE, {"a": True})
    assert price_limits(policy, asked, solve=False) == []
    limit = price_limits(policy, asked, solve=True)[0]
    for share, mode in ((0.97, "spot"), (1.03, limit.becomes[0])):
        trial = policy.trial({"a": limit.usd_per_hour * share}, solve=True)
        assert cheapest(asked.of(trial)).action[0] == mode
    assert limit.becomes[0] != "spot"


def test_it_says_what_it_would_do_if_a_pool_came_back_or_were_lost() -> None:
    history = {"a": STEADY, "b": STEADY}
    policy = made(prices={"a": 1.0, "b": 0.5}, history=history)
    asked = Question(0.0, 0.0, ("spot", "a"), {"a": True, "b": False})
    told = {(each.what, each.pool): each.becomes for each in comings_and_goings(policy, asked)}
    assert told["back", "b"] == ("spot", "b")
    assert told["lost", "a"][0] in (None, "od")


def test_the_chance_that_spot_comes_back_grows_with_time() -> None:
    policy = made(history={"a": FLICKER})
    chances = [back_within(policy, hours) for hours in (0.0, 1.0, 5.0)]
    assert chances[0] == 0.0
    assert chances == sorted(chances)


def test_a_policy_that_stands_anew_decides_as_one_that_was_asked_every_tick() -> None:
    rng = np.random.default_rng(3)
    up = rng.uniform(size=(340, 2)) < 0.7
    history = {name: up[:300, i].astype(int).tolist() for i, name in enumerate("ab")}
    asked_always = made(10.0, 30.0, prices={"a": 1.0, "b": 1.3}, history=history)
    asked_once = made(10.0, 30.0, prices={"a": 1.0, "b": 1.3}, history=history)
    held, owed, done = NOWHERE, 0.0, 0.0
    for tick in range(12):
        now = dict(zip("ab", up[300 + tick].tolist(), strict=True))
        held = held if held[0] != "spot" or now[held[1]] else NOWHERE
        owed = owed if held != NOWHERE else 0.0
        chosen = asked_always.decide(float(tick), done, held, now)
        past = {name: up[: 301 + tick, i] for i, name in enumerate("ab")}
        asked_once.resume(float(tick), held, owed, seen("ab", past, 1.0), {})
        assert cheapest(asked_once.consider(float(tick), done, held, now)).action == chosen
        owed = 0.5 if chosen != held and chosen[0] else owed
        worked = 1.0 - min(owed, 1.0) if chosen[0] else 0.0
        held, owed, done = chosen, max(owed - 1.0, 0.0), done + worked


def test_pasts_of_unequal_length_are_each_counted_whole() -> None:
    # By hand: of `a` 300 ticks, of `b` 3, of `c` nothing: together the last 3 are known.
    found = seen("abc", {"a": STEADY, "b": [0, 1, 1]}, 1.0)
    assert found.up_TP.tolist() == [[True, False, False], [True, True, False], [True, True, False]]
    assert found.ages.ticks_P.tolist() == [300, 2, 0]


def test_egress_counts_where_nothing_is_held_and_for_on_demand() -> None:
    policy = made(prices={"a": 1.0, "b": 1.0}, history={"a": STEADY, "b": STEADY})
    asked = Question(0.0, 0.0, NOWHERE, {"a": True, "b": True})
    free = {each.action: each.cost_usd for each in asked.of(policy.trial())}
    policy.egress_usd = {("", "a"): 7.0, ("", "od"): 5.0}
    paid = {each.action: each.cost_usd for each in asked.of(policy.trial())}
    assert paid["od", "a"] == pytest.approx(free["od", "a"] + 5.0)
    assert paid["spot", "a"] - paid["spot", "b"] == pytest.approx(7.0)


def test_a_horizon_of_weeks_keeps_no_more_steps_than_some_hundreds() -> None:
    policy = make_policy(600.0, 900.0, 0.1, 1 / 6, {"a": 1.0}, 3.0, ["a"], {"a": STEADY})
    assert len(policy._worked.values.kept) < 700
