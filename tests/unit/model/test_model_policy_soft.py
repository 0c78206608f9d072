"""A deadline that is soft: late ends cost the value of time, and are weighed with money."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ImpossibleInput
from model.policy import make_policy
from model.policy_reasons import Question, alternatives
from model.spot_grid import SLACKS, kept, slacks
from model.spot_lateness import Lateness
from model.spot_safety import Promise

NOWHERE = (None, None)
COMES_BACK = ([1] * 9 + [0] * 3) * 30  # Up for 9 h, down for 3, and down now.


def soft(
    task: float = 4.0, deadline: float = 8.0, worth: float | None = 0.0, spot: float = 1.0, **more: object
):
    told: dict[str, object] = {"history": {"a": COMES_BACK}, **more}
    return make_policy(
        task, deadline, 0.5, 1.0, {"a": spot}, 3.0, ["a"], value_of_time_usd_per_hour=worth, soft=True, **told
    )


def test_a_soft_deadline_that_is_too_near_is_taken_and_a_hard_one_is_refused() -> None:
    # 4 h of work and .5 h of overhead take 5 ticks; the deadline is after 3.
    assert soft(deadline=3.0).decide(0.0, 0.0, NOWHERE, {"a": True}) == ("spot", "a")
    with pytest.raises(ImpossibleInput, match="2 h too near"):
        make_policy(4.0, 3.0, 0.5, 1.0, {"a": 1.0}, 3.0, ["a"])


def test_a_soft_deadline_has_to_say_what_lateness_costs() -> None:
    with pytest.raises(ImpossibleInput, match="no value of time"):
        soft(worth=None)


def test_free_lateness_waits_for_spot_and_dear_lateness_buys_on_demand() -> None:
    # Three ticks are left and 4 h of work: any end is late. On-demand costs 5 * 3 USD and ends 2 h late.
    # Spot that is back in 3 h costs about 5 and ends about 5 h late: 3 h of lateness against 10 USD.
    for worth, wanted in ((0.0, None), (0.5, None), (50.0, "od")):
        assert soft(deadline=3.0, worth=worth).decide(0.0, 0.0, NOWHERE, {"a": False})[0] == wanted


def test_hours_before_a_soft_deadline_are_free() -> None:
    # 60 h of slack: nothing is late, so an hour of waiting costs nothing, whatever lateness would cost.
    assert soft(deadline=65.0, worth=100.0).decide(0.0, 0.0, NOWHERE, {"a": False}) == NOWHERE
    hurried = make_policy(
        4.0, 65.0, 0.5, 1.0, {"a": 1.0}, 3.0, ["a"], {"a": COMES_BACK}, value_of_time_usd_per_hour=100.0
    )
    assert hurried.decide(0.0, 0.0, NOWHERE, {"a": False})[0] == "od"


def test_late_hours_are_charged_and_what_follows_is_exact_where_spot_saves_nothing() -> None:
    # Two ticks past the deadline with 3.5 h left, spot at the price of on-demand and down: 4 ticks at 3 USD,
    # and 7 USD for each of the 3 late hours after this one.
    policy = soft(3.5, worth=7.0, spot=3.0, history={"a": [0] * 500})
    found = {each.action[0]: each for each in policy.consider(10.0, 0.0, NOWHERE, {"a": False})}
    assert found["od"].cost_usd == pytest.approx(4 * 3.0 + 3 * 7.0, rel=1e-3)
    assert (found[None].allowed, found[None].safe) == (True, False)


def test_the_horizon_ends_where_waiting_cannot_be_worth_it() -> None:
    # On-demand takes 5 of 8 ticks and costs 4.5 * 3 = 13.5 USD: more than 14 h late at 1 USD never pay.
    job = Promise(4.0, 8.0, 0.5, 1.0)
    assert Lateness(job, 1.0, 3.0).end_tick(0, 4.0) == 8 + 14
    assert Lateness(job, 0.0, 3.0).end_tick(0, 4.0) == 8 + 72
    assert Lateness(job, 1e6, 3.0).end_tick(0, 4.0) == 8 + 5  # Two overheads, and four ticks.
    assert Lateness(job, 1.0, 3.0).end_tick(10, 4.0) == 15 + 14  # On-demand now ends at 15.
    assert not Lateness(job, 1.0, 3.0).near(22, 10, 4.0)
    assert Lateness(job, 1.0, 3.0).near(22, 11, 4.0)  # 6 ticks are left of a margin of 14.


def test_lateness_that_is_dear_beyond_measure_is_not_risked_while_on_demand_fits() -> None:
    # A tick late at 1350 USD is 100 times 4.5 h at 3 USD. On-demand takes 5 ticks: it fits until tick 3.
    job = Promise(4.0, 8.0, 0.5, 1.0)
    assert Lateness(job, 1349.0, 3.0).allowed(0, 4.0)
    assert not Lateness(job, 1350.0, 3.0).allowed(3, 4.0)
    assert Lateness(job, 1350.0, 3.0).allowed(4, 4.0)


def test_values_are_kept_densely_about_a_soft_deadline() -> None:
    ticks = kept(400, 0.25, 100)
    assert (np.diff(ticks) > 0).all()
    assert {0, 1, 99 + 1, 101, 102}.issubset(ticks)
    assert kept(400, 0.25) == kept(400, 0.25, 0)
    found = slacks(30.0, 10.0)
    assert found.size == SLACKS
    assert (np.diff(found) > 0).all()
    assert (found[0], found[-1]) == (0.0, 30.0)
    at = int(np.flatnonzero(found == 10.0)[0])
    assert max(found[at] - found[at - 1], found[at + 1] - found[at]) < 0.1


def test_a_deadline_that_on_demand_meets_to_the_hour_leaves_slacks_that_differ() -> None:
    for late in (10.0, 10.0 - 1e-14, 9.9999, 9.9):
        found = slacks(10.0, late)
        assert found.size == SLACKS
        assert (np.diff(found) > 0).all()


def test_alternatives_of_a_soft_deadline_are_told_by_cost_with_their_chance_to_be_in_time() -> None:
    # After 6 of 8 ticks nothing is in time any more: 4 h of work are left.
    found = alternatives(soft(worth=0.5), Question(6.0, 0.0, NOWHERE, {"a": False}))
    assert [each.cost_usd for each in found] == sorted(each.cost_usd for each in found)
    assert found[0].action == NOWHERE
    assert {each.p_on_time for each in found} == {0.0}


def test_a_job_that_ended_late_is_done() -> None:
    assert soft(worth=1.0).decide(30.0, 4.0, ("spot", "a"), {"a": True}) == NOWHERE
