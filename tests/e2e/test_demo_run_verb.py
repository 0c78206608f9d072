"""`lowtide run` without a demo around it: a service, a fresh market, this machine, a real trainer."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from advisor.demo_service import served
from advisor.jobfile import read_spec
from advisor.run_here import run_job
from model.errors import ImpossibleInput

JOB = Path(__file__).parents[2] / "examples" / "llm-30b.toml"


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
