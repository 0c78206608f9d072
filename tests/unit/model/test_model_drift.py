"""What the last week's forecasts were off by is added to the next."""

from __future__ import annotations

import numpy as np
import pytest

from model.drift import drift
from model.watched import Place, Watched, watch


def pool(up, zone: str = "a", family: str = "aws/V100", first_hour: float = 0.0) -> Watched:
    place = Place(family=family, region="us-east-1", zone=zone, pool=zone)
    return watch(place, np.asarray(up, dtype=float), 1.0, first_hour)


def even_odds(each: Watched) -> np.ndarray:
    return np.zeros(each.ticks)


def test_by_hand_one_miss_of_a_half_moves_the_level_by_a_half_over_prior_and_information() -> None:
    seen = pool([1, 1, 1])
    # Horizon 1 h, chance 1/2 each time. Tick 0 knows nothing. Tick 1 knows one outcome: missed by
    # 1 - .5 = .5, information .25; the prior is worth 1 x (1 + 1 h / 1 h) = 2. Tick 2 knows two.
    assert drift(seen, [seen], 1.0, even_odds) == pytest.approx([0.0, 0.5 / 2.25, 1.0 / 2.5])


def test_a_sibling_of_the_family_lends_its_misses_and_a_stranger_does_not() -> None:
    seen = pool([1, 1, 1])
    alike, strange = pool([1, 1, 1], "b"), pool([1, 1, 1], "c", family="aws/K80")
    # Twice the misses, twice the information, twice the prior: .5 + .5 over 4 + .25 + .25.
    assert drift(seen, [seen, alike], 1.0, even_odds)[1] == pytest.approx(1.0 / 4.5)
    assert drift(seen, [seen, strange], 1.0, even_odds) == pytest.approx(drift(seen, [seen], 1.0, even_odds))


def test_nothing_that_happens_later_changes_what_a_tick_adds() -> None:
    rng = np.random.default_rng(1)
    up = (rng.uniform(size=400) < 0.6).astype(float)
    later = np.concatenate([up[:200], 1.0 - up[200:]])
    one = drift(pool(up), [pool(up, "b", first_hour=0.5)], 6.0, even_odds)
    two = drift(pool(later), [pool(later, "b", first_hour=0.5)], 6.0, even_odds)
    assert np.array_equal(one[:200], two[:200])


def test_a_week_forgets_what_lies_before_it_and_ticks_nobody_saw_weigh_nothing() -> None:
    seen = pool([1.0] * 300 + [np.nan] * 200)
    added = drift(seen, [seen], 1.0, even_odds)
    assert added[299] == pytest.approx(0.5 * 168 / (2 + 0.25 * 168))  # The last 168 outcomes, not all 299.
    assert added[-1] == 0.0


def test_a_horizon_longer_than_the_series_adds_nothing() -> None:
    seen = pool([1, 0, 1])
    assert drift(seen, [seen], 24.0, even_odds) == pytest.approx([0.0, 0.0, 0.0])
