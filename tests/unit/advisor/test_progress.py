"""How far a run has come, from its events alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from advisor.progress import RunClock, kept_hours, newest_checkpoint, state
from model.errors import ImpossibleInput

NOW = datetime(2023, 3, 1, tzinfo=UTC)
FAST = RunClock(market_origin_at=NOW, wall_origin_at=NOW + timedelta(days=900), compression=3600.0)
REAL = RunClock.of(None, NOW)


def step(number, attempt=1, seconds=10.0, seq=None):
    return {"event": "step", "step": number, "attempt": attempt, "seq": seq or number, "seconds": seconds}


def commit(number, generation, attempt=1):
    return {
        "event": "committed",
        "step": number,
        "generation": generation,
        "attempt": attempt,
        "seq": 1000 + generation,
        "sha256": "ab",
        "manifest_url": "file:///c",
    }


def ended(attempt, reason, node="launcher"):
    return {"event": "ended", "attempt": attempt, "reason": reason, "node": node}


def done(*told, **how):
    return sum(kept_hours(*told, **how).values())


def test_market_time_runs_faster_by_the_compression():
    assert FAST.market_at(NOW + timedelta(days=900, seconds=2)) == NOW + timedelta(hours=2)


def test_without_a_clock_market_time_is_wall_time():
    assert REAL.market_at(NOW + timedelta(minutes=5)) == NOW + timedelta(minutes=5)


def test_a_clock_survives_being_written_down():
    written = {
        "market_origin_at": FAST.market_origin_at.isoformat(),
        "wall_origin_at": FAST.wall_origin_at.isoformat(),
        "compression": 3600.0,
    }
    assert RunClock.of(written, NOW) == FAST


@pytest.mark.parametrize("years", [-300, 300])
def test_market_time_off_the_calendar_is_refused(years):
    with pytest.raises(ImpossibleInput, match="no market time"):
        FAST.market_at(NOW + timedelta(days=365 * years))


def test_only_steps_a_checkpoint_holds_are_done():
    # By hand: steps 1 and 2 of 10 wall seconds at 3600 times are 20 market hours; step 3 is not held.
    events = [step(1), step(2), commit(2, 1), step(3)]
    assert done(events, FAST, {1: 1.0}) == pytest.approx(20.0)
    assert done(events, FAST, {1: 1.0}, committed_only=False) == pytest.approx(30.0)


def test_a_step_done_twice_counts_once_as_it_was_done_last():
    events = [step(1), commit(1, 1), step(2), step(2, attempt=2, seconds=30.0), commit(2, 2, attempt=2)]
    assert done(events, FAST, {1: 1.0, 2: 1.0}) == pytest.approx(40.0)


def test_work_on_a_half_as_fast_gpu_counts_half():
    events = [step(1), commit(1, 1), step(2, attempt=2), commit(2, 2, attempt=2)]
    assert done(events, FAST, {1: 1.0, 2: 0.5}) == pytest.approx(15.0)


def test_nothing_committed_is_nothing_done():
    assert done([step(1)], FAST, {1: 1.0}) == 0.0
    assert newest_checkpoint([step(1)]) is None


def test_the_newest_generation_is_the_checkpoint_whatever_the_order():
    assert newest_checkpoint([commit(4, 2), commit(2, 1)]).step == 4


@pytest.mark.parametrize(
    ("events", "attempts", "expected"),
    [
        ([], 1, "open"),
        ([step(1)], 1, "running"),
        ([step(1), ended(1, "preempted")], 1, "lost"),
        ([step(1), ended(1, "preempted")], 2, "waiting"),
        ([step(1), ended(1, "failed")], 1, "failed"),
        ([step(1), ended(1, "stopped")], 1, "stopped"),
        ([ended(1, "done", node="0")], 1, "done"),
        ([ended(1, "stopped", node="0"), ended(1, "preempted")], 1, "lost"),
    ],
)
def test_the_state_is_where_the_newest_attempt_stands(events, attempts, expected):
    assert state(events, attempts) == expected
