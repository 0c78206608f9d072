"""Many pools at once: the estimate's means without its draws, its quantiles within stated errors."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from model.cost import SideCosts, estimate
from model.draws import Luck, happening_mean, hazards
from model.errors import ImpossibleInput
from model.interval import choose_interval, exact_hours
from model.lifetime import Belief
from model.market import Evidence, Sku
from model.placement import gang_hazard, placed
from model.report import drawn_prices
from model.screen import screen
from model.screen_columns import Columns, SideColumns
from model.screen_interval import exact_hours_N, intervals_s_N

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
SOME = SideCosts(egress_usd=120.0, egress_hours=1.5, storage_usd_per_hour=0.4)
CERTAIN = {"hazard_shape": 1e9, "hazard_rate_hours": 1e10, "preemptions": 10**12}  # .1 per hour, no doubt.


def screened(job, pools, sides, as_of):
    sides = [sides] * len(pools) if isinstance(sides, SideCosts) else sides
    return screen(job, Columns.of(pools), SideColumns.of(sides), from_at=as_of)


def any_case(seed, job, statistics, as_of):
    """One job and pool of a seed: 1 to 8 nodes, 5 to 200 h, believed within a factor of 3 or 1.1."""
    rng = np.random.default_rng(seed)
    hours = float(np.exp(rng.uniform(np.log(5), np.log(200))))
    shape = float(np.exp(rng.uniform(np.log(0.5), np.log(200))))
    pool = statistics(
        price_usd_per_hour=float(rng.uniform(5, 40)),
        price_mean_usd_per_hour=float(rng.uniform(5, 40)),
        price_log_sd=float(rng.uniform(0, 0.5)),
        price_changes=int(rng.integers(0, 40)),
        evidence=[Evidence.PROBES, Evidence.TENURES][rng.integers(2)],
        preemptions=int(shape),
        hazard_shape=shape,
        hazard_rate_hours=float(rng.uniform(100, 2000)),
        available_now=[True, False, None][rng.integers(3)],
        gap_hours=float(rng.uniform(0, 5)),
    )
    overheads = {
        "pause_s": float(rng.uniform(1, 600)),
        "save_lag_s": float([0.0, 900.0][rng.integers(2)]),
        "boot_s": float(rng.uniform(0, 1500)),
    }
    task = job(
        gpus=8 * int(rng.integers(1, 9)),
        useful_hours=hours,
        overheads=overheads,
        value_of_time_usd_per_hour=25.0,
        deadline_at=as_of + timedelta(hours=1.5 * hours),
    )
    return task, pool


def expectation(job, pool, side):
    """The estimate's means with luck spread evenly instead of drawn: each row on its own."""
    even = (np.arange(20_000) + 0.5) / 20_000
    luck = Luck(*[even] * len(Luck.__slots__))
    placement = placed(job, pool, side, pool.hazard_per_hour)
    hazard = gang_hazard(job, pool, hazards(Belief(pool.hazard_shape, pool.hazard_rate_hours), luck))
    gap = np.full_like(even, pool.gap_hours)
    case = happening_mean(placement.work_hours, placement.cadence, hazard, gap)
    price = np.full_like(even, np.mean(drawn_prices(placement, luck)))
    found = placement.outcome(case, price, placement.first_wait_chance * gap)
    means = found.cost_usd, found.wall_hours, found.effective_usd_per_gpu_hour, found.preemptions
    return [float(np.mean(each)) for each in means]


def test_on_demand_costs_its_hours_its_one_save_and_its_boot(job, on_demand, as_of):
    # 24 h + 180 s + 720 s = 24.25 h at 40 USD, for certain.
    found = screened(job(budget_usd=970.0), [on_demand], NOTHING, as_of)
    assert found.cost_usd.mean_N == pytest.approx([24.25 * 40])
    assert found.cost_usd.quantile_PN[:, 0] == pytest.approx([24.25 * 40] * 3)
    assert found.finish_hours.quantile_PN[:, 0] == pytest.approx([24.25] * 3)
    assert found.preemptions_N == [0.0]
    assert found.p_budget_N == [1.0]
    assert found.p_deadline_N is None
    assert found.method == "closed_form"


