"""The trainer is killed at every named place and at any moment, and ends in the same weights.

Every run here is `lowtide-run` in a process of its own, forked from this one so that torch need
not be loaded each time, and struck by real signals. The crash points are those of
`trainer.crash`; `point:3` is the third time a process gets there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import torch

import trainer.loop
from trainer import crash
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.launch import main
from trainer.plan import Plan
from trainer.runlog import phase_path, read_phase, read_spool, spool_path

EXAMPLE = Path(__file__).parents[2] / "examples" / "plan.json"
STEPS = 12
EVERY_STEP_S = 1e-9
PATIENCE_S = 60
UNSEEN_EXIT = 99  # Of a child that broke in a way no test expects.


class Run:
    """One run in a folder of its own, started attempt by attempt."""

    def __init__(self, room: Path, *, steps: int = STEPS, full_every_s: float = EVERY_STEP_S) -> None:
        self.room, self.steps, self.full_every_s, self.attempt = room, steps, full_every_s, 0
        room.mkdir(parents=True)

    def start(self, *, crash_at: str = "", before=lambda: None) -> int:
        """Fork the next attempt and return its process id."""
        self.attempt += 1
        plan = Plan.read(EXAMPLE)
        plan = replace(
            plan,
            attempt=self.attempt,
            checkpoint=replace(plan.checkpoint, full_every_s=self.full_every_s),
            stores=replace(plan.stores, local_dir=str(self.room / "checkpoints")),
            expires_at=datetime(2999, 1, 1, tzinfo=UTC),
            service=None,
        )
        (self.room / "plan.json").write_text(plan.to_json())
        words = ["--plan", f"{self.room}/plan.json", "--spool", str(self.room), "--size", "nano"]
        words += ["--steps", str(self.steps), "--report", f"{self.room}/report.json"]
        child = os.fork()
        if child == 0:
            self._be_the_trainer(words, crash_at, before)
        return child

    def _be_the_trainer(self, words, crash_at, before):
        code = UNSEEN_EXIT
        try:
            output = os.open(self.room / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(output, 2)
            sys.stderr = os.fdopen(2, "w", buffering=1)
            crash.arm(crash_at)
            before()
            code = main(words)
        finally:
            os._exit(code)

    def finish(self, **more) -> int:
        """Start the next attempt and return how it ended: its exit code, or minus the signal."""
        return wait(self.start(**more))

    def events(self, kind: str, attempt: int | None = None) -> list[dict]:
        path = spool_path(self.room, attempt or self.attempt, "0")
        return [event for event in read_spool(path) if event["event"] == kind]

    def phase(self) -> tuple[str, int]:
        return read_phase(phase_path(self.room, self.attempt, "0"))

    def valid_steps(self) -> list[int]:
        return [row.step for row in self.checkpoints() if row.valid]

    def checkpoints(self) -> list:
        return list_checkpoints(open_store(str(self.room / "checkpoints")))

    def restored_step(self) -> int:
        """Where the newest attempt began; 0 where it found nothing."""
        return sum(event["step"] for event in self.events("restored"))

    @property
    def weights(self) -> str:
        return json.loads((self.room / "report.json").read_text())["weights_sha256"]


def wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def until(condition) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "the trainer does not come that far"
        time.sleep(0.0005)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """A process with a pool of threads cannot be forked safely."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> str:
    """The weights of a run that nothing happened to, which saved but once."""
    run = Run(tmp_path_factory.mktemp("uninterrupted") / "run", full_every_s=1e9)
    assert run.finish() == 0
    return run.weights


@pytest.fixture
def run(tmp_path) -> Run:
    return Run(tmp_path / "run")


REACHED_WHILE_SAVING = [
    point for point in crash.POINTS if not point.startswith(("restore", "lease", "transfer", "carry"))
]


MOMENTS = [(point, n) for point in REACHED_WHILE_SAVING for n in (1, 6) if n == 1 or "lease" not in point]


@pytest.mark.parametrize(("point", "time_there"), MOMENTS)
def test_killed_at_a_named_place_the_run_ends_in_the_same_weights(run, uninterrupted, point, time_there):
    assert run.finish(crash_at=f"{point}:{time_there}") == -signal.SIGKILL
    acknowledged = max((event["step"] for event in run.events("committed")), default=0)
    existing = max(run.valid_steps(), default=0)
    assert run.finish() == 0
    assert run.restored_step() == existing >= acknowledged
    assert run.weights == uninterrupted


