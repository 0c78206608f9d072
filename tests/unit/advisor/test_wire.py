"""From what a person wrote to the job the model reasons about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from advisor.wire import JobSpec, to_job
from advisor.wire_runs import RunRequest
from model.errors import ImpossibleInput
from model.market import CapacityType

NOW = datetime(2023, 3, 1, tzinfo=UTC)
WRITTEN = {
    "job": {
        "name": "small",
        "gpus": 1,
        "useful_hours": 10,
        "state_bytes": 1e9,
        "throughput": {"V100-16GB": 1.0, "K80-12GB": 0.25},
    },
    "overheads": {"pause_s": 10, "save_lag_s": 0, "boot_s": 60, "restore_s": 30, "warmup_s": 30},
    "data": {"dataset_bytes": 2e12, "provider": "aws", "region": "us-east-1"},
    "constraints": {"capacity_types": ["spot"], "borrow": "provider", "deny_regions": ["us-west-2"]},
}


def spec(**changes):
    return JobSpec.model_validate({**WRITTEN, "job": {**WRITTEN["job"], **changes}})


def test_every_section_reaches_the_job():
    job = to_job(spec(), NOW)
    assert (job.dataset_bytes, job.data_provider, job.data_region) == (2_000_000_000_000, "aws", "us-east-1")
    assert job.constraints.capacity_types == (CapacityType.SPOT,)
    assert job.constraints.borrow == "provider"
    assert job.overheads.restart_s == 120.0  # 60 s boot, 30 s restore, 30 s warm-up.
    assert list(job.throughput) == ["V100-16GB", "K80-12GB"]


def test_deadline_hours_count_from_the_start():
    assert to_job(spec(deadline_hours=5), NOW).deadline_at == NOW + timedelta(hours=5)


def test_a_deadline_with_another_zone_is_the_same_instant():
    job = to_job(spec(deadline_at="2023-03-02T02:00:00+02:00"), NOW)
    assert job.deadline_at == NOW + timedelta(hours=24)


def test_a_deadline_at_the_start_is_in_the_past():
    with pytest.raises(ImpossibleInput, match=r"lies 0\.0 hours before the start"):
        to_job(spec(deadline_at="2023-03-01T00:00:00Z"), NOW)


def test_without_a_deadline_there_is_none():
    assert to_job(spec(), NOW).deadline_at is None


@pytest.mark.parametrize("text", ["a\ud800", "a\x00", "a\nb", "", "x" * 201, "\u202e"])
def test_text_that_cannot_be_printed_is_refused(text):
    with pytest.raises(ValidationError):
        spec(name=text)


def test_what_was_read_is_written_back_the_same():
    read = spec(deadline_at="2023-03-02T00:00:00Z")
    assert JobSpec.model_validate(read.model_dump(mode="json")) == read


def test_a_recommendation_id_is_of_its_form_alone():
    with pytest.raises(ValidationError):
        RunRequest.model_validate({"recommendation_id": "rec-../../etc", "stores": {"local_dir": "/tmp"}})
