"""What must hold of a screening for every job and every set of pools."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_model_cost_properties import AS_OF, SIDES, jobs, pools

from model.screen import Screened, screen
from model.screen_columns import Columns, SideColumns

MARKETS = st.lists(st.tuples(pools(), SIDES), min_size=1, max_size=12)
BROKEN = ("price_usd_per_hour_N", "gap_hours_N", "hazard_shape_N", "price_log_sd_N", "gpu_count_N")


def of(job, rows) -> Screened:
    columns, sides = Columns.of([pool for pool, _ in rows]), SideColumns.of([side for _, side in rows])
    return screen(job, columns, sides, from_at=AS_OF)


def figures(found: Screened) -> np.ndarray:
    return np.vstack([
        found.refusal_N, found.nodes_N, found.interval_s_N, found.preemptions_N, found.cost_usd.mean_N,
        found.cost_usd.quantile_PN, found.finish_hours.mean_N, found.finish_hours.quantile_PN,
        found.effective_usd_per_gpu_hour_N, found.p_deadline_N,
    ])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(jobs(), MARKETS, st.randoms(use_true_random=False))
def test_permuting_pools_permutes_the_screening(job, rows, random):
    order = random.sample(range(len(rows)), len(rows))
    ours, theirs = figures(of(job, rows)), figures(of(job, [rows[place] for place in order]))
    assert theirs == pytest.approx(ours[:, order], rel=1e-9, abs=1e-12, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(jobs(), MARKETS)
def test_doubling_every_price_doubles_the_cost(job, rows):
    def twice(pool, side):
        names = ("price_usd_per_hour", "price_mean_usd_per_hour", "on_demand_usd_per_hour")
        dear = replace(pool, **{name: 2 * getattr(pool, name) for name in names})
        return dear, replace(
            side, egress_usd=2 * side.egress_usd, storage_usd_per_hour=2 * side.storage_usd_per_hour
        )

    ours, theirs = of(job, rows).cost_usd, of(job, [twice(*row) for row in rows]).cost_usd
    assert theirs.mean_N == pytest.approx(2 * ours.mean_N, rel=1e-9, nan_ok=True)
    assert theirs.quantile_PN == pytest.approx(2 * ours.quantile_PN, rel=1e-6, nan_ok=True)


@settings(max_examples=60, deadline=None)
@given(jobs(), MARKETS, st.data())
def test_an_impossible_pool_is_refused_alone(job, rows, data):
    columns, sides = Columns.of([pool for pool, _ in rows]), SideColumns.of([side for _, side in rows])
    row = data.draw(st.integers(0, len(rows) - 1))
    name, value = data.draw(st.sampled_from(BROKEN)), data.draw(st.sampled_from([float("nan"), -1.0]))
    spoilt = getattr(columns, name).copy()
    spoilt[row] = value
    found = screen(job, replace(columns, **{name: spoilt}), sides, from_at=AS_OF)
    assert found.refusal(row) is not None
    assert np.isnan(found.cost_usd.mean_N[row])
    others = np.arange(len(rows)) != row
    assert figures(found)[:, others] == pytest.approx(
        figures(of(job, rows))[:, others], rel=1e-9, abs=1e-12, nan_ok=True
    )


@settings(max_examples=60, deadline=None)
@given(jobs(), MARKETS)
def test_quantiles_are_ordered_chances_are_chances_and_nothing_is_done_before_its_least(job, rows):
    found = of(job, rows)
    kept = found.refusal_N == 0
    for spread in (found.cost_usd, found.finish_hours):
        low, middle, high = spread.quantile_PN[:, kept]
        assert (low <= middle * (1 + 1e-9)).all()
        assert (middle <= high * (1 + 1e-9)).all()
    assert ((found.p_deadline_N[kept] >= 0) & (found.p_deadline_N[kept] <= 1)).all()
    assert (found.finish_hours.quantile_PN[0, kept] >= job.useful_hours * (1 - 1e-9)).all()


@settings(max_examples=200, deadline=None)
@given(
    job=jobs(), pool=pools(), side=SIDES,
    hours=st.floats(1e-3, 1e6), pause=st.floats(0.0, 1e6), boot=st.floats(0.0, 1e6),
    shape=st.floats(1e-6, 1e12), rate=st.floats(1e-9, 1e12), gap=st.floats(0.0, 1e9),
    price=st.floats(1e-9, 1e9),
)  # fmt: skip
def test_absurd_pools_are_screened_or_refused_in_words_and_never_unknown_without_one(
    job, pool, side, hours, pause, boot, shape, rate, gap, price
):
    overheads = replace(job.overheads, pause_s=pause, boot_s=boot)
    late = AS_OF + timedelta(hours=2 * hours, seconds=1)
    task = replace(job, useful_hours=hours, overheads=overheads, deadline_at=late)
    absurd = replace(
        pool, hazard_shape=shape, hazard_rate_hours=rate, gap_hours=gap, price_usd_per_hour=price
    )
    found = of(task, [(absurd, side), (pool, side)])
    for row in range(2):
        numbers = figures(found)[1:, row]
        assert np.isnan(numbers).all() if found.refusal(row) else np.isfinite(numbers).all()


@settings(max_examples=40, deadline=None)
@given(jobs(), pools(), SIDES, st.floats(1.0, 4.0))
def test_more_hazard_never_lowers_the_cost(job, pool, side, factor):
    worse = replace(pool, hazard_rate_hours=pool.hazard_rate_hours / factor)
    found = of(job, [(pool, side), (worse, side)])
    if not found.refusal_N.any():
        assert found.cost_usd.mean_N[1] >= found.cost_usd.mean_N[0] * (1 - 1e-6)
