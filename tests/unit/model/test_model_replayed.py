"""Recorded history as a market, on series short enough to follow by hand."""

from __future__ import annotations

import numpy as np
import pytest

from model.alike import Candidates, instants_of, ordered
from model.errors import ImpossibleInput, InsufficientHistory
from model.markets import Mixed, market_of, past_of
from model.replayed import NEVER_HOURS, Replayed, Sources, coupled
from model.runs import runs_of
from model.watched import Place, Watched, watch

PATHS = 2000
EVERY = np.arange(PATHS)
NAN = float("nan")


def place(name: str, region: str = "r", family: str = "f") -> Place:
    return Place(family=family, region=region, zone=name, pool=name)


def pool(name: str, up, tick: float = 1.0, first: float = 0.0, **where) -> Watched:
    return watch(place(name, **where), up, tick, first)


def begin_at(pool_index: int, hour: float) -> Candidates:
    return ordered(np.array([pool_index]), np.array([hour]), np.ones(1))


def own(index: int = 0) -> Sources:
    return Sources(np.array([index]), np.ones(1))


def wavy(name: str, days: int, seed: int, **where) -> Watched:
    """Lives and gaps of some hours, at a level that moves from day to day."""
    rng = np.random.default_rng(seed)
    level = np.repeat(rng.uniform(0.2, 0.9, days), 24)
    stays = np.repeat(rng.random(days * 8), 3) < level
    return pool(name, stays.astype(float), **where)


def test_runs_are_where_the_record_has_them():
    # Two series of different ticks and starts: up in [1, 3) and [4, 5); up in [10.5, 11.5).
    runs = runs_of([pool("a", [0, 1, 1, 0, 1]), pool("b", [0, 1, 1, 0], 0.5, 10.0)])
    found = runs.next_up(np.array([0, 0, 0, 1]), np.array([0.0, 2.0, 3.5, 10.0]), np.array([5.0, 5, 5, 12]))
    assert found[0].tolist() == [1.0, 2.0, 4.0, 10.5]
    assert found[1].tolist() == [3.0, 3.0, 5.0, 11.5]
    nothing = runs.next_up(np.array([0, 1]), np.array([3.0, 11.6]), np.array([4.0, 12.0]))
    assert np.isinf(nothing).all()


def test_ticks_nobody_looked_at_carry_the_last_state():
    runs = runs_of([pool("a", [1, NAN, NAN, 0, NAN, 1])])
    begin, lost = runs.next_up(np.array([0, 0]), np.array([0.0, 3.0]), np.array([6.0, 6.0]))
    assert begin.tolist() == [0.0, 5.0]
    assert lost.tolist() == [3.0, 6.0]


def test_a_path_plays_what_followed_its_instant():
    # From hour 2 of a series of 72: down until 5, up until 7, down until 60.
    up = np.zeros(72)
    up[5:7] = up[60:] = 1.0
    market = Replayed(runs_of([pool("a", up)]), begin_at(0, 2.0), own(), paths=PATHS, seed=1)
    begin, lost = market.spell(EVERY, np.zeros(PATHS))
    assert (begin == 3.0).all()
    assert (lost == 5.0).all()
    begin, _ = market.spell(EVERY, np.full(PATHS, 5.0))
    assert (begin == 58.0).all()


def test_capacity_that_outlasts_its_block_ends_in_the_next_one():
    # The record ends up; the next block begins somewhere else, and capacity is lost there.
    up = np.ones(96)
    up[::6] = 0.0
    market = Replayed(runs_of([pool("a", up)]), begin_at(0, 91.0), own(), paths=PATHS, seed=3)
    begin, lost = market.spell(EVERY, np.zeros(PATHS))
    assert (begin == 0.0).all()
    # Blocks begin down (1 of 6 hours) or up with 0 to 5 h left: 5 h to the record's end, and up to 5 more.
    assert (lost >= 5.0).all()
    assert (lost <= 10.0).all()
    assert (lost > 5.5).mean() > 0.5


def test_a_series_that_never_changes_never_changes():
    up = Replayed(runs_of([pool("a", np.ones(60))]), begin_at(0, 5.0), own(), paths=3, seed=1)
    assert np.isinf(up.spell(np.arange(3), np.zeros(3))[1]).all()
    down = Replayed(runs_of([pool("a", np.zeros(60))]), begin_at(0, 5.0), own(), paths=3, seed=1)
    begin, lost = down.spell(np.arange(3), np.zeros(3))
    assert (begin == NEVER_HOURS).all()
    assert np.isinf(lost).all()


def test_two_pools_whose_laws_agree_begin_at_the_same_hours():
    hours = np.linspace(0.0, 400.0, 801)
    laws = [ordered(np.full(801, k), hours, np.ones(801)) for k in (0, 1)]
    first, second = (law.hour_I[coupled(law, 0.0, 500.0, PATHS, 5)] for law in laws)
    assert np.array_equal(first, second)


