"""Jobs that save on notice or have light saves: the interval that fits reaches cost and finish."""

from __future__ import annotations

import pytest

from model.cost import estimate
from model.course_markets import believed
from model.interval_light import light_billed_per_useful
from model.market import Evidence
from model.placement import SideCosts, placed
from model.simulated import simulated_estimate

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
ON_NOTICE = {"emergency_save_s": 60.0, "notice_delivered_share": 0.9}
SHARED_DISK = {"light_pause_s": 10.0, "light_survives_share": 0.8}


def sure(statistics, **changes):
    """Return a pool whose hazard of 0.1 an hour is known for certain."""
    plain = {"evidence": Evidence.TENURES, "hazard_shape": 1e6, "hazard_rate_hours": 1e7, "notice_s": 120.0}
    return statistics(**plain | changes)


def test_a_job_that_states_nothing_more_saves_by_the_exact_optimum(job, statistics):
    found = placed(job(), sure(statistics), NOTHING, 0.1)
    assert (found.chosen.formula, found.chosen.full_every, found.chosen.saved_share) == ("F3", 1, 0.0)


def test_a_background_save_is_said_to_be_one(job, statistics, as_of):
    found = estimate(job(overheads={"save_lag_s": 60.0}), sure(statistics), NOTHING, from_at=as_of)
    assert found.interval is not None
    assert found.interval.formula == "F8"
    assert "background" in found.interval_rule


def test_a_notice_counts_only_where_the_provider_gives_one_and_the_job_uses_it(job, statistics):
    quick = job(overheads=ON_NOTICE)
    given = placed(quick, sure(statistics), NOTHING, 0.1)
    # By hand: 0.9 * Phi(ln(120 / 60) / 0.5) = 0.9 * 0.9172 = 0.825.
    assert given.chosen.saved_share == pytest.approx(0.825, abs=1e-3)
    assert given.chosen.formula == "F7o"
    assert placed(quick, sure(statistics, notice_s=0.0), NOTHING, 0.1).chosen.formula == "F3"
    assert placed(job(), sure(statistics), NOTHING, 0.1).chosen.formula == "F3"


def test_saves_on_notice_cost_what_simulated_courses_cost(job, statistics, as_of):
    quick, pool = job(overheads=ON_NOTICE, useful_hours=200.0), sure(statistics)
    closed = estimate(quick, pool, NOTHING, from_at=as_of)
    market = believed(placed(quick, pool, NOTHING, 0.1), paths=8000, seed=1)
    walked = simulated_estimate(quick, pool, NOTHING, market, from_at=as_of)
    assert closed.cost_usd.mean == pytest.approx(walked.cost_usd.mean, rel=0.002)
    assert closed.cost_usd.p10 == pytest.approx(walked.cost_usd.p10, rel=0.01)
    assert closed.cost_usd.p90 == pytest.approx(walked.cost_usd.p90, rel=0.01)
    assert closed.preemptions.mean == pytest.approx(walked.preemptions.mean, rel=0.02)
    assert closed.parts.notice == pytest.approx(walked.parts.notice, rel=0.02)


def test_light_saves_cost_what_their_chain_says(job, statistics, as_of):
    told, pool = job(overheads=SHARED_DISK), sure(statistics)
    found = estimate(told, pool, NOTHING, from_at=as_of)
    chosen = found.interval
    assert chosen is not None
    assert chosen.full_every > 1
    per_useful = light_billed_per_useful(told, 0.1, chosen.full_every, chosen.interval_s / 3600.0)
    # Billed: the work at that rate and the first boot of 0.2 h; the last segment may end in one save more.
    assert found.billed_hours.mean == pytest.approx(24.0 * per_useful + 0.2, abs=0.05)
    assert found.interval_s == chosen.interval_s * chosen.full_every
    assert found.cost_usd.mean < estimate(job(), pool, NOTHING, from_at=as_of).cost_usd.mean


@pytest.mark.parametrize("told", [ON_NOTICE, SHARED_DISK, {"light_pause_s": 10.0, "light_warmup_s": 300.0}])
def test_the_parts_of_a_plan_sum_to_its_effective_price(job, statistics, as_of, told):
    found = estimate(job(overheads=told), sure(statistics, evidence=Evidence.PROBES), NOTHING, from_at=as_of)
    assert found.parts.total() == pytest.approx(found.effective_usd_per_gpu_hour.mean, rel=1e-9)


@pytest.mark.parametrize("told", [ON_NOTICE, SHARED_DISK, {"light_pause_s": 10.0, "light_warmup_s": 300.0}])
def test_more_hazard_never_lowers_the_cost_of_a_plan(job, statistics, as_of, told):
    costs = [
        estimate(
            job(overheads=told), sure(statistics, hazard_rate_hours=1e6 / hazard), NOTHING, from_at=as_of
        ).cost_usd.mean
        for hazard in (1e-6, 0.01, 0.1, 0.5)
    ]
    assert costs == sorted(costs)


@pytest.mark.parametrize("told", [SHARED_DISK, {"light_pause_s": 10.0, "light_warmup_s": 300.0}])
def test_light_saves_cost_what_simulated_courses_cost(job, statistics, as_of, told):
    light, pool = job(overheads=told, useful_hours=200.0), sure(statistics)
    assert placed(light, pool, NOTHING, 0.1).chosen.full_every > 1
    closed = estimate(light, pool, NOTHING, from_at=as_of)
    market = believed(placed(light, pool, NOTHING, 0.1), paths=8000, seed=1)
    walked = simulated_estimate(light, pool, NOTHING, market, from_at=as_of)
    assert closed.cost_usd.mean == pytest.approx(walked.cost_usd.mean, rel=0.002)
    assert closed.cost_usd.p10 == pytest.approx(walked.cost_usd.p10, rel=0.02)
    assert closed.cost_usd.p90 == pytest.approx(walked.cost_usd.p90, rel=0.02)
    assert closed.preemptions.mean == pytest.approx(walked.preemptions.mean, rel=0.02)
    assert closed.parts.rerun == pytest.approx(walked.parts.rerun, rel=0.05)


def test_light_saves_do_not_leave_the_region(job, statistics):
    side = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0, save_usd=1.0)
    found = placed(job(overheads=SHARED_DISK), sure(statistics), side, 0.1)
    saves = found.cadence.saves(found.work_hours)
    assert found.moved_usd(0.0) == pytest.approx(saves / found.chosen.full_every)
