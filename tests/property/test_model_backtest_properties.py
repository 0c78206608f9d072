"""What holds for any record, any job and any forecast that is scored."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.backtest_record import records_of, spells_of
from model.backtest_replay import replayed
from model.goodput import Cadence
from model.scores import calibration_bins, calibration_error_by_day, crps
from model.watched import Place

hours = st.floats(0.01, 50)
cadences = st.builds(
    Cadence, interval_hours=st.floats(0.05, 5), pause_hours=st.floats(0, 0.5), restart_hours=st.floats(0, 2),
    save_lag_hours=st.floats(0, 1),
)  # fmt: skip
amounts = st.floats(0, 1e4)


@st.composite
def spells(draw):
    """Spells of capacity, one after the other."""
    edges = np.cumsum(draw(st.lists(hours, min_size=2, max_size=12)))
    return [(float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]


@given(hours, cadences, spells(), st.floats(0, 20))
def test_no_job_is_done_in_less_than_it_takes_or_billed_where_there_was_no_capacity(work, cadence, up, start):
    end = up[-1][1]
    course = replayed(work, cadence, up, start, end)
    least = work + cadence.saves(work) * cadence.pause_hours + cadence.restart_hours + cadence.save_lag_hours
    if course.done:
        assert course.billed_hours >= least - 1e-6
        assert course.kept_hours == work
    assert course.billed_hours <= course.wall_hours + 1e-6
    assert 0 <= course.kept_hours <= work
    assert all(any(a - 1e-9 <= since and until <= b + 1e-9 for a, b in up) for since, until in course.billed)


@given(hours, cadences, spells(), st.floats(0.1, 10))
def test_more_capacity_at_the_end_never_makes_a_job_later(work, cadence, up, more):
    end = up[-1][1]
    before = replayed(work, cadence, up, 0.0, end)
    after = replayed(work, cadence, [*up[:-1], (up[-1][0], end + more)], 0.0, end + more)
    assert after.kept_hours >= before.kept_hours - 1e-9
    if before.done:
        assert after == before


@given(st.lists(amounts, min_size=1, max_size=40), amounts)
def test_crps_is_never_negative_nor_more_than_the_mean_distance(drawn, came):
    score = crps(drawn, came)
    assert -1e-6 <= score <= float(np.abs(np.array(drawn) - came).mean()) + 1e-6


@given(st.lists(amounts, min_size=1, max_size=20), amounts, st.floats(0, 100))
def test_crps_does_not_depend_on_where_the_scale_begins(drawn, came, shift):
    assert crps(np.array(drawn) + shift, came + shift) == pytest.approx(crps(drawn, came), abs=1e-6)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 6)), min_size=1, max_size=60))
def test_every_forecast_is_in_one_bin_and_intervals_hold_their_figure(rows):
    chance, came, day = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    bins = calibration_bins(chance, came, day, seed=1)
    assert sum(each.count for each in bins) == len(rows)
    assert all(each.low - 1e-9 <= each.chance <= each.high + 1e-9 for each in bins if each.count)
    error = calibration_error_by_day(chance, came, day, seed=1)
    assert error.low <= error.value <= error.high


@given(
    st.lists(st.tuples(st.floats(0, 200), st.floats(0, 40), st.booleans()), min_size=1, max_size=40),
    st.floats(0, 250),
)
def test_nothing_effective_or_observed_later_is_ever_seen(rows, as_of):
    at, late, up = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    place = Place(family="f", region="r", zone="z", pool="p")
    known = at + late <= as_of + 2e-9  # Hours; an instant is kept to the microsecond.
    records = records_of(place, at, at + late, up, np.full(at.size, 0.5))
    seen = [pool for record in records if (pool := record.watched(as_of)) is not None]
    # A probe may stand for the tick nearest to it, half a tick away at most.
    assert all(pool.hour_T[-1] <= as_of + 1e-6 for pool in seen)
    assert sum(int(np.isfinite(pool.up_T).sum()) for pool in seen) <= int(known.sum())
    for record in records:
        assert all(a < b for a, b in spells_of(record.truth))
        assert all(b < c for (_, b), (c, _) in pairwise(spells_of(record.truth)))
