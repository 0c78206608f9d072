"""A backtest: nothing known later is learned from, and every figure can be redone by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from model.backtest import hours_of_origins, lives_until, score_origin
from model.backtest_market import forecasts_at
from model.backtest_record import records_of, spells_of
from model.backtest_scores import OriginScores, Scores
from model.backtest_summary import summarised
from model.errors import ImpossibleInput, InsufficientHistory
from model.watched import Place

ZERO = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = Place(family="aws/V100", region="r", zone="z", pool="p")


def record(up, tick_hours=1.0, known_after=0.0, place=PLACE):
    hour = np.arange(len(up)) * tick_hours
    (found,) = records_of(place, hour, hour + known_after, up, np.full(len(up), tick_hours))
    return found


def weather(seed, days=16, place=PLACE):
    """Ten-minute ticks of a seeded two-state chain: synthetic, no market."""
    rng = np.random.default_rng(seed)
    turns = rng.random(days * 144) < 0.05
    return record((np.cumsum(turns) % 2 == 0).astype(float), 1 / 6, place=place)


# The record.


def test_a_record_as_of_an_instant_ends_there():
    seen = record([1, 0, 1, 1]).watched(as_of_hour=2.0)
    assert seen.up_T.tolist() == [1, 0, 1]


def test_what_was_learnt_later_is_not_seen_though_it_was_so_by_then():
    (late,) = records_of(PLACE, [0, 1, 2], [0, 9, 2], [1, 0, 1], [1, 1, 1])
    assert np.isnan(late.watched(2.0).up_T[1])
    assert late.watched(9.0).up_T.tolist() == [1, 0, 1]
    assert np.isnan(late.live.up_T[1])  # Nobody at hour 2 knew what hour 1 had shown.
    assert late.truth.up_T.tolist() == [1, 0, 1]


def test_of_two_words_on_one_tick_the_later_stands_once_it_was_learnt():
    (twice,) = records_of(PLACE, [0, 1, 1], [0, 1, 5], [1, 1, 0], [1, 1, 1])
    assert twice.watched(4.0).up_T.tolist() == [1, 1]
    assert twice.watched(5.0).up_T.tolist() == [1, 0]


def test_a_hole_of_more_than_a_day_makes_two_records_each_with_its_own_tick():
    first, second = records_of(PLACE, [0, 1, 50, 52], [0, 1, 50, 52], [1, 1, 0, 1], [1, 1, 2, 2])
    assert (first.tick_hours, first.end_hour) == (1.0, 2.0)
    assert (second.tick_hours, second.first_hour, second.end_hour) == (2.0, 50.0, 54.0)
    assert first.covers(1.5)
    assert not first.covers(2.0)


def test_arrays_of_different_lengths_are_refused():
    with pytest.raises(ImpossibleInput, match="2 hours and 2, 1, 2"):
        records_of(PLACE, [0, 1], [0, 1], [1], [1, 1])


def test_spells_are_where_capacity_was():
    assert spells_of(record([0, 1, 1, 0, 1]).truth) == [(1.0, 3.0), (4.0, 5.0)]


# Forecasts and figures.


def test_no_forecast_changes_when_what_comes_later_does():
    origin = 10 * 24.0
    calm = weather(1)
    hours = calm.first_hour + calm.tick_N * calm.tick_hours
    turned = replace(calm, up_N=np.where(hours > origin, 1.0 - calm.up_N, calm.up_N))
    one = forecasts_at([calm], origin, origin + 1 / 6)
    other = forecasts_at([turned], origin, origin + 1 / 6)
    for a, b in zip(one, other, strict=True):
        assert {name: chance.tolist() for name, chance in a.chances.items()} == {
            name: chance.tolist() for name, chance in b.chances.items()
        }
        assert (a.came_N == 1 - b.came_N).all()


def test_forecasts_are_made_each_quarter_of_an_hour_until_the_next_origin():
    found = forecasts_at([weather(1)], 240.0, 264.0)
    assert [each.horizon_hours for each in found] == [0.25, 1.0, 6.0, 24.0]
    assert 90 <= found[0].came_N.size <= 96
    assert set(found[0].day_N) == {10.0}


def test_the_figures_of_a_small_history():
    pools = [weather(seed, place=replace(PLACE, pool=f"p{seed}")) for seed in (1, 2)]
    hours = [8 * 24.0 + 24.0 * k for k in range(7)]
    ends = lives_until(hours, hours[-1] + 24.0)
    origins = [
        score_origin(pools, (), origin_hour=h, until_hour=h + 24.0, lives_until_hour=end, clock_zero_at=ZERO)
        for h, end in zip(hours, ends, strict=True)
    ]
    found = summarised(origins, seed=1)
    assert found == summarised(origins[::-1], seed=1)
    figures = {(f.figure, f.horizon_hours, f.baseline, f.pool): f for f in found.figures}
    brier = figures["brier", 1.0, "climatology", None]
    assert brier.low <= brier.value <= brier.high
    assert brier.n == sum(f.n for f in found.figures if f.figure == "brier"
                          and f.horizon_hours == 1.0 and f.baseline == "climatology" and f.pool)  # fmt: skip
    assert brier.value < brier.baseline_value  # A state that lasts hours is worth knowing.
    assert figures["life_coverage_80", None, "constant hazard", None].n > 50
    bins = next(b for b in found.bins if b.forecast == "ours" and b.horizon_hours == 1.0).bins
    assert sum(b.count for b in bins) == brier.n
    assert all((b.count == 0) == (b.chance is None) for b in bins)


def test_too_few_origins_are_refused_with_how_many_are_missing():
    with pytest.raises(InsufficientHistory, match=r"3 origins 24 h apart; .* needs 5, so 2 are missing"):
        hours_of_origins(ZERO, ZERO + timedelta(days=3), 24.0)
    with pytest.raises(InsufficientHistory, match="so 5 are missing"):
        summarised([], seed=1)
    assert hours_of_origins(ZERO, ZERO + timedelta(days=5), 24.0) == [0.0, 24.0, 48.0, 72.0, 96.0]


def test_an_empty_span_or_step_is_refused():
    with pytest.raises(ImpossibleInput, match="is empty"):
        hours_of_origins(ZERO, ZERO, 24.0)
    with pytest.raises(ImpossibleInput, match="Step"):
        hours_of_origins(ZERO, ZERO + timedelta(days=9), 0.0)
    with pytest.raises(ImpossibleInput, match="at most 5000"):
        hours_of_origins(ZERO, ZERO + timedelta(days=9000), 24.0)


def scores_on(days):
    return [
        OriginScores(origin_hour=24.0 * day, scores=(
            Scores(figure="finish_crps", unit="h", better="lower", baseline=None, ours_N=np.array([1.0]),
                   theirs_N=None, pool_N=np.array(["p"]), day_N=np.array([float(day)])),
        ))
        for day in days
    ]  # fmt: skip


def test_a_figure_on_too_few_days_is_refused_with_how_many_are_missing():
    with pytest.raises(InsufficientHistory, match="finish_crps rests on 2 days; an interval needs 5, so 3"):
        summarised(scores_on([1, 1, 1, 2, 2]), seed=1)
    (everything, of_pool) = summarised(scores_on([1, 2, 3, 4, 5]), seed=1).figures
    assert (everything.value, everything.n, everything.days, everything.pool) == (1.0, 5, 5, None)
    assert of_pool.pool == "p"


def test_lives_are_learned_anew_each_week_and_every_life_is_scored_once():
    hours = [24.0 * day for day in range(10)]
    ends = lives_until(hours, 240.0)
    assert [(h, e) for h, e in zip(hours, ends, strict=True) if e is not None] == [
        (0.0, 168.0),
        (168.0, 240.0),
    ]
