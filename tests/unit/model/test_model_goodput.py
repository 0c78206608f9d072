"""Billed and wall time under a constant hazard: by hand, and against event-by-event simulation."""

from __future__ import annotations

from math import exp, expm1

import numpy as np
import pytest

from model.draws import Luck, happening_draw
from model.errors import ImpossibleInput
from model.goodput import (
    Cadence,
    async_billed_per_useful,
    excess,
    expected,
    gang_hazard_per_hour,
    wall_quantiles,
)
from model.simulate import simulate

HOURLY = Cadence(interval_hours=1.0, pause_hours=0.05, restart_hours=0.2)
SIX_HOURLY = 1 / 6
PATHS = 40_000  # Monte Carlo error of a mean below .1 % in these settings.


def test_24_hours_saved_hourly_under_one_preemption_in_six_hours():
    # 24 * 6 e^(.2/6) (e^(1.05/6) - 1) = 28.4729 billed, / 6 = 4.7455 preemptions, + .5 h each = 30.8457 wall.
    course = expected(24.0, HOURLY, SIX_HOURLY, 0.5)
    billed = 24 * 6 * exp(0.2 / 6) * expm1(1.05 / 6)
    assert course.billed_hours == pytest.approx(billed)
    assert course.preemptions == pytest.approx(billed / 6)
    assert course.wall_hours == pytest.approx(billed + 0.5 * billed / 6)


def test_without_hazard_only_the_pauses_are_lost():
    # 24 saves of 3 minutes.
    course = expected(24.0, HOURLY, 0.0, 5.0)
    assert course.billed_hours == course.wall_hours == pytest.approx(24 + 24 * 0.05)
    assert course.preemptions == 0


def test_a_denormal_hazard_is_no_hazard():
    assert expected(24.0, HOURLY, 5e-324).billed_hours == pytest.approx(25.2)


def test_the_remainder_is_a_shorter_segment_with_its_own_save():
    # 2.5 h at an interval of 1 h: segments of 1, 1 and .5 h.
    whole, half = (expected(h, HOURLY, SIX_HOURLY).billed_hours for h in (1.0, 0.5))
    assert expected(2.5, HOURLY, SIX_HOURLY).billed_hours == pytest.approx(2 * whole + half)
    assert HOURLY.saves(2.5) == 3


def test_a_remainder_of_rounding_is_no_segment():
    # .1 added thirty times is 2.9999999999999996.
    tenth = Cadence(interval_hours=0.1, pause_hours=0.01, restart_hours=0.0)
    assert tenth.saves(sum([0.1] * 30)) == 30


def test_a_hopeless_hazard_is_endless_and_quiet():
    course = expected(24.0, HOURLY, [1.0, 1e4], 0.0)
    assert np.isfinite(course.wall_hours[0])
    assert np.isinf(course.wall_hours[1])


def test_hazards_and_gaps_broadcast():
    course = expected(24.0, HOURLY, np.full((3, 1), 0.1), np.array([0.0, 1.0]))
    assert course.wall_hours.shape == course.billed_hours.shape == (3, 2)


def test_standard_deviation_of_wall_time_is_the_reference_value():
    assert excess(24.0, HOURLY, SIX_HOURLY, 0.5).variance == pytest.approx(2.95831937979**2)


def test_a_rare_preemption_costs_half_a_segment_and_a_restart():
    # Per strike 1.05 / 2 + .2 h; 24 * 1.05 h at risk; h = 1e-9 leaves second-order terms out.
    more = excess(24.0, HOURLY, 1e-9)
    assert more.mean_hours == pytest.approx(1e-9 * 25.2 * (1.05 / 2 + 0.2), rel=1e-6)
    # E[X^2] of .2 + a uniform over 1.05 h: .2^2 + .2 * 1.05 + 1.05^2 / 3.
    assert more.variance == pytest.approx(1e-9 * 25.2 * (0.04 + 0.21 + 1.05**2 / 3), rel=1e-6)


