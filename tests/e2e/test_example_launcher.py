"""The launcher to copy, examples/launcher.py: over HTTP alone, through a stop on purpose, to the end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from advisor.demo_service import served

ROOT = Path(__file__).parents[2]
TRAINER = ROOT / "tests" / "unit" / "advisor_run" / "fake_trainer.py"


def launched(room: Path, url: str, *options: str) -> subprocess.CompletedProcess[str]:
    words = [ROOT / "examples" / "launcher.py", ROOT / "examples" / "llm-30b.toml", url, room, "--"]
    return subprocess.run(
        [sys.executable, *map(str, words), sys.executable, str(TRAINER), *options], text=True, timeout=200,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def client(market, tmp_path_factory):
    with served(tmp_path_factory.mktemp("market") / "market.duckdb") as client:
        client.collect("recorded", path=str(market))
        yield client


def test_a_job_is_brought_to_its_end_and_the_service_knows_all_of_it(client, tmp_path):
    done = launched(tmp_path / "room", client.base_url, "--behave", "stop")
    assert done.returncode == 0, done.stderr
    run = client.run(done.stdout.strip().splitlines()[-1].split()[0])
    assert "is done after 2 attempts" in done.stdout
    assert (run["state"], run["realised"]["steps"], run["realised"]["problems"]) == ("done", 20, [])
    assert float(run["realised"]["cost_usd"]) > 0.0


def test_three_failures_in_a_row_are_left_to_a_person(client, tmp_path):
    failed = launched(tmp_path / "room", client.base_url, "--behave", "crash")
    assert failed.returncode == 1
    assert "Attempt 3 of run-" in failed.stderr
    assert "a person has to look" in failed.stderr
