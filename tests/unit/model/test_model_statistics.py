"""What is believed of a pool, on what evidence, and when the answer is no."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from model.errors import ImpossibleInput, InsufficientHistory
from model.market import CapacityType, Evidence
from model.statistics import all_statistics, pool_statistics

WATCHED = {"probe_drops": 20, "probe_up_hours": 200.0, "probe_observed_hours": 250.0}


def test_tenures_come_before_probes(history):
    # (.5 + 4) / 90 h of tenures, though probes saw more.
    found = pool_statistics(history(tenure_preemptions=4, tenure_exposure_hours=90.0, **WATCHED))
    assert found.evidence is Evidence.TENURES
    assert found.hazard_per_hour == pytest.approx(4.5 / 90)
    assert (found.preemptions, found.exposure_hours) == (4, 90.0)


def test_too_few_tenures_leave_the_word_to_probes(history):
    found = pool_statistics(history(tenure_preemptions=4, tenure_exposure_hours=47.9, **WATCHED))
    assert found.evidence is Evidence.PROBES
    assert found.hazard_per_hour == pytest.approx(20.5 / 200)


def test_a_pool_that_was_never_lost_is_still_not_safe(history):
    found = pool_statistics(history(tenure_exposure_hours=48.0))
    assert found.hazard_per_hour == pytest.approx(0.5 / 48)


def test_twelve_hours_are_refused_with_the_number_and_the_next_step(history):
    with pytest.raises(InsufficientHistory) as refusal:
        pool_statistics(history(tenure_exposure_hours=12.0))
    assert str(refusal.value) == (
        "InsufficientHistory: use1-az4 p5.48xlarge has 12 instance-hours of exposure in the last 30 days; "
        "a hazard needs 48 to mean anything. Widen the window (--window 90d), or accept the regional figure "
        "with --borrow region."
    )


def test_an_empty_history_has_no_price_and_says_so(history):
    with pytest.raises(InsufficientHistory, match="no price in force as of 2026-03-02 00:00 UTC"):
        pool_statistics(history(price_usd_per_hour=None, price_kind=None, **WATCHED))


def test_a_price_of_zero_is_impossible_and_not_a_bargain(history):
    with pytest.raises(ImpossibleInput, match="Price is 0 USD/h"):
        pool_statistics(history(price_usd_per_hour=Decimal(0), **WATCHED))


def test_on_demand_is_not_taken_back_and_needs_no_history(history, pool):
    found = pool_statistics(history(pool=pool(capacity_type=CapacityType.ON_DEMAND)))
    assert found.evidence is Evidence.CONTRACT
    assert (found.hazard_per_hour, found.gap_hours, found.borrowed_from) == (0.0, 0.0, None)


def test_on_demand_without_a_list_price_is_its_own_baseline(history, pool):
    found = pool_statistics(
        history(pool=pool(capacity_type=CapacityType.ON_DEMAND), on_demand_usd_per_hour=None)
    )
    assert (found.on_demand_usd_per_hour, found.discount) == (10.0, 0.0)


def test_an_unknown_on_demand_price_leaves_the_discount_unknown(history):
    assert pool_statistics(history(on_demand_usd_per_hour=None, **WATCHED)).discount is None
    assert pool_statistics(history(**WATCHED)).discount == pytest.approx(0.75)
    assert pool_statistics(history(on_demand_usd_per_hour=Decimal(10), **WATCHED)).discount == 0.0


def test_the_age_of_a_price_counts_from_when_it_was_seen(history):
    assert pool_statistics(history(**WATCHED)).price_age_s == 3600.0


def test_recorded_waits_are_shrunk_to_the_assumed_one(history):
    # 9 waits, 27 h without capacity, and one assumed wait of 2 h: 29 / 10.
    found = pool_statistics(history(probe_gaps=9, probe_gap_hours=27.0, **WATCHED))
    assert found.gap_hours == pytest.approx(2.9)
    assert found.borrowed_from is None


def test_a_wait_that_never_ended_counts_its_hours(history):
    # No completed wait in 50 h without capacity: (2 + 50) / 1.
    found = pool_statistics(history(probe_gap_hours=50.0, **WATCHED))
    assert found.gap_hours == pytest.approx(52.0)
    assert found.borrowed_from == "gap from 50 h without capacity that have not ended"


def test_a_wait_nobody_saw_is_assumed_aloud_and_not_zero(history):
    found = pool_statistics(history(tenure_exposure_hours=100.0))
    assert found.gap_hours == 2.0
    assert found.borrowed_from == "gap assumed 2 h: no wait for capacity was recorded"
    assert (found.available_share, found.available_now) == (None, True)


@pytest.fixture
def region(history, pool):
    """Three watched zones, one unwatched, one unwatched in another region, one of another provider."""
    zones = [
        history(pool=pool(zone=f"use1-az{n}"), probe_gaps=10, probe_gap_hours=30.0, **WATCHED)
        for n in (1, 2, 3)
    ]
    return [
        *zones,
        history(pool=pool(zone="use1-az9")),
        history(pool=pool(region="eu-west-1", zone="euw1-az1")),
        history(pool=pool(provider="gcp", region="us-east-1", zone="us-east1-b")),
    ]


def test_an_unwatched_zone_borrows_from_its_region_and_says_from_whom(region):
    found, refused = all_statistics(region, borrow="region")
    lent = found[3]
    assert lent.evidence is Evidence.BORROWED
    assert lent.hazard_per_hour == pytest.approx(60.5 / 600)
    assert lent.borrowed_from == (
        "hazard from 3 sibling pools in region us-east-1: 60 drops of availability in 600 h; "
        "gap from siblings in region us-east-1: 30 waits in 90 h without capacity"
    )
    assert lent.gap_hours == pytest.approx(92 / 31)  # With one assumed wait of 2 h.
    assert {r.pool.zone for r in refused} == {"euw1-az1", "us-east1-b"}
    assert "--borrow provider" in refused[0].reason


def test_a_borrowed_hazard_is_held_less_surely_than_an_own_one(region):
    found, _ = all_statistics(region, borrow="region")
    assert found[3].hazard_shape < found[0].hazard_shape


def test_what_little_a_pool_showed_itself_still_counts(history, pool, region):
    # 12 drops in 12 h of its own are far above its region's 60 in 600 h.
    wild = history(pool=pool(zone="use1-az9"), probe_drops=12, probe_up_hours=12.0, probe_observed_hours=20.0)
    quiet, found = (
        next(s for s in all_statistics(rows, borrow="region")[0] if s.pool.zone == "use1-az9")
        for rows in (region, [*region[:3], wild])
    )
    assert found.evidence is Evidence.BORROWED
    assert "60 drops of availability in 600 h, and its own 12 in 12 h" in found.borrowed_from
    assert found.hazard_per_hour == pytest.approx((quiet.hazard_shape + 12) / (quiet.hazard_rate_hours + 12))


def test_the_whole_provider_may_be_asked_but_never_another(region):
    found, refused = all_statistics(region, borrow="provider")
    far = next(s for s in found if s.pool.region == "eu-west-1")
    assert "provider aws" in far.borrowed_from
    assert [r.pool.provider for r in refused] == ["gcp"]


def test_without_borrowing_the_unwatched_are_refused_each_with_a_rule(region):
    found, refused = all_statistics(region, borrow="none")
    assert len(found) == len(refused) == 3
    assert {r.rule for r in refused} == {"insufficient-history"}
    assert all("--borrow region" in r.reason for r in refused)


def test_siblings_pull_small_counts_towards_them(history, pool, region):
    lucky = history(pool=pool(zone="use1-az7"), probe_drops=0, probe_up_hours=50.0, probe_observed_hours=60.0)
    alone = all_statistics([lucky], borrow="region")[0][0]
    among = all_statistics([lucky, *region], borrow="region")[0][0]
    assert alone.hazard_per_hour == pytest.approx(0.5 / 50)
    assert alone.hazard_per_hour < among.hazard_per_hour < 60.5 / 600


def test_another_gpu_is_no_sibling(history, region, pool):
    other = history(pool=pool(zone="use1-az8", sku="g6.xlarge"))
    other = replace(other, sku=replace(other.sku, gpu_model="L4-24GB"))
    found, refused = all_statistics([other, *region], borrow="provider")
    assert other.pool in {r.pool for r in refused}
    assert other.pool not in {s.pool for s in found}


def test_on_demand_is_no_sibling_of_spot(history, pool):
    steady = history(pool=pool(capacity_type=CapacityType.ON_DEMAND), **WATCHED)
    _, refused = all_statistics([steady, history(pool=pool(zone="use1-az9"))], borrow="region")
    assert [r.pool.zone for r in refused] == ["use1-az9"]


def test_one_impossible_pool_does_not_take_the_rest_down(history, pool, region):
    bad = history(pool=pool(zone="use1-az6"), price_usd_per_hour=Decimal(-1), **WATCHED)
    found, refused = all_statistics([bad, *region], borrow="none")
    assert refused[0].rule == "impossible-input"
    assert len(found) == 3


def test_an_unknown_way_of_borrowing_is_refused(region):
    with pytest.raises(ImpossibleInput, match="planet"):
        all_statistics(region, borrow="planet")


def test_the_window_of_the_refusal_is_the_one_that_was_used(history):
    with pytest.raises(InsufficientHistory, match="last 7 days"):
        pool_statistics(history(window=timedelta(days=7)))