def test_a_certain_hazard_costs_what_f4_says(job, statistics, as_of):
    # h = .1, R = .2, C = .05: 25 even segments of .96 h (a long job's optimum is .967), each billed
    # (1/h) e^(hR) (e^(h(tau+C)) - 1).
    tau = 24 / 25
    assert tau == pytest.approx(float(exact_hours(0.05, 0.1)), rel=0.01)
    billed = 0.2 + 25 * 10 * np.exp(0.02) * np.expm1((tau + 0.05) / 10)
    found = screened(job(), [statistics(**CERTAIN)], NOTHING, as_of)
    assert found.cost_usd.mean_N == pytest.approx([10 * billed], rel=1e-4)
    assert found.interval_s_N == pytest.approx([3600 * tau])


@pytest.mark.parametrize("seed", range(60))
def test_means_are_those_the_estimate_draws_towards_within_a_thousandth(seed, job, statistics, as_of):
    task, pool = any_case(seed, job, statistics, as_of)
    found = screened(task, [pool], SOME, as_of)
    money, wall, effective, preemptions = expectation(task, pool, SOME)
    assert found.cost_usd.mean_N == pytest.approx([money], rel=1e-3)
    assert found.finish_hours.mean_N == pytest.approx([wall], rel=1e-3)
    assert found.effective_usd_per_gpu_hour_N == pytest.approx([effective], rel=1e-3)
    assert found.preemptions_N == pytest.approx([preemptions], rel=2e-3, abs=1e-6)


def quantile_errors(task, pool, as_of):
    ours = screened(task, [pool], SOME, as_of)
    theirs = estimate(task, pool, SOME, from_at=as_of, draws=20_000)
    told = [(ours.cost_usd, theirs.cost_usd), (ours.finish_hours, theirs.finish_hours)]
    return [
        abs(float(mine.quantile_PN[place, 0]) / getattr(other, name) - 1)
        for mine, other in told
        for place, name in enumerate(("p10", "p50", "p90"))
    ], abs(float(ours.p_deadline_N[0]) - theirs.p_deadline)


@pytest.mark.parametrize("seed", [2, 5, 8, 11, 14])
def test_quantiles_are_within_three_percent_from_three_preemptions_on(seed, job, statistics, as_of):
    task, pool = any_case(seed, job, statistics, as_of)
    events = max(pool.hazard_shape, 20.0)  # A belief that rests on 20 preemptions or more, six to come.
    rate = events * task.useful_hours / 6
    pool = replace(pool, hazard_shape=events, hazard_rate_hours=rate, preemptions=int(events))
    pool = replace(pool, evidence=Evidence.PROBES, gap_hours=task.useful_hours / 12)  # Half the work waited.
    errors, late = quantile_errors(task, pool, as_of)
    assert max(errors) < 0.03
    assert late < 0.03


def test_where_waits_are_far_longer_than_the_work_quantiles_are_coarse(job, statistics, as_of):
    # Six waits of 5 h for 6 h of work: how long they are on average is itself uncertain.
    pool = statistics(hazard_shape=20.0, hazard_rate_hours=20.0, preemptions=20, gap_hours=5.0)
    errors, late = quantile_errors(
        job(useful_hours=6.0, deadline_at=as_of + timedelta(hours=40)), pool, as_of
    )
    assert max(errors) < 0.15
    assert late < 0.05


def test_below_three_preemptions_quantiles_are_coarse_and_means_are_not(job, statistics, as_of):
    # .24 preemptions in 24 h, gaps of 5 h: four courses in five see none, which no gamma can show.
    rare = statistics(hazard_shape=20.0, hazard_rate_hours=2000.0, preemptions=20, gap_hours=5.0)
    errors, late = quantile_errors(job(deadline_at=as_of + timedelta(hours=30)), rare, as_of)
    assert max(errors) < 0.12
    assert late < 0.1


