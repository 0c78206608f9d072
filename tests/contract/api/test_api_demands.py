"""A soft deadline, an on-demand floor and nodes by pool over HTTP, from a job's fields to its decisions."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
EAST_OD = "aws/us-east-1/-/p3.2xlarge/on_demand"
PYTHON = {"python": "3.11", "torch": None, "platform": "test"}
NEW_FIELDS = ("deadline_kind", "floor_nodes", "late_usd", "demanded_nodes", '"late"', "nodes_now")


def test_a_job_that_states_none_of_it_hears_none_of_it(http, asking, opened):
    assert not [each for each in (*NEW_FIELDS, "late_hours") if each in asking().text]
    told = http.get(f"/v1/runs/{opened['run_id']}/directive").text
    told += http.post(f"/v1/runs/{opened['run_id']}/next-pool", json={"attempt": 1}).text
    assert not [each for each in (*NEW_FIELDS, "expected_late", "value_of_time") if each in told]


def test_to_state_the_default_changes_nothing_but_the_spec(asking):
    plain, stated = asking().json(), asking(deadline_kind="hard", floor_nodes=0).json()
    assert (stated["spec"]["job"]["deadline_kind"], stated["spec"]["job"]["floor_nodes"]) == ("hard", 0)
    assert "deadline_kind" not in plain["spec"]["job"]
    for answer in (plain, stated):
        del answer["spec"], answer["recommendation_id"]
    assert plain == stated


def test_a_soft_deadline_is_priced_and_ranked_by_and_told(asking):
    # 10 h of work by 10.5 h: spot is late in some courses, at 2 USD an hour.
    soft = asking(deadline_kind="soft", value_of_time_usd_per_hour=2.0, deadline_hours=10.5).json()
    hard = asking(deadline_hours=10.5).json()
    for option in soft["options"]:
        assert option["late_usd"] == pytest.approx(2.0 * option["late_hours"]["mean"])
        counted = option["cost_usd"]["mean"] + option["late_usd"]
        # By hand: one GPU for ten hours, so ten useful GPU-hours.
        assert option["effective_usd_per_gpu_hour"]["mean"] == pytest.approx(counted / 10.0)
        assert sum(option["parts"].values()) == pytest.approx(option["effective_usd_per_gpu_hour"]["mean"])
    prices = [option["effective_usd_per_gpu_hour"]["mean"] for option in soft["options"]]
    assert prices == sorted(prices)
    chances = {option["pool_id"]: option["p_deadline"] for option in hard["options"]}
    assert chances == {option["pool_id"]: option["p_deadline"] for option in soft["options"]}
    # Hard, the pool with the smaller chance comes last; soft, its price alone says where.
    assert hard["options"][-1]["capacity_type"] == "spot"
    assert soft["options"][-1]["capacity_type"] == "on_demand"
    first = soft["options"][0]["reasons"][0]
    assert first.startswith("Meets the soft deadline 2023-03-01 10:30 UTC with a chance of ")
    assert "in its price and rank, not in its cost" in first
    assert soft["floor"] is None


@pytest.mark.parametrize(
    ("job", "words"),
    [
        ({"deadline_kind": "soft"}, ["deadline_kind = soft", "value_of_time_usd_per_hour"]),
        (
            {"deadline_kind": "soft", "value_of_time_usd_per_hour": 1.0, "deadline_hours": None},
            ["no deadline"],
        ),
        ({"deadline_kind": "later"}, ["deadline_kind", "'hard' or 'soft'"]),
        ({"deadline_kind": True}, ["deadline_kind"]),
        ({"floor_nodes": -1}, ["floor_nodes"]),
        ({"floor_nodes": 2}, ["floor_nodes = 2", "1 nodes at most"]),
        ({"floor_nodes": 0.5}, ["floor_nodes"]),
        ({"floor_nodes": True}, ["floor_nodes"]),
        ({"floor_nodes": 1, "copies": 2}, ["floor_nodes and copies"]),
    ],
)
def test_half_a_statement_or_a_wrong_one_is_refused_in_a_sentence(refused_in_words, asking, job, words):
    refused_in_words(asking(**job), *words)


def test_a_floor_of_more_nodes_than_any_machine_takes_is_refused(http, spec):
    # By hand: 8 V100 are one p3.16xlarge or eight p3.2xlarge, and only the latter are known here.
    spec["job"].update(gpus=8, floor_nodes=8)
    told = http.post("/v1/recommendations", json={"spec": spec, "draws": 400}).json()
    assert {each["capacity_type"] for each in told["options"]} == {"on_demand"}
    assert {each["rule"] for each in told["rejected"]} == {"floor"}


def test_a_floor_is_in_the_cost_the_plan_and_every_decision(http, asking, opening):
    told = asking(gpus=4, floor_nodes=1).json()
    best = told["options"][0]
    assert best["parts"]["on_demand"] > 0
    assert any(each.startswith("1 of 4 nodes stay on on-demand") for each in best["reasons"])
    assert (told["floor"]["demanded_nodes"], told["floor"]["on_demand_nodes"]) == (1, 1)
    run = opening(gpus=4, floor_nodes=1)
    nodes = run["plan"]["nodes"]
    assert (nodes["count"], nodes["on_demand_floor"]) == (4, 1)
    decision = http.get(f"/v1/runs/{run['run_id']}/directive").json()["decision"]
    assert (decision["nodes_now"], decision["spot_nodes_now"], decision["floor_nodes"]) == (4, 3, 1)


def test_a_floor_goes_on_alone_and_the_plan_says_so(http, opening):
    run = opening(gpus=4, floor_nodes=1)
    route = f"/v1/runs/{run['run_id']}/next-pool"
    told = http.post(route, json={"attempt": 1, "unavailable": [EAST]}).json()
    assert (told["action"], told["pool_id"]) == ("start", EAST_OD)
    assert (told["plan"]["nodes"]["count"], told["plan"]["nodes"]["on_demand_floor"]) == (1, 1)
    assert any("goes on alone" in each for each in told["reasons"])


def ended(event, run_id, hours):
    """So many hours on east without a step kept, and the launcher's word that it was taken."""
    place = {"node": "launcher", "pool_id": EAST}
    made = {"image_digest": None, "lock_sha256": None, "environment": PYTHON}
    yield event(run_id, "started", 0.0, **place, world_size=4, pid=1, **made)
    lost = {"with_notice": False, "signal": "SIGKILL", "phase": "step"}
    yield event(run_id, "preempted", 3600.0 * hours, **place, **lost)
    over = {"reason": "preempted", "exit_code": -9, "step": None, "weights_sha256": None}
    yield event(run_id, "ended", 3600.0 * hours, node="launcher", **over)


