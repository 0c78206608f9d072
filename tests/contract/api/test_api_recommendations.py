"""POST and GET /v1/recommendations: the answer is whole, stored byte for byte, and reproducible."""

from __future__ import annotations

import hashlib
import json

import pytest

EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"


def ask(http, spec, **other):
    return http.post("/v1/recommendations", json={"spec": spec, "draws": 400, **other})


def test_an_answer_says_as_of_when_from_what_and_how_old(recommended):
    # The newest fact is the probe of 23:50, ten minutes old.
    assert recommended["as_of"] == "2023-03-01T00:00:00Z"
    assert recommended["age_s"] == 600.0
    assert recommended["sources"] == ["hand-made"]
    assert recommended["synthetic"] is False


def test_spot_ranks_before_on_demand_and_every_option_is_whole(recommended):
    pools = [option["pool_id"] for option in recommended["options"]]
    assert pools[0] == EAST
    assert {pool.rsplit("/", 1)[1] for pool in pools} == {"spot", "on_demand"}
    for option in recommended["options"]:
        assert sum(option["parts"].values()) == pytest.approx(
            option["effective_usd_per_gpu_hour"]["mean"], abs=1e-9
        )
        assert option["cost_usd"]["p10"] <= option["cost_usd"]["p50"] <= option["cost_usd"]["p90"]
        assert option["reasons"]


def test_the_hazard_is_what_the_hand_made_month_holds(recommended):
    # By hand: east goes away once a day at ten for 28 days; up 22 of 24 hours: 28 drops in 616 h.
    hazard = recommended["options"][0]["hazard"]
    assert hazard["evidence"] == "probes"
    assert hazard["preemptions"] == 28
    assert hazard["exposure_hours"] == pytest.approx(616.0)
    assert recommended["options"][0]["availability"]["share"] == pytest.approx(22 / 24)


def test_the_price_in_force_is_the_later_one(recommended):
    price = recommended["options"][0]["price"]
    assert price["usd_per_hour"] == 1.0
    assert price["label"] == "recorded price"


def test_the_stored_recommendation_is_byte_for_byte_what_was_answered(http, spec):
    answered = ask(http, spec)
    again = http.get(f"/v1/recommendations/{answered.json()['recommendation_id']}")
    assert again.status_code == 200
    assert again.content == answered.content


def test_the_same_question_has_the_same_bytes(http, spec):
    assert ask(http, spec, seed=3).content == ask(http, spec, seed=3).content


def test_the_id_is_a_digest_of_the_rest_of_the_answer(http, spec):
    answer = ask(http, spec).json()
    name = answer["recommendation_id"]
    blank = json.dumps({**answer, "recommendation_id": ""}, ensure_ascii=False, separators=(",", ":"))
    assert name == "rec-" + hashlib.sha256(blank.encode()).hexdigest()[:16]


def test_another_seed_is_another_answer(http, spec):
    assert (
        ask(http, spec, seed=1).json()["recommendation_id"]
        != ask(http, spec, seed=2).json()["recommendation_id"]
    )


def test_nothing_after_as_of_is_seen(http, spec):
    # On 10 February east still cost 0.90.
    answer = ask(http, spec, as_of="2023-02-10T00:00:00Z").json()
    east = next(option for option in answer["options"] if option["pool_id"] == EAST)
    assert east["price"]["usd_per_hour"] == 0.9
    assert east["hazard"]["preemptions"] == 9


def test_a_denied_region_is_rejected_with_its_rule(http, spec):
    spec["constraints"] = {"deny_regions": ["us-east-1"]}
    rejected = ask(http, spec).json()["rejected"]
    assert {(each["pool_id"].split("/")[1], each["rule"]) for each in rejected} == {("us-east-1", "region")}


def test_a_gpu_nobody_sells_is_refused_with_what_is_sold(http, spec):
    spec["job"]["throughput"] = {"V100-17GB": 1.0}
    answered = ask(http, spec)
    assert answered.status_code == 422
    problem = answered.json()
    assert "'V100-17GB'" in problem["detail"]
    assert "Did you mean V100-16GB?" in problem["detail"]
    assert "H100-80GB" in problem["fix"]


def test_a_deadline_in_the_past_is_refused_with_both_instants(http, spec):
    del spec["job"]["deadline_hours"]
    spec["job"]["deadline_at"] = "2023-02-28T00:00:00Z"
    problem = ask(http, spec).json()
    assert problem["status"] == 422
    assert "2023-02-28 00:00 UTC lies 24.0 hours before the start 2023-03-01 00:00 UTC" in problem["detail"]


def test_two_deadlines_are_refused(http, spec):
    spec["job"]["deadline_at"] = "2023-03-28T00:00:00Z"
    assert "both deadline_hours and deadline_at" in ask(http, spec).json()["detail"]


def test_an_empty_store_is_an_honest_refusal(empty, http_of, spec):
    with http_of(empty) as http:
        answered = ask(http, spec)
    assert answered.status_code == 409
    problem = answered.json()
    assert problem["type"] == "urn:lowtide:problem:insufficient-history"
    assert "The store knows no pool" in problem["detail"]
    assert "lowtide collect" in problem["fix"]


def test_an_unknown_recommendation_is_not_found(http):
    answered = http.get("/v1/recommendations/rec-0000000000000000")
    assert answered.status_code == 404
    assert answered.headers["content-type"] == "application/problem+json"
