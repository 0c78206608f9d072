"""Waiting for a cheaper pool beside a dearer one, and which of several pools is held."""

from __future__ import annotations

import numpy as np
import pytest

from model.policy import Policy, make_policy
from model.spot_action import NOTHING, SPOT
from model.spot_waiting import cheapest_sets

TICK = 0.1
HOURS = 240


def turns(up_hours: float, down_hours: float) -> list[int]:
    """Ten days of a pool that comes and goes, down at the end."""
    course = [*[1] * round(up_hours / TICK), *[0] * round(down_hours / TICK)]
    return (course * round(HOURS / TICK / len(course) + 1))[: round(HOURS / TICK)]


def two_pools(deadline_hours: float, cheap_usd: float = 0.5, **more: object) -> Policy:
    """Ten hours of work; the cheap pool is up every other two hours, the dear one nearly always."""
    return make_policy(
        10.0, deadline_hours, 0.05, TICK, {"cheap": cheap_usd, "dear": 1.0}, 3.0, ["cheap", "dear"],
        history={"cheap": turns(2.0, 2.0), "dear": turns(11.0, 1.0)[::-1]}, **more,
    )  # fmt: skip


def test_with_days_to_spare_a_job_waits_for_a_pool_at_half_the_price() -> None:
    """Ten hours of dear spot cost 10 USD; the cheap pool does them for 5 within some 20 of 60 hours."""
    policy = two_pools(60.0)
    assert policy.decide(0.0, 0.0, NOTHING, {"cheap": False, "dear": True}) == NOTHING
    assert policy.decide(TICK, 0.0, NOTHING, {"cheap": True, "dear": True}) == (SPOT, "cheap")


def test_with_no_time_to_spare_the_dear_pool_is_taken_at_once() -> None:
    policy = two_pools(10.8)
    assert policy.decide(0.0, 0.0, NOTHING, {"cheap": False, "dear": True}) == (SPOT, "dear")


def test_nobody_waits_for_a_pool_that_costs_the_same() -> None:
    policy = two_pools(60.0, cheap_usd=1.0)
    assert policy.decide(0.0, 0.0, NOTHING, {"cheap": False, "dear": True}) == (SPOT, "dear")


def test_nobody_waits_for_a_cheaper_pool_where_an_hour_is_worth_more_than_it_saves() -> None:
    policy = two_pools(60.0, value_of_time_usd_per_hour=2.0)
    assert policy.decide(0.0, 0.0, NOTHING, {"cheap": False, "dear": True}) == (SPOT, "dear")


def test_a_pool_that_lives_is_not_left_to_wait() -> None:
    policy = two_pools(60.0)
    found = policy.consider(0.0, 0.0, (SPOT, "dear"), {"cheap": False, "dear": True})
    assert NOTHING not in [each.action for each in found]


def test_a_trial_waits_beside_no_pool_that_is_up() -> None:
    found = two_pools(60.0).trial().consider(0.0, 0.0, NOTHING, {"cheap": False, "dear": True})
    assert NOTHING not in [each.action for each in found]


def test_new_prices_change_what_is_waited_for() -> None:
    policy = two_pools(60.0)
    policy.update_prices(0.0, {"cheap": 1.5})
    assert policy.decide(0.0, 0.0, NOTHING, {"cheap": False, "dear": True}) == (SPOT, "dear")


def test_sets_counted_anew_are_as_if_they_had_been_watched_all_along() -> None:
    """Prices that go away and come back leave what was counted as it was."""
    ups = np.random.default_rng(1).uniform(size=(50, 2)) < 0.5
    watched, counted_anew = two_pools(60.0), two_pools(60.0)
    for tick, (cheap, dear) in enumerate(ups.tolist()):
        for policy in (watched, counted_anew):
            policy.decide(tick * TICK, 0.0, NOTHING, {"cheap": cheap, "dear": dear})
    counted_anew.update_prices(5.0, {"cheap": 1.5})
    counted_anew.update_prices(5.0, {"cheap": 0.5})
    np.testing.assert_allclose(counted_anew._some.hazards(), watched._some.hazards())


def test_of_two_pools_at_one_price_the_one_that_stays_longer_is_taken() -> None:
    """Neither lasts the 40 hours of work, but one stays for half an hour and the other for eight."""
    policy = make_policy(
        40.0, 60.0, 0.2, TICK, {"flicker": 1.0, "steady": 1.0}, 3.0, ["flicker", "steady"],
        history={"flicker": turns(0.5, 0.5), "steady": turns(8.0, 0.5)},
    )  # fmt: skip
    assert policy.decide(0.0, 0.0, NOTHING, {"flicker": True, "steady": True}) == (SPOT, "steady")


@pytest.mark.parametrize(
    ("prices", "sets"),
    [
        ([1.0], []),
        ([2.0, 1.0], [[1]]),
        ([1.0, 1.001], []),  # One price: none is waited for.
        ([3.0, 1.0, 2.0, 4.0, 5.0, 6.0], [[1], [1, 2], [0, 1, 2, 3]]),
        ([1.0, 1.0, 2.0], [[0, 1]]),
    ],
)
def test_the_cheapest_one_two_and_four_are_sets_where_the_next_pool_is_clearly_dearer(
    prices: list[float], sets: list[list[int]]
) -> None:
    assert cheapest_sets(np.array(prices)) == sets
