"""Scores by hand: what a reader can redo on paper."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ImpossibleInput, InsufficientHistory
from model.scores import calibration_bins, calibration_error, calibration_error_by_day, crps


def test_crps_of_two_draws_by_hand():
    # Draws 1 and 3, came 2: mean distance 1, less half the mean distance between draws, 2 * 2 / 4 / 2 = .5.
    assert crps([1.0, 3.0], 2.0) == pytest.approx(0.5)


def test_crps_of_one_draw_is_its_distance():
    assert crps([5.0], 2.0) == 3.0


def test_crps_is_the_integral_it_stands_for():
    drawn = np.array([0.5, 1.0, 4.0, 7.5])
    x = np.linspace(0, 10, 200_001)
    share = (drawn[:, None] <= x).mean(axis=0)
    assert crps(drawn, 3.0) == pytest.approx(float(np.trapezoid((share - (x >= 3.0)) ** 2, x)), abs=1e-3)


def test_crps_refuses_what_is_no_number():
    with pytest.raises(ImpossibleInput):
        crps([1.0, float("nan")], 1.0)
    with pytest.raises(InsufficientHistory):
        crps([], 1.0)


def test_bins_by_hand():
    # Two forecasts of .15 of which one came, one of .95 that came; each day says the same.
    chance, came = [0.15, 0.15, 0.95] * 3, [0, 1, 1] * 3
    bins = calibration_bins(chance, came, np.repeat([0, 1, 2], 3), seed=1)
    assert [b.count for b in bins] == [0, 6, 0, 0, 0, 0, 0, 0, 0, 3]
    assert (bins[1].chance, bins[1].came, bins[1].came_low, bins[1].came_high) == (
        pytest.approx(0.15), 0.5, 0.5, 0.5,
    )  # fmt: skip
    assert bins[0].came is None


def test_the_interval_of_a_calibration_error_holds_the_error():
    rng = np.random.default_rng(1)
    chance, day = rng.random(2000), np.repeat(np.arange(20), 100)
    came = (rng.random(2000) < chance).astype(float)
    found = calibration_error_by_day(chance, came, day, seed=1)
    assert found.value == pytest.approx(calibration_error(chance, came))
    assert found.low <= found.value <= found.high
    assert found.high < 0.06