def test_intervals_are_those_of_choose_interval_with_its_floors_and_caps(job):
    hazards_N = np.array([0.0, 1e-6, 0.01, 0.3, 5.0, 1000.0])
    for task in (
        job(),
        job(overheads={"save_lag_s": 900.0}),
        job(max_lost_work_s=600.0),
        job(overheads={"pause_s": 0.0}),
    ):
        found = intervals_s_N(task, hazards_N, np.full(6, 24.0), np.full(6, task.overheads.pause_s))
        asked = [choose_interval(task, float(h)).interval_s for h in hazards_N]
        assert found == pytest.approx(asked, rel=1e-12)


def test_the_best_interval_is_that_of_lambert_w_to_ten_digits():
    # C h from 0 to 50: a pause of fifty times the mean time between preemptions.
    y = np.concatenate([[0.0], np.geomspace(1e-9, 50.0, 2000)])
    hazard = np.full_like(y, 0.25)
    assert exact_hours_N(y / 0.25, hazard) == pytest.approx(exact_hours(y / 0.25, hazard), rel=1e-10)
    assert exact_hours_N(np.array([0.1]), np.array([0.0])) == [np.inf]


def test_a_promise_that_no_interval_keeps_is_refused_for_the_job(job, statistics, as_of):
    with pytest.raises(ImpossibleInput, match="may be lost"):
        screened(job(max_lost_work_s=100.0, overheads={"save_lag_s": 900.0}), [statistics()], NOTHING, as_of)
    with pytest.raises(ImpossibleInput, match="not after the start"):
        screened(job(deadline_at=as_of), [statistics()], NOTHING, as_of)


def test_each_impossible_pool_is_refused_by_itself_with_its_reason(job, statistics, as_of):
    nan = float("nan")
    pools = [
        statistics(),
        statistics(price_usd_per_hour=nan),
        statistics(price_usd_per_hour=-1.0),
        statistics(price_log_sd=-1.0),
        statistics(hazard_shape=nan),
        statistics(hazard_rate_hours=0.0),
        statistics(gap_hours=float("inf")),
        statistics(available_share=1.5),
        statistics(sku=Sku(provider="aws", name="p5.48xlarge", gpu_model="H100-80GB", gpu_count=0)),
        statistics(sku=Sku(provider="aws", name="p6", gpu_model="B200", gpu_count=8)),
        statistics(hazard_shape=5e6, hazard_rate_hours=1e4),
        statistics(),
    ]
    found = screened(job(), pools, NOTHING, as_of)
    told = [found.refusal(row) for row in range(len(pools))]
    assert told[0] is told[-1] is None
    words = [
        "price",
        "price",
        "mean price",
        "hazard",
        "exposure",
        "gap",
        "share",
        "GPU count",
        "throughput",
        "end",
    ]
    for word, reason in zip(words, told[1:-1], strict=True):
        assert word in reason
    assert np.isnan(found.cost_usd.mean_N[1:-1]).all()
    alone = screened(job(), [statistics()], NOTHING, as_of)
    assert found.cost_usd.mean_N[[0, -1]] == pytest.approx([alone.cost_usd.mean_N[0]] * 2)
    broken = [NOTHING] * 11 + [replace(NOTHING)]
    columns = replace(SideColumns.of(broken), egress_usd_N=np.array([0.0] * 11 + [nan]))
    assert "egress" in screen(job(), Columns.of(pools), columns, from_at=as_of).refusal(11)


def test_no_pool_at_all_is_no_trouble(job, as_of):
    found = screened(job(deadline_at=as_of + timedelta(hours=30)), [], NOTHING, as_of)
    assert len(found.cost_usd.mean_N) == 0
    with pytest.raises(ImpossibleInput, match="side costs of 1"):
        screen(job(), Columns.of([]), SideColumns.of([NOTHING]), from_at=as_of)
