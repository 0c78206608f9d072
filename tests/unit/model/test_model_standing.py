"""How sure the first place is: draws won, and what would cost it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from model.cost import SideCosts, estimate
from model.errors import ImpossibleInput
from model.estimate import Drawn
from model.sensitivity import Ranked, sensitivity, smallest_true
from model.standing import p_first

NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)


def drawn(*prices: float, late: tuple[int, ...] = ()) -> Drawn:
    return Drawn(np.array(prices, dtype=float), ~np.isin(np.arange(len(prices)), late))


def test_the_cheapest_in_time_wins_a_draw_and_ties_share_it():
    # Draws: 1 b; 2 a (b late); 3 tie of a and b; 4 nobody in time.
    a = drawn(2.0, 3.0, 1.0, 1.0, late=(3,))
    b = drawn(1.0, 2.0, 1.0, 1.0, late=(1, 3))
    assert p_first([a, b]) == [pytest.approx(1.5 / 4), pytest.approx(1.5 / 4)]


def test_an_option_without_draws_has_no_share_and_takes_none():
    assert p_first([drawn(2.0, 2.0), None, drawn(3.0, 1.0)]) == [0.5, None, 0.5]
    assert p_first([]) == []
    assert p_first([None]) == [None]


def test_luck_of_ones_own_makes_a_tie_of_what_always_wins_by_a_hair_when_all_fare_alike():
    # b is 1 % above a in every draw, and draws spread tenfold: apart, each wins about half.
    course = np.random.default_rng(3).uniform(1.0, 10.0, 4000)
    a, b = drawn(*course), drawn(*1.01 * course)
    assert p_first([a, b]) == [1.0, 0.0]
    apart = p_first([a, b], apart=True)
    assert apart == pytest.approx([0.5, 0.5], abs=0.03)
    assert apart == p_first([a, b], apart=True)


def test_draws_that_do_not_pair_are_refused():
    with pytest.raises(ImpossibleInput, match=r"\[1, 2\] times"):
        p_first([drawn(1.0), drawn(1.0, 2.0)])


def test_equal_pools_share_the_first_place_and_a_clear_one_has_it_alone(job, statistics, as_of):
    one = estimate(job(), statistics(), NOTHING, from_at=as_of, draws=500)
    dear = estimate(job(), statistics(price_usd_per_hour=30.0), NOTHING, from_at=as_of, draws=500)
    assert p_first([one.drawn, one.drawn, dear.drawn]) == [0.5, 0.5, 0.0]


def ranked(job, pool, as_of, side=NOTHING):
    return Ranked(estimate(job, pool, side, from_at=as_of), side)


def levers(job, first, second, as_of, sides=(NOTHING, NOTHING)):
    pair = [ranked(job, pool, as_of, side) for pool, side in zip((first, second), sides, strict=True)]
    found = sensitivity(job, *pair, likely=0.5, from_at=as_of)
    return {lever.name: lever for lever in found.levers}, pair


def test_the_price_that_loses_the_first_place_is_where_both_cost_the_same(job, statistics, as_of):
    # The same pool at 12 instead of 10 USD/h: at 12 the first is as dear. Prices that never changed.
    found, pair = levers(job(), statistics(), statistics(price_usd_per_hour=12.0), as_of)
    price = found["price"]
    assert price.now == 10.0
    assert price.effective_usd_per_gpu_hour == pytest.approx(
        1.1 * pair[0].estimate.effective_usd_per_gpu_hour.mean, rel=1e-6
    )
    assert price.keeps_first
    assert price.loses_above == pytest.approx(12.0, rel=1e-3)


def test_the_rate_that_loses_the_first_place_does_so_when_estimated(job, statistics, as_of):
    second = statistics(price_usd_per_hour=12.0)
    found, pair = levers(job(), statistics(), second, as_of)
    limit = found["preemption_rate"].loses_above
    bar = pair[1].estimate.effective_usd_per_gpu_hour.mean
    for factor, dearer in ((0.97, False), (1.03, True)):
        worse = statistics(hazard_rate_hours=50.0 / (limit * factor))
        again = estimate(job(), worse, NOTHING, from_at=as_of)
        assert (again.effective_usd_per_gpu_hour.mean > bar) is dearer
    doubled = estimate(job(), statistics(hazard_rate_hours=250.0), NOTHING, from_at=as_of)
    assert found["preemption_rate"].effective_usd_per_gpu_hour == pytest.approx(
        doubled.effective_usd_per_gpu_hour.mean, rel=5e-3
    )


def test_a_longer_gap_costs_nothing_but_the_deadline(job, statistics, on_demand, as_of):
    # 24 h of work, 2.4 gaps of 1 h: done after about 29 h. Money does not move; the deadline does.
    tight = job(deadline_at=as_of + timedelta(hours=34))
    found, pair = levers(tight, statistics(), on_demand, as_of)
    assert pair[0].estimate.p_deadline > 0.5
    gap = found["gap"]
    assert gap.effective_usd_per_gpu_hour == pytest.approx(
        pair[0].estimate.effective_usd_per_gpu_hour.mean, rel=1e-6
    )
    assert gap.loses_above is not None
    again = estimate(tight, statistics(gap_hours=1.1 * gap.loses_above), NOTHING, from_at=as_of)
    assert again.p_deadline < 0.5
    relaxed, _ = levers(job(), statistics(), on_demand, as_of)
    assert relaxed["gap"].loses_above is None


def test_a_longer_pause_is_the_jobs_and_slows_both(job, statistics, as_of):
    # The same pool at another price: what slows both alike changes no order.
    found, pair = levers(job(), statistics(), statistics(price_usd_per_hour=10.5), as_of)
    assert found["pause"].loses_above is None
    assert found["pause"].keeps_first
    assert found["pause"].effective_usd_per_gpu_hour > pair[0].estimate.effective_usd_per_gpu_hour.mean


def test_what_an_option_does_not_have_cannot_grow(job, on_demand, statistics, as_of):
    side = replace(NOTHING, egress_usd=50.0)
    found, _ = levers(job(), on_demand, statistics(price_usd_per_hour=90.0), as_of)
    assert set(found) == {"price", "pause"}
    # By hand: 2 USD/h cheaper over 24 h and more of billed time; egress may grow from 10 by that.
    moved, pair = levers(
        job(), statistics(), statistics(price_usd_per_hour=12.0), as_of,
        (replace(side, egress_usd=10.0), NOTHING),
    )  # fmt: skip
    apart = pair[1].estimate.cost_usd.mean - pair[0].estimate.cost_usd.mean
    assert moved["egress"].loses_above == pytest.approx(10.0 + apart, rel=1e-3)


def test_the_smallest_factor_is_found_or_there_is_none():
    assert smallest_true(lambda f: f > 3.21, 64.0) == pytest.approx(3.21, rel=2e-4)
    assert smallest_true(lambda f: f > 65.0, 64.0) is None
    assert smallest_true(lambda f: f >= 1.0, 64.0) == 1.0
