"""No job is answered with a fault of ours, however long or short: what never ends is rejected in words."""

from __future__ import annotations

import dataclasses

import pytest

import advisor.recommend
from model.cost import estimate

AFAR = {"dataset_bytes": 2e12, "provider": "aws", "region": "eu-west-1"}


def asked(http, spec, **job):
    told = {**spec, "job": {**spec["job"], **job}, "data": AFAR}
    del told["job"]["deadline_hours"]
    return http.post("/v1/recommendations", json={"spec": told, "draws": 100, "simulate": False})


@pytest.mark.parametrize("hours", [1e-6, 3e5, 1e6])
@pytest.mark.parametrize("gpus", [1, 64])
def test_a_job_of_any_length_without_a_deadline_is_answered_or_refused(http, spec, hours, gpus):
    answered = asked(http, spec, useful_hours=hours, gpus=gpus)
    assert answered.status_code in (201, 409, 422), answered.text


def test_a_siting_that_never_ends_differs_by_no_sum(http, spec):
    # A million hours and the move of the data are past the hours after which a job is taken never to end.
    option = asked(http, spec, useful_hours=1e6).json()["options"][0]
    assert option["siting"]["chosen"]["total_usd"] is None
    assert option["siting"]["difference_usd"] is None


def test_a_job_of_no_time_at_all_is_refused_in_words(http, spec):
    answered = asked(http, spec, useful_hours=1e-300)
    assert answered.status_code == 422
    assert "job.useful_hours must be greater than or equal to 0.000001" in answered.json()["detail"]


def test_a_pool_whose_estimate_is_not_finite_is_rejected_in_words(http, spec, monkeypatch):
    def unending(job, seen, *args, **kwargs):
        found = estimate(job, seen, *args, **kwargs)
        if seen.pool.region != "us-east-1":
            return found
        return dataclasses.replace(found, cost_usd=dataclasses.replace(found.cost_usd, p90=float("nan")))

    monkeypatch.setattr(advisor.recommend, "estimate", unending)
    answer = asked(http, spec, useful_hours=10.0).json()
    assert {each["region"] for each in answer["options"]} == {"us-west-2"}
    why = [each["reason"] for each in answer["rejected"] if each["rule"] == "no_estimate"]
    assert len(why) == 2
    assert all("a job of 10 useful hours never ends here" in each for each in why)
