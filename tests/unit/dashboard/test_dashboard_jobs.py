"""A job typed on the page: what the service is asked, and what a person takes away."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import jobs

OVERHEADS_S = {"pause_s": 20.0, "save_lag_s": 60.0, "boot_s": 180.0, "restore_s": 120.0, "warmup_s": 60.0}


def answers(**changed: Any) -> jobs.Answers:
    typed: dict[str, Any] = {
        "name": "llm", "gpu_model": "V100-16GB", "gpus": 8, "useful_hours": 40.0, "deadline_hours": None,
        "budget_usd": None, "state_gb": 360.0, "data_provider": None, "data_region": "", "dataset_gb": 200.0,
        "overheads_s": OVERHEADS_S, "borrow": "region",
    }  # fmt: skip
    return jobs.Answers(**{**typed, **changed})


def test_what_was_left_empty_is_not_said() -> None:
    spec = jobs.spec(answers())
    assert "deadline_hours" not in spec["job"]
    assert "budget_usd" not in spec["job"]
    assert "data" not in spec


def test_sizes_are_sent_in_bytes() -> None:
    spec = jobs.spec(answers(data_provider="aws", data_region="us-east-1"))
    assert spec["job"]["state_bytes"] == 360_000_000_000
    assert spec["data"] == {"dataset_bytes": 200_000_000_000, "provider": "aws", "region": "us-east-1"}


def test_what_an_hour_late_costs_makes_the_deadline_soft_and_a_floor_is_said_in_nodes() -> None:
    job = jobs.spec(answers(deadline_hours=50.0, late_usd_per_hour=0.0, floor_nodes=2))["job"]
    assert (job["deadline_kind"], job["value_of_time_usd_per_hour"], job["floor_nodes"]) == ("soft", 0.0, 2)
    unsaid = jobs.spec(answers(deadline_hours=50.0, floor_nodes=0))["job"]
    assert not {"deadline_kind", "value_of_time_usd_per_hour", "floor_nodes"} & set(unsaid)


@pytest.mark.parametrize(
    "changed", [{}, {"data_provider": "aws", "data_region": "eu", "deadline_hours": 60.0}]
)
def test_the_service_accepts_what_the_form_asks(changed: dict[str, Any]) -> None:
    from advisor.wire import JobSpec

    assert JobSpec.model_validate(jobs.spec(answers(**changed))).job.gpus == 8


def test_the_job_file_says_what_the_ranking_was_asked(ranking: dict[str, Any]) -> None:
    assert tomllib.loads(jobs.job_file(ranking["spec"])) == ranking["spec"]


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_a_job_file_holds_any_name_and_gpu(text: str) -> None:
    spec = {"job": {"name": text, "throughput": {text: 1.0}}}
    assert tomllib.loads(jobs.job_file(spec)) == spec


def test_nulls_of_a_stored_spec_are_left_out_of_the_file() -> None:
    spec = {"job": {"name": "a", "budget_usd": None}, "data": None, "constraints": {"regions": []}}
    assert jobs.job_file(spec) == '[job]\nname = "a"\n'


def test_the_command_repeats_the_answer_as_of_its_instant(ranking: dict[str, Any]) -> None:
    told = jobs.command(ranking, 2, "http://127.0.0.1:8787")
    assert "lowtide plan job.toml --rank 2 --as-of 2024-03-01T12:00:00Z --seed 0" in told


def test_the_body_asks_the_same_question_again(ranking: dict[str, Any]) -> None:
    body = json.loads(jobs.body(ranking))
    assert body["spec"] == ranking["spec"]
    assert (body["as_of"], body["seed"], body["window_hours"]) == ("2024-03-01T12:00:00Z", 0, 720.0)
