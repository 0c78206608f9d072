"""What is bought ahead beside spot and on-demand: sunk and marginal money, told apart."""

from __future__ import annotations

from decimal import Decimal

import pytest

from model.commitments import (
    Commitment,
    CommitmentKind,
    JobHours,
    breakeven_utilisation,
    priced_by_commitment,
    priced_by_use,
)
from model.errors import ImpossibleInput, InsufficientHistory

JOB = JobHours(nodes=2, billed_hours=100.0, useful_gpu_hours=1600.0)  # 8 GPUs a node, nothing lost.


def commitment(**changes):
    """Two instances at 20 USD/h together for 240 h: 10 USD per instance-hour."""
    plain = {
        "name": "held",
        "kind": CommitmentKind.RESERVATION,
        "usd_per_hour": 20.0,
        "instances": 2,
        "hours": 240.0,
    }
    return Commitment(**plain | changes)


def test_on_demand_is_all_marginal():
    # 2 nodes * 100 h * 12 USD = 2400 USD over 1600 GPU-hours.
    priced = priced_by_use("on-demand", JOB, 12.0)
    assert priced.marginal_usd == Decimal(2400)
    assert priced.marginal_usd_per_gpu_hour == pytest.approx(1.5)
    assert not priced.guaranteed


def test_what_is_bought_adds_nothing_to_the_bill():
    # 200 of 480 committed instance-hours are used: 2000 USD, and 2800 lie idle; both are owed anyway.
    priced = priced_by_commitment(JOB, commitment(bought=True))
    assert priced.marginal_usd == 0
    assert (priced.used_usd, priced.idle_usd, priced.sunk_usd) == (2000, 2800, 4800)
    assert priced.full_usd_per_gpu_hour == pytest.approx(2000 / 1600)


def test_what_is_not_yet_bought_is_paid_with_its_idle_hours():
    # The whole term: 240 h * 20 USD = 4800 USD for a job of 200 instance-hours.
    priced = priced_by_commitment(JOB, commitment())
    assert (priced.marginal_usd, priced.sunk_usd) == (4800, 0)
    assert priced.marginal_usd_per_gpu_hour == priced.full_usd_per_gpu_hour == pytest.approx(3.0)


def test_an_upfront_payment_is_spread_over_the_term():
    # (20 + 480 / 240) / 2 = 11 USD per instance-hour.
    held = commitment(upfront_usd=480.0)
    assert held.usd_per_instance_hour == pytest.approx(11.0)
    assert priced_by_commitment(JOB, held).marginal_usd == Decimal(5280)


def test_one_that_can_be_given_back_is_paid_until_then():
    # 100 h * 20 USD; with a minimum term of 150 h, 3000 USD.
    assert priced_by_commitment(JOB, commitment(cancellable=True)).marginal_usd == 2000
    assert priced_by_commitment(JOB, commitment(cancellable=True, minimum_hours=150.0)).marginal_usd == 3000


def test_what_others_use_they_answer_for():
    # Half of 4 instances is free: 240 h * 2 * 10 USD.
    shared = commitment(instances=4, usd_per_hour=40.0, used_share=0.5)
    assert priced_by_commitment(JOB, shared).marginal_usd == 4800


def test_more_nodes_than_are_held_run_on_demand():
    # One of two nodes is held and paid; the other costs 100 h * 12 USD.
    priced = priced_by_commitment(
        JOB, commitment(instances=1, usd_per_hour=10.0, bought=True), on_demand_usd_per_hour=12.0
    )
    assert priced.marginal_usd == 1200
    assert not priced.guaranteed


def test_hours_beyond_the_term_run_on_demand_or_are_refused():
    # 2 nodes * 20 h beyond 80 h at 12 USD.
    short = commitment(hours=80.0, bought=True)
    assert priced_by_commitment(JOB, short, on_demand_usd_per_hour=12.0).marginal_usd == 480
    with pytest.raises(InsufficientHistory, match="40 instance-hours"):
        priced_by_commitment(JOB, short)


def test_a_job_that_does_not_fit_a_block_is_refused_with_both_sizes():
    # 100.25 h on sale, but machines end half an hour early.
    block = commitment(kind=CommitmentKind.CAPACITY_BLOCK, hours=100.25, ends_early_hours=0.5)
    with pytest.raises(ImpossibleInput, match=r"99\.75 h.*100 h"):
        priced_by_commitment(JOB, block)


