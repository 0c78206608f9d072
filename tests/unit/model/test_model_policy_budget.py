"""A budget: what was billed is counted, what is expected beyond is told, a soft deadline gives way to it."""

from __future__ import annotations

import pytest

from model.deciding import Policy
from model.errors import ImpossibleInput
from model.policy import make_policy
from model.policy_reasons import Question, alternatives

NOWHERE = (None, None)
SPOT_A, SPOT_B, ON_DEMAND_A = ("spot", "a"), ("spot", "b"), ("od", "a")
STEADY, COMES_BACK = [1] * 200, ([1] * 9 + [0] * 3) * 30


def budgeted(budget: float | None = None, task: float = 4.0, deadline: float = 8.0, **more: object) -> Policy:
    told: dict[str, object] = {"history": {"a": STEADY}, **more}
    prices = told.pop("prices", {"a": 1.0})
    return make_policy(task, deadline, 0.5, 1.0, prices, 3.0, list(prices), budget_usd=budget, **told)


def test_whole_ticks_are_billed_at_the_price_of_their_time() -> None:
    policy = budgeted(task=8.0, deadline=40.0)
    assert policy.decide(0.0, 0.0, SPOT_A, {"a": True}) == SPOT_A
    assert policy.spent_usd == 1.0
    policy.update_prices(1.0, {"a": 1.5})
    policy.decide(1.0, 0.5, SPOT_A, {"a": True})
    assert policy.spent_usd == 2.5
    policy.decide(1.0, 0.5, SPOT_A, {"a": True})  # Asked twice about one tick.
    assert policy.spent_usd == 2.5
    policy.decide(4.0, 3.5, SPOT_A, {"a": True})  # Two ticks went by unasked, another begins.
    assert policy.spent_usd == 2.5 + 3 * 1.5
    policy.decide(5.0, 8.0, SPOT_A, {"a": True})  # Done: nothing runs any more.
    assert (policy.spent_usd, policy.to_go_usd) == (7.0, 0.0)


def test_a_wait_is_free_and_a_move_costs_its_egress() -> None:
    told = {"history": {"a": STEADY, "b": STEADY}, "prices": {"a": 1.0, "b": 0.5}}
    policy = budgeted(task=40.0, deadline=90.0, egress_usd_per_move={("a", "b"): 2.0}, **told)
    assert policy.decide(0.0, 0.0, NOWHERE, {}) == NOWHERE
    assert policy.spent_usd == 0.0
    assert policy.decide(1.0, 0.0, SPOT_A, {"a": True, "b": True}) == SPOT_B
    assert policy.spent_usd == 2.0 + 0.5


def test_a_floor_is_billed_while_the_rest_waits() -> None:
    # Half of the gang on demand: 1.5 USD for the hour.
    policy = budgeted(nodes=2, floor_nodes=1, deadline=40.0)
    assert policy.decide(0.0, 0.0, NOWHERE, {}) == NOWHERE
    assert policy.spent_usd == 1.5


def test_what_was_billed_is_taken_from_who_knows_it() -> None:
    policy = budgeted(deadline=40.0)
    policy.update_spent(3.0, 7.25)
    policy.decide(3.0, 0.0, SPOT_A, {"a": True})
    assert policy.spent_usd == 8.25
    with pytest.raises(ImpossibleInput, match="Money spent"):
        policy.update_spent(3.0, -1.0)


def test_a_hard_deadline_goes_before_the_budget_and_the_breach_is_told() -> None:
    # Five of the five ticks left are needed on demand: 15 USD, 9 USD beyond a budget of 6.
    policy = budgeted(6.0)
    found = policy.consider(3.0, 0.0, NOWHERE, {"a": False})
    od = next(each for each in found if each.action[0] == "od")
    assert od.allowed
    assert od.over_budget_usd == pytest.approx(9.0)
    assert policy.decide(3.0, 0.0, NOWHERE, {"a": False})[0] == "od"
    told = alternatives(policy, Question(3.0, 0.0, NOWHERE, {"a": False}))
    assert told[0].over_budget_usd == pytest.approx(9.0)


def test_what_is_spent_counts_against_the_budget() -> None:
    # 15 USD to go on demand and 4 spent before, of 10.
    policy = budgeted(10.0)
    policy.update_spent(3.0, 4.0)
    assert policy.consider(3.0, 0.0, NOWHERE, {})[0].over_budget_usd == pytest.approx(9.0)


def test_time_that_is_worth_money_is_not_billed() -> None:
    # 15 USD on demand fit a budget of 15, whatever an hour is worth.
    policy = budgeted(15.0, value_of_time_usd_per_hour=40.0)
    assert policy.consider(3.0, 0.0, NOWHERE, {})[0].over_budget_usd == 0.0


def test_under_a_soft_deadline_on_demand_is_bought_only_where_the_budget_pays_for_all_of_it() -> None:
    # Late already, at 50 USD an hour: on-demand, 5 ticks at 3 USD, is bought with 15 USD and not with 14.
    for budget, wanted in ((15.0, "od"), (14.0, None)):
        policy = budgeted(
            budget, deadline=3.0, soft=True, value_of_time_usd_per_hour=50.0, history={"a": COMES_BACK}
        )
        found = {each.action[0]: each for each in policy.consider(0.0, 0.0, NOWHERE, {"a": False})}
        assert found["od"].barred is (wanted is None)
        assert policy.decide(0.0, 0.0, NOWHERE, {"a": False})[0] == wanted


def test_on_demand_that_was_begun_within_the_budget_is_not_given_up_for_it() -> None:
    policy = budgeted(
        15.0, deadline=3.0, soft=True, value_of_time_usd_per_hour=50.0, history={"a": COMES_BACK}
    )
    current = NOWHERE
    for tick in range(5):
        current = policy.decide(float(tick), max(tick - 0.5, 0.0), current, {"a": False})
        assert current[0] == "od"
    assert policy.spent_usd == 15.0


def test_spot_goes_on_beyond_a_budget_and_says_so() -> None:
    policy = budgeted(8.0, deadline=3.0, soft=True, value_of_time_usd_per_hour=1.0)
    policy.update_spent(2.0, 8.0)
    found = {each.action: each for each in policy.consider(2.0, 0.0, NOWHERE, {"a": True})}
    # Five ticks of spot at 1 USD, if it is never lost.
    assert found[SPOT_A].over_budget_usd == pytest.approx(5.0, rel=0.2)
    assert policy.decide(2.0, 0.0, NOWHERE, {"a": True}) == SPOT_A


def test_a_budget_that_the_cheapest_course_exceeds_is_refused_with_what_is_missing() -> None:
    # With half of the gang on demand even the cheapest tick takes 1.5 + .5 = 2 USD: five of them 10.
    assert budgeted(10.0, nodes=2, floor_nodes=1)
    with pytest.raises(ImpossibleInput, match=r"1\.00 USD too small"):
        budgeted(9.0, nodes=2, floor_nodes=1)
    with pytest.raises(ImpossibleInput, match="Budget"):
        budgeted(float("nan"))
