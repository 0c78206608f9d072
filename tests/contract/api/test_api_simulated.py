"""What an option of a recommendation says of the method: simulated or not, on what, how well counted."""

from __future__ import annotations

import pytest

EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"


def test_a_probed_pool_is_simulated_and_says_on_what(recommended):
    [east] = [option for option in recommended["options"] if option["pool_id"] == EAST]
    assert east["method"] == "simulated"
    # By hand: probed for 28 days, and west beside it.
    assert "28.0 days of its own and 1 siblings were watched" in east["market"]
    assert f"Simulated. {east['market']}" in east["reasons"]
    assert 0 <= east["paths_error"] < 1


def test_every_option_names_its_method_and_its_parts_sum_with_notice_and_refund(recommended):
    for option in recommended["options"]:
        simulated = option["method"] == "simulated"
        assert simulated or option["method"] == "closed_form"
        assert (option["market"] is not None) == simulated
        assert (option["paths_error"] is not None) == simulated
        assert option["parts"]["refund"] <= 0 <= option["parts"]["notice"]
        assert sum(option["parts"].values()) == pytest.approx(
            option["effective_usd_per_gpu_hour"]["mean"], abs=1e-9
        )


def test_a_contract_is_not_taken_back_so_there_is_nothing_to_simulate(recommended):
    kept = [option for option in recommended["options"] if option["capacity_type"] == "on_demand"]
    assert kept
    assert {option["method"] for option in kept} == {"closed_form"}


def test_who_asks_for_closed_forms_alone_gets_them_and_another_answer(http, spec, recommended):
    asked = {"spec": spec, "draws": 400, "simulate": False}
    plain = http.post("/v1/recommendations", json=asked).json()
    assert {option["method"] for option in plain["options"]} == {"closed_form"}
    assert {each["pool_id"] for each in plain["options"]} == {e["pool_id"] for e in recommended["options"]}
    assert plain["recommendation_id"] != recommended["recommendation_id"]


def test_simulate_is_yes_or_no(http, spec):
    refused = http.post("/v1/recommendations", json={"spec": spec, "simulate": "no"})
    assert refused.status_code == 422
