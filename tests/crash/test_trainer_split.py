"""A rendezvous that came apart: two torchruns of one attempt, each with a disk of its own, and one store.

Both believe that they are the run. The one that started last has it, the other says so and stops.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.plan import Plan
from trainer.runlog import read_spool, spool_path

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).with_name("elastic_script.py")
PATIENCE_S = 90
STEPS = 60
TRAINING = ("--size", "nano", "--steps", str(STEPS), "--global-batch", "12")


class Half:
    """One node that sees nobody else."""

    def __init__(self, room: Path, name: str, step_s: float, start_when: Path) -> None:
        self.room, self.name = room, name
        self.output = room / f"{name}.out"
        how = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=1", SCRIPT]
        ours = ["--plan", self.plan(), "--spool", room / name, "--node-name", name, *TRAINING]
        environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "STEP_S": str(step_s)}
        environment["START_WHEN"] = str(start_when)
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                list(map(str, [*how, *ours])),
                env={**os.environ, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def plan(self) -> Path:
        """Write the plan: the same run, attempt and primary for both; each has a disk of its own."""
        plan = Plan.read(ROOT / "examples" / "plan.json")
        disk, primary = self.room / f"disk-{self.name}", self.room / "primary"
        stores = {"local_dir": str(disk), "primary_url": str(primary)}
        plan = replace(
            plan,
            checkpoint=replace(plan.checkpoint, full_every_s=0.2, asynchronous=True),
            nodes=replace(plan.nodes, count=2, min=1),
            stores=replace(plan.stores, **stores),
            expires_at=datetime(2999, 1, 1, tzinfo=UTC),
            service=None,
        )
        path = self.room / f"{self.name}.json"
        path.write_text(plan.to_json())
        return path

    def events(self, kind: str) -> list[dict]:
        spool = read_spool(spool_path(self.room / self.name, 1, self.name))
        return [event for event in spool if event["event"] == kind]

    def committed(self) -> dict[int, str]:
        """The names of what it committed, by number."""
        return {event["generation"]: event["sha256"] for event in self.events("committed")}

    def kill(self) -> None:
        pids = [self.process.pid, *(event["pid"] for event in self.events("started"))]
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def half(tmp_path):
    started = []

    def start(name, step_s, start_when=tmp_path):
        started.append(Half(tmp_path, name, step_s, start_when))
        return started[-1]

    yield start
    for each in started:
        each.kill()


def until(condition, words):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, words
        time.sleep(0.05)


def test_of_two_halves_of_one_attempt_one_goes_on_and_nothing_committed_is_lost(half, tmp_path):
    first, second = half("first", step_s=0.3), half("second", step_s=0.0, start_when=tmp_path / "go")
    until(lambda: len(first.events("committed")) > 1, "the first half commits")
    (tmp_path / "go").touch()
    assert second.process.wait(PATIENCE_S) == 0, second.output.read_text()[-4000:]
    assert first.process.wait(PATIENCE_S) != 0

    # One is done, the other has stopped, and says why and what to do.
    assert [event["reason"] for event in second.events("ended")] == ["done"]
    [ended] = first.events("ended")
    assert (ended["reason"], ended["exit_code"]) == ("failed", 5)
    assert ended["step"] < STEPS
    words = first.output.read_text()
    assert "Attempt 1 was started again elsewhere" in words
    assert "Stop this process; the run goes on in the other." in words

    # Whatever either committed is there, whole; the first half's were all made before the second's.
    rows = {row.generation: row for row in list_checkpoints(open_store(str(tmp_path / "primary")))}
    by_first, by_second = first.committed(), second.committed()
    assert all(row.valid for row in rows.values())
    assert {number: row.sha256 for number, row in rows.items()} == {**by_first, **by_second}
    assert max(by_first) < min(by_second)
    assert max(row.step for row in rows.values()) == STEPS

    # The second went on from the first's work, and on the same way.
    [restored] = second.events("restored")
    assert by_first[restored["generation"]] == restored["sha256"]
    losses = [{event["step"]: event["loss"] for event in each.events("step")} for each in (first, second)]
    both = set(losses[0]) & set(losses[1])
    assert {step: losses[0][step] for step in both} == {step: losses[1][step] for step in both}
