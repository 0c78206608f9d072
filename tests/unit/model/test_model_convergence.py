"""How many paths are enough: the error of a P90 by hand and against a bootstrap."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest

from model.convergence import converge, quantile_error
from model.errors import ImpossibleInput


def test_the_error_of_a_p90_is_half_its_order_statistic_interval():
    # 10,000 values 1 … 10,000: ranks 9000 ± 1.96 sqrt(900), so ± 59 of 9000.
    ladder = np.random.default_rng(1).permutation(np.arange(1.0, 10_001.0))
    assert quantile_error(ladder) == pytest.approx(1.96 * sqrt(900) / 9000, rel=0.02)


def test_a_bootstrap_says_the_same():
    rng = np.random.default_rng(2)
    values = 24 + rng.gamma(3.0, 2.0, 4_000)
    again = np.quantile(rng.choice(values, (1_000, 4_000)), 0.9, axis=1)
    low, high = np.quantile(again, (0.025, 0.975))
    assert quantile_error(values) == pytest.approx((high - low) / 2 / np.quantile(values, 0.9), rel=0.2)


def test_paths_that_all_say_the_same_are_certain_and_endless_ones_are_not():
    assert quantile_error(np.full(100, 24.25)) == 0.0
    assert quantile_error(np.r_[np.ones(890), np.full(110, inf)]) == inf
    assert quantile_error(np.r_[np.ones(990), np.full(10, inf)]) == 0.0


def test_paths_are_doubled_until_every_p90_stands_still():
    # An exponential's P90 is 2.30 of its mean; its error is 1.96 * 3 / sqrt(n) / 2.30: 4.0 % of 4,000,
    # and under 2 % from 16,384 on, so 32,000.
    asked = []

    def run(paths: int) -> np.ndarray:
        asked.append(paths)
        return np.random.default_rng(3).exponential(size=paths)

    found = converge(run, lambda drawn: (drawn, np.ones(drawn.size)), target=0.0195)
    assert asked == [4_000, 8_000, 16_000, 32_000]
    assert (found.paths, found.capped) == (32_000, False)
    assert found.error == quantile_error(found.result) < 0.0195


def test_the_cap_is_said():
    found = converge(
        lambda n: np.random.default_rng(n).exponential(size=n), lambda drawn: (drawn,), most_paths=6_000
    )
    assert (found.paths, found.capped) == (6_000, True)
    assert found.error > 0.01


def test_no_values_and_nan_have_no_quantile():
    for values in (np.array([]), np.array([1.0, np.nan])):
        with pytest.raises(ImpossibleInput, match="no quantile"):
            quantile_error(values)
