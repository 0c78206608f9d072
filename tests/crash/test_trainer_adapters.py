"""Trainings in other people's loops are killed and warned, go on, and end in the weights of a calm run.

Each is one of our examples as a process of its own. Libraries that are no part of the extra `trainer` are
looked for by name and their tests skipped where they are absent: `pip install 'lowtide[hf]'` and the like.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

import pytest

from trainer.plan import Plan
from trainer.runlog import read_spool

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "trainer" / "examples"
PATIENCE_S = 120
ALONE = {
    "RANK": "0",
    "WORLD_SIZE": "1",
    "LOCAL_RANK": "0",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "0",
}


class Run:
    """An example in a folder of its own, started attempt by attempt."""

    def __init__(self, room: Path, example: str, *, full_every_s: float = 1e-9, words=(sys.executable,)):
        room.mkdir(parents=True)
        self.room, self.words, self.full_every_s = (
            room,
            [*words, str(EXAMPLES / f"{example}.py")],
            full_every_s,
        )
        self.attempt = 0

    def start(
        self, *, crash_at: str = "", beside: bool = True, assumed_s: float = 0.0, **env: str
    ) -> subprocess.Popen:
        self.attempt += 1
        plan = Plan.read(ROOT / "examples" / "plan.json")
        plan = replace(
            plan,
            attempt=self.attempt,
            checkpoint=replace(plan.checkpoint, full_every_s=self.full_every_s, asynchronous=beside),
            stores=replace(plan.stores, local_dir=str(self.room / "checkpoints")),
            notice=replace(plan.notice, assumed_s=assumed_s),
            expires_at=datetime(2999, 1, 1, tzinfo=UTC),
            service=None,
        )
        (self.room / "plan.json").write_text(plan.to_json())
        told = {
            "LOWTIDE_PLAN": f"{self.room}/plan.json",
            "LOWTIDE_CRASH_AT": crash_at,
            "PYTHONPATH": str(ROOT),
        }
        with open(self.room / f"output-{self.attempt}.txt", "wb") as output:
            return subprocess.Popen(
                self.words, cwd=self.room, env={**os.environ, "OMP_NUM_THREADS": "1", **told, **env},
                stdout=output, stderr=output,
            )  # fmt: skip

    def finish(self, **more) -> int:
        return self.start(**more).wait(PATIENCE_S)

    def warn(self, number: signal.Signals, *, after_step: int, of_node: str = "", **more) -> int:
        """Start, send a signal once so many steps are done, and return how it ended."""
        process = self.start(**more)
        deadline = time.monotonic() + PATIENCE_S
        while max((event["step"] for event in self.events("step")), default=0) < after_step:
            assert process.poll() is None, self.output()
            assert time.monotonic() < deadline, self.output()
            time.sleep(0.002)
        started = self.events("started")
        os.kill(next(event["pid"] for event in started if event["node"].endswith(of_node)), number)
        return process.wait(PATIENCE_S)

    def events(self, kind: str, attempt: int | None = None) -> list[dict]:
        spool = self.room / "checkpoints" / "spool"
        files = sorted(spool.glob(f"attempt-{attempt or self.attempt}-node-*.jsonl"))
        return [event for path in files for event in read_spool(path) if event["event"] == kind]

    def losses(self) -> dict[int, float]:
        """Of all attempts, the last word on each step."""
        attempts = range(1, self.attempt + 1)
        return {event["step"]: event["loss"] for number in attempts for event in self.events("step", number)}

    def output(self) -> str:
        return (self.room / f"output-{self.attempt}.txt").read_text()[-2000:]


def needs(library: str) -> None:
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed here; its adapter is not tried")


@pytest.mark.parametrize(
    ("example", "library", "env"),
    [
        ("plain_loop", "torch", {}),
        ("hf_callback", "transformers", {}),
        ("lightning_callback", "lightning", {}),
        ("deepspeed_engine", "deepspeed", {"DS_ACCELERATOR": "cpu", **ALONE}),
    ],
)
def test_killed_then_warned_an_example_ends_in_the_same_weights_and_repeats_no_step(
    tmp_path, example, library, env
):
    needs(library)
    calm = Run(tmp_path / "calm", example, full_every_s=1e9)
    assert calm.finish(**env) == 0, calm.output()
    struck = Run(tmp_path / "struck", example)
    assert struck.finish(crash_at="manifest.after_link", **env) == -signal.SIGKILL, struck.output()
    acknowledged = max((event["step"] for event in struck.events("committed")), default=0)
    assert struck.warn(signal.SIGTERM, after_step=14, beside=False, **env) == 75, struck.output()
    assert struck.events("restored")[0]["step"] >= acknowledged
    stopped_at = struck.events("ended")[0]["step"]
    assert struck.events("committed")[-1]["step"] == stopped_at == struck.events("step")[-1]["step"]
    assert struck.finish(**env) == 0, struck.output()
    assert struck.events("restored")[0]["step"] == stopped_at
    assert struck.events("step")[0]["step"] == stopped_at + 1
    assert struck.losses() == calm.losses()
    weights = [run.events("ended")[0]["weights_sha256"] for run in (struck, calm)]
    assert weights[0] == weights[1] is not None


def gang(ranks: int) -> tuple[str, ...]:
    return (
        sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}",
    )  # fmt: skip


def test_a_notice_that_one_rank_hears_stops_both_at_one_step_and_two_or_one_go_on(tmp_path):
    calm = Run(tmp_path / "calm", "fsdp2", full_every_s=1e9, words=gang(2))
    assert calm.finish() == 0, calm.output()
    warned = Run(tmp_path / "warned", "fsdp2", words=gang(2))
    assert warned.warn(signal.SIGUSR1, after_step=10, of_node=".1") != 0  # Torchrun's own code is 1.
    ended = warned.events("ended")
    assert [(event["reason"], event["exit_code"]) for event in ended] == [("preempted", 75)] * 2
    stopped_at = {event["step"] for event in ended}
    assert len(stopped_at) == 1
    assert {event["source"] for event in warned.events("notice")} == {"SIGUSR1"}
    assert warned.finish() == 0, warned.output()
    assert {event["step"] for event in warned.events("restored")} == stopped_at
    weights = [{e["node"]: e["weights_sha256"] for e in run.events("ended")} for run in (warned, calm)]
    assert weights[0] == weights[1]


STUCK = """
import os, time, torch
from lowtide import Plan, SpotSession
model = torch.nn.Linear(2, 2)
optimizer = torch.optim.AdamW(model.parameters())
with SpotSession(Plan.read(os.environ["LOWTIDE_PLAN"]), model=model, optimizer=optimizer) as session:
    for step in session.steps(9):
        if step == 4:
            time.sleep(600)
        session.tick(loss=1.0, tokens=1)
"""


def test_a_session_stuck_in_a_step_is_gone_before_its_notice_is_over_and_says_so(tmp_path):
    run = Run(tmp_path / "run", "plain_loop")
    (run.room / "stuck.py").write_text(STUCK)
    run.words[-1] = str(run.room / "stuck.py")
    began = time.monotonic()
    assert run.warn(signal.SIGTERM, after_step=4, beside=False, assumed_s=4.0) == 75
    assert time.monotonic() - began < PATIENCE_S / 2  # Not the ten minutes of its step.
    ended = run.events("ended")[-1]
    assert (ended["reason"], ended["exit_code"], ended["step"]) == ("preempted", 75, 4)
    assert run.events("committed")[-1]["step"] == 4
