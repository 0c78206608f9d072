"""What must hold of every market, whatever history it is made of."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.markets import market_of, past_of
from model.watched import Place, watch

PATHS = 40
SERIES = st.lists(st.sampled_from([0.0, 1.0, 0.4, float("nan")]), min_size=2, max_size=150)
TICKS = st.sampled_from([0.05, 0.5, 1.0, 2.0])


def pool(name: str, up: list[float], tick: float, first: float):
    return watch(Place(family="f", region="r", zone=name, pool=name), [1.0, *up], tick, first)


def place(name: str) -> Place:
    return Place(family="f", region="r", zone=name, pool=name)


def asked(market, steps: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Ask on every path, again and again, a step later than the last answer began."""
    every, at, found = np.arange(market.paths), np.zeros(market.paths), []
    for step in steps:
        begin, lost = market.spell(every, at)
        found.append((at, begin, lost))
        at = np.where(np.isfinite(lost), np.minimum(begin + step, lost), begin + step)
    return found


@settings(max_examples=12, deadline=None)
@given(SERIES, SERIES, TICKS, TICKS, st.floats(0.0, 300.0), st.sampled_from(["a", "b", "new"]))
def test_spells_are_in_order_and_the_same_when_asked_again(a, b, tick, other_tick, first, name):
    past = past_of([pool("a", a, tick, first), pool("b", b, other_tick, 0.0)], [place("new")])
    steps = np.array([0.3, 1.0, 5.0, 40.0, 200.0])
    market = market_of(past, place(name), paths=PATHS, seed=3).market
    again = market_of(past, place(name), paths=PATHS, seed=3).market
    before = np.zeros(PATHS)
    for (at, begin, lost), (_, same_begin, same_lost) in zip(
        asked(market, steps), asked(again, steps), strict=True
    ):
        assert np.isfinite(begin).all()
        assert (begin >= at).all()
        assert (lost > begin).all()
        assert (at >= before).all()
        assert np.array_equal(begin, same_begin)
        assert np.array_equal(lost, same_lost)
        before = at


@settings(max_examples=8, deadline=None)
@given(SERIES, TICKS, st.floats(0.0, 500.0))
def test_asking_twice_gives_the_same_answer(a, tick, hour):
    past = past_of([pool("a", a, tick, 0.0)])
    market = market_of(past, place("a"), paths=PATHS, seed=3).market
    first, second = (market.spell(np.arange(PATHS), np.full(PATHS, hour)) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    inside = 0.5 * (first[0] + np.minimum(first[1], first[0] + 10.0))
    begin, lost = market.spell(np.arange(PATHS), inside)
    assert np.array_equal(begin, inside)
    assert np.allclose(lost, first[1])


@settings(max_examples=8, deadline=None)
@given(SERIES, TICKS, st.integers(0, 2**63))
def test_a_path_does_not_know_which_others_were_asked(a, tick, seed):
    past = past_of([pool("a", a, tick, 0.0)])
    whole, part = (market_of(past, place("a"), paths=PATHS, seed=seed).market for _ in range(2))
    chosen = np.array([1, 5, 30])
    for hour in (0.0, 7.0, 60.0):
        all_of_them = whole.spell(np.arange(PATHS), np.full(PATHS, hour))
        some = part.spell(chosen, np.full(3, hour))
        assert np.array_equal(all_of_them[0][chosen], some[0])
        assert np.array_equal(all_of_them[1][chosen], some[1])
