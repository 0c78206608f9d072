"""What must hold of an estimate for every job and pool, not only for the examples."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.cost import SideCosts, estimate
from model.errors import ImpossibleInput
from model.estimate import Estimate, PoolStatistics, Spread
from model.job import Job, Overheads
from model.market import CapacityType, Evidence, Pool, PoolHistory, PriceKind, Sku
from model.statistics import all_statistics

AS_OF = datetime(2026, 3, 2, tzinfo=UTC)
SKU = Sku(provider="aws", name="p5.48xlarge", gpu_model="H100-80GB", gpu_count=8)
POOL = Pool(
    provider="aws", region="us-east-1", zone="use1-az4", sku=SKU.name, capacity_type=CapacityType.SPOT
)


def jobs() -> st.SearchStrategy[Job]:
    return st.builds(
        lambda hours, pause, lag, restart, nodes, value: Job(
            name="any",
            gpus=8 * nodes,
            useful_hours=hours,
            state_bytes=10**9,
            throughput={"H100-80GB": 1.0},
            overheads=Overheads(pause_s=pause, save_lag_s=lag, boot_s=restart, restore_s=0.0, warmup_s=0.0),
            value_of_time_usd_per_hour=value,
            deadline_at=AS_OF + timedelta(hours=2 * hours),
        ),
        hours=st.floats(1.0, 500.0),
        pause=st.floats(0.5, 600.0),
        lag=st.sampled_from([0.0, 30.0, 900.0]),
        restart=st.floats(0.0, 1800.0),
        nodes=st.integers(1, 8),
        value=st.sampled_from([0.0, 25.0]),
    )


def pools() -> st.SearchStrategy[PoolStatistics]:
    return st.builds(
        lambda price, mean, spread, changes, shape, rate, gap, now, evidence: PoolStatistics(
            pool=POOL,
            sku=SKU,
            as_of=AS_OF,
            price_usd_per_hour=price,
            price_kind=PriceKind.RECORDED,
            price_age_s=0.0,
            price_mean_usd_per_hour=mean,
            price_log_sd=spread,
            price_changes=changes,
            on_demand_usd_per_hour=90.0,
            evidence=evidence,
            borrowed_from=None,
            preemptions=int(shape),
            exposure_hours=rate,
            hazard_shape=shape,
            hazard_rate_hours=rate,
            available_share=0.8,
            available_now=now,
            gap_hours=gap,
            observed_until=AS_OF,
            sources=("fake",),
            synthetic=True,
        ),
        price=st.floats(1.0, 80.0),
        mean=st.floats(1.0, 80.0),
        spread=st.floats(0.0, 0.5),
        changes=st.integers(0, 50),
        shape=st.floats(0.5, 100.0),
        rate=st.floats(100.0, 2000.0),
        gap=st.floats(0.0, 10.0),
        now=st.sampled_from([True, False, None]),
        evidence=st.sampled_from([Evidence.PROBES, Evidence.TENURES, Evidence.BORROWED]),
    )


SIDES = st.builds(
    SideCosts,
    egress_usd=st.floats(0.0, 500.0),
    egress_hours=st.floats(0.0, 20.0),
    storage_usd_per_hour=st.floats(0.0, 2.0),
)


def of(job: Job, pool: PoolStatistics, side: SideCosts, seed: int = 0) -> Estimate:
    return estimate(job, pool, side, draws=200, seed=seed, from_at=AS_OF)


@settings(max_examples=60, deadline=None)
@given(jobs(), pools(), SIDES, st.integers(0, 2**32))
def test_parts_sum_quantiles_are_ordered_and_chances_are_chances(job, pool, side, seed):
    found = of(job, pool, side, seed)
    assert found.parts.total() == pytest.approx(found.effective_usd_per_gpu_hour.mean, rel=1e-9)
    spreads = [getattr(found, f.name) for f in fields(found) if isinstance(getattr(found, f.name), Spread)]
    assert len(spreads) == 7
    assert all(0 <= s.p10 <= s.p50 <= s.p90 for s in spreads)
    assert 0 <= found.p_deadline <= 1
    assert 0 < found.goodput < 1
    assert found.billed_hours.p10 >= found.useful_hours
    assert found.finish_hours.mean >= found.billed_hours.mean


@settings(max_examples=60, deadline=None)
@given(jobs(), pools(), SIDES, st.floats(1.0, 4.0))
def test_more_hazard_never_lowers_the_cost(job, pool, side, factor):
    worse = replace(pool, hazard_rate_hours=pool.hazard_rate_hours / factor)
    assert of(job, worse, side).cost_usd.mean >= of(job, pool, side).cost_usd.mean * (1 - 1e-9)


@settings(max_examples=40, deadline=None)
@given(jobs(), pools(), SIDES)
def test_doubling_every_price_doubles_the_cost(job, pool, side):
    doubled = replace(
        pool,
        price_usd_per_hour=2 * pool.price_usd_per_hour,
        price_mean_usd_per_hour=2 * pool.price_mean_usd_per_hour,
        on_demand_usd_per_hour=2 * pool.on_demand_usd_per_hour,
    )
    twice = replace(side, egress_usd=2 * side.egress_usd, storage_usd_per_hour=2 * side.storage_usd_per_hour)
    ours, theirs = of(job, pool, side).cost_usd, of(job, doubled, twice).cost_usd
    for quantity in ("mean", "p10", "p50", "p90"):
        assert getattr(theirs, quantity) == pytest.approx(2 * getattr(ours, quantity), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(jobs(), pools(), SIDES, st.floats(1.0, 10.0))
def test_longer_gaps_never_finish_earlier(job, pool, side, factor):
    longer = replace(pool, gap_hours=pool.gap_hours * factor)
    ours, theirs = of(job, pool, side).finish_hours, of(job, longer, side).finish_hours
    for quantity in ("mean", "p10", "p50", "p90"):
        assert getattr(theirs, quantity) >= getattr(ours, quantity) * (1 - 1e-9)


@settings(max_examples=40, deadline=None)
@given(jobs(), pools(), SIDES)
def test_the_break_even_hazard_is_where_the_saving_ends(job, pool, side):
    still = replace(pool, price_changes=0)
    limit = of(job, still, side).breakeven_hazard_per_hour
    assume(limit is not None and limit < 10)  # A job of 500 h would in effect never end far beyond.
    below, above = (
        of(job, replace(still, hazard_shape=1e8, hazard_rate_hours=1e8 / h, preemptions=10**12), side)
        for h in (limit * 0.95, limit * 1.05)
    )
    assert below.effective_usd_per_gpu_hour.mean * below.useful_gpu_hours < below.on_demand_cost_usd * 1.001
    assert above.effective_usd_per_gpu_hour.mean * above.useful_gpu_hours > above.on_demand_cost_usd * 0.999


@given(
    jobs(),
    pools(),
    SIDES,
    st.sampled_from(["price_usd_per_hour", "gap_hours"]),
    st.sampled_from([float("nan"), -1.0]),
)
def test_an_impossible_pool_is_refused_and_never_priced(job, pool, side, name, value):
    with pytest.raises(ImpossibleInput):
        of(job, replace(pool, **{name: value}), side)


def histories() -> st.SearchStrategy[list[PoolHistory]]:
    one = st.tuples(st.integers(0, 40), st.floats(0.0, 300.0), st.integers(0, 20), st.floats(0.0, 90.0))
    return st.lists(one, min_size=1, max_size=6).map(
        lambda rows: [
            PoolHistory(
                pool=replace(POOL, zone=f"use1-az{n}", region=f"us-east-{1 + n % 2}"),
                sku=SKU,
                as_of=AS_OF,
                window=timedelta(days=30),
                price_usd_per_hour=Decimal(10),
                price_kind=PriceKind.RECORDED,
                price_effective_at=AS_OF,
                price_observed_at=AS_OF,
                price_mean_usd_per_hour=10.0,
                price_log_sd=0.0,
                price_changes=0,
                on_demand_usd_per_hour=Decimal(40),
                tenure_preemptions=0,
                tenure_exposure_hours=0.0,
                probe_drops=drops,
                probe_up_hours=up,
                probe_observed_hours=up + down,
                probe_gaps=gaps,
                probe_gap_hours=down,
                available_now=True,
                observed_from=AS_OF,
                observed_until=AS_OF,
                sources=("fake",),
                synthetic=True,
            )
            for n, (drops, up, gaps, down) in enumerate(rows)
        ]
    )


@settings(deadline=None)
@given(histories(), st.sampled_from(["none", "region", "provider"]), st.randoms(use_true_random=False))
def test_permuting_pools_permutes_what_is_believed_of_them(rows, borrow, random):
    shuffled = random.sample(rows, len(rows))
    (ours, refused), (theirs, refused_too) = (all_statistics(h, borrow=borrow) for h in (rows, shuffled))
    assert {r.pool for r in refused} == {r.pool for r in refused_too}
    believed = {s.pool: s for s in theirs}
    assert [s.pool for s in theirs] == [h.pool for h in shuffled if h.pool in believed]
    for s in ours:
        assert believed[s.pool].hazard_per_hour == pytest.approx(s.hazard_per_hour, rel=1e-9)
        assert believed[s.pool].gap_hours == pytest.approx(s.gap_hours, rel=1e-9)


@settings(deadline=None)
@given(histories(), st.sampled_from(["none", "region", "provider"]))
def test_every_pool_is_either_believed_or_refused_and_never_safe(rows, borrow):
    found, refused = all_statistics(rows, borrow=borrow)
    assert len(found) + len(refused) == len(rows)
    assert all(s.hazard_per_hour > 0 and s.gap_hours > 0 for s in found)
