"""What must hold of simulated courses for every job, cadence and market, not only for the examples."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.billing import BillingRule
from model.course import Courses, run
from model.course_billing import Billing, Notice
from model.course_markets import Fixed, Renewing
from model.estimate import Drawn, PoolStatistics
from model.goodput import Cadence, expected
from model.job import Job, Overheads
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku
from model.placement import SideCosts
from model.simulated import simulated_estimate, simulation
from model.standing import p_first

AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
SKU = Sku(provider="aws", name="p5.48xlarge", gpu_model="H100-80GB", gpu_count=8)
POOL = Pool(
    provider="aws", region="us-east-1", zone="use1-az4", sku=SKU.name, capacity_type=CapacityType.SPOT
)

CADENCES = st.builds(
    Cadence,
    interval_hours=st.floats(0.1, 3.0),
    pause_hours=st.floats(0.0, 0.2),
    restart_hours=st.floats(0.0, 0.5),
    save_lag_hours=st.sampled_from([0.0, 0.05, 0.3]),
)
WORK = st.floats(0.2, 30.0)
HAZARDS = st.floats(0.01, 1.0)
GAPS = st.floats(0.0, 5.0)
BILLINGS = st.builds(
    Billing,
    rule=st.builds(
        BillingRule, refund_s=st.sampled_from([0.0, 3600.0]), least_s=st.sampled_from([0.0, 60.0, 3600.0])
    ),
    refund_share=st.floats(0.0, 1.0),
)
NOTICES = st.builds(Notice, window_hours=st.sampled_from([0.0, 1 / 30]), saved_share=st.floats(0.0, 1.0))
SIDES = st.builds(
    SideCosts,
    egress_usd=st.floats(0.0, 500.0),
    egress_hours=st.floats(0.0, 20.0),
    storage_usd_per_hour=st.floats(0.0, 2.0),
)


def bearable(work: float, cadence: Cadence, hazard: float) -> bool:
    """Whether a job ends within so few lives that a test may wait for it."""
    return bool(expected(work, cadence, hazard).preemptions < 300)


@st.composite
def spell_lists(draw: st.DrawFn) -> list[list[tuple[float, float]]]:
    """Spells and gaps of any lengths on one to four paths, the last spell without end."""
    paths = []
    for _ in range(draw(st.integers(1, 4))):
        steps = draw(st.lists(st.tuples(st.floats(0.0, 3.0), st.floats(0.001, 9.0)), max_size=12))
        edges = np.cumsum([hours for step in steps for hours in step])
        spells = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
        paths.append([*spells, ((edges[-1] if steps else 0.0) + 1.0, np.inf)])
    return paths


@settings(max_examples=200, deadline=None)
@given(WORK, CADENCES, spell_lists(), BILLINGS, NOTICES, st.booleans())
def test_hours_add_up_on_any_spells(work, cadence, spells, billing, notice, boot):
    found = run(work, cadence, Fixed(spells), billing=billing, notice=notice, first_boot=boot)
    assert found.finished.all()
    used = work + found.stall_hours + found.rerun_hours + found.restart_hours + found.notice_hours
    billed = used + found.minimum_hours - found.refunded_hours
    np.testing.assert_allclose(found.billed_hours, billed, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(found.wall_hours, used + found.waiting_hours, rtol=1e-9)
    nothing_lost = min(getattr(found, name).min() for name in Courses.__slots__)
    assert nothing_lost >= -1e-9
    assert (found.lost_work_hours <= found.rerun_hours + 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(WORK, CADENCES, HAZARDS, st.floats(1.5, 4.0), st.integers(0, 2**32))
def test_more_hazard_never_lowers_the_mean_bill_under_common_luck(work, cadence, hazard, factor, seed):
    # A single course may gain (an earlier strike can lose less); the mean may not, beyond its noise.
    assume(bearable(work, cadence, hazard * factor))
    calm, wild = (
        run(work, cadence, Renewing(h, paths=2_000, seed=seed)).billed_hours
        for h in (hazard, hazard * factor)
    )
    more = wild - calm
    assert more.mean() >= -5 * more.std() / np.sqrt(more.size) - 1e-9


@settings(max_examples=40, deadline=None)
@given(WORK, CADENCES, HAZARDS, GAPS, st.floats(1.0, 10.0), st.integers(0, 2**32))
def test_longer_gaps_never_finish_earlier_on_any_path(work, cadence, hazard, gap, factor, seed):
    assume(bearable(work, cadence, hazard))
    short, long = (
        run(work, cadence, Renewing(hazard, g, paths=200, seed=seed)).wall_hours for g in (gap, gap * factor)
    )
    assert (long >= short * (1 - 1e-9)).all()


@settings(max_examples=40, deadline=None)
@given(WORK, CADENCES, HAZARDS, GAPS, st.integers(0, 2**32), st.floats(0.1, 1.0))
def test_a_refund_never_raises_a_bill_and_moves_no_hour(work, cadence, hazard, gap, seed, refund):
    assume(bearable(work, cadence, hazard))
    plain, free = (
        run(
            work,
            cadence,
            Renewing(hazard, gap, paths=200, seed=seed),
            billing=Billing(rule=BillingRule(refund_s=3600 * g)),
        )
        for g in (0.0, refund)
    )
    assert (free.billed_hours <= plain.billed_hours).all()
    assert free.wall_hours.tolist() == plain.wall_hours.tolist()


@settings(max_examples=25, deadline=None)
@given(WORK, CADENCES, HAZARDS, GAPS, st.integers(0, 2**32), st.randoms())
def test_paths_are_independent_of_their_neighbours(work, cadence, hazard, gap, seed, order):
    # Each path alone has the course it has among others.
    assume(bearable(work, cadence, hazard))
    hazards = hazard * np.linspace(0.5, 1.0, 20)
    together = run(work, cadence, Renewing(hazards, gap, seed=seed)).wall_hours
    few = order.randint(1, 20)
    alone = run(work, cadence, Renewing(hazards[:few], gap, seed=seed)).wall_hours
    assert alone.tolist() == together[:few].tolist()


def a_job(hours: float, pause_s: float, value: float) -> Job:
    overheads = Overheads(pause_s=pause_s, save_lag_s=0.0, boot_s=300.0, restore_s=60.0, warmup_s=0.0)
    return Job(
        name="any", gpus=16, useful_hours=hours, state_bytes=10**9, throughput={"H100-80GB": 1.0},
        overheads=overheads, value_of_time_usd_per_hour=value,
    )  # fmt: skip


def a_pool(price: float, spread: float, hazard: float) -> PoolStatistics:
    return PoolStatistics(
        pool=POOL, sku=SKU, as_of=AS_OF, price_usd_per_hour=price, price_kind=PriceKind.RECORDED,
        price_age_s=0.0, price_mean_usd_per_hour=1.1 * price, price_log_sd=spread, price_changes=9,
        on_demand_usd_per_hour=4 * price, evidence=Evidence.TENURES, borrowed_from=None, preemptions=10,
        exposure_hours=10 / hazard, hazard_shape=10.0, hazard_rate_hours=10 / hazard, available_share=0.8,
        available_now=True, gap_hours=1.0, observed_until=AS_OF, sources=("fake",), synthetic=True,
    )  # fmt: skip


JOBS = st.builds(a_job, st.floats(1.0, 48.0), st.floats(1.0, 300.0), st.sampled_from([0.0, 25.0]))
POOLS = st.builds(a_pool, st.floats(1.0, 80.0), st.floats(0.0, 0.5), st.floats(0.005, 0.3))


@settings(max_examples=40, deadline=None)
@given(JOBS, POOLS, SIDES, BILLINGS, NOTICES, st.integers(0, 2**32))
def test_parts_close_and_doubling_every_price_doubles_the_cost(job, pool, side, billing, notice, seed):
    twice = replace(
        pool,
        price_usd_per_hour=2 * pool.price_usd_per_hour,
        price_mean_usd_per_hour=2 * pool.price_mean_usd_per_hour,
        on_demand_usd_per_hour=2 * pool.on_demand_usd_per_hour,
    )
    dear = replace(side, egress_usd=2 * side.egress_usd, storage_usd_per_hour=2 * side.storage_usd_per_hour)
    rules = {"billing": billing, "notice": notice, "seed": seed, "from_at": AS_OF}
    ours, theirs = (
        simulated_estimate(job, p, s, Renewing(p.hazard_per_hour, 1.0, paths=200, seed=seed), **rules)
        for p, s in ((pool, side), (twice, dear))
    )
    assert ours.parts.total() == pytest.approx(ours.effective_usd_per_gpu_hour.mean, rel=1e-9)
    for quantity in ("mean", "p10", "p50", "p90"):
        assert getattr(theirs.cost_usd, quantity) == pytest.approx(
            2 * getattr(ours.cost_usd, quantity), rel=1e-9
        )
    assert ours.cost_usd.p10 <= ours.cost_usd.p50 <= ours.cost_usd.p90


@settings(max_examples=25, deadline=None)
@given(JOBS, st.lists(POOLS, min_size=2, max_size=4), st.integers(0, 2**32), st.randoms())
def test_permuting_pools_permutes_the_answer(job, pools, seed, order):
    side = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)

    def standing(candidates: list[PoolStatistics]) -> list[float]:
        markets = [Renewing(each.hazard_per_hour, 1.0, paths=100, seed=seed) for each in candidates]
        found = [
            simulation(job, each, side, market, seed=seed, from_at=AS_OF).outcome
            for each, market in zip(candidates, markets, strict=True)
        ]
        always = np.ones(100, dtype=bool)
        return [
            float(won)
            for won in p_first([Drawn(outcome.effective_usd_per_gpu_hour, always) for outcome in found])
            if won is not None
        ]

    places = list(range(len(pools)))
    order.shuffle(places)
    asked = standing(pools)
    assert standing([pools[n] for n in places]) == pytest.approx([asked[n] for n in places])
    assert sum(asked) == pytest.approx(1.0)