def test_killed_while_restoring_nothing_is_lost(run, uninterrupted):
    assert run.finish(crash_at="manifest.after_link:5") == -signal.SIGKILL
    assert run.finish(crash_at="restore.before_apply") == -signal.SIGKILL
    assert run.finish() == 0
    assert run.restored_step() == 5
    assert run.weights == uninterrupted


def test_a_checkpoint_exists_from_its_manifest_on_and_not_before(tmp_path):
    before, after = Run(tmp_path / "before"), Run(tmp_path / "after")
    before.finish(crash_at="manifest.before_link:3")
    after.finish(crash_at="manifest.after_link:3")
    assert max(before.valid_steps()) == 2
    assert max(after.valid_steps()) == 3


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_at_any_moment_again_and_again_the_run_ends_in_the_same_weights(tmp_path, seed):
    steps, chance = 60, random.Random(seed)
    calm = Run(tmp_path / "calm", steps=steps, full_every_s=1e9)
    struck = Run(tmp_path / "struck", steps=steps, full_every_s=0.01)
    assert calm.finish() == 0
    for _ in range(5):
        child = struck.start()
        until(lambda: struck.phase()[0] != "boot")
        time.sleep(chance.uniform(0, 0.15))
        os.kill(child, signal.SIGKILL)
        assert wait(child) in (-signal.SIGKILL, 0)  # 0 where it was done before it was struck.
        acknowledged = [event["step"] for event in struck.events("committed")]
        existing = max(struck.valid_steps(), default=0)
        assert existing >= max(acknowledged, default=0)
    assert struck.finish() == 0
    assert struck.restored_step() == existing
    assert struck.weights == calm.weights


@pytest.mark.parametrize("word", ["step", "save"])
def test_sigterm_finishes_the_step_commits_and_leaves_with_75(tmp_path, word):
    run = Run(tmp_path / "run", steps=100_000, full_every_s=0.02)
    child = run.start()
    until(lambda: run.phase()[0] == word and run.phase()[1] > 2)
    os.kill(child, signal.SIGTERM)
    assert wait(child) == 75
    last_step = run.events("step")[-1]["step"]
    assert run.events("committed")[-1]["step"] == last_step
    assert run.events("ended")[-1]["reason"] == "preempted"
    assert max(run.valid_steps()) == last_step


def test_a_run_stopped_and_started_again_and_again_ends_in_the_same_weights(run, uninterrupted):
    for stop_at in (3, 7):
        child = run.start()
        until(lambda stop_at=stop_at: run.phase()[1] >= stop_at)
        os.kill(child, signal.SIGUSR1)
        assert wait(child) in (75, 0)  # 0 where the signal came in the last step.
    assert run.finish() == 0
    assert run.weights == uninterrupted


def test_with_no_valid_checkpoint_the_exit_code_is_5_however_often(run):
    run.finish(crash_at="manifest.after_link:3")
    for block in (run.room / "checkpoints" / "blobs").iterdir():
        block.write_bytes(block.read_bytes()[:-1])
    assert [run.finish(), run.finish()] == [5, 5]
    assert run.events("step") == []
    assert "none of them verifies" in (run.room / "output.txt").read_text()


def freeze_in_step_3() -> None:
    """Make this process stop itself in the middle of a step, as a machine cut off from the world does."""
    rate = trainer.loop.learning_rate

    def freezing(step, steps):
        if step == 3:
            os.kill(os.getpid(), signal.SIGSTOP)
        return rate(step, steps)

    trainer.loop.learning_rate = freezing


def test_a_zombie_is_fenced_out_with_exit_code_5(run):
    zombie = run.start(before=freeze_in_step_3)
    os.waitpid(zombie, os.WUNTRACED)
    assert run.finish() == 0  # The next attempt does all the rest.
    existing = run.checkpoints()
    os.kill(zombie, signal.SIGCONT)
    assert wait(zombie) == 5
    assert run.checkpoints() == existing
    assert run.events("ended", attempt=1)[-1]["exit_code"] == 5


def forbid_unpickling() -> None:
    """Leave at once where anything is unpickled; an audit hook cannot be taken off again."""

    def hook(event, _arguments):
        if event == "pickle.find_class":
            os._exit(98)

    sys.addaudithook(hook)


def test_nothing_is_unpickled_while_saving_or_restoring(run, uninterrupted):
    assert run.finish(crash_at="manifest.after_link:5", before=forbid_unpickling) == -signal.SIGKILL
    assert run.finish(before=forbid_unpickling) == 0
    assert run.weights == uninterrupted