@pytest.mark.parametrize(
    ("work", "cadence", "mean_life", "gap"),
    [
        (24.0, HOURLY, 6.0, 0.5),
        (48.0, Cadence(interval_hours=0.5, pause_hours=0.02, restart_hours=0.1), 1.5, 2.0),
        (10.3, HOURLY, 12.0, 4.0),
        (
            20.0,
            Cadence(interval_hours=0.5, pause_hours=0.01, restart_hours=0.1, save_lag_hours=0.25),
            3.0,
            1.0,
        ),
    ],
)
class TestAgainstEventByEventSimulation:
    """The oracle plays lives, restarts and gaps one by one and knows none of the formulas."""

    def test_means_agree_within_half_a_percent(self, work, cadence, mean_life, gap):
        course, paths = (
            expected(work, cadence, 1 / mean_life, gap),
            simulate(work, cadence, 1 / mean_life, gap, paths=PATHS),
        )
        assert course.billed_hours == pytest.approx(paths.billed_hours.mean(), rel=0.005)
        assert course.wall_hours == pytest.approx(paths.wall_hours.mean(), rel=0.005)
        assert course.preemptions == pytest.approx(paths.preemptions.mean(), rel=0.015)

    def test_the_spread_agrees_within_two_percent(self, work, cadence, mean_life, gap):
        more = excess(work, cadence, 1 / mean_life, gap, gap**2)
        paths = simulate(work, cadence, 1 / mean_life, gap, paths=PATHS)
        assert np.sqrt(more.variance) == pytest.approx(paths.wall_hours.std(), rel=0.02)

    def test_drawn_courses_have_the_same_quantiles(self, work, cadence, mean_life, gap):
        luck = Luck.of(PATHS, seed=1)
        drawn = happening_draw(work, cadence, np.full(PATHS, 1 / mean_life), np.full(PATHS, gap), luck)
        least = work + cadence.saves(work) * cadence.pause_hours
        billed = least + drawn.lost_hours + drawn.restart_hours
        paths = simulate(work, cadence, 1 / mean_life, gap, paths=PATHS, seed=2)
        for q in (0.1, 0.5, 0.9):
            assert np.quantile(billed, q) == pytest.approx(np.quantile(paths.billed_hours, q), rel=0.01)
            assert np.quantile(billed + drawn.gap_hours, q) == pytest.approx(
                np.quantile(paths.wall_hours, q), rel=0.01
            )
            assert np.quantile(drawn.preemptions, q) == pytest.approx(
                np.quantile(paths.preemptions, q), abs=1
            )


def test_gamma_quantiles_agree_with_simulation_where_preemptions_are_many():
    paths = simulate(24.0, HOURLY, SIX_HOURLY, 0.5, paths=PATHS)
    ours = wall_quantiles([0.1, 0.5, 0.9], 24.0, HOURLY, SIX_HOURLY, 0.5, 0.25)
    assert ours == pytest.approx(np.quantile(paths.wall_hours, [0.1, 0.5, 0.9]), rel=0.01)


def test_without_hazard_every_quantile_is_the_minimum():
    assert wall_quantiles([0.1, 0.9], 24.0, HOURLY, 0.0) == pytest.approx([25.2, 25.2])


def test_background_saves_pay_their_lag_only_when_struck():
    # M e^((R+U)/M) (e^((tau+s)/M) - 1) / tau with M=6, R=.1, U=.25, tau=.5, s=.01.
    cadence = Cadence(interval_hours=0.5, pause_hours=0.01, restart_hours=0.1, save_lag_hours=0.25)
    assert async_billed_per_useful(cadence, SIX_HOURLY) == pytest.approx(1.12855379338)
    assert async_billed_per_useful(cadence, 0.0) == pytest.approx(0.51 / 0.5)


def test_a_gang_that_falls_together_is_as_safe_as_one_node():
    # 16 nodes: together 1 * h, apart 16 * h, at beta .9 it is .05 * (1.6 + .9) = .125.
    assert gang_hazard_per_hour(0.05, 16, 1.0) == pytest.approx(0.05)
    assert gang_hazard_per_hour(0.05, 16, 0.0) == pytest.approx(0.8)
    assert gang_hazard_per_hour(0.05, 16, 0.9) == pytest.approx(0.125)


@pytest.mark.parametrize(
    "impossible",
    [
        lambda: expected(24.0, HOURLY, -1.0),
        lambda: expected(24.0, HOURLY, np.nan),
        lambda: expected(0.0, HOURLY, 1.0),
        lambda: expected(np.inf, HOURLY, 1.0),
        lambda: expected(24.0, HOURLY, 1.0, -1.0),
        lambda: excess(24.0, HOURLY, 1.0, 1.0, -1.0),
        lambda: gang_hazard_per_hour(0.1, 0, 0.5),
        lambda: gang_hazard_per_hour(0.1, 2, 1.5),
        lambda: wall_quantiles(1.5, 24.0, HOURLY, 1.0),
        lambda: Cadence(interval_hours=0.0, pause_hours=0.0, restart_hours=0.0),
        lambda: Cadence(interval_hours=1.0, pause_hours=-0.1, restart_hours=0.0),
        lambda: simulate(24.0, HOURLY, -1.0),
    ],
)
def test_impossible_numbers_are_refused_with_a_next_step(impossible):
    with pytest.raises(ImpossibleInput) as refusal:
        impossible()
    assert refusal.value.fix