def test_two_pools_whose_laws_overlap_agree_about_as_often_as_they_overlap_and_keep_their_own_law():
    # Uniform on [0, 300] and [100, 400], overlap 2/3 of each: races agree 1/2 (Jaccard 200 / 400) or more.
    a, b = np.linspace(0.0, 300.0, 601), np.linspace(100.0, 400.0, 601)
    laws = [ordered(np.zeros(601, dtype=int), h, np.ones(601)) for h in (a, b)]
    first, second = (law.hour_I[coupled(law, 0.0, 400.0, 20_000, 5)] for law in laws)
    assert (np.abs(first - second) < 4.0).mean() > 0.45
    assert first.mean() == pytest.approx(150.0, abs=2.5)
    assert second.mean() == pytest.approx(250.0, abs=2.5)


def test_later_blocks_keep_the_clock_common():
    # One series is the other turned round: where both play the same hours, one is up as the other is not.
    a = wavy("a", 20, 1)
    b = pool("b", 1.0 - a.up_T)
    markets = [Replayed(runs_of([a, b]), begin_at(k, 470.0), own(k), paths=PATHS, seed=2) for k in (0, 1)]
    at = np.full(PATHS, 60.0)  # The first block ended after 10 h.
    up = [market.spell(EVERY, at)[0] == at for market in markets]
    assert (up[0] != up[1]).all()


def test_instants_that_look_like_now_are_in_the_same_state_and_were_followed_for_a_day():
    pools = [wavy("a", 20, 1), wavy("b", 20, 2)]
    for index in (0, 1):
        found = instants_of(pools, [0, 1]).candidates(index)
        assert found.weight_I.sum() == pytest.approx(1.0)
        assert (found.hour_I <= 480.0 - 24.0).all()
        state = np.array([pools[p].state_T[int(h)] for p, h in zip(found.pool_I, found.hour_I, strict=True)])
        assert (state == pools[index].state_T[-1]).all()


def test_nothing_after_now_is_used():
    whole = [wavy("a", 20, 1), wavy("b", 20, 2)]
    changed = [pool(p.place.pool, np.concatenate([p.up_T[:240], 1.0 - p.up_T[240:]])) for p in whole]
    at = np.linspace(0.0, 90.0, PATHS)
    answers = []
    for pools in (whole, changed):
        past = past_of([p.until(240) for p in pools])
        answers.append(market_of(past, past.places[0], paths=PATHS, seed=1).market.spell(EVERY, at))
    assert np.array_equal(answers[0], answers[1])


def test_much_history_is_replayed_on_most_paths_and_words_say_so():
    past = past_of([wavy("a", 40, 1), wavy("b", 40, 2)])
    chosen = market_of(past, past.places[0], paths=PATHS, seed=1)
    # Two pools of 960 h: .8 x 1920 / (1920 + 1000) = .53.
    assert chosen.replayed_share == pytest.approx(0.5260, abs=1e-4)
    assert "53% of paths play recorded weeks" in chosen.why
    assert "40.0 days of its own and 1 siblings" in chosen.why


@pytest.mark.parametrize("up", [[1, 0, 1], [1, 1, 1], [0, 0, 0], [NAN, 1, NAN], [0]])
def test_three_rows_of_history_give_a_market_all_the_same(up):
    past = past_of([pool("a", up)])
    chosen = market_of(past, past.places[0], paths=PATHS, seed=1)
    assert chosen.replayed_share == 0.0
    assert "nothing like now was followed for a day" in chosen.why
    begin, lost = chosen.market.spell(EVERY, np.zeros(PATHS))
    assert (begin >= 0).all()
    assert (lost > begin).all()


def test_a_pool_nobody_watched_stands_as_its_siblings_do():
    # The region's only sibling is up, three times likelier to stand in than the far one, which is down.
    near = pool("a", np.r_[np.tile([0.0, 1.0], 60), np.ones(5)])
    far = pool("b", np.r_[np.tile([1.0, 0.0], 60), np.zeros(5)], region="s")
    past = past_of([near, far], [place("new")])
    market = market_of(past, place("new"), paths=PATHS, seed=1).market
    begin, _ = market.spell(EVERY, np.zeros(PATHS))
    assert (begin == 0).mean() == pytest.approx(0.75, abs=0.05)


def test_a_pool_of_a_family_nobody_watched_is_drawn_from_laws():
    past = past_of([wavy("a", 5, 1)], [place("new", family="g")])
    chosen = market_of(past, place("new", family="g"), paths=PATHS, seed=1)
    assert chosen.replayed_share == 0.0
    assert chosen.market.paths == PATHS


def test_what_no_market_can_be_made_of_is_refused():
    past = past_of([wavy("a", 5, 1)])
    with pytest.raises(InsufficientHistory):
        past_of([])
    with pytest.raises(ImpossibleInput, match="not among the places"):
        market_of(past, place("other"), paths=1, seed=1)
    with pytest.raises(ImpossibleInput, match="0 paths"):
        market_of(past, place("a"), paths=0, seed=1)
    with pytest.raises(ImpossibleInput, match="other places"):
        past_of([wavy("b", 5, 1)], learned=(past.up, past.gap))
    with pytest.raises(InsufficientHistory):
        Replayed(past.runs, ordered(np.zeros(0, int), np.zeros(0), np.zeros(0)), own(), paths=1, seed=1)
    market = Replayed(past.runs, begin_at(0, 2.0), own(), paths=3, seed=1)
    with pytest.raises(ImpossibleInput, match="told apart"):
        Mixed(market, market, np.ones(2, dtype=bool))
