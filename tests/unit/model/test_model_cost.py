"""One job on one pool: means by hand, spread against simulation, parts that close."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import exp, expm1, sqrt

import numpy as np
import pytest

from model.breakeven import breakeven_hazard_per_hour
from model.cost import SideCosts, estimate
from model.errors import ImpossibleInput, InsufficientHistory
from model.goodput import Cadence
from model.interval import exact_hours
from model.market import CapacityType, Evidence, Sku
from model.simulate import simulate

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
CERTAIN = {"hazard_shape": 1e9, "hazard_rate_hours": 1e10, "preemptions": 10**12}  # .1 per hour, no doubt.


def test_on_demand_costs_its_hours_its_one_save_and_its_boot(job, on_demand, as_of):
    # 24 h + 180 s + 720 s = 24.25 h at 40 USD.
    found = estimate(job(), on_demand, NOTHING, from_at=as_of)
    assert found.cost_usd.mean == pytest.approx(24.25 * 40)
    assert found.cost_usd.p10 == found.cost_usd.p90 == pytest.approx(24.25 * 40)
    assert found.finish_hours.p90 == pytest.approx(24.25)
    assert found.preemptions.mean == found.lost_work_hours.mean == 0
    assert found.effective_usd_per_gpu_hour.mean == pytest.approx(24.25 * 40 / (24 * 8))
    assert found.on_demand_cost_usd == pytest.approx(960.0)
    assert found.breakeven_hazard_per_hour is None


def test_a_certain_hazard_costs_what_the_closed_form_says(job, statistics, as_of):
    # h = .1: a long job's optimum is .967 h; 24 h are cut into 25 even segments, plus the first boot of .2 h.
    found = estimate(job(), statistics(**CERTAIN), NOTHING, from_at=as_of)
    tau = 24 / 25
    assert found.interval_s == pytest.approx(3600 * tau)
    assert tau == pytest.approx(float(exact_hours(0.05, 0.1)), rel=0.01)
    billed = 0.2 + 25 * 10 * exp(0.02) * expm1((tau + 0.05) / 10)
    assert found.billed_hours.mean == pytest.approx(billed, rel=1e-4)
    assert found.cost_usd.mean == pytest.approx(10 * billed, rel=1e-4)
    assert found.preemptions.mean == pytest.approx((billed - 0.2) / 10, rel=1e-4)
    # Each preemption waits 1 h for capacity.
    assert found.finish_hours.mean == pytest.approx(billed + (billed - 0.2) / 10, rel=1e-3)
    assert found.goodput == pytest.approx(24 / found.finish_hours.mean)
    assert found.saving == pytest.approx(1 - found.cost_usd.mean / 960)


def test_quantiles_are_those_of_a_simulation(job, statistics, as_of):
    found = estimate(job(), statistics(**CERTAIN), NOTHING, draws=40_000, from_at=as_of)
    cadence = Cadence(interval_hours=found.interval_s / 3600, pause_hours=0.05, restart_hours=0.2)
    paths = simulate(24.0, cadence, 0.1, 1.0, paths=40_000)
    for q, ours in (
        (0.1, found.finish_hours.p10),
        (0.5, found.finish_hours.p50),
        (0.9, found.finish_hours.p90),
    ):
        assert ours == pytest.approx(0.2 + np.quantile(paths.wall_hours, q), rel=0.01)
    assert found.preemptions.p90 == np.quantile(paths.preemptions, 0.9)


def test_the_parts_sum_to_the_effective_price(job, statistics, as_of):
    side = SideCosts(egress_usd=90.0, egress_hours=1.5, storage_usd_per_hour=0.2)
    doubtful = statistics(price_changes=5, price_log_sd=0.2, price_mean_usd_per_hour=12.0, available_now=None)
    found = estimate(job(value_of_time_usd_per_hour=7.0), doubtful, side, from_at=as_of)
    assert found.parts.total() == pytest.approx(found.effective_usd_per_gpu_hour.mean, rel=1e-9)
    assert found.parts.egress == pytest.approx(90 / 192)
    assert min(found.parts.stall, found.parts.rerun, found.parts.restart, found.parts.waiting) > 0
    assert found.parts.on_demand == 0.0


def test_the_value_of_time_is_in_the_effective_price_and_not_in_the_bill(job, statistics, as_of):
    plain = estimate(job(), statistics(), NOTHING, from_at=as_of)
    hurried = estimate(job(value_of_time_usd_per_hour=50.0), statistics(), NOTHING, from_at=as_of)
    assert hurried.cost_usd == plain.cost_usd
    more = hurried.effective_usd_per_gpu_hour.mean - plain.effective_usd_per_gpu_hour.mean
    assert more == pytest.approx(hurried.parts.waiting)
    assert plain.parts.waiting == 0.0


def test_moving_the_data_delays_the_finish_and_not_the_bill(job, statistics, as_of):
    near = estimate(job(), statistics(), NOTHING, from_at=as_of)
    side = SideCosts(egress_usd=100.0, egress_hours=3.0, storage_usd_per_hour=0.0)
    far = estimate(job(), statistics(), side, from_at=as_of)
    assert far.finish_hours.p50 == pytest.approx(near.finish_hours.p50 + 3)
    assert far.billed_hours == near.billed_hours
    assert far.cost_usd.mean == pytest.approx(near.cost_usd.mean + 100)


def test_storage_is_kept_for_as_long_as_the_job_lasts(job, statistics, as_of):
    side = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.5)
    found = estimate(job(), statistics(), side, from_at=as_of)
    assert found.parts.storage * 192 == pytest.approx(0.5 * found.finish_hours.mean)


def test_absent_capacity_is_waited_for_first(job, statistics, as_of):
    present = estimate(job(), statistics(**CERTAIN), NOTHING, from_at=as_of)
    absent = estimate(job(), statistics(available_now=False, **CERTAIN), NOTHING, from_at=as_of)
    unknown = estimate(job(), statistics(available_now=None, **CERTAIN), NOTHING, from_at=as_of)
    # Mean gap 1 h; present in .9 of the time, so a tenth of that where nobody looked just now.
    assert absent.finish_hours.mean == pytest.approx(present.finish_hours.mean + 1.0, rel=1e-3)
    assert unknown.finish_hours.mean == pytest.approx(present.finish_hours.mean + 0.1, rel=1e-3)
    assert absent.billed_hours == present.billed_hours


def test_capacity_nobody_ever_looked_for_is_judged_by_hazard_and_gap(job, statistics, as_of):
    # .1 per hour and 1 h each: gone 1 hour in 11.
    known = estimate(job(), statistics(**CERTAIN), NOTHING, from_at=as_of)
    blind = estimate(
        job(), statistics(available_now=None, available_share=None, **CERTAIN), NOTHING, from_at=as_of
    )
    assert blind.finish_hours.mean == pytest.approx(known.finish_hours.mean + 1 / 11, rel=1e-3)


def test_a_part_of_a_machine_is_a_whole_machine(job, statistics, as_of):
    # 12 GPUs on machines of 8: 2 machines are paid, 12 GPUs are useful.
    found = estimate(job(gpus=12), statistics(), NOTHING, from_at=as_of)
    assert found.nodes == 2
    assert found.parts.price == pytest.approx(2 * 10 / 12)


def test_a_gang_is_struck_by_any_of_its_nodes_unless_drops_are_the_pools(job, statistics, as_of):
    # 4 nodes, beta .9: tenures strike .1 * (4 * .1 + .9) = .13 per hour, a drop of the pool .1.
    big = job(gpus=32)
    drops = estimate(big, statistics(**CERTAIN), NOTHING, from_at=as_of)
    nodes = estimate(big, statistics(evidence=Evidence.TENURES, **CERTAIN), NOTHING, from_at=as_of)
    assert drops.interval_s == pytest.approx(3600 * float(exact_hours(0.05, 0.1)), rel=0.02)  # Cut evenly.
    assert nodes.interval_s == pytest.approx(3600 * float(exact_hours(0.05, 0.13)), rel=0.02)
    assert 86_400 / drops.interval_s == pytest.approx(25)
    assert 86_400 / nodes.interval_s == pytest.approx(28)


def test_a_gpu_half_as_fast_works_twice_as_long_for_the_same_work(job, statistics, as_of):
    slow = replace(statistics(), sku=Sku(provider="aws", name="p4d", gpu_model="A100-40GB", gpu_count=8))
    both = job(throughput={"H100-80GB": 1.0, "A100-40GB": 0.5})
    found = estimate(both, slow, NOTHING, from_at=as_of)
    assert found.useful_hours == 48.0
    # Per hour of the first-named GPU, so that a slow GPU at the same price costs twice as much.
    assert found.useful_gpu_hours == 192.0
    assert found.parts.price == pytest.approx(2 * 10 / 8)


def test_the_deadline_and_the_budget_are_shares_of_the_draws(job, statistics, as_of):
    plain = estimate(job(), statistics(), NOTHING, from_at=as_of)
    assert (plain.p_deadline, plain.p_budget) == (None, None)
    limits = job(deadline_at=as_of + timedelta(hours=plain.finish_hours.p90), budget_usd=plain.cost_usd.p50)
    found = estimate(limits, statistics(), NOTHING, from_at=as_of)
    assert found.p_deadline == pytest.approx(0.9, abs=0.01)
    assert found.p_budget == pytest.approx(0.5, abs=0.02)


def test_a_deadline_before_the_work_could_end_is_hopeless_and_no_error(job, statistics, as_of):
    found = estimate(job(deadline_at=as_of + timedelta(hours=10)), statistics(), NOTHING, from_at=as_of)
    assert found.p_deadline == 0.0


def test_a_deadline_in_the_past_is_an_error(job, statistics, as_of):
    with pytest.raises(ImpossibleInput, match="not after the start"):
        estimate(job(deadline_at=as_of - timedelta(hours=1)), statistics(), NOTHING, from_at=as_of)


def test_a_constant_price_is_certain_and_a_moving_one_widens_the_cost(job, statistics, as_of):
    still = estimate(job(), statistics(**CERTAIN), NOTHING, from_at=as_of)
    moving = estimate(
        job(), statistics(price_changes=20, price_log_sd=0.4, **CERTAIN), NOTHING, from_at=as_of
    )
    assert moving.cost_usd.p90 - moving.cost_usd.p10 > still.cost_usd.p90 - still.cost_usd.p10
    assert moving.cost_usd.mean == pytest.approx(still.cost_usd.mean, rel=0.02)


def test_a_forecast_price_stays_at_or_below_on_demand(job, statistics, as_of):
    wild = statistics(
        price_usd_per_hour=39.0,
        price_mean_usd_per_hour=39.0,
        price_changes=100,
        price_log_sd=2.0,
        **CERTAIN,
    )
    found = estimate(job(), wild, NOTHING, from_at=as_of)
    assert found.parts.price * 8 <= 40.0


def test_doubt_about_the_hazard_widens_the_finish(job, statistics, as_of):
    sure = estimate(job(), statistics(**CERTAIN), NOTHING, from_at=as_of)
    unsure = statistics(hazard_shape=1.0, hazard_rate_hours=10.0, preemptions=1)
    found = estimate(job(), unsure, NOTHING, from_at=as_of)
    assert found.finish_hours.p90 > sure.finish_hours.p90
    assert found.finish_hours.p10 < sure.finish_hours.p10


def test_the_same_seed_gives_the_same_answer_and_another_gives_another(job, statistics, as_of):
    first, again, other = (
        estimate(job(), statistics(), NOTHING, seed=seed, from_at=as_of) for seed in (1, 1, 2)
    )
    assert first == again
    assert first.finish_hours.p90 != other.finish_hours.p90


def test_two_pools_share_their_luck(job, statistics, as_of):
    # The same pool under another name: not one digit differs.
    twin = statistics(pool=replace(statistics().pool, zone="use1-az5"))
    ours, theirs = (estimate(job(), s, NOTHING, from_at=as_of) for s in (statistics(), twin))
    assert replace(theirs, statistics=ours.statistics) == ours


def test_at_the_break_even_hazard_nothing_is_saved(job, statistics, as_of):
    limit = breakeven_hazard_per_hour(job(), statistics(), NOTHING)
    there = statistics(hazard_shape=1e9, hazard_rate_hours=1e9 / limit, preemptions=10**12)
    assert estimate(job(), there, NOTHING, from_at=as_of).saving == pytest.approx(0.0, abs=2e-3)


def test_break_even_grows_as_the_discount_does(job, statistics):
    cheap, dear = (
        breakeven_hazard_per_hour(job(), statistics(price_usd_per_hour=p), NOTHING) for p in (4.0, 20.0)
    )
    assert cheap > dear > 0


def test_there_is_no_break_even_where_spot_is_no_cheaper_or_on_demand_unknown(job, statistics):
    assert breakeven_hazard_per_hour(job(), statistics(price_usd_per_hour=40.0), NOTHING) is None
    assert breakeven_hazard_per_hour(job(), statistics(on_demand_usd_per_hour=None), NOTHING) is None


def test_an_unknown_on_demand_price_leaves_the_saving_unknown(job, statistics, as_of):
    found = estimate(job(), statistics(on_demand_usd_per_hour=None), NOTHING, from_at=as_of)
    assert (found.on_demand_cost_usd, found.saving, found.breakeven_hazard_per_hour) == (None, None, None)


def test_a_pool_that_strikes_faster_than_the_job_can_save_is_refused(job, statistics, as_of):
    hell = statistics(hazard_shape=1e6, hazard_rate_hours=1e4)  # 100 per hour, restarts of .2 h.
    with pytest.raises(ImpossibleInput, match="never end"):
        estimate(job(), hell, NOTHING, from_at=as_of)


def test_an_unknown_hazard_is_never_zero(job, statistics, as_of):
    blank = statistics(evidence=Evidence.NONE, hazard_shape=0.0, hazard_rate_hours=0.0)
    with pytest.raises(InsufficientHistory, match="hazard is unknown"):
        estimate(job(), blank, NOTHING, from_at=as_of)


def test_background_saves_stall_less_and_lose_more(job, statistics, as_of):
    sync = estimate(job(), statistics(**CERTAIN), NOTHING, from_at=as_of)
    background = job(overheads={"pause_s": 5.0, "save_lag_s": 175.0})
    found = estimate(background, statistics(**CERTAIN), NOTHING, from_at=as_of)
    assert found.parts.stall < sync.parts.stall
    assert found.cost_usd.mean < sync.cost_usd.mean
    # Young's root for the pause alone: sqrt(2 * 5 s * 36000 s) = 600 s, a little less exactly.
    assert found.interval_s == pytest.approx(sqrt(2 * 5 * 36_000), rel=0.01)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"throughput": {"B200-180GB": 1.0}}, "states no throughput for H100-80GB"),
        ({"throughput": {"H100-80GB": 0.0}}, "Throughput is 0"),
        ({"useful_hours": float("inf")}, "Useful work is inf h"),
        ({"budget_usd": float("nan")}, "Budget is nan USD"),
        ({"value_of_time_usd_per_hour": -1.0}, "Value of time is -1"),
        ({"gang_share": 1.5}, "Gang share is 1.5"),
        ({"overheads": {"pause_s": float("nan")}}, "Pause is nan"),
        ({"overheads": {"boot_s": -1e6}}, "Restart is"),
    ],
)
def test_an_impossible_job_is_refused_in_words(job, statistics, as_of, changes, words):
    with pytest.raises(ImpossibleInput, match=words) as refusal:
        estimate(job(**changes), statistics(), NOTHING, from_at=as_of)
    assert refusal.value.fix


def test_impossible_side_costs_and_draws_are_refused(job, statistics, as_of):
    with pytest.raises(ImpossibleInput, match="Egress is -1 USD"):
        SideCosts(egress_usd=-1.0, egress_hours=0.0, storage_usd_per_hour=0.0)
    with pytest.raises(ImpossibleInput, match="10 draws"):
        estimate(job(), statistics(), NOTHING, draws=10, from_at=as_of)
    with pytest.raises(ImpossibleInput, match="no time zone"):
        estimate(job(), statistics(), NOTHING, from_at=as_of.replace(tzinfo=None))


def test_reserved_capacity_is_not_taken_back_either(job, on_demand, as_of):
    reserved = replace(on_demand, pool=replace(on_demand.pool, capacity_type=CapacityType.RESERVED))
    assert estimate(job(), reserved, NOTHING, from_at=as_of).preemptions.p90 == 0
