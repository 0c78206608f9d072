"""A job that may be late and keeps nodes on on-demand, planned at the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
JOB = (ROOT / "examples" / "llm-30b.toml").read_text()


def planned(folder: Path, *words: str) -> str:
    """Plan a soft job with a floor on the embedded market; returns what is printed."""
    told = JOB.replace("deadline_hours = 72.0", "deadline_hours = 26.0").replace(
        "value_of_time_usd_per_hour = 0.0",
        'value_of_time_usd_per_hour = 40.0\ndeadline_kind = "soft"\nfloor_nodes = 2',
    )
    (folder / "job.toml").write_text(told)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "advisor.cli", "plan", "job.toml", "--sample", "1", *words],
        cwd=folder,
        env={
            **os.environ, "LOWTIDE_STORE": str(folder / "store.duckdb"), "LOWTIDE_URL": "http://127.0.0.1:9",
            "COLUMNS": "200",
        },
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def answer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("json")
    return json.loads(planned(folder, "--json")), json.loads((folder / "plan.json").read_text())


def test_the_json_carries_lateness_and_floor_and_the_plan_the_nodes(answer):
    told, plan = answer
    job = told["recommendation"]["spec"]["job"]
    assert (job["deadline_kind"], job["floor_nodes"]) == ("soft", 2)
    best = told["recommendation"]["options"][0]
    assert best["late_usd"] == pytest.approx(40.0 * best["late_hours"]["mean"])
    if best["capacity_type"] == "spot":
        assert plan["nodes"]["on_demand_floor"] == 2
    spot = next(each for each in told["recommendation"]["options"] if each["capacity_type"] == "spot")
    assert spot["parts"]["on_demand"] > 0


def test_the_text_says_how_late_and_which_nodes_stay(tmp_path):
    shown = " ".join(planned(tmp_path).split())
    assert "Meets the soft deadline" in shown
    assert "in its price and rank, not in its cost" in shown
    assert "2 of 8 nodes stay on on-demand" in shown
    assert "On-demand floor: 2 of 8 nodes, as the job demands" in shown
