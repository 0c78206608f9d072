"""The schedule on the real APScheduler, with intervals of fractions of a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from collector.schedule import Schedule, Timed


def now() -> datetime:
    return datetime.now(UTC)


def until(met: Callable[[], object], within_s: float = 10.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def timed(
    run: Callable[[], object], *, name: str = "job", every_s: float = 0.1, due_in_s: float = -1
) -> Timed:
    return Timed(
        job_id=name, every_s=every_s, jitter_s=0, due_at=now() + timedelta(seconds=due_in_s), run=run
    )  # fmt: skip


@pytest.fixture
def started() -> Iterator[Callable[..., Schedule]]:
    """Starts a schedule of some jobs, and stops it at the end."""
    made: list[Schedule] = []

    def start(*jobs: Timed, threads: int = 4) -> Schedule:
        made.append(Schedule(jobs, now=now, threads=threads))
        made[-1].start()
        return made[-1]

    yield start
    for schedule in made:
        schedule.stop()


def test_a_job_runs_again_and_again(started):
    runs: list[float] = []
    started(timed(lambda: runs.append(time.monotonic())))
    until(lambda: len(runs) >= 3)
    # The third begins two intervals of 0.1 s after the first, never sooner.
    assert runs[2] - runs[0] > 0.15


def test_a_job_never_overlaps_itself_and_what_it_missed_is_counted(started):
    at_once, most, runs = 0, 0, 0
    lock = threading.Lock()

    def slow() -> None:
        nonlocal at_once, most, runs
        with lock:
            at_once, runs = at_once + 1, runs + 1
            most = max(most, at_once)
        time.sleep(0.35)
        with lock:
            at_once -= 1

    schedule = started(timed(slow))
    until(lambda: runs >= 3)
    assert most == 1
    assert schedule.skipped()["job"] >= 2  # Due every 0.1 s, and each pass takes 0.35 s.


def test_times_missed_while_the_clock_stood_still_are_made_up_by_one_pass(started):
    runs: list[float] = []
    schedule = started(timed(lambda: runs.append(time.monotonic()), every_s=0.2))
    until(lambda: runs)
    schedule._scheduler.pause()  # The machine sleeps.
    time.sleep(0.3)  # A pass that was already on its way is over.
    before = len(runs)
    time.sleep(1.0)
    assert len(runs) == before
    woken = time.monotonic()
    schedule._scheduler.resume()
    until(lambda: len(runs) > before)
    time.sleep(0.05)
    # Five or six times were missed, and one pass stands for all of them.
    assert len([at for at in runs if woken <= at < woken + 0.1]) == 1


def test_a_failing_job_does_not_stop_the_others_nor_itself(started, caplog):
    failed, good = [], []

    def fail() -> None:
        failed.append(1)
        raise KeyError("a secret")

    started(timed(fail, name="bad"), timed(lambda: good.append(1), name="good"))
    until(lambda: len(failed) >= 3 and len(good) >= 3)
    assert "the job bad failed: KeyError" in caplog.text
    assert "a secret" not in caplog.text


def test_the_next_run_is_known(started):
    schedule = started(timed(lambda: None, name="soon", every_s=600, due_in_s=300))
    wait_s = (schedule.next_runs()["soon"] - now()).total_seconds()
    assert wait_s == pytest.approx(300, abs=5)


def test_a_job_that_was_read_lately_waits_for_its_turn_and_one_that_is_late_runs_now(started):
    runs: list[str] = []
    started(
        timed(lambda: runs.append("early"), name="early", every_s=3600, due_in_s=1800),
        timed(lambda: runs.append("late"), name="late", every_s=3600, due_in_s=-7200),
    )
    until(lambda: "late" in runs)
    time.sleep(0.3)
    assert runs == ["late"]


def test_a_job_of_the_same_name_takes_the_place_of_the_first(started):
    runs: list[str] = []
    started(timed(lambda: runs.append("old")), timed(lambda: runs.append("new")))
    until(lambda: len(runs) >= 3)
    assert set(runs) == {"new"}


def test_a_job_can_be_asked_for_sooner_and_never_for_later(started):
    schedule = started(timed(lambda: None, name="daily", every_s=86400, due_in_s=3600))
    soon = now() + timedelta(seconds=60)
    schedule.sooner("daily", soon)
    assert schedule.next_runs()["daily"] == soon
    schedule.sooner("daily", soon + timedelta(hours=2))
    assert schedule.next_runs()["daily"] == soon


def test_after_stop_nothing_starts(started):
    runs: list[int] = []
    schedule = started(timed(lambda: runs.append(1)))
    until(lambda: runs)
    schedule.stop()
    time.sleep(0.05)
    before = len(runs)
    time.sleep(0.4)
    assert len(runs) == before
    schedule.stop()  # A second time changes nothing.
    assert schedule.next_runs() == {}
