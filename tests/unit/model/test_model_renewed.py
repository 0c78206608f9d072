"""A market drawn from laws, on laws simple enough to know what must come out."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ImpossibleInput
from model.lives import LifeLaw
from model.lognormal import Components
from model.luck import normals, regimes, uniforms
from model.observed import AHEAD_HOURS
from model.renewed import Renewed, standing
from model.watched import Place

PATHS = 20_000
EVERY = np.arange(PATHS)


def place(pool="p", region="r", family="f") -> Place:
    return Place(family=family, region=region, zone=f"{region}-{pool}", pool=pool)


def law(hours: float, scale: float, *, unsure: float = 0.0, regime: float = 0.0) -> LifeLaw:
    one = np.ones((1, 1))
    return LifeLaw(Components(one, one * np.log(hours), one * scale, one * unsure), regime)


def market(up: LifeLaw, gap: LifeLaw, *, is_up: bool = True, age: float = 0.0, seed: int = 1, at=None):
    return Renewed(up, gap, at or place(), standing(is_up, age, PATHS), seed=seed)


def up_spells(one: Renewed, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    found, at = [], np.zeros(one.paths)
    for _ in range(count):
        found.append(one.spell(np.arange(one.paths), at))
        at = found[-1][1]
    return found


def test_lives_and_gaps_without_spread_alternate_by_the_clock():
    # Lives of 2 h, gaps of 1 h, half an hour into a life: up [0, 1.5], [2.5, 4.5], [5.5, 7.5].
    spells = up_spells(market(law(2.0, 1e-9), law(1.0, 1e-9), age=0.5), 3)
    for (begin, lost), (a, b) in zip(spells, [(0.0, 1.5), (2.5, 4.5), (5.5, 7.5)], strict=True):
        assert begin == pytest.approx(np.full(PATHS, a), abs=1e-6)
        assert lost == pytest.approx(np.full(PATHS, b), abs=1e-6)


def test_a_gap_that_runs_ends_before_the_first_life():
    # Gaps of 1 h, a quarter of an hour gone: capacity at .75 for 2 h.
    begin, lost = market(law(2.0, 1e-9), law(1.0, 1e-9), is_up=False, age=0.25).spell(EVERY, np.zeros(PATHS))
    assert begin == pytest.approx(np.full(PATHS, 0.75), abs=1e-6)
    assert lost == pytest.approx(np.full(PATHS, 2.75), abs=1e-6)


def test_a_spell_follows_the_law_of_the_hour_ahead_it_begins_in():
    # Lives of 2 h where they begin within 24 h, of 8 h later; gaps of 1 h, half an hour into a life: up
    # [0, 1.5], [2.5, 4.5], …, [23.5, 25.5], and the one that begins at 26.5 lasts to 34.5.
    rows = np.ones((AHEAD_HOURS.size, 1))
    location = np.where(AHEAD_HOURS[:, None] < 24.0, np.log(2.0), np.log(8.0))
    up = LifeLaw(Components(rows, location, rows * 1e-9, rows * 0.0), 0.0)
    spells = up_spells(market(up, law(1.0, 1e-9), age=0.5), 10)
    begins = [0.0, *(3.0 * number - 0.5 for number in range(1, 10))]
    ends = [*(begin + 2.0 for begin in [-0.5, *begins[1:9]]), 34.5]
    for (begin, lost), a, b in zip(spells, begins, ends, strict=True):
        assert begin == pytest.approx(np.full(PATHS, a), abs=1e-6)
        assert lost == pytest.approx(np.full(PATHS, b), abs=1e-6)


@pytest.mark.parametrize("age", [0.1, 3.0, 24.0])
def test_what_is_left_of_a_life_follows_the_law_given_its_age(age):
    # The share that lasts another 5 h is S(age + 5) / S(age), within 3.3 standard errors of 20 000 draws.
    up = law(3.0, 1.2, unsure=0.3, regime=0.7)
    _, lost = market(up, law(1.0, 1.0), age=age).spell(EVERY, np.zeros(PATHS))
    assert (lost > 5.0).mean() == pytest.approx(up.survival(np.array([age + 5.0]), age)[0, 0], abs=0.012)


def test_an_old_spell_tells_that_its_regime_is_a_long_one():
    # A life of 200 h where 1 h is usual: later lives of those courses are longer than after a fresh one.
    up, gap = law(1.0, 1.0, regime=1.0), law(0.1, 1e-9)
    later = [up_spells(market(up, gap, age=age), 2)[1] for age in (0.0, 200.0)]
    young, old = (np.median(lost - begin) for begin, lost in later)
    assert old > 2.0 * young


def test_lives_of_one_course_are_alike_and_of_another_week_not():
    # Log lives: variance .01 within and 1 of the regime, so two of one week correlate by 1 / 1.01.
    up, gap = law(40.0, 0.1, regime=1.0), law(0.01, 1e-9)
    spells = up_spells(market(up, gap), 2)
    first, second = (np.log(lost - begin) for begin, lost in spells)
    same_week = spells[1][0] < 168.0
    assert np.corrcoef(first[same_week], second[same_week])[0, 1] > 0.9
    assert abs(np.corrcoef(first[~same_week], second[~same_week])[0, 1]) < 0.2


def test_asking_twice_gives_the_same_answer_and_order_does_not_matter():
    up, gap = law(1.0, 1.5, regime=0.5), law(0.5, 1.5, regime=0.5)
    one, other = market(up, gap), market(up, gap)
    at = np.full(PATHS, 30.0)
    whole = one.spell(EVERY, at)
    halves = [other.spell(EVERY[half], at[half]) for half in (slice(10_000, None), slice(0, 10_000))]
    assert np.array_equal(whole[0], np.concatenate([halves[1][0], halves[0][0]]))
    assert np.array_equal(whole[1], one.spell(EVERY, at)[1])


def test_pools_of_a_region_share_their_regimes():
    # Shares .3 of the family and .4 of the region: correlation .7 within a region, .3 within a family.
    a = regimes(1, "lives", place("a"), EVERY)
    assert np.corrcoef(a, regimes(1, "lives", place("b"), EVERY))[0, 1] == pytest.approx(0.7, abs=0.02)
    far = regimes(1, "lives", place("b", "elsewhere"), EVERY)
    assert np.corrcoef(a, far)[0, 1] == pytest.approx(0.3, abs=0.02)
    strange = regimes(1, "lives", place("b", "r", "other"), EVERY)
    assert abs(np.corrcoef(a, strange)[0, 1]) < 0.03


def test_luck_is_uniform_and_independent_from_turn_to_turn():
    u, v = (uniforms(7, "x", EVERY, turn) for turn in (0, 1))
    assert np.bincount((u * 10).astype(int), minlength=10) == pytest.approx(np.full(10, 2000), abs=200)
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.03
    assert abs(np.corrcoef(u[1:], u[:-1])[0, 1]) < 0.03
    assert normals(7, "x", EVERY).std() == pytest.approx(1.0, abs=0.02)
    assert not np.array_equal(u, uniforms(8, "x", EVERY))
    assert not np.array_equal(u, uniforms(7, "y", EVERY))


def test_no_paths_an_impossible_age_and_two_rows_are_refused():
    one = law(1.0, 1.0)
    with pytest.raises(ImpossibleInput):
        standing(True, float("nan"), 3)
    with pytest.raises(ImpossibleInput):
        Renewed(one, one, place(), standing(True, 1.0, 0), seed=1)
    two = LifeLaw(Components(*(np.ones((2, 1)),) * 4), 0.0)
    with pytest.raises(ImpossibleInput, match="2 laws"):
        Renewed(one, two, place(), standing(True, 1.0, 3), seed=1)
