"""A pool as it was watched, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from model.errors import ImpossibleInput, InsufficientHistory
from model.features import LONG_HOURS, NAMES, at_hours, features
from model.observed import lives_of
from model.semi_markov import fit_chains
from model.watched import Place, trailing, watch

HERE = Place(family="aws/v100", region="us-east-1", zone="us-east-1a", pool="a")
NAN = float("nan")


def test_the_last_known_state_is_carried_and_ages():
    pool = watch(HERE, [1, 1, NAN, 0, NAN, 1], 0.5)
    assert pool.state_T.tolist() == [True, True, True, False, False, True]
    assert pool.age_ticks_T.tolist() == [1, 2, 3, 1, 2, 1]


def test_ticks_before_the_first_sighting_are_cut_off():
    pool = watch(HERE, [NAN, NAN, 1, 0], 0.5, first_hour=3.0)
    assert pool.ticks == 2
    assert pool.hour_T.tolist() == [4.0, 4.5]  # Two half hours after 3:00.


def test_unseen_ticks_weigh_nothing_in_a_mean():
    pool = watch(HERE, [1, NAN, 0, 1], 1.0)
    # Last 3 h at the end: NaN, 0, 1 and a prior of 0.5 worth 2 h: (1 + 1) / (2 + 2).
    assert trailing(pool, 3.0, np.full(4, 0.5), 2.0)[-1] == pytest.approx(0.5)
    # All time: 1, 0, 1 and the same prior: (2 + 1) / (3 + 2).
    assert trailing(pool, LONG_HOURS, np.full(4, 0.5), 2.0)[-1] == pytest.approx(0.6)


@pytest.mark.parametrize("up", [[], [NAN, NAN]])
def test_a_pool_nobody_saw_is_refused_with_the_number_missing(up):
    with pytest.raises(InsufficientHistory, match="0 probes"):
        watch(HERE, up, 1.0)


def test_counts_are_not_shares():
    with pytest.raises(ImpossibleInput, match="reaches 4"):
        watch(HERE, [1, 4], 1.0)


def test_a_sibling_last_seen_long_ago_says_nothing_of_now():
    sibling = watch(HERE, [1, 0], 0.5, first_hour=1.0)  # Seen at 1:00 and 1:30.
    seen = at_hours(sibling, np.array([0.9, 1.2, 1.5, 2.4, 3.0]))
    np.testing.assert_equal(seen, [NAN, 1.0, 0.0, 0.0, NAN])


def test_every_column_has_a_name_and_is_finite_even_after_one_tick():
    pool = watch(HERE, [1], 0.5)
    columns = features(pool, [pool], 24.0, fit_chains([])[1])
    assert columns.shape == (1, len(NAMES))
    assert np.isfinite(columns).all()


def test_runs_of_a_state_with_the_interval_they_ended_in():
    #                 first run unseen to begin ↓  two ticks ↓   still up ↓
    pool = watch(HERE, [1, 0, 1, 1, 0, 0, 0, 1], 0.5)
    up, gaps = lives_of([pool], up=True), lives_of([pool], up=False)
    assert up.after_hours_N.tolist() == [0.5, 0.0]  # Two ticks: known to exceed one; one tick: nothing.
    assert up.until_hours_N.tolist() == [1.0, np.inf]
    assert up.began_hour_N.tolist() == [1.0, 3.5]
    assert gaps.until_hours_N.tolist() == [0.5, 1.5]


def test_a_pool_that_never_changed_has_no_runs():
    assert lives_of([watch(HERE, [1] * 9, 0.5)], up=True).count == 0


def test_what_was_not_known_yet_is_not_seen():
    lives = lives_of([watch(HERE, [0, 1, 1, 1, 0, 1, 0], 1.0)], up=True)  # Began at 1:00 and 5:00.
    known = lives.seen_by(3.0)
    assert known.count == 1
    assert (known.after_hours_N[0], known.until_hours_N[0]) == (2.0, np.inf)
