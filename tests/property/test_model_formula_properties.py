"""What must hold of the formulas for every input they accept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from model.article import ArticleCase
from model.goodput import Cadence, excess, expected, wall_quantiles
from model.interval import daly_hours, exact_hours, young_hours
from model.lifetime import Belief, predictive_survival, sibling_belief
from model.market import CapacityType, Pool, PriceKind, PricePoint
from model.price import billed_usd
from model.realised import RunClock, RunRecord, realise
from model.renewal import billed_per_useful, exponential, weibull

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
POOL = Pool(provider="aws", region="us-east-1", zone="use1-az4", sku="p5", capacity_type=CapacityType.SPOT)
HAZARDS = st.floats(0.0, 3.0)
CADENCES = st.builds(
    Cadence,
    interval_hours=st.floats(0.01, 5.0),
    pause_hours=st.floats(0.0, 0.5),
    restart_hours=st.floats(0.0, 1.0),
    save_lag_hours=st.floats(0.0, 0.5),
)
WORK = st.floats(0.5, 200.0)


@given(WORK, CADENCES, HAZARDS, st.floats(0.0, 1.0))
def test_more_hazard_never_takes_less_time(work, cadence, hazard, extra):
    ours, worse = (expected(work, cadence, h, 0.5) for h in (hazard, hazard + extra))
    assert worse.billed_hours >= ours.billed_hours * (1 - 1e-12)
    assert worse.wall_hours >= ours.wall_hours * (1 - 1e-12)
    assert ours.billed_hours >= work * (1 - 1e-12)  # A rest of one rounding error is no segment.


@given(WORK, CADENCES, HAZARDS, st.floats(0.0, 5.0))
def test_moments_about_the_minimum_have_the_mean_of_the_closed_form(work, cadence, hazard, gap):
    least = work + cadence.saves(work) * cadence.pause_hours
    more = excess(work, cadence, hazard, gap)
    wall = expected(work, cadence, hazard, gap).wall_hours
    assert least + more.mean_hours == pytest.approx(float(wall), rel=1e-9)
    assert more.variance >= 0


@given(WORK, CADENCES, st.floats(0.01, 2.0), st.floats(0.0, 5.0))
def test_wall_quantiles_are_ordered_and_never_below_the_minimum(work, cadence, hazard, gap):
    quantiles = wall_quantiles([0.1, 0.5, 0.9], work, cadence, hazard, gap, gap**2)
    assert quantiles[0] >= work
    assert all(a <= b for a, b in pairwise(quantiles))


@given(st.floats(1e-9, 2.0), st.floats(1e-6, 10.0), st.floats(0.2, 5.0))
def test_no_interval_beats_the_exact_one(pause, hazard, factor):
    best = float(exact_hours(pause, hazard))
    assume(best > 0)

    def waste(tau: float) -> float:  # log of (e^(h (tau + C)) - 1) / tau, the part that depends on tau.
        x = hazard * (tau + pause)
        return x + np.log(-np.expm1(-x)) - np.log(tau)

    assert waste(best) <= waste(best * factor) + 1e-12


@given(st.floats(1e-6, 1.0), st.floats(1e-6, 1.0))
def test_the_three_rules_agree_where_saves_are_cheap(pause, hazard):
    assume(pause * hazard < 1e-4)
    exact = exact_hours(pause, hazard)
    assert young_hours(pause, hazard) == pytest.approx(exact, rel=1e-2)
    assert daly_hours(pause, hazard) == pytest.approx(exact, rel=1e-5)


@settings(deadline=None)
@given(CADENCES, st.floats(0.05, 2.0))
def test_renewal_meets_the_closed_form_for_exponential_lives(cadence, hazard):
    assume(hazard * (cadence.interval_hours + cadence.pause_hours + cadence.redo_hours) < 20)
    whole = expected(cadence.interval_hours, cadence, hazard).billed_hours / cadence.interval_hours
    assert billed_per_useful(exponential(hazard), cadence) == pytest.approx(float(whole), rel=1e-6)


@settings(deadline=None)
@given(CADENCES, st.floats(0.5, 1.5), st.integers(1, 16))
def test_more_independent_nodes_never_keep_more_work(cadence, shape, nodes):
    assume(nodes * (cadence.interval_hours + cadence.pause_hours + cadence.redo_hours) < 40)
    life = weibull(shape, 20.0)
    one, many = billed_per_useful(life, cadence), billed_per_useful(life.gang(nodes), cadence)
    assert many >= one * (1 - 1e-6)


@given(st.floats(0.5, 100.0), st.floats(1.0, 1e4), st.floats(0.0, 100.0), st.floats(0.0, 100.0))
def test_survival_falls_with_age(shape, rate, age, more):
    young, old = predictive_survival(Belief(shape, rate), [age, age + more])
    assert 0 <= old <= young <= 1


@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0.1, 1e4)), min_size=1, max_size=8))
def test_a_sibling_belief_is_finite_and_never_nil(rows):
    belief = sibling_belief([k for k, _ in rows], [hours for _, hours in rows])
    assert 0 < belief.shape <= 4.0
    assert 0 < belief.mean_per_hour < np.inf


STEPS = st.lists(st.tuples(st.integers(0, 10**6), st.decimals(0, 100, places=4)), min_size=1, max_size=8)


@given(STEPS, st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_bill_split_anywhere_is_the_same_bill(rows, a, b, c):
    steps = [
        PricePoint(
            pool=POOL,
            price_usd_per_hour=price,
            kind=PriceKind.RECORDED,
            effective_at=NOON + timedelta(seconds=at),
            observed_at=NOON,
        )
        for at, price in [(0, Decimal(1)), *rows]
    ]
    first, split, last = (NOON + timedelta(seconds=s) for s in sorted((a, b, c)))
    whole = billed_usd(steps, first, last)
    parts = billed_usd(steps, first, split) + billed_usd(steps, split, last)
    assert abs(whole - parts) < Decimal("1e-20")


@given(*[st.decimals("0.01", 1000, places=2)] * 4, st.sampled_from(["on_demand", "spot"]))
def test_at_break_even_the_article_saves_nothing(hours, spot, on_demand, lost, rerun):
    case = ArticleCase(hours=hours, price_spot=spot, price_on_demand=on_demand, lost_hours=lost, rerun=rerun)
    assert (case.savings > 0) == (lost < case.breakeven_lost_hours)


ATTEMPTS = st.lists(
    st.tuples(st.integers(0, 6), st.floats(0.0, 3.0), st.floats(0.0, 2.0), st.booleans()),
    min_size=1,
    max_size=5,
)


@given(ATTEMPTS, st.floats(0.5, 5000.0))
def test_the_hours_of_any_run_close_and_its_timeline_tiles_it(attempts, compression):
    events, at, kept = [], 0.0, 0
    for number, (steps, idle, wait, saved) in enumerate(attempts, start=1):

        def put(node, name, passes, number=number, **more):
            nonlocal at
            at += passes
            when = (NOON + timedelta(seconds=at)).isoformat()
            events.append(
                {"attempt": number, "node": node, "seq": len(events), "at": when, "event": name, **more}
            )

        put("launcher", "waiting", wait, seconds=wait)
        put("launcher", "started", 0.01, pool_id=POOL.key)
        if kept:
            put("0", "restored", 0.5, step=kept, seconds=0.4)
        for step in range(kept + 1, kept + steps + 1):
            put("0", "step", 1.0, step=step, seconds=1.2)  # Longer than the time it had.
        if saved and steps:
            put("0", "captured", 0.3, step=kept + steps, seconds=0.2)
            kept += steps
        put("launcher", "preempted", idle, with_notice=saved, pool_id=POOL.key)
    run = RunRecord(
        run_id="r",
        clock=RunClock(market_origin_at=NOON, wall_origin_at=NOON, compression=compression),
        gpus=8,
        nodes=1,
    )
    price = PricePoint(
        pool=POOL,
        price_usd_per_hour=Decimal(3),
        kind=PriceKind.RECORDED,
        effective_at=NOON,
        observed_at=NOON,
    )
    found = realise(run, events, {POOL.key: [price]})
    parts = found.useful_hours + found.lost_work_hours + found.stall_hours + found.restart_hours
    assert parts + found.other_hours == pytest.approx(found.billed_hours, abs=1e-9)
    assert found.steps == max((e["step"] for e in events if e["event"] == "step"), default=0)
    assert float(found.cost_usd) == pytest.approx(3 * found.billed_hours, abs=1e-5)
    assert all(a.until_at == b.from_at for a, b in pairwise(found.timeline))
    assert found.preemptions == found.attempts == len(attempts)
    assert found.problems == ()
