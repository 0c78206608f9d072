"""Runs decided by the policy: what it is asked, what it is not asked, and what it says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from advisor.policy_asked import Asked
from advisor.policy_desk import Desk
from advisor.policy_field import fields_of, gang_usd_per_hour
from advisor.policy_past import past_from
from advisor.policy_words import told
from advisor.run_choices import ordered
from model.cost import SideCosts
from model.market import CapacityType
from model.watched import Place, watch

NOW = datetime(2023, 3, 1, tzinfo=UTC)
FREE = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


class Nothing:
    """A store that nobody ever filled."""

    def sightings_of(self, pool_keys, **when):
        return {}


class Market:
    """A service whose statistics are what it is given."""

    def __init__(self, *pools):
        self.pools, self.store, self.asked = list(pools), Nothing(), 0

    def statistics(self, job, as_of, window_hours):
        self.asked += 1
        return list(self.pools), []


@pytest.fixture
def ask(job, spot):
    def make(**other):
        told = {
            "run_id": "run-1", "job": job, "left": job, "here": spot().pool, "holds": False,
            "owed_hours": 0.0, "as_of": NOW, "stall_share": 0.0, "lag_hours": 0.1, "unavailable": frozenset(),
            "window": timedelta(days=30),
        }  # fmt: skip
        return Asked(**{**told, **other})

    return make


def decided(market, asked, sides=lambda seen: FREE):
    return Desk(market).decide(asked, sides)


def test_an_unprobed_market_is_decided_by_the_prior_and_says_so(ask, spot, on_demand):
    found = decided(Market(spot(), on_demand()), ask())
    words = told(found, ask(), solve=False)
    assert found.target.pool.capacity_type is CapacityType.SPOT
    assert "Nobody probed the capacity" in words.reasons[-1]
    assert words.decision["history_pools"] == 0


def test_every_alternative_comes_with_its_cost_and_chance(ask, spot, on_demand):
    words = told(decided(Market(spot(), spot("us-west-2", 0.95), on_demand()), ask()), ask(), solve=False)
    found = {each["pool_id"]: each for each in words.decision["alternatives"]}
    assert len(found) == 3
    assert {each["p_on_time"] for each in found.values()} == {1.0}
    # By hand: 10 h of work and 300 s of restart at 3.06 $/h.
    assert words.decision["on_demand_throughout_usd"] == pytest.approx((10 + 300 / 3600) * 3.06)
    assert found[spot().pool.key]["expected_cost_usd"] < words.decision["on_demand_throughout_usd"]


def test_the_slack_is_the_time_until_on_demand_has_to_start(ask, spot, on_demand):
    # By hand: 72 h less 10 h of work and 5 min of restart are 61 h 55 min.
    words = told(decided(Market(spot(), on_demand()), ask()), ask(), solve=False)
    assert words.decision["slack_hours"] == pytest.approx(61 + 55 / 60)
    assert words.decision["on_demand_by"] == "2023-03-03T13:55:00Z"


def test_a_gang_is_priced_for_all_its_machines_and_told_by_the_machine(ask, job, spot, on_demand):
    gang = replace(job, gpus=8)
    asked = ask(job=gang, left=gang)
    assert gang_usd_per_hour(gang, spot(price=0.92)) == pytest.approx(8 * 0.92)
    words = told(decided(Market(spot(), spot("us-west-2", 1.2), on_demand()), asked), asked, solve=True)
    limit = next(each for each in words.decision["changes"] if each["what"] == "dearer")
    assert 0.92 < limit["usd_per_machine_hour"] < 3.06


def test_without_on_demand_the_policy_cannot_be_asked_and_it_says_why(ask, spot):
    assert "No on-demand pool is known or allowed" in decided(Market(spot()), ask())


def test_a_budget_is_told_with_what_was_billed_and_what_is_expected_beyond_it(ask, job, spot, on_demand):
    # Ten hours on demand take 30.60 USD and spot about 9.20; 25 of 30 USD are gone, so about 4 USD lack.
    tight = replace(job, budget_usd=30.0)
    market = Market(spot(price=0.92), on_demand())
    words = told(decided(market, ask(job=tight, spent_usd=25.0)), ask(job=tight, spent_usd=25.0), solve=False)
    cost = words.decision["alternatives"][0]["expected_cost_usd"]
    assert words.decision["over_budget_usd"] == pytest.approx(cost - 5.0)
    assert any("over budget by" in reason and "deadline goes first" in reason for reason in words.reasons)
    enough = replace(job, budget_usd=100.0)
    words = told(
        decided(market, ask(job=enough, spent_usd=25.0)), ask(job=enough, spent_usd=25.0), solve=False
    )
    assert words.decision["over_budget_usd"] == 0.0
    assert any("stay within it" in reason for reason in words.reasons)


def test_a_budget_is_not_judged_where_what_was_billed_is_unknown(ask, job, spot, on_demand):
    tight = replace(job, budget_usd=30.0)
    words = told(decided(Market(spot(), on_demand()), ask(job=tight)), ask(job=tight), solve=False)
    assert words.decision["over_budget_usd"] is None
    assert any("budget of $30" in reason and "not judged" in reason for reason in words.reasons)


def test_without_spot_there_is_nothing_to_decide(ask, on_demand):
    assert "no spot pool" in decided(Market(on_demand()), ask())


def test_an_on_demand_pool_that_was_refused_stands_behind_no_promise(ask, spot, on_demand):
    near, far = on_demand(), on_demand("us-west-2", 3.5)
    found = decided(Market(spot(), near, far), ask(unavailable=frozenset([near.pool.key])))
    assert found.chosen.field.on_demand.pool == far.pool


def test_a_job_without_a_deadline_is_decided_by_the_value_of_time(ask, job, spot, on_demand):
    patient = replace(job, deadline_at=None)
    hurried = replace(patient, value_of_time_usd_per_hour=100.0)
    gone = frozenset([spot().pool.key])
    for left, kind in ((patient, None), (hurried, "on_demand")):
        asked = ask(job=left, left=left, unavailable=gone)
        found = decided(Market(spot(), on_demand()), asked)
        assert (found.target.pool.capacity_type.value if found.target else None) == kind
        words = told(found, asked, solve=False)
        assert words.decision["deadline"] == "none"
        assert words.decision["slack_hours"] is None
        assert any("states no deadline" in reason for reason in words.reasons)


def test_a_deadline_that_cannot_be_kept_goes_on_demand_and_says_how_late(ask, job, spot, on_demand):
    # By hand: 10 h and 5 min from midnight are 65 min later than 9 o'clock.
    hopeless = replace(job, deadline_at=NOW + timedelta(hours=9))
    asked = ask(job=hopeless, left=hopeless)
    found = decided(Market(spot(), on_demand()), asked)
    assert found.target.pool == on_demand().pool
    words = told(found, asked, solve=False)
    assert words.decision["late_hours"] == pytest.approx(65 / 60)
    assert {each["p_on_time"] for each in words.decision["alternatives"]} == {0.0}
    assert "Even on-demand from now" in words.reasons[0]


def test_where_on_demand_comes_too_late_a_machine_that_lives_is_kept(ask, job, spot, on_demand):
    # By hand: 10 h of work in 10 h 2 min: a launch takes 5 min too many, going on takes none.
    close = replace(job, deadline_at=NOW + timedelta(hours=10, minutes=2))
    found = decided(Market(spot(), on_demand()), ask(job=close, left=close, holds=True))
    assert found.target.pool == spot().pool
    assert 0.0 < found.chosen.best.p_on_time < 1.0


def test_close_to_the_deadline_it_goes_on_demand_in_time(ask, job, spot, on_demand):
    tight = replace(job, deadline_at=NOW + timedelta(hours=10.2))
    found = decided(Market(spot(), on_demand()), ask(job=tight, left=tight))
    assert found.target.pool == on_demand().pool
    assert found.chosen.best.p_on_time == 1.0


def test_pools_of_another_speed_make_a_field_of_their_own(ask, job, spot, on_demand):
    both = replace(job, throughput={"V100-16GB": 1.0, "A100": 4.0})
    fast = replace(spot("eu-west-1", 2.0), sku=replace(spot().sku, gpu_model="A100"))
    fast_steady = replace(on_demand("eu-west-1", 6.0), sku=fast.sku)
    market = [spot(), on_demand(), fast, fast_steady]
    found = decided(Market(*market), ask(job=both, left=both))
    assert found.target.pool == fast.pool  # By hand: 10 h / 4 at 2 $ is 5 $, against 9.20 $.
    assert {each.field.speed for each in (found.chosen, *found.others)} == {1.0, 4.0}


def test_a_pool_that_takes_long_to_move_to_or_may_not_be_used_is_left_out_with_the_reason(
    job, spot, on_demand
):
    slow = replace(FREE, egress_hours=5.0)
    sides = lambda seen: slow if seen.pool.region == "far" else FREE  # noqa: E731
    found = fields_of(job, [spot(), spot("far"), on_demand()], sides, here=spot().pool, unavailable=())
    assert list(found.fields[0].spots) == [spot().pool.key]
    assert found.left_out == {spot("far").pool.key: "Moving there takes 5.0 h."}


def test_a_live_run_is_not_moved_to_capacity_nobody_saw(ask, spot, on_demand):
    asked = ask(holds=True, here=spot("us-east-1", 2.0).pool)
    found = decided(Market(spot("us-east-1", 2.0), spot("us-west-2", 0.5), on_demand()), asked)
    order = ordered(found, asked, told(found, asked, solve=False))
    assert order.word == "continue"


def test_a_present_pool_nothing_is_known_of_is_kept_while_the_deadline_is_safe(ask, job, spot, on_demand):
    market = Market(spot("us-west-2"), on_demand())
    for hours, word in ((72.0, "continue"), (10.2, "switch_to_on_demand")):
        left = replace(job, deadline_at=NOW + timedelta(hours=hours))
        asked = ask(job=left, left=left, holds=True)
        found = decided(market, asked)
        assert ordered(found, asked, told(found, asked, solve=False)).word == word


def test_prices_are_read_again_after_half_an_hour_and_the_answer_changes(ask, spot, on_demand):
    market = Market(spot(price=0.9), spot("us-west-2", 1.0), on_demand())
    desk = Desk(market)
    assert desk.decide(ask(), lambda seen: FREE).target.pool == spot().pool
    market.pools[0] = spot(price=2.5)
    soon = ask(as_of=NOW + timedelta(minutes=20))
    assert desk.decide(soon, lambda seen: FREE).target.pool == spot().pool
    later = ask(as_of=NOW + timedelta(minutes=40))
    assert desk.decide(later, lambda seen: FREE).target.pool == spot("us-west-2").pool
    assert market.asked == 2


def test_a_live_run_is_answered_at_once_and_its_prices_are_read_afterwards(ask, spot, on_demand):
    market = Market(spot(), on_demand())
    desk = Desk(market)
    for minutes in (0, 60, 70):
        asked = ask(holds=True, as_of=NOW + timedelta(minutes=minutes))
        desk.answer_now(asked, lambda seen: FREE)
        desk.tend(asked, lambda seen: FREE)
    assert market.asked == 2  # At first, and after the answer an hour later.


def test_a_gang_needs_as_many_as_it_takes_and_one_machine_any():
    place = Place(family="f", region="r", zone="z", pool="p")
    pool = watch(place, [1.0, 0.5, 0.25, np.nan], 1.0)
    # By hand: a probe asks for 16: 16, 8, 4 were there, then nobody looked.
    for nodes, up in ((16, [1, 0, 0, 0]), (8, [1, 1, 0, 0]), (4, [1, 1, 1, 1]), (1, [1, 1, 1, 1])):
        past = past_from([pool], {"p": nodes}, {"p": 16}, 3.999)
        assert past.up["p"].tolist()[-4:] == [bool(each) for each in up][-len(past.up["p"]) :]
    assert past_from([pool], {"p": 32}, {"p": 16}, 3.999).asked_for_fewer == 1


def test_pools_of_unequal_ticks_are_told_on_the_finest_of_them():
    place = Place(family="f", region="r", zone="z", pool="p")
    other = Place(family="f", region="r", zone="z", pool="q")
    past = past_from(
        [watch(place, [1.0, 0.0], 1.0), watch(other, [0.0, 1.0, 1.0, 1.0], 0.5)], {"p": 1, "q": 1}, {}, 1.999
    )
    assert past.tick_hours == 0.5
    assert past.up["q"].tolist() == [False, True, True, True][-len(past.up["q"]) :]
    assert [past.now(pool) for pool in "pqr"] == [False, True, None]
