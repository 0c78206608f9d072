"""Clock, cadence, notice, directive and start: what tells a session when to do what."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from trainer.cadence import Cadence
from trainer.clock import Clock, ClockFile
from trainer.directive import DirectiveWatch, parse
from trainer.errors import PlanError, ServiceUnreachable
from trainer.notice import NoticeWatch
from trainer.plan import Plan, PlanService
from trainer.spool import process_began_at, write_notice
from trainer.start import refuse_start

EXAMPLE = Path(__file__).parents[3] / "examples" / "plan.json"
ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
WALL = datetime(2026, 6, 1, tzinfo=UTC)


def market_clock(compression, wall=WALL):
    file = ClockFile(market_origin_at=ORIGIN, wall_origin_at=WALL, compression=compression)
    return Clock(file, wall=lambda: wall)


def test_market_time_runs_faster_by_the_compression():
    # 10 wall seconds at 3600 market seconds each are 10 market hours.
    clock = market_clock(3600.0, wall=WALL + timedelta(seconds=10))
    assert clock.market_now() == ORIGIN + timedelta(hours=10)
    assert clock.real_s(1800.0) == 0.5


def test_without_a_file_market_time_is_wall_time():
    clock = Clock(wall=lambda: WALL)
    assert clock.market_now() == WALL
    assert clock.real_s(7.0) == 7.0


def test_a_clock_file_is_read_strictly(tmp_path):
    path = tmp_path / "clock.json"
    good = {
        "market_origin_at": "2026-01-01T00:00:00Z",
        "wall_origin_at": "2026-06-01T00:00:00Z",
        "compression": 60,
    }
    path.write_text(json.dumps(good))
    assert Clock.read(path).compression == 60.0
    path.write_text(json.dumps({**good, "compression": 0}))
    with pytest.raises(PlanError, match="compression 0"):
        Clock.read(path)
    with pytest.raises(PlanError, match="cannot be read"):
        Clock.read(tmp_path / "absent.json")


def cadence_of(*, compression=1.0, **intervals):
    plan = Plan.read(EXAMPLE).checkpoint
    return Cadence(replace(plan, **{"full_every_s": 600.0, **intervals}), compression=compression)


def test_a_save_is_due_after_so_many_useful_market_seconds():
    # 600 market seconds at compression 60 are 10 real ones.
    cadence = cadence_of(compression=60.0)
    cadence.worked(9.9)
    assert cadence.due() is None
    cadence.worked(0.1)
    assert cadence.due() == "F"
    cadence.saved("F")
    assert cadence.due() is None


def test_the_work_one_may_lose_caps_the_interval():
    cadence = cadence_of(max_lost_work_s=60.0)
    cadence.worked(60.0)
    assert cadence.due() == "F"


def test_light_saves_come_between_and_a_full_one_stands_for_both():
    cadence = cadence_of(light_every_s=250.0)
    told = []
    for _ in range(12):  # By hand, in steps of 100 s: light at 300, full at 600, light at 900, full at 1200.
        cadence.worked(100.0)
        told.append(cadence.due())
        if told[-1]:
            cadence.saved(told[-1])
    assert told == [None, None, "W", None, None, "F"] * 2


def test_a_directive_changes_the_interval():
    cadence = cadence_of()
    cadence.worked(60.0)
    cadence.follow(30.0, None)
    assert cadence.due() == "F"


def test_a_directive_for_light_saves_makes_none_where_the_plan_has_none():
    cadence = cadence_of()
    cadence.follow(None, 5.0)
    cadence.worked(60.0)
    assert cadence.due() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_is_remembered_and_the_first_one_counts(number):
    watch = NoticeWatch()
    former = signal.getsignal(number)
    watch.listen()
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGUSR1)
    assert watch.heard() == number.name
    watch.close()
    assert signal.getsignal(number) is former


@pytest.fixture
def give_back_usr1():
    former = signal.getsignal(signal.SIGUSR1)
    yield
    signal.signal(signal.SIGUSR1, former)


@pytest.mark.usefixtures("give_back_usr1")
def test_a_handler_of_ones_own_is_called_after_the_signal_was_noted_and_may_not_end_the_step():
    heard = []

    def leave(number, _frame):
        heard.append((watch.heard(), number))
        raise SystemExit(0)

    signal.signal(signal.SIGUSR1, leave)
    watch = NoticeWatch()
    watch.listen()
    os.kill(os.getpid(), signal.SIGUSR1)
    assert heard == [("SIGUSR1", signal.SIGUSR1)]
    watch.close()
    assert signal.getsignal(signal.SIGUSR1) is leave


@pytest.mark.usefixtures("give_back_usr1")
def test_a_handler_that_was_set_while_we_listened_stays():
    watch = NoticeWatch()
    watch.listen()
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    watch.close()
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_IGN


@pytest.mark.usefixtures("give_back_usr1")
def test_a_handler_that_is_not_of_pythons_making_is_not_put_back_by_python():
    watch = NoticeWatch()
    watch.listen()
    watch._former[signal.SIGUSR1] = None  # As `signal.signal` returns it.
    watch.close()


def test_a_file_that_appears_is_a_notice(tmp_path):
    watch = NoticeWatch(tmp_path / "notice")
    assert watch.heard() is None
    (tmp_path / "notice").touch()
    assert watch.heard() == "file"


@pytest.mark.parametrize(
    ("word", "stops"),
    [
        ("continue", False),
        ("checkpoint_now", False),
        ("migrate", True),
        ("switch_to_on_demand", True),
        ("wait", True),
    ],
)
def test_moving_away_or_waiting_ends_the_attempt(word, stops):
    assert parse({"directive": word}).stops is stops


@pytest.mark.parametrize("every_s", [None, "soon", True, -1, 0, float("nan")])
def test_an_interval_that_is_none_changes_nothing(every_s):
    assert parse({"directive": "continue", "full_every_s": every_s}).full_every_s is None


def test_a_word_we_do_not_know_is_no_directive():
    with pytest.raises(ServiceUnreachable, match="'jump'"):
        parse({"directive": "jump"})


def test_with_the_service_away_there_is_no_new_directive(make_plan, capsys):
    service = PlanService(url="http://127.0.0.1:9", token_env=None, directive_every_s=60.0)
    watch = DirectiveWatch(make_plan(), service, market_clock(1.0), None)
    watch.ask_once()
    assert watch.take() is None
    assert "the last one stands" in capsys.readouterr().err


def test_an_expired_plan_does_not_start_by_the_markets_clock(make_plan):
    plan = make_plan()
    plan = replace(plan, expires_at=ORIGIN + timedelta(hours=1))
    refuse_start(plan, market_clock(3600.0, wall=WALL + timedelta(seconds=1)))  # Exactly then.
    with pytest.raises(PlanError, match="expired at 2026-01-01T01:00:00Z; it is 2026-01-01T02:00:00Z"):
        refuse_start(plan, market_clock(3600.0, wall=WALL + timedelta(seconds=2)))


def test_speed_we_cannot_give_is_not_a_reason_to_stay_away(make_plan):
    plan = make_plan()
    refuse_start(replace(plan, checkpoint=replace(plan.checkpoint, asynchronous=True, delta=True)), Clock())
    assert plan.checkpoint.codec == "none"


def test_a_notice_left_over_from_a_former_start_is_passed_over_and_the_next_one_is_heard(tmp_path):
    file = tmp_path / "notice"
    write_notice(file, "cloud")
    assert NoticeWatch(file).heard() == "cloud"  # Written since this process began, though before the watch.
    os.utime(file, (process_began_at() - 60, process_began_at() - 60))
    watch = NoticeWatch(file)
    assert watch.heard() is None
    write_notice(file, "launcher")
    assert watch.heard() == "launcher"


def test_a_notice_for_a_time_that_was_over_before_this_process_began_is_passed_over(tmp_path):
    over, ahead = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(minutes=1)
    write_notice(tmp_path / "over", "cloud", over)
    write_notice(tmp_path / "ahead", "cloud", ahead)
    assert NoticeWatch(tmp_path / "over").heard() is None
    assert NoticeWatch(tmp_path / "ahead").heard() == "cloud"


def test_a_process_knows_when_it_began():
    code = "import time, trainer.spool as s; print(time.time() - s.process_began_at())"
    began = time.monotonic()
    child = [sys.executable, "-c", code]
    age_s = float(subprocess.run(child, capture_output=True, check=True, cwd=EXAMPLE.parents[1]).stdout)
    assert 0.0 < age_s <= time.monotonic() - began + 0.02  # It is told in hundredths.
