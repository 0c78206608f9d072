"""`lowtide run` without a demo around it: a service, a fresh market, this machine, a real trainer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from advisor.demo_service import served
from advisor.jobfile import read_spec
from advisor.run_here import run_job
from collector.sample import write_sample
from model.errors import ImpossibleInput

JOB = Path(__file__).parents[2] / "examples" / "llm-30b.toml"


@pytest.fixture(scope="module")
def market(tmp_path_factory) -> Path:
    """The embedded market, moved in time so that it ends now."""
    folder = tmp_path_factory.mktemp("market")
    write_sample(folder, seed=1, days=10)
    probes = pd.read_csv(folder / "probes.csv")
    late_by = pd.Timestamp(datetime.now(UTC)).floor("s") - pd.to_datetime(probes["effective_at"]).max()
    for file in folder.glob("*.csv"):
        frame = pd.read_csv(file)
        for clock in [name for name in frame if name.endswith("_at")]:
            moved = pd.to_datetime(frame[clock], utc=True) + late_by
            frame[clock] = moved.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        frame.to_csv(file, index=False)
    return folder


def test_a_job_runs_to_its_end_on_this_machine(market, tmp_path):
    out = tmp_path / "run"
    with served(tmp_path / "market.duckdb") as client:
        client.collect("recorded", path=str(market))
        told = run_job(client, read_spec(JOB), out=out, steps=20)
        with pytest.raises(ImpossibleInput, match="holds an earlier run"):
            run_job(client, read_spec(JOB), out=out, steps=20)
    assert (told["state"], told["realised"]["steps"], told["realised"]["preemptions"]) == ("done", 20, 0)
    assert re.fullmatch("[0-9a-f]{64}", told["weights_sha256"])
    assert f"Weights {told['weights_sha256']}" in told["summary"]
    assert (out / "plan.json").exists()
