"""Nodes come and go under torchrun: training goes on with those there are, and ends where it would have."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

from trainer.loop import be_deterministic, learning_rate
from trainer.plan import Plan
from trainer.runlog import notice_path, read_spool, spool_path
from trainer.token_loop import Options, Training
from trainer.torchrun import ELASTIC
from trainer.world import World

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).with_name("elastic_script.py")
ROOT = Path(__file__).parents[2]
PATIENCE_S = 90
STEPS = 100
TRAINING = ("--size", "nano", "--steps", str(STEPS), "--global-batch", "12", "--parallel", "fsdp")
RENDEZVOUS = "last_call_timeout=1,keep_alive_interval=1,keep_alive_max_attempt=8,join_timeout=60"


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture
def plan(tmp_path):
    """A plan that saves five times a second, beside the training."""
    plan = Plan.read(ROOT / "examples" / "plan.json")
    cadence = {"light_every_s": None, "full_every_s": 0.2, "asynchronous": True}
    local = {"local_dir": str(tmp_path / "saved"), "primary_url": None, "replica_urls": (), "key_ref": None}
    plan = replace(
        plan,
        checkpoint=replace(plan.checkpoint, **cadence),
        stores=replace(plan.stores, **local),
        expires_at=datetime(2999, 1, 1, tzinfo=UTC),
        service=None,
    )
    (tmp_path / "plan.json").write_text(plan.to_json())
    return tmp_path / "plan.json"


@pytest.fixture
def node(tmp_path, port, plan):
    """Start a node of a job of one to two; all of it is killed at the end."""
    started = []

    def start(name, processes=1):
        how = [sys.executable, "-m", "torch.distributed.run", "--nnodes=1:2", f"--nproc-per-node={processes}"]
        where = ["--rdzv-backend=c10d", f"--rdzv-endpoint=127.0.0.1:{port}", "--rdzv-id=tide"]
        patience = [f"--rdzv-conf={RENDEZVOUS}", "--monitor-interval=0.3", "--max-restarts=3"]
        ours = [
            "--plan",
            plan,
            "--spool",
            tmp_path / "spool",
            "--node-name",
            name,
            *TRAINING,
        ]
        with open(tmp_path / f"{name}.out", "wb") as output:
            process = subprocess.Popen(
                list(map(str, [*how, *where, *patience, SCRIPT, *ours])),
                env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **ELASTIC},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        kill(process)


def kill(process):
    """End a node as a cloud does: everything on it, at once."""
    for pid in [process.pid, *children_of(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


def children_of(pid):
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True).stdout
    children = [int(word) for word in found.split()]
    return [*children, *(grandchild for child in children for grandchild in children_of(child))]


def wait_for(what, words):
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, words
        time.sleep(0.1)


def alone():
    """The losses of one process that nothing happens to."""
    be_deterministic(0, 1)
    try:
        options = Options(size="nano", seed=0, steps=STEPS, global_batch=12)
        training = Training(options, World())
        return [training.step(learning_rate(step, STEPS)) for step in range(STEPS)]
    finally:
        torch.set_deterministic_debug_mode("default")


def test_a_node_comes_and_is_killed_and_the_losses_stay_the_same(node, tmp_path):
    def events(name, kind):
        return [e for e in read_spool(spool_path(tmp_path / "spool", 1, name)) if e["event"] == kind]

    first = node("a")
    wait_for(lambda: len(events("a", "committed")) > 2, "the first node trains alone")
    second = node("b", processes=2)
    wait_for(lambda: any(e["world_size"] == 3 for e in events("a", "started")), "the second node joins")
    wait_for(lambda: len(events("b", "step")) > 5, "they train together")
    kill(second)
    assert first.wait(PATIENCE_S) == 0, (tmp_path / "a.out").read_text()[-4000:]
    assert [e["world_size"] for e in events("a", "started")] == [1, 3, 1]
    losses = {e["step"]: e["loss"] for e in events("a", "step")}  # A step that was done again counts once.
    assert sorted(losses) == list(range(1, STEPS + 1))
    assert [losses[step] for step in sorted(losses)] == pytest.approx(alone(), rel=1e-4)
    assert events("a", "ended")[-1]["reason"] == "done"


@pytest.mark.parametrize("source", ["file", "SIGUSR1"])
def test_one_rank_is_warned_and_all_stop_on_purpose_and_go_on(plan, tmp_path, source):
    ours = ["--plan", plan, "--spool", tmp_path / "spool", "--node-name", "a", *TRAINING]
    words = [sys.executable, "-m", "trainer.torchrun", "--standalone", "--nproc-per-node=2", "--", *ours]
    how = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}}
    notice = notice_path(tmp_path / "spool", 1, "a.1")
    log = spool_path(tmp_path / "spool", 1, "a")

    def steps():
        return [e for e in read_spool(log) if e["event"] == "step"]

    process = subprocess.Popen(list(map(str, words)), **how)
    try:
        wait_for(lambda: len(steps()) > 3, "two ranks train")
        if source == "file":
            notice.touch()
        else:
            started = read_spool(spool_path(tmp_path / "spool", 1, "a.1"))[0]
            os.kill(started["pid"], signal.SIGUSR1)
        assert process.wait(PATIENCE_S) == 75
    finally:
        kill(process)
    done = len(steps())
    assert done < STEPS
    assert [e["source"] for e in read_spool(log) if e["event"] == "notice"] == [source]
    notice.unlink(missing_ok=True)
    assert subprocess.run(list(map(str, words)), **how, timeout=PATIENCE_S).returncode == 0
    assert [e["step"] for e in steps()] == list(range(1, STEPS + 1))  # None lost, none done again.
    assert [e["loss"] for e in steps()] == pytest.approx(alone(), rel=1e-4)
