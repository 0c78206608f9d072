"""What the demo measures, scales and clears, each by hand."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from advisor.attempts import Situation
from advisor.demo_measure import Measured, bare_plan, read_times
from advisor.demo_room import MARKER, clear
from advisor.demo_stand_in import assumptions, make_stand_in
from advisor.demo_training import describe
from advisor.windows import Rehearsal, Window
from model.errors import EnvironmentTrouble, ImpossibleInput
from trainer.plan import Plan

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MEASURED = Measured(
    step_s=0.04, pause_s=0.05, save_lag_s=0.0, boot_s=2.8, restore_s=0.03, warmup_s=0.02, state_bytes=10**7
)
SPEC = {
    "job": {"name": "day", "gpus": 64, "useful_hours": 24.0, "state_bytes": 360 * 10**9,
            "throughput": {"H100-80GB": 1.0, "A100-80GB": 0.45}, "deadline_hours": 72.0},
    "overheads": {"pause_s": 20.0},
    "data": {"dataset_bytes": 10**12, "provider": "aws", "region": "us-east-1"},
    "constraints": {"borrow": "region"},
}  # fmt: skip


def event(second: float, kind: str, **fields) -> dict:
    return {"event": kind, "at": (NOON + timedelta(seconds=second)).isoformat(), **fields}


def test_times_are_read_from_the_run_logs():
    # Fresh: steps every 40 ms, with a save of 50 ms between the second and the third.
    fresh = [
        event(3.0, "started"), event(3.10, "step"), event(3.14, "step"),
        event(3.19, "captured", seconds=0.05, bytes=7), event(3.19, "committed", seconds=0.05),
        event(3.23, "step"), event(3.27, "step"),
    ]  # fmt: skip
    # Resumed: boot 2.8 s; restoring takes 0.03 s; the first step ends 0.09 s after the start, so
    # 0.09 - 0.03 - 0.04 = 0.02 s were warm-up.
    resumed = [
        event(2.8, "started"), event(2.83, "restored", seconds=0.03), event(2.89, "step"),
        event(2.93, "step"), event(2.98, "captured", seconds=0.05, bytes=7),
        event(2.98, "committed", seconds=0.05),
    ]  # fmt: skip
    found = read_times((NOON, fresh), (NOON, resumed))
    assert (found.boot_s, found.restore_s, found.pause_s, found.save_lag_s) == (2.8, 0.03, 0.05, 0.0)
    assert found.step_s == pytest.approx(0.04, abs=1e-6)
    assert found.warmup_s == pytest.approx(0.02, abs=1e-6)
    assert found.state_bytes == 7


def test_the_plan_of_a_measurement_is_a_plan(tmp_path):
    plan = bare_plan(tmp_path, 2, save_every_s=0.5)
    assert Plan.read(plan.to_json().encode()) == plan
    assert plan.service is None


def test_a_minute_of_steps_stands_for_a_day():
    found = make_stand_in(SPEC, MEASURED, 60.0)
    # 60 s / 0.04 s = 1500 steps; 86400 s / 60 s = 1440 times faster; 2.8 s of boot are 4032 s.
    assert found.steps == 1500
    assert found.compression == pytest.approx(1440)
    assert found.spec["overheads"]["boot_s"] == pytest.approx(4032)
    assert found.spec["overheads"]["origin"] == "measured on this machine × compression 1440"
    assert found.restart / timedelta(hours=1) == pytest.approx((2.8 + 0.03 + 0.02) * 1440 / 3600)


def test_the_stand_in_has_one_speed_and_moves_no_data_set():
    spec = make_stand_in(SPEC, MEASURED, 60.0).spec
    assert spec["job"]["throughput"] == {"H100-80GB": 1.0}
    assert "data" not in spec
    assert spec["job"]["deadline_hours"] == 72.0
    assert (spec["job"]["gpus"], spec["job"]["state_bytes"]) == (64, 10**7)
    assert SPEC["job"]["throughput"] == {"H100-80GB": 1.0, "A100-80GB": 0.45}


def test_the_assumptions_name_compression_notice_window_and_stand_in():
    rehearsal = Rehearsal(start_at=NOON, hits=7, took=timedelta(hours=30))
    window = Window(rehearsal=rehearsal, hits_wanted=6, stormy=3, considered=40, seed=1)
    told = dict(assumptions(make_stand_in(SPEC, MEASURED, 60.0), window))
    assert "1440 times faster" in told["Time"]
    assert "0.5 real seconds" in told["Notice"]
    assert "Of 40 starts, every 2 h" in told["Window"]
    assert "H100-80GB alone" in told["Stand-in"]


def test_the_progress_line_says_where_and_how_far():
    now = Situation(
        market_at=NOON, pool_id="aws/us-west-2/name:us-west-2a/p3.2xlarge/spot", attempt=4, phase="save",
        step=412, lost=3,
    )  # fmt: skip
    assert describe(now, 1600) == (
        "2026-01-01 12:00 UTC · us-west-2a p3.2xlarge · attempt 4, saving · step 412/1600 · 3 lost"
    )


def test_a_former_demos_folder_is_cleared(tmp_path):
    (tmp_path / MARKER).write_text("4194305")  # Above Linux's highest process number.
    (tmp_path / "report.html").write_text("old")
    clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [MARKER]


def test_a_folder_in_which_a_demo_is_at_work_is_left_alone(tmp_path):
    (tmp_path / MARKER).write_text(str(os.getppid()))
    with pytest.raises(EnvironmentTrouble, match=rf"process {os.getppid()}\) is at work"):
        clear(tmp_path)


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(ImpossibleInput, match="no demo wrote"):
        clear(tmp_path)
    assert (tmp_path / "thesis.tex").exists()
