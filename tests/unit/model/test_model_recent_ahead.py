"""What recent availability is expected to be when a spell begins some hours from now."""

from __future__ import annotations

import numpy as np
import pytest

from model.features import window_shares
from model.observed import AHEAD_HOURS, RECENT_WINDOWS, recent_ahead
from model.watched import Place, log_odds, watch

PLACE = Place(family="f", region="r", zone="z", pool="p")


def shares(up) -> np.ndarray:
    return np.array([window_shares(watch(PLACE, up, 0.5))[w][-1] for w in RECENT_WINDOWS])


UP = np.random.default_rng(3).uniform(size=600) < np.repeat([0.9, 0.2], 300)


def test_now_the_windows_show_what_was_seen():
    assert recent_ahead(watch(PLACE, UP, 0.5))[0] == pytest.approx(log_odds(shares(UP)))


def test_hours_of_a_window_still_to_come_show_what_the_longer_window_does():
    # By hand, at 12 h: of 168 h, 12 are to come and show all time; of 24 h half is, and shows the 168 h
    # as they then stand; of 6 h nothing was seen, so they show what the 24 h then do.
    whole, week, day, _ = shares(UP)
    week_then = (156 / 168) * week + (12 / 168) * whole
    day_then = 0.5 * day + 0.5 * week_then
    found = recent_ahead(watch(PLACE, UP, 0.5))[AHEAD_HOURS.tolist().index(12.0)]
    assert found == pytest.approx(log_odds([whole, week_then, day_then, day_then]))


def test_after_a_week_nothing_recent_is_left_and_all_windows_show_all_time():
    found = recent_ahead(watch(PLACE, UP, 0.5))[-1]
    assert found == pytest.approx(np.full(4, log_odds(shares(UP)[0])))


def test_a_market_that_was_always_the_same_stays_what_it_is():
    found = recent_ahead(watch(PLACE, np.ones(2000), 0.5))
    assert (np.diff(found, axis=0) <= 1e-12).all()  # Only the doubt about all time comes back.
    assert found.min() > log_odds(0.95)
