"""Lifetimes that are not exponential, two kinds of saves, and the small formulas beside them."""

from __future__ import annotations

from math import exp, gamma

import numpy as np
import pytest

from model.availability import share_sd
from model.errors import ImpossibleInput
from model.goodput import Cadence, async_billed_per_useful, expected
from model.notice import notice_billed_per_useful
from model.portfolio import on_demand_share, wait_threshold_hours
from model.renewal import (
    bathtub,
    billed_per_life_with_refund,
    billed_per_useful,
    exponential,
    weibull,
)
from model.tiers import TwoLevels, weights_only_per_useful

HOURLY = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.2)
LEVELS = TwoLevels(light_hours=0.01, full_hours=0.08, hazard_per_hour=1 / 6, light_share=0.8)


def test_for_exponential_lives_renewal_says_what_the_closed_form_says():
    closed = expected(24.0, HOURLY, 1 / 6).billed_hours / 24
    assert billed_per_useful(exponential(1 / 6), HOURLY) == pytest.approx(float(closed), rel=1e-10)


def test_mean_lives_are_known():
    assert exponential(1e-4).mean_hours() == pytest.approx(1e4)
    assert weibull(0.5, 3.0).mean_hours() == pytest.approx(3.0 * gamma(3.0))
    # 64 fresh nodes at shape .5 live 64^2 times shorter.
    assert weibull(0.5, 3.0).gang(64).mean_hours() == pytest.approx(6.0 / 64**2)


def test_renewal_agrees_with_a_simulation_of_lives():
    # Each life keeps floor((L - R) / (tau + C)) intervals of 1 h.
    lives = 3.0 * np.random.default_rng(0).weibull(0.7, size=400_000)
    kept = np.floor(np.maximum(lives - 0.2, 0.0) / 1.05).sum()
    assert billed_per_useful(weibull(0.7, 3.0), HOURLY) == pytest.approx(lives.sum() / kept, rel=0.005)


def test_background_saves_agree_with_a_simulation_of_lives():
    # A life commits floor((L - R - U) / (tau + s)) intervals of half an hour.
    lives = np.random.default_rng(1).exponential(6.0, size=400_000)
    kept = 0.5 * np.floor(np.maximum(lives - 0.35, 0.0) / 0.51).sum()
    cadence = Cadence(interval_hours=0.5, pause_hours=0.01, restart_hours=0.1, save_lag_hours=0.25)
    assert async_billed_per_useful(cadence, 1 / 6) == pytest.approx(lives.sum() / kept, rel=0.005)


def test_saving_on_notice_agrees_with_a_simulation_of_lives():
    # After the restart whole intervals are kept; with chance .9 the begun one too, up to its pause.
    rng = np.random.default_rng(2)
    lives = rng.exponential(6.0, size=400_000)
    working = np.maximum(lives - 0.1, 0.0)
    whole = np.floor(working / 1.05)
    begun = np.minimum(working - whole * 1.05, 1.0) * (rng.random(lives.size) < 0.9)
    cadence = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.1)
    by_lives = (lives + 1 / 30).sum() / (whole + begun).sum()
    assert notice_billed_per_useful(cadence, 1 / 6, 0.9, 1 / 30) == pytest.approx(by_lives, rel=0.005)


def test_nobody_outlives_the_cap_of_a_bathtub():
    life = bathtub(0.45, 1.0, 0.8, 24.0)
    assert life.at(np.array([23.9, 24.0, 1e6]))[1:].tolist() == [0.0, 0.0]
    assert life.at(np.array([0.0]))[0] == pytest.approx(1.0)


def test_a_cap_shorter_than_the_interval_keeps_nothing():
    with pytest.raises(ImpossibleInput, match="no work would ever be kept"):
        billed_per_useful(
            bathtub(0.45, 1.0, 0.8, 24.0), Cadence(interval_hours=25.0, pause_hours=0.1, restart_hours=0.0)
        )


def test_lives_beyond_counting_are_refused():
    with pytest.raises(ImpossibleInput, match="so long"):
        billed_per_useful(exponential(1e-12), HOURLY)


def test_the_first_hour_refund_is_worth_a_seventh_at_short_lives():
    # M = 1.5: e^(-1/1.5) * 2.5 = 1.2835 of 1.5 h are billed.
    assert billed_per_life_with_refund(1 / 1.5, 1.0) == pytest.approx(exp(-1 / 1.5) * 2.5)
    assert billed_per_life_with_refund(1 / 1.5, 0.0) == pytest.approx(1.5)


def test_five_light_saves_to_one_full():
    # sqrt(.07 * .8 / (.01 * .2)) = 5.29; 5 wastes less than 6. tau = sqrt(2 * .024 / (1/6 * 1.8)) = .4.
    assert LEVELS.best_every() == 5
    assert LEVELS.waste(5) < LEVELS.waste(6)
    assert LEVELS.interval_hours(5) == pytest.approx(0.4)


def test_one_level_is_not_two():
    with pytest.raises(ImpossibleInput, match="no reason"):
        TwoLevels(light_hours=0.1, full_hours=0.05, hazard_per_hour=1.0, light_share=0.5)


def test_light_saves_that_never_pay_leave_one_long_segment():
    # Warming up takes longer than all four segments: losses go back to the full save, segments add up.
    cadence = Cadence(interval_hours=0.25, pause_hours=0.0, restart_hours=0.1)
    ours = weights_only_per_useful(cadence, 0.05, 4, 100.0, 1 / 6)
    whole = expected(1.0, Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.1), 1 / 6)
    assert ours.billed == pytest.approx(float(whole.billed_hours))
    assert ours.wall == ours.billed


def test_half_of_the_nodes_are_kept_on_demand():
    # 1000 / (8 * 150) = .8333; (.8333 - .6) / .4 = .58333.
    assert on_demand_share(1000.0, 8, 150.0, 0.6) == pytest.approx(0.583333333333)
    assert on_demand_share(100.0, 8, 150.0, 0.6) == 0.0
    assert on_demand_share(5000.0, 8, 150.0, 0.6) == 1.0
    assert (on_demand_share(100.0, 8, 150.0, 1.0), on_demand_share(5000.0, 8, 150.0, 1.0)) == (0.0, 1.0)


def test_at_the_threshold_waiting_pays_exactly_what_leaving_costs():
    # The hazard of a Weibull gap, (k / s) (t / s)^(k - 1), there equals v / F = 2 / 3.
    t = wait_threshold_hours(0.6, 0.5, 2.0, 3.0)
    assert t == pytest.approx(2.17345807413)
    assert 0.6 / 0.5 * (t / 0.5) ** -0.4 == pytest.approx(2 / 3)


def test_memoryless_gaps_have_no_threshold():
    with pytest.raises(ImpossibleInput, match="Weibull shape is 1"):
        wait_threshold_hours(1.0, 0.5, 2.0, 3.0)


def test_availability_scatters_less_over_longer_stretches():
    # (1^2 * 5^2 + 5^2 * 1^2) / 6^3 / 48 = .0048225; its root is .06944. Four times as long: half of it.
    assert share_sd(5.0, 1.0, 1.0, 1.0, 48.0) == pytest.approx(0.0694444444444)
    assert share_sd(5.0, 1.0, 1.0, 1.0, 192.0) == pytest.approx(0.0694444444444 / 2)
