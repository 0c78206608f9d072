"""Commitments of a job file are options like any other, with marginal and sunk money apart."""

from __future__ import annotations

import pytest

from advisor.format import usd

HELD = {
    "name": "held", "kind": "reservation", "provider": "aws", "region": "us-east-1", "sku": "p3.2xlarge",
    "usd_per_hour": 2.0, "instances": 1.0, "hours": 100.0,
}  # fmt: skip


def asked(http, spec, *commitments, **job):
    told = {**spec, "job": {**spec["job"], **job}, "commitments": list(commitments)}
    return http.post("/v1/recommendations", json={"spec": told, "draws": 400, "simulate": False})


def test_what_is_bought_ranks_first_and_tells_what_is_owed(http, spec):
    first = asked(http, spec, {**HELD, "bought": True}).json()["options"][0]
    assert first["pool_id"] == "aws/us-east-1/-/p3.2xlarge/reserved"
    assert first["commitment"]["sunk_usd"] == 200
    assert first["commitment"]["marginal_usd"] == 0
    assert first["cost_usd"]["mean"] < 1.0
    assert any("owed anyway" in reason for reason in first["reasons"])


def test_what_is_not_bought_ranks_by_its_whole_term(http, spec):
    answer = asked(http, spec, HELD).json()
    option = next(each for each in answer["options"] if each["commitment"])
    assert option["rank"] == len(answer["options"])
    assert option["commitment"]["idle_usd"] > 100
    assert option["meets_deadline"]


AFAR = {"dataset_bytes": 2e12, "provider": "aws", "region": "us-west-2"}


@pytest.mark.parametrize("bought", [True, False])
def test_one_answer_tells_one_cost_and_one_finish(http, spec, bought):
    block = {**HELD, "bought": bought, "start_hours": [0.0, 12.0]}
    answer = asked(http, {**spec, "data": AFAR}, block, value_of_time_usd_per_hour=3.0).json()
    option = next(each for each in answer["options"] if each["commitment"])
    told, gpu_hours = option["siting"], 10.0
    effective = option["effective_usd_per_gpu_hour"]["mean"]
    assert told["chosen"]["total_usd"] == pytest.approx(effective * gpu_hours)
    assert told["chosen"]["wall_hours"] == pytest.approx(option["finish_hours"]["mean"])
    assert told["difference_usd"] == pytest.approx(
        told["runner_up"]["total_usd"] - told["chosen"]["total_usd"]
    )
    # The data is moved before the job begins, twelve hours from now at the latest.
    assert told["chosen"]["moving_hours"] > 0.1
    latest = option["finish_hours"]["p90"] - 0.9 * 12.0 + 12.0
    assert option["commitment"]["latest_finish_hours"] == pytest.approx(latest)
    # The sentence tells the cost of the option, bytes and all, not of the machines alone.
    reason = next(each for each in option["reasons"] if each.startswith("held: "))
    assert f"{usd(option['cost_usd']['mean'])} in all" in reason
    assert ("besides, $200.00 is owed anyway and does not count" in reason) == bought


def test_what_is_committed_is_a_thousandth_of_a_machine_at_least(http, spec):
    assert "must be greater than or equal to 0.001" in asked(http, spec, {**HELD, "instances": 1e-300}).text


def test_however_dear_an_hour_of_it_is_no_cost_is_negative(http, spec):
    dear = {**HELD, "instances": 1e-3, "usd_per_hour": 1e9, "bought": True}
    option = next(each for each in asked(http, spec, dear).json()["options"] if each["commitment"])
    # 0.001 of a machine is held for its ten hours, the rest is on-demand at 3.06 USD/h.
    assert option["cost_usd"]["mean"] == pytest.approx(10 * 0.999 * 3.06, rel=0.01)


def test_a_job_too_long_for_a_block_is_told_so(http, spec):
    block = {**HELD, "kind": "capacity_block", "hours": 5.0}
    rejected = asked(http, spec, block).json()["rejected"]
    assert any("held: 'held' has 1 free instances for 5 h" in each["reason"] for each in rejected)


def test_the_rules_of_regions_hold_for_it(http, spec):
    denied = {**spec, "constraints": {"deny_regions": ["us-east-1"]}}
    rejected = asked(http, denied, HELD).json()["rejected"]
    assert any(each["pool_id"].endswith("/reserved") and each["rule"] == "region" for each in rejected)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"start_hours": [5.0, 1.0]}, "soonest start first"),
        ({"hours": 0.0}, "hours"),
        ({"kind": "gift"}, "kind"),
        ({"gpu_count": 8}, "need each other"),
        ({"sku": "p9.huge"}, "State its gpu_model"),
    ],
)
def test_a_commitment_that_cannot_be_is_refused_in_words(http, spec, wrong, words):
    answer = asked(http, spec, {**HELD, **wrong})
    assert answer.status_code == 422 or answer.status_code == 400
    assert words in answer.text


def test_a_run_may_be_opened_on_one(http, spec):
    found = asked(http, spec, {**HELD, "bought": True}).json()
    body = {"recommendation_id": found["recommendation_id"], "stores": {"local_dir": "/tmp/checkpoints"}}
    opened = http.post("/v1/runs", json=body)
    assert opened.status_code == 201, opened.text
    assert opened.json()["plan"]["pool"]["capacity_type"] == "reserved"
