"""Trainers forked from the standby are processes like any other: they log, exit and die alone."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest

from advisor.demo_measure import bare_plan
from advisor.executor import send
from advisor.standby import Standby
from trainer.runlog import read_phase


@pytest.fixture(scope="module")
def standby():
    with Standby() as ready:
        yield ready


@pytest.fixture
def words(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(bare_plan(tmp_path / "checkpoints", 1, save_every_s=60.0).to_json())
    return ["--plan", str(plan), "--spool", str(tmp_path), "--size", "nano"]


def test_a_trainer_runs_to_its_end(standby, words, tmp_path):
    assert standby.start([*words, "--steps", "5"], tmp_path / "log").wait(timeout=60) == 0
    assert read_phase(tmp_path / "attempt-1-node-0.phase") == ("done", 5)


def test_a_refusal_keeps_its_exit_code_and_its_words(standby, tmp_path):
    absent = ["--plan", str(tmp_path / "absent.json"), "--spool", str(tmp_path)]
    assert standby.start(absent, tmp_path / "log").wait(timeout=60) == 2
    assert "absent.json cannot be read" in (tmp_path / "log").read_text()


def test_a_killed_trainer_tells_the_signal_and_the_next_one_runs(standby, words, tmp_path):
    first = standby.start([*words, "--steps", "1000000"], tmp_path / "log")
    assert first.poll() is None
    send(first, signal.SIGKILL)
    assert first.wait(timeout=60) == -signal.SIGKILL
    assert standby.start([*words, "--steps", "5"], tmp_path / "log").wait(timeout=60) == 0


def test_waiting_has_an_end(standby, words, tmp_path):
    running = standby.start([*words, "--steps", "1000000"], tmp_path / "log")
    with pytest.raises(subprocess.TimeoutExpired):
        running.wait(timeout=0.05)
    send(running, signal.SIGKILL)


def test_trainers_end_with_their_standby(words, tmp_path):
    with Standby() as own:
        pid = own.start([*words, "--steps", "1000000"], tmp_path / "log").pid
    until = time.monotonic() + 10
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(pid)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
