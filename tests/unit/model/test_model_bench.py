"""bench/model.py on made-up folders: any provider, any tick, pools without a single event."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def figures(*arguments: str) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "bench/model.py", "--json", "--quick", *arguments],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def record(folder: Path, name: str, counts: np.ndarray) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"metadata": {"gap_seconds": 900}, "data": counts.tolist()}))


def flapping(seed: int, ticks: int = 960) -> np.ndarray:
    turned = np.random.default_rng(seed).uniform(size=ticks) < 0.15
    return np.cumsum(turned) % 2


@pytest.fixture
def folder(tmp_path):
    probes = tmp_path / "availability" / "1-node" / "azure-01-01-2027"
    record(probes, "eastus-1_h100_8.json", flapping(1))
    record(probes, "eastus-2_h100_8.json", flapping(2))
    record(probes, "westus-1_h100_8.json", np.ones(960, dtype=int))  # Never taken away.
    running = tmp_path / "preemption" / "2-node" / "gcp-01-01-2027"
    record(running, "us-central1-a_h200_8.json", flapping(3) + flapping(4))
    record(
        tmp_path / "preemption" / "1-node" / "gcp-01-02-2027",
        "us-central1-a_b200_8.json",
        np.ones(50, dtype=int),
    )
    return tmp_path


def test_any_folder_of_that_layout_is_scored(folder):
    found = figures("--data", str(folder))
    names = {line["figure"] for line in found}
    assert "Brier 24 h, azure-01-01-2027" in names
    assert "log-likelihood lost, lives, gcp-01-01-2027 x2" in names
    assert not any("gcp-01-02-2027" in name for name in names)  # Without an event there is nothing to score.
    assert all(np.isfinite(line["ours"]) for line in found)
    of_recorded = [line for line in found if "-01-0" in line["figure"] or "all sets" in line["figure"]]
    assert all(len(line["interval"]) == 2 for line in of_recorded)
    assert {"chosen interval over brute force, per hour of a long job"} <= names  # Needs nothing recorded.


def test_without_data_there_are_no_figures_and_no_failure():
    assert figures() == []
