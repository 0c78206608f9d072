"""Each rule speaks in its own words, with numbers, and unknown is never taken for good."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from advisor.rules import first_broken, sift
from model.job import Constraints
from model.market import CapacityType, PriceKind
from model.statistics import Refusal

NOW = datetime(2023, 3, 1, tzinfo=UTC)


def test_a_pool_within_all_constraints_breaks_no_rule(job, spot):
    assert first_broken(spot(), job, NOW) is None


def test_a_gpu_of_unknown_speed_is_rejected_by_name(job, spot):
    seen = replace(spot(), sku=replace(spot().sku, gpu_model="K80-12GB"))
    broken = first_broken(seen, job, NOW)
    assert broken.rule == "gpu_model"
    assert "K80-12GB" in broken.reason
    assert "V100-16GB" in broken.reason


@pytest.mark.parametrize(
    ("constraints", "rule", "words"),
    [
        (Constraints(providers=("gcp",)), "provider", "gcp"),
        (Constraints(regions=("eu-west-1",)), "region", "eu-west-1"),
        (Constraints(deny_regions=("us-east-1",)), "region", "denied"),
        (Constraints(capacity_types=(CapacityType.ON_DEMAND,)), "capacity_type", "on_demand"),
    ],
)
def test_a_constraint_rejects_with_its_own_words(job, spot, constraints, rule, words):
    broken = first_broken(spot(), replace(job, constraints=constraints), NOW)
    assert broken.rule == rule
    assert words in broken.reason


def test_a_price_of_zero_is_no_price(job, spot):
    assert first_broken(spot(price=0.0), job, NOW).rule == "no_price"


def test_a_recorded_price_unconfirmed_for_a_hundred_days_is_stale(job, spot):
    broken = first_broken(spot(price_age_s=100 * 86400.0), job, NOW)
    assert broken.rule == "stale_price"
    assert "100 days" in broken.reason


def test_a_list_price_does_not_go_stale(job, spot):
    assert first_broken(spot(price_age_s=1e9, price_kind=PriceKind.LIST), job, NOW) is None


def test_spot_at_the_on_demand_price_is_risk_without_gain(job, spot):
    broken = first_broken(spot(price=3.06), job, NOW)
    assert broken.rule == "no_discount"
    assert "$3.06/h" in broken.reason


def test_on_demand_at_its_own_price_is_no_lack_of_discount(job, on_demand):
    assert first_broken(on_demand(), job, NOW) is None


def test_a_refusal_for_want_of_history_is_passed_on_with_its_words(job, spot):
    refusal = Refusal(pool=spot().pool, rule="insufficient-history", reason="12 instance-hours; needs 48.")
    kept, rejected = sift([], [refusal], job, NOW)
    assert kept == []
    assert [(each.rule, each.reason) for each in rejected] == [
        ("insufficient-history", "12 instance-hours; needs 48.")
    ]


def test_what_is_kept_and_rejected_does_not_depend_on_the_order_of_pools(job, spot):
    pools = [spot("us-east-1"), spot("us-west-2"), spot("eu-west-1", price=0.0)]
    assert sift(pools, [], job, NOW) == sift(pools[::-1], [], job, NOW)


def test_a_region_that_lists_the_machine_without_its_gpu_is_not_believed(job, spot, on_demand):
    # As one recorded price list did: 0.81 $/h in one region, 3.67 $/h in the others. 0.81 < 0.4 * 3.67.
    others = [on_demand(f"region-{number}", 3.67) for number in range(4)]
    odd = [on_demand("cheap", 0.81), spot("cheap", 0.24, on_demand_usd_per_hour=0.81)]
    kept, rejected = sift([*others, *odd], [], job, NOW)
    assert len(kept) == 4
    assert {each.rule for each in rejected} == {"implausible_price"}
    assert "$0.8100/h in cheap, where other regions ask $3.67/h" in rejected[0].reason


def test_a_region_at_half_price_is_believed_and_so_is_one_of_few(job, on_demand):
    others = [on_demand(f"region-{number}", 3.67) for number in range(3)]
    assert len(sift([*others, on_demand("half", 1.9)], [], job, NOW)[0]) == 4
    assert len(sift([others[0], on_demand("cheap", 0.81)], [], job, NOW)[0]) == 2