def test_a_mixed_gang_is_billed_at_both_prices(http, opening, event):
    # By hand: two hours of three nodes at 1.00 and one at 3.06 USD an hour are 12.12 USD.
    run_id = opening(gpus=4, floor_nodes=1, budget_usd=500.0)["run_id"]
    http.post(f"/v1/runs/{run_id}/events", json={"events": list(ended(event, run_id, 2))})
    assert float(http.get(f"/v1/runs/{run_id}").json()["realised"]["cost_usd"]) == pytest.approx(12.12)
    told = http.post(f"/v1/runs/{run_id}/next-pool", json={"attempt": 1}).json()
    assert told["decision"]["spent_usd"] == pytest.approx(12.12)


def test_a_run_under_a_soft_deadline_hears_how_late_it_will_be(http, opening):
    run = opening(deadline_kind="soft", value_of_time_usd_per_hour=2.0, deadline_hours=5.0)
    told = http.get(f"/v1/runs/{run['run_id']}/directive").json()
    decision = told["decision"]
    assert (decision["deadline"], decision["value_of_time_usd_per_hour"]) == ("soft", 2.0)
    assert decision["expected_late_hours"] > 5.0  # Ten hours of work and a launch by five hours.
    assert decision["expected_late_usd"] == pytest.approx(2.0 * decision["expected_late_hours"])
    assert "is soft: it is expected to end" in told["reason"]


counts = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.booleans(), st.none(), st.text(max_size=5)
)


def sent(http, route, body):
    return http.post(route, content=json.dumps(body), headers={"content-type": "application/json"})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.one_of(st.sampled_from(["hard", "soft"]), st.text(max_size=6), st.none()),
    worth=counts,
    floor=counts,
    gpus=st.sampled_from([1, 4]),
)
def test_no_statement_of_lateness_or_floor_gets_a_fault(http, spec, kind, worth, floor, gpus):
    demands = {"deadline_kind": kind, "value_of_time_usd_per_hour": worth, "floor_nodes": floor, "gpus": gpus}
    told = {**spec, "job": {**spec["job"], **demands}}
    answered = sent(http, "/v1/recommendations", {"spec": told, "draws": 100})
    assert answered.status_code < 500, answered.text
