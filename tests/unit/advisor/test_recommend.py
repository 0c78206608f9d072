"""Ranking: cheapest useful GPU-hour first, among those that make it in time, with reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.recommend import recommend
from model.errors import InsufficientHistory
from model.job import Constraints
from model.market import CapacityType, Evidence

NOW = datetime(2023, 3, 1, tzinfo=UTC)


def ranked(job, statistics, tariffs, **other):
    return recommend(job, statistics, [], tariffs, as_of=NOW, draws=400, **other)


def names(found):
    return [(option.pool.region, option.pool.capacity_type.value) for option in found.options]


def test_calm_spot_beats_on_demand_and_both_are_shown(job, spot, on_demand, tariffs):
    found = ranked(job, [on_demand(), spot()], tariffs)
    assert names(found) == [("us-east-1", "spot"), ("us-east-1", "on_demand")]
    assert [option.rank for option in found.options] == [1, 2]


def test_a_dangerous_pool_falls_behind_a_dearer_calm_one(job, spot, tariffs):
    found = ranked(job, [spot("us-east-1", 0.92, hazard=2.0), spot("us-west-2", 1.10, hazard=0.01)], tariffs)
    assert names(found) == [("us-west-2", "spot"), ("us-east-1", "spot")]


def test_a_pool_that_misses_the_deadline_comes_after_one_that_meets_it_with_the_reason(
    job, spot, on_demand, tariffs
):
    # By hand: 10 h of work and 5 minutes of boot fit in 11 h; with 2 preemptions/h and waits of
    # 5 h each they do not.
    tight = replace(job, deadline_at=NOW + timedelta(hours=11))
    found = ranked(tight, [spot(hazard=2.0, gap_hours=5.0), on_demand()], tariffs)
    assert names(found) == [("us-east-1", "on_demand"), ("us-east-1", "spot")]
    assert not found.options[1].meets_deadline
    assert (
        found.options[1]
        .reasons[0]
        .startswith("Ranked after the rest: it meets the deadline 2023-03-01 11:00")
    )


def test_data_that_lies_elsewhere_is_paid_for(job, spot, tariffs):
    # By hand: 500 GB at 0.02 $/GB is 10.00 $, and at 1 GB/s 500 s or 8 minutes.
    moved = replace(job, dataset_bytes=500_000_000_000, data_provider="aws", data_region="us-west-2")
    found = ranked(moved, [spot("us-east-1"), spot("us-west-2")], tariffs)
    sides = {option.pool.region: option.side for option in found.options}
    assert sides["us-west-2"].egress_usd == 0
    assert sides["us-east-1"].egress_usd == pytest.approx(10.0)
    assert sides["us-east-1"].egress_hours == pytest.approx(500 / 3600)
    told = " ".join(next(o for o in found.options if o.pool.region == "us-east-1").reasons)
    assert "500 GB of data from aws us-west-2 costs $10.00 and 8 min" in told
    regions = ("us-east-1", "us-west-2")
    assert {figure.name for figure in found.figures} == {
        "egress", "storage aws", "transfer_rate", "notice aws",
        *(f"on-demand price aws {region} p3.2xlarge" for region in regions),
    }  # fmt: skip


def test_reasons_carry_the_saving_the_hazard_and_the_break_even(job, spot, on_demand, tariffs):
    best = ranked(job, [spot(), on_demand()], tariffs).options[0]
    told = " ".join(best.reasons)
    assert f"{best.estimate.saving * 100:.0f} % cheaper than on-demand" in told
    assert "Loses to on-demand if the hazard exceeds" in told
    assert "10 drops of availability in 500 pool-hours" in told
    assert "obtainable 90 % of the time" in told


def test_a_budget_that_will_hardly_hold_is_said(job, spot, tariffs):
    best = ranked(replace(job, budget_usd=1.0), [spot()], tariffs).options[0]
    assert any("within the budget with a chance of 0 %" in reason for reason in best.reasons)


def test_fallbacks_go_to_another_region_first_and_are_never_on_demand(job, spot, on_demand, tariffs):
    near = spot("us-east-1", 0.93)
    near = replace(near, pool=replace(near.pool, zone="name:us-east-1b"))
    far = [spot("us-west-2", 1.2), spot("eu-west-1", 1.3), spot("eu-north-1", 1.4)]
    best = ranked(job, [spot("us-east-1", 0.92), near, *far, on_demand()], tariffs).options[0]
    regions = [key.split("/")[1] for key in best.fallbacks]
    assert regions == ["us-west-2", "eu-west-1", "eu-north-1"]


def test_with_one_region_the_fallback_is_next_door(job, spot, tariffs):
    near = spot("us-east-1", 0.93)
    near = replace(near, pool=replace(near.pool, zone="name:us-east-1b"))
    best = ranked(job, [spot("us-east-1", 0.92), near], tariffs).options[0]
    assert best.fallbacks == (near.pool.key,)


def test_nobody_left_is_a_refusal_with_counts(job, spot, on_demand, tariffs):
    barred = replace(job, constraints=Constraints(providers=("gcp",)))
    with pytest.raises(InsufficientHistory, match=r"None of 2 pools .*2 by provider"):
        ranked(barred, [spot(), on_demand()], tariffs)


def test_a_pool_that_cannot_be_estimated_says_why_and_does_not_stop_the_rest(job, spot, on_demand, tariffs):
    endless = spot("us-west-2", hazard=500.0)
    found = ranked(job, [endless, on_demand()], tariffs)
    assert [(each.rule, each.pool.region) for each in found.rejected] == [("no_estimate", "us-west-2")]
    assert "never end" in found.rejected[0].reason


def test_the_same_question_has_the_same_answer_whatever_the_order_of_pools(job, spot, on_demand, tariffs):
    pools = [spot("us-east-1"), spot("us-west-2", 1.0), on_demand()]
    assert ranked(job, pools, tariffs, seed=7) == ranked(job, pools[::-1], tariffs, seed=7)


def test_another_seed_changes_the_quantiles_and_not_the_order(job, spot, on_demand, tariffs):
    one, two = (ranked(job, [spot(), on_demand()], tariffs, seed=seed) for seed in (1, 2))
    assert names(one) == names(two)
    assert one.options[0].estimate.cost_usd.p90 != two.options[0].estimate.cost_usd.p90


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(prices=st.lists(st.floats(0.1, 2.9), min_size=2, max_size=4, unique=True))
def test_equal_pools_are_ranked_by_price(job, spot, tariffs, prices):
    pools = [spot(f"region-{number}", price) for number, price in enumerate(prices)]
    found = ranked(replace(job, deadline_at=None), pools, tariffs)
    told = [option.estimate.statistics.price_usd_per_hour for option in found.options]
    assert told == sorted(prices)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(hazard=st.floats(0.001, 1.0), hours=st.floats(6.0, 200.0))
def test_an_option_that_meets_the_deadline_never_ranks_behind_one_that_does_not(
    job, spot, on_demand, tariffs, hazard, hours
):
    tight = replace(job, deadline_at=NOW + timedelta(hours=hours))
    found = ranked(tight, [spot(hazard=hazard, gap_hours=4.0), spot("us-west-2"), on_demand()], tariffs)
    meets = [option.meets_deadline for option in found.options]
    assert meets == sorted(meets, reverse=True)


def test_on_demand_is_left_out_where_the_job_allows_spot_alone(job, spot, on_demand, tariffs):
    spot_only = replace(job, constraints=Constraints(capacity_types=(CapacityType.SPOT,)))
    found = ranked(spot_only, [spot(), on_demand()], tariffs)
    assert names(found) == [("us-east-1", "spot")]
    assert found.rejected[0].rule == "capacity_type"


def test_an_option_says_which_formula_chose_its_interval_and_why(job, spot, tariffs):
    option = ranked(job, [spot()], tariffs).options[0]
    assert option.estimate.interval is not None
    assert option.estimate.interval.formula == "F3"
    assert any("by F3 (exact optimum (Lambert W)). Preemptions come 0.02 times" in r for r in option.reasons)


def test_a_job_that_uses_notices_is_placed_with_the_providers(job, spot, tariffs):
    quick = replace(job, overheads=replace(job.overheads, emergency_save_s=20.0, notice_delivered_share=0.9))
    option = ranked(quick, [spot()], tariffs).options[0]
    assert option.notice_s > 0
    assert option.estimate.interval is not None
    assert option.estimate.interval.formula == "F7o"
    plain = ranked(job, [spot()], tariffs).options[0]
    assert option.estimate.cost_usd.mean < plain.estimate.cost_usd.mean


def test_fallbacks_begin_with_the_failover_order(job, spot, on_demand, tariffs):
    hard = replace(job, deadline_at=NOW + timedelta(hours=12))
    rare = {"available_share": 0.5, "gap_hours": 6.0}
    pools = [spot("us-east-1", hazard=0.2, **rare), spot("us-west-2", 1.5, available_share=0.99), on_demand()]
    found = ranked(hard, pools, tariffs)
    assert found.failover is not None
    head, *rest = found.failover.order.names
    assert head == found.options[0].pool.key
    assert list(found.options[0].fallbacks[: len(rest)]) == rest
    assert not any("on_demand" in name for name in found.failover.order.names)


def test_a_deadline_brings_a_floor_and_none_brings_none(job, spot, on_demand, tariffs):
    assert ranked(job, [spot(), on_demand()], tariffs).floor is not None
    assert ranked(replace(job, deadline_at=None), [spot(), on_demand()], tariffs).floor is None


def test_where_on_demand_is_first_there_is_no_list_to_fail_over(job, spot, on_demand, tariffs):
    found = ranked(job, [spot(price=9.0), on_demand()], tariffs)
    assert found.failover is None
    assert found.floor is None


class Refunding:
    """The flat tariffs, with an hour's refund."""

    def __init__(self, flat):
        self._flat = flat

    def __getattr__(self, name):
        return getattr(self._flat, name)

    def refund_s(self, provider):
        """An hour."""
        return self._flat._figure(f"refund {provider}", 3600.0, "s")


def test_a_refund_counts_where_instances_were_seen_to_be_taken_back(job, spot, tariffs):
    shaky = spot(hazard=0.5, evidence=Evidence.TENURES)
    found = ranked(job, [shaky], Refunding(tariffs))
    assert found.options[0].estimate.parts.refund < 0
    assert any(figure.name == "refund aws" for figure in found.figures)
    probed = ranked(job, [spot(hazard=0.5)], Refunding(tariffs))
    assert probed.options[0].estimate.parts.refund == 0
    assert not any(figure.name == "refund aws" for figure in probed.figures)
