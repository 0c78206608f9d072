"""The price foretold over the run: from the pool's own steps and its family, as of an instant."""

from __future__ import annotations

import pytest

EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"


def asked(http, spec, hours, **body):
    long = {**spec, "job": {**spec["job"], "useful_hours": hours, "deadline_hours": 3000.0}}
    answer = http.post("/v1/recommendations", json={"spec": long, "draws": 400, "simulate": False, **body})
    assert answer.status_code == 201, answer.text
    return {option["pool_id"]: option for option in answer.json()["options"]}


def test_a_month_of_work_says_how_the_price_may_move_and_why(http, spec):
    option = asked(http, spec, 720.0)[EAST]
    told = option["run_price"]
    assert told["p10"] < told["p90"]
    assert told["rests_on"] == "1 price changes in 28 days and 2 pools of its family"
    assert any("Over the run its price is expected at" in reason for reason in option["reasons"])


def test_on_demand_keeps_its_price(http, spec):
    option = asked(http, spec, 720.0)["aws/us-east-1/-/p3.2xlarge/on_demand"]
    assert option["run_price"]["p10"] == option["run_price"]["p90"] == pytest.approx(3.06)
    assert option["run_price"]["rests_on"] is None


def test_a_rise_that_is_not_known_yet_is_not_in_it(http, spec):
    option = asked(http, spec, 720.0, as_of="2023-02-14T00:00:00Z")[EAST]
    assert option["run_price"]["rests_on"].startswith("0 price changes in 13 days")