def test_a_queued_start_is_billed_for_use_alone():
    queued = commitment(kind=CommitmentKind.FLEX_START, billed_idle=False, start_hours=(0.0, 24.0))
    priced = priced_by_commitment(JOB, queued)
    assert (priced.marginal_usd, priced.idle_usd) == (2000, 0)
    assert priced.latest_finish_hours == 124.0
    assert not priced.guaranteed


def test_a_discount_promises_no_capacity():
    assert priced_by_commitment(JOB, commitment()).guaranteed
    assert not priced_by_commitment(JOB, commitment(kind=CommitmentKind.DISCOUNT)).guaranteed


def test_breakeven_utilisation_is_the_ratio_of_prices():
    # 10 USD committed against 16 on demand: pays from 62.5 % use on.
    assert breakeven_utilisation(commitment(), 16.0) == pytest.approx(0.625)
    # Machines that end 24 h early, of 240 h: 10 / (16 * .9).
    assert breakeven_utilisation(commitment(ends_early_hours=24.0), 16.0) == pytest.approx(10 / 14.4)
    # Against spot at 8 USD per useful hour it never pays.
    assert breakeven_utilisation(commitment(), 8.0) > 1


def test_at_breakeven_both_ways_cost_the_same():
    held = commitment()
    use = breakeven_utilisation(held, 16.0)
    job = JobHours(nodes=2, billed_hours=240.0 * use, useful_gpu_hours=1.0)
    assert priced_by_commitment(job, held).marginal_usd == priced_by_use("spot", job, 16.0).marginal_usd


def test_what_is_billed_by_use_pays_at_any_use_or_at_none():
    queued = commitment(kind=CommitmentKind.FLEX_START, billed_idle=False)
    assert breakeven_utilisation(queued, 12.0) == 0.0
    assert breakeven_utilisation(queued, 9.0) == float("inf")


@pytest.mark.parametrize(
    "impossible",
    [
        {"usd_per_hour": -1.0},
        {"instances": 0},
        {"used_share": 1.5},
        {"hours": float("nan")},
        {"start_hours": (5.0, 1.0)},
        {"ends_early_hours": 240.0},
    ],
)
def test_impossible_terms_are_refused(impossible):
    with pytest.raises(ImpossibleInput) as refusal:
        commitment(**impossible)
    assert refusal.value.fix


def test_what_is_left_of_a_term_costs_the_same_by_the_hour():
    # 240 h with 480 USD upfront: after 60 h 180 h are left, and 360 USD of what was paid ahead.
    left = commitment(upfront_usd=480.0, minimum_hours=100.0).later(60.0, taken=True)
    assert (left.hours, left.upfront_usd, left.minimum_hours) == (180.0, 360.0, 40.0)
    assert left.usd_per_instance_hour == commitment(upfront_usd=480.0).usd_per_instance_hour == 11.0


def test_an_offer_gets_no_cheaper_by_being_ignored():
    # 240 h with 480 USD upfront: who buys it 60 h later pays 480 USD, and has it for 240 h from then on.
    for kind in (CommitmentKind.RESERVATION, CommitmentKind.DISCOUNT):
        offer = commitment(kind=kind, upfront_usd=480.0, minimum_hours=100.0)
        assert offer.later(60.0) == offer
        assert offer.later(1000.0) == offer
    # A block's hours are fixed: 180 h are left of it after 60 h, at the same 480 USD, which is more an hour.
    block = commitment(kind=CommitmentKind.CAPACITY_BLOCK, upfront_usd=480.0)
    left = block.later(60.0)
    assert (left.hours, left.upfront_usd) == (180.0, 480.0)
    assert left.usd_per_instance_hour > block.usd_per_instance_hour
    assert block.later(240.0) is None


def test_a_start_comes_nearer_and_the_term_runs_from_the_soonest():
    held = commitment(start_hours=(4.0, 10.0), ends_early_hours=0.5, bought=True)
    assert (held.later(3.0).start_hours, held.later(3.0).hours) == ((1.0, 7.0), 240.0)
    assert (held.later(6.0).start_hours, held.later(6.0).hours) == ((0.0, 4.0), 238.0)
    assert held.later(243.4) is not None
    assert held.later(243.5) is None  # 239.5 h after the soonest start its machines stop.
