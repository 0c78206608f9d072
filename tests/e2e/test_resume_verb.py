"""`lowtide run --resume` after a SIGKILL of `lowtide run`: a real trainer, and the same weights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer.runlog import read_spool, spool_path

ROOT = Path(__file__).parents[2]
JOB, STEPS, PATIENCE_S = ROOT / "examples" / "llm-30b.toml", "40", 120
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def lowtide(cwd: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "advisor.cli", *words], cwd=cwd, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def test_a_run_whose_launcher_is_killed_is_gone_on_with_and_ends_in_the_weights_of_one_left_alone(tmp_path):
    killed = lowtide(tmp_path, "run", str(JOB), "--sample", "1", "--steps", STEPS, "--out", "struck")
    spool = spool_path(tmp_path / "struck" / "spool", 1, "0")
    until = time.monotonic() + PATIENCE_S
    while not any(event["event"] == "committed" for event in read_spool(spool)):
        assert time.monotonic() < until, "nothing was committed"
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    again = lowtide(tmp_path, "run", "--resume", "--out", "struck", "--json")
    alone = lowtide(tmp_path, "run", str(JOB), "--sample", "1", "--steps", STEPS, "--out", "alone", "--json")
    told, error = again.communicate()
    assert again.returncode == 0, error
    run, left_alone = json.loads(told), json.loads(alone.communicate()[0])
    assert (run["state"], run["realised"]["steps"], run["realised"]["problems"]) == ("done", int(STEPS), [])
    assert [each["attempt"] for each in run["attempts"]] == [1, 2]
    assert run["weights_sha256"] == left_alone["weights_sha256"]
    restored = [e for e in read_spool(spool_path(spool.parent, 2, "0")) if e["event"] == "restored"]
    assert len(restored) == 1  # It went on; it did not begin anew.


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--resume", "--out", "nowhere"), 2, "nowhere holds no run to go on with."),
        (("--resume", str(JOB)), 2, "leave JOB"),
        ((), 2, "Name a JOB"),
    ],
)
def test_what_cannot_be_gone_on_with_is_a_sentence(tmp_path, words, code, said):
    refused = lowtide(tmp_path, "run", *words)
    _, error = refused.communicate()
    assert (refused.returncode, said in error) == (code, True), error
    assert "Traceback" not in error
    assert list(tmp_path.iterdir()) == []
