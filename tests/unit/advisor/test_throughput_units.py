"""Throughput may be stated in any unit: what counts is what a GPU does of the first one's work."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from advisor.wire import JobSpec, to_job

NOW = datetime(2023, 3, 1, tzinfo=UTC)


def job(**throughput):
    seconds = {"pause_s": 10.0, "save_lag_s": 0.0, "boot_s": 180.0, "restore_s": 60.0, "warmup_s": 60.0}
    stated = {"name": "j", "gpus": 8, "useful_hours": 10.0, "state_bytes": 1, "throughput": throughput}
    return to_job(JobSpec.model_validate({"job": stated, "overheads": seconds}), NOW)


def test_tokens_a_second_are_the_same_job_as_their_ratios():
    # 1350 / 3000 = 0.45, so ten hours on the first are 10 / 0.45 = 22.2 h on the second.
    found = job(h100=3000.0, a100=1350.0)
    assert found == job(h100=1.0, a100=0.45)
    assert found.useful_hours_on("h100") == 10.0
    assert found.useful_hours_on("a100") == pytest.approx(10 / 0.45)


def test_what_is_stated_relative_to_the_first_stays_as_it_is_to_the_last_bit():
    stated = {"a": 1.0, "b": 0.45, "c": 0.1, "d": 1 / 3, "e": 2.7}
    assert job(**stated).throughput == stated


def test_the_first_is_what_useful_hours_are_of_and_no_preference():
    # The job is stated in hours of the slower GPU: the faster one takes 10 / (1 / 0.45) = 4.5 h.
    found = job(a100=0.45, h100=1.0)
    assert found.useful_hours_on("a100") == 10.0
    assert found.useful_hours_on("h100") == pytest.approx(4.5)
