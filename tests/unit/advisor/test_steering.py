"""Where the rest of a run goes, and what a live run is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from advisor.recommend import rank
from advisor.sides import side_costs
from advisor.steering import LONGEST_WAIT_S, SHORTEST_WAIT_S, contenders, directive, next_choice
from model.market import Pool

NOW = datetime(2023, 3, 1, tzinfo=UTC)


@pytest.fixture
def options(tariffs):
    def make(job, *pools):
        sides = lambda seen: side_costs(job, seen.pool, tariffs)[0]  # noqa: E731
        return rank(job, pools, sides, as_of=NOW, seed=0, draws=400)[0]

    return make


def test_the_cheapest_pool_with_capacity_is_chosen(job, spot, on_demand, options):
    found = options(job, spot("us-east-1", 0.92), spot("us-west-2", 0.85), on_demand())
    choice = next_choice(found, job, ())
    assert choice.option.pool.region == "us-west-2"
    assert "finishes what is left for $" in choice.reasons[0]


def test_a_pool_whose_latest_probe_failed_is_passed_over(job, spot, on_demand, options):
    found = options(job, spot("us-east-1", 0.92), spot("us-west-2", 0.85, available_now=False), on_demand())
    choice = next_choice(found, job, ())
    assert choice.option.pool.region == "us-east-1"
    assert any("1 of 3 pools have no capacity now" in reason for reason in choice.reasons)


def test_capacity_that_just_came_back_is_passed_over_while_other_spot_is_there(job, spot, on_demand, options):
    back, steady = spot("us-west-2", 0.85, up_hours=0.5), spot("us-east-1", 0.92, up_hours=1.0)
    assert next_choice(options(job, back, steady, on_demand()), job, ()).option.pool.region == "us-east-1"
    assert next_choice(options(job, back, on_demand()), job, ()).option.pool.region == "us-west-2"


def test_a_live_run_is_not_moved_to_capacity_that_just_came_back(job, spot, on_demand, options):
    here = spot("us-east-1", 2.0)
    for up_hours, word in ((0.5, "continue"), (5.0, "migrate")):
        found = options(job, here, spot("us-west-2", 0.5, up_hours=up_hours), on_demand())
        assert directive(found, here.pool, job).word == word


def test_a_pool_nobody_probed_may_be_tried(job, spot, on_demand, options):
    found = options(job, spot(available_now=None, available_share=None), on_demand())
    assert next_choice(found, job, ()).option.pool.capacity_type == "spot"


def test_what_the_launcher_tried_in_vain_is_not_chosen(job, spot, on_demand, options):
    found = options(job, spot("us-east-1", 0.92), spot("us-west-2", 0.85), on_demand())
    cheapest = next_choice(found, job, ()).option.pool.key
    assert next_choice(found, job, [cheapest]).option.pool.region == "us-east-1"


def test_a_tight_deadline_sends_it_on_demand_with_the_reason(job, spot, on_demand, options):
    tight = replace(job, deadline_at=NOW + timedelta(hours=10.5))
    choice = next_choice(options(tight, spot(hazard=0.1, gap_hours=3.0), on_demand()), tight, ())
    assert choice.option.pool.capacity_type == "on_demand"
    assert any("would be cheaper" in reason and "90 %" in reason for reason in choice.reasons)


def test_where_nothing_makes_it_the_likeliest_is_taken_at_once(job, spot, on_demand, options):
    hopeless = replace(job, deadline_at=NOW + timedelta(hours=5))
    choice = next_choice(options(hopeless, spot(available_now=False), on_demand()), hopeless, ())
    assert choice.option.pool.capacity_type == "on_demand"
    assert any("No pool meets the deadline" in reason for reason in choice.reasons)


def test_with_time_in_hand_an_absent_spot_pool_is_waited_for(job, spot, on_demand, options):
    # By hand: a mean gap of an hour is asked about again after a quarter of it, 900 s.
    choice = next_choice(options(job, spot(available_now=False, gap_hours=1.0), on_demand()), job, ())
    assert choice.option is None
    assert choice.wait_s == 900.0


def test_waiting_is_never_longer_than_an_hour_or_shorter_than_five_minutes(job, spot, on_demand, options):
    for gap_hours in (0.01, 20.0):
        pools = spot(available_now=False, gap_hours=gap_hours), on_demand()
        wait_s = next_choice(options(replace(job, deadline_at=None), *pools), job, ()).wait_s
        assert SHORTEST_WAIT_S <= wait_s <= LONGEST_WAIT_S


def test_dear_time_is_not_spent_waiting(job, spot, on_demand, options):
    # By hand: a wait of 5 h at 100 $/h costs 500 $; on-demand costs 31 $ in all.
    dear = replace(job, value_of_time_usd_per_hour=100.0)
    choice = next_choice(options(dear, spot(available_now=False, gap_hours=5.0), on_demand()), dear, ())
    assert choice.option.pool.capacity_type == "on_demand"


def test_without_any_pool_it_asks_again_soon(job):
    choice = next_choice([], job, ())
    assert (choice.option, choice.wait_s) == (None, SHORTEST_WAIT_S)


def test_of_many_on_demand_pools_the_cheapest_and_the_present_one_are_looked_at(job, spot, on_demand):
    steady = [on_demand(f"region-{number}", 3.0 + number) for number in range(8)]
    kept = contenders([*steady, spot()], job, here=steady[7].pool)
    assert [seen.price_usd_per_hour for seen in kept] == [3.0, 4.0, 5.0, 6.0, 7.0, 10.0, 0.92]


def test_a_run_in_a_good_place_goes_on(job, spot, on_demand, options):
    found = options(job, spot("us-east-1", 0.92), spot("us-west-2", 0.90), on_demand())
    assert directive(found, spot("us-east-1").pool, job).word == "continue"


def test_a_run_on_demand_goes_back_to_spot_that_is_there(job, spot, on_demand, options):
    told = directive(options(job, spot(), on_demand()), on_demand().pool, job)
    assert told.word == "migrate"
    assert told.target.capacity_type == "spot"


def test_a_run_on_demand_does_not_leave_for_spot_nobody_saw(job, spot, on_demand, options):
    found = options(job, spot(available_now=None, available_share=None), on_demand())
    assert directive(found, on_demand().pool, job).word == "continue"


def test_a_run_that_would_be_late_on_spot_goes_on_demand(job, spot, on_demand, options):
    tight = replace(job, deadline_at=NOW + timedelta(hours=10.5))
    told = directive(options(tight, spot(hazard=0.1, gap_hours=3.0), on_demand()), spot().pool, tight)
    assert told.word == "switch_to_on_demand"
    assert "Staying meets the deadline" in told.reason


def test_a_pool_that_is_no_longer_known_is_not_left_for_that(job, on_demand, options):
    assert (
        directive(options(job, on_demand()), Pool.parse("aws/nowhere/-/p3.2xlarge/spot"), job).word
        == "continue"
    )
