"""An estimate from simulated courses: by hand where nothing happens, else against the closed form."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import inf

import numpy as np
import pytest

from model.billing import BillingRule
from model.convergence import quantile_error
from model.cost import estimate
from model.course_billing import Billing, Notice
from model.course_markets import Fixed, Renewing, believed
from model.errors import ImpossibleInput, InsufficientHistory
from model.interval import exact_hours
from model.market import Evidence
from model.placement import SideCosts, placed
from model.simulated import converged_estimate, simulated_estimate, simulation

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
SIDE = SideCosts(egress_usd=90.0, egress_hours=1.5, storage_usd_per_hour=0.2)
FIRST_HOUR = Billing(rule=BillingRule(refund_s=3600.0, least_s=60.0))
TWO_MINUTES = Notice(window_hours=1 / 30, saved_share=0.7)
DOUBTFUL = {"price_changes": 5, "price_log_sd": 0.2, "price_mean_usd_per_hour": 12.0, "available_now": None}


def of(job, statistics, side=NOTHING, *, as_of, paths=4_000, seed=0, **rules):
    """The simulated estimate on the market the closed form believes in."""
    market = believed(placed(job, statistics, side, statistics.hazard_per_hour), paths=paths, seed=seed)
    return simulated_estimate(job, statistics, side, market, seed=seed, from_at=as_of, **rules)


def test_on_demand_costs_its_hours_its_one_save_and_its_boot(job, on_demand, as_of):
    # 24 h + 180 s + 720 s = 24.25 h at 40 USD, as in the closed form.
    found = of(job(), on_demand, as_of=as_of, paths=100)
    assert found.cost_usd.mean == found.cost_usd.p90 == pytest.approx(24.25 * 40)
    assert found.finish_hours.p10 == pytest.approx(24.25)
    assert (found.method, found.draws, found.paths_error) == ("simulated", 100, 0.0)
    assert found.parts.restart == pytest.approx(0.2 * 40 / 8 / 24)


def test_the_closed_form_holds_the_same_belief_and_says_the_same(job, statistics, as_of):
    unsure = statistics(**DOUBTFUL)
    closed = estimate(job(), unsure, NOTHING, draws=20_000, from_at=as_of)
    found = of(job(), unsure, as_of=as_of, paths=20_000)
    for name in ("effective_usd_per_gpu_hour", "cost_usd", "finish_hours", "billed_hours"):
        ours, theirs = getattr(found, name), getattr(closed, name)
        for quantile in ("mean", "p10", "p50", "p90"):
            assert getattr(ours, quantile) == pytest.approx(getattr(theirs, quantile), rel=0.02)
    assert found.preemptions.mean == pytest.approx(closed.preemptions.mean, rel=0.03)
    assert found.lost_work_hours.mean == pytest.approx(closed.lost_work_hours.mean, rel=0.03)
    assert found.interval_s == closed.interval_s
    assert found.saving == pytest.approx(closed.saving, abs=0.01)
    assert found.breakeven_hazard_per_hour == closed.breakeven_hazard_per_hour


def test_the_parts_sum_to_the_effective_price(job, statistics, as_of):
    found = of(
        job(value_of_time_usd_per_hour=7.0, gpus=32), statistics(**DOUBTFUL, evidence=Evidence.TENURES), SIDE,
        as_of=as_of, billing=FIRST_HOUR, notice=TWO_MINUTES,
    )  # fmt: skip
    parts = found.parts
    assert parts.total() == pytest.approx(found.effective_usd_per_gpu_hour.mean, rel=1e-9)
    assert min(parts.stall, parts.rerun, parts.restart, parts.waiting, parts.storage, parts.notice) > 0
    assert parts.egress == pytest.approx(90 / (24 * 32))
    assert parts.refund < 0


def test_the_first_hour_refund_lowers_the_bill_and_moves_no_hour(job, statistics, as_of):
    wild = statistics(hazard_shape=500.0)  # 1 per hour.
    plain = of(job(), wild, as_of=as_of)
    refunded = of(job(), wild, as_of=as_of, billing=Billing(rule=BillingRule(refund_s=3600.0)))
    assert refunded.finish_hours == plain.finish_hours
    # Of each life of 1 h, e^-1 (1 + 1) = .74 h is billed.
    assert refunded.cost_usd.mean / plain.cost_usd.mean == pytest.approx(0.74, abs=0.03)
    assert refunded.parts.refund == pytest.approx(
        (refunded.cost_usd.mean - plain.cost_usd.mean) / 192, rel=1e-6
    )


def test_of_a_gang_only_the_nodes_that_were_taken_are_refunded(job, statistics, as_of):
    # One life of .5 h, then calm. 4 nodes, beta .9: struck at 4 * .1 + .9 = 1.3 times a node's hazard,
    # and 1 / 1.3 of the nodes are taken on average.
    market = [[(0.0, 0.5), (0.5, inf)]] * 100
    tenures = statistics(evidence=Evidence.TENURES)
    kept, free = (
        simulated_estimate(job(gpus=32), tenures, NOTHING, Fixed(market), billing=billing, from_at=as_of)
        for billing in (Billing(), Billing(rule=BillingRule(refund_s=3600.0)))
    )
    assert kept.cost_usd.mean - free.cost_usd.mean == pytest.approx(4 * 10 * 0.5 / 1.3)


def test_notices_cost_their_window_and_save_work(job, statistics, as_of):
    plain, warned = (of(job(), statistics(), as_of=as_of, **rules) for rules in ({}, {"notice": TWO_MINUTES}))
    assert warned.parts.rerun < plain.parts.rerun / 2
    assert warned.parts.notice == pytest.approx(warned.preemptions.mean / 30 * 10 / 192)


def test_the_data_are_moved_before_capacity_is_asked_for(job, statistics, as_of):
    # Moved by 1.5 h; capacity comes at 2 h: .5 h waited, done 24 h of work and its overheads later.
    calm = statistics(hazard_shape=1e-9)
    market = Fixed([[(2.0, inf)]] * 100)
    found = simulated_estimate(job(), calm, SIDE, market, from_at=as_of)
    assert found.finish_hours.mean == pytest.approx(2.0 + 24.25)
    assert found.cost_usd.mean == pytest.approx(24.25 * 10 + 90 + 0.2 * 26.25)


def test_the_interval_follows_the_hazard_that_is_stated(job, statistics, as_of):
    found = of(job(), statistics(), as_of=as_of, hazard_per_hour=0.4)
    assert found.interval_s == pytest.approx(86_400 / 51)  # The optimum of a long job is 1682 s.
    assert found.interval_s == pytest.approx(3600 * float(exact_hours(0.05, 0.4)), rel=0.01)


def test_the_deadline_and_the_budget_are_shares_of_the_paths(job, statistics, as_of):
    plain = of(job(), statistics(), as_of=as_of)
    assert (plain.p_deadline, plain.p_budget) == (None, None)
    limits = job(deadline_at=as_of + timedelta(hours=plain.finish_hours.p90), budget_usd=plain.cost_usd.p50)
    found = of(limits, statistics(), as_of=as_of)
    assert found.p_deadline == pytest.approx(0.9, abs=0.01)
    assert found.p_budget == pytest.approx(0.5, abs=0.02)


def test_the_same_seed_gives_the_same_answer_and_two_pools_share_their_luck(job, statistics, as_of):
    twin = statistics(pool=replace(statistics().pool, zone="use1-az5"))
    ours, again, theirs = (of(job(), each, as_of=as_of) for each in (statistics(), statistics(), twin))
    assert ours == again
    assert replace(theirs, statistics=ours.statistics) == ours
    assert of(job(), statistics(), as_of=as_of, seed=1) != ours


def test_paths_are_added_until_the_p90s_stand_still(job, statistics, as_of):
    wild, work = statistics(hazard_shape=1.0, hazard_rate_hours=10.0, gap_hours=6.0, preemptions=1), job()
    placement = placed(work, wild, NOTHING, wild.hazard_per_hour)
    found = converged_estimate(
        work, wild, NOTHING, lambda paths: believed(placement, paths=paths), from_at=as_of, target=0.04
    )
    assert found.draws in (8_000, 16_000, 32_000)
    assert found.paths_error < 0.04
    capped = converged_estimate(
        work, wild, NOTHING, lambda paths: believed(placement, paths=paths), from_at=as_of, most_paths=4_000
    )
    assert capped.draws == 4_000
    assert capped.paths_error > 0.01


def test_the_error_is_of_the_worse_of_cost_and_finish(job, statistics, as_of):
    found = simulation(job(), statistics(), NOTHING, Renewing(0.1, 1.0, paths=500), from_at=as_of)
    assert found.paths_error == max(
        quantile_error(found.outcome.cost_usd), quantile_error(found.outcome.wall_hours)
    )


def test_courses_that_never_end_have_no_mean_and_are_refused(job, statistics, as_of):
    market = Fixed([[(0.0, inf)]] * 99 + [[(0.0, 2.0)]])
    with pytest.raises(ImpossibleInput, match=r"1\.00% of 100 .* never end"):
        simulated_estimate(job(), statistics(), NOTHING, market, from_at=as_of)


def test_what_the_closed_form_refuses_is_refused_here_too(job, statistics, as_of):
    market = Renewing(0.1, paths=200)
    late = job(deadline_at=as_of - timedelta(hours=1))
    with pytest.raises(ImpossibleInput, match="not after the start"):
        simulated_estimate(late, statistics(), NOTHING, market, from_at=as_of)
    blank = statistics(evidence=Evidence.NONE, hazard_shape=0.0, hazard_rate_hours=0.0)
    with pytest.raises(InsufficientHistory, match="hazard is unknown"):
        simulated_estimate(job(), blank, NOTHING, market, from_at=as_of)
    with pytest.raises(ImpossibleInput, match="20 draws"):
        simulated_estimate(job(), statistics(), NOTHING, Renewing(0.1, paths=20), from_at=as_of)


def test_a_moving_price_is_drawn_and_never_above_on_demand(job, statistics, as_of):
    moving = statistics(
        price_usd_per_hour=39.0, price_mean_usd_per_hour=39.0, price_changes=100, price_log_sd=2.0
    )
    found = simulation(job(), moving, NOTHING, Renewing(0.1, paths=500), from_at=as_of)
    assert found.price_usd_per_hour_P.max() == 40.0
    assert np.unique(found.price_usd_per_hour_P).size > 100


def test_the_pools_own_billing_rule_reaches_both_methods_alike(job, statistics, as_of):
    plain = statistics(hazard_shape=1e6, hazard_rate_hours=2e6)  # A loss each 2 h, known for certain.
    ruled = replace(plain, billing=BillingRule(refund_s=3600.0))
    work = job(useful_hours=60.0)
    closed = estimate(work, ruled, NOTHING, from_at=as_of)
    market = believed(placed(work, ruled, NOTHING, 0.5), paths=8000, seed=1)
    walked = simulated_estimate(work, ruled, NOTHING, market, from_at=as_of)
    assert closed.parts.refund < 0
    assert closed.parts.refund == pytest.approx(walked.parts.refund, rel=0.05)
    assert closed.cost_usd.mean == pytest.approx(walked.cost_usd.mean, rel=0.01)
    assert closed.cost_usd.p90 == pytest.approx(walked.cost_usd.p90, rel=0.02)
    assert closed.finish_hours == estimate(work, plain, NOTHING, from_at=as_of).finish_hours
    assert closed.parts.total() == pytest.approx(closed.effective_usd_per_gpu_hour.mean, rel=1e-9)
