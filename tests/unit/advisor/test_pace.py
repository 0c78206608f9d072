"""What a run measured of itself: its pace, its pauses, and what is left by them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from advisor.pace import GRID, left_hours, measured, planned_steps
from advisor.progress import RunClock
from model.job import Overheads

NOW = datetime(2026, 3, 1, tzinfo=UTC)
REAL = RunClock.of(None, NOW)
STATED = Overheads(pause_s=10.0, save_lag_s=0.0, boot_s=60.0, restore_s=30.0, warmup_s=10.0)


def captured(number, seconds, tier="F"):
    return {"event": "captured", "attempt": 1, "seq": number, "seconds": seconds, "tier": tier}


def test_without_a_count_of_steps_what_is_left_is_what_the_job_file_says_less_what_lasts():
    assert left_hours(24.0, {1: 2.0, 2: 3.0}, None) == pytest.approx(19.0)


def test_at_the_stated_pace_both_ways_agree():
    # 24 h in 240 steps are 0.1 h each; 60 are done, so 180 are left: 18 h.
    assert left_hours(24.0, dict.fromkeys(range(1, 61), 0.1), 240) == pytest.approx(18.0)


def test_a_run_half_as_fast_as_stated_has_twice_as_much_left_and_never_nothing():
    # By hand: 180 of 0.2 h and the worth of 20 of 0.1 h are 0.19 h a step; 60 are left: 11.4 h.
    # The job file's 24 h were over after 120 of them.
    kept = dict.fromkeys(range(1, 181), 0.2)
    assert left_hours(24.0, kept, None) < 0
    assert 11.4 <= left_hours(24.0, kept, 240) <= 11.4 * (1 + GRID)


def test_only_the_latest_steps_tell_the_pace():
    # 300 slow steps, then 200 at the stated pace of 0.1 h: the slow ones are forgotten.
    kept = {step: 1.0 if step <= 300 else 0.1 for step in range(1, 501)}
    assert left_hours(60.0, kept, 600) == pytest.approx(10.0)


def test_nothing_is_left_of_a_run_that_made_all_its_steps():
    assert left_hours(24.0, {240: 0.1}, 240) == 0.0


def test_the_count_said_last_holds():
    told = [{"event": "planned", "attempt": each, "seq": 2, "steps": 100 * each} for each in (2, 1)]
    assert planned_steps(told) == 200
    assert planned_steps([]) is None


def test_a_pause_is_believed_after_five_full_saves_and_said_to_be_measured():
    assert measured(STATED, [captured(n, 30.0) for n in range(4)], REAL) is STATED
    seen = measured(STATED, [captured(n, 30.0) for n in range(5)], REAL)
    assert 30.0 <= seen.pause_s <= 30.0 * (1 + GRID)
    assert seen.origin.endswith("pause measured over 5 saves of the run")


def test_light_saves_do_not_tell_what_a_full_one_costs():
    light = [captured(n, 0.1, tier="W") for n in range(20)]
    assert measured(STATED, light, REAL) is STATED


def test_small_changes_of_pause_change_nothing():
    # Between two points of a grid of 2 % a decision is the same one.
    one, two = (measured(STATED, [captured(n, s) for n in range(9)], REAL) for s in (30.1, 30.2))
    assert one == two
