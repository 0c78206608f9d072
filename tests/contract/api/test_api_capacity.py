"""Nodes that can be had by pool, told over HTTP: used by work that scales, refused where they cannot be."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
EAST_OD = "aws/us-east-1/-/p3.2xlarge/on_demand"
PYTHON = {"python": "3.11", "torch": None, "platform": "test"}


def test_a_part_of_a_pool_is_taken_kept_and_known_from_the_plan(http, opening):
    run = opening(gpus=4, elastic=True)
    route = f"/v1/runs/{run['run_id']}"
    told = http.post(f"{route}/next-pool", json={"attempt": 1, "capacity": {EAST: 3}}).json()
    decision = told["decision"]
    assert (told["pool_id"], decision["spot_nodes_now"]) == (EAST, 3)
    assert decision["nodes_now"] == told["plan"]["nodes"]["count"]
    assert any("3 of the 4 nodes for spot can be had" in each for each in told["reasons"])
    kept = http.get(f"{route}/directive").json()
    assert kept["directive"] == "continue"
    assert kept["decision"]["spot_nodes_now"] == 3
    assert "3 of the 4 nodes" in kept["reason"]


def test_a_part_works_at_its_share_of_the_speed(http, opening, event):
    # By hand: a step of an hour on 2 of 4 nodes is half an hour of the whole: 9.5 h of 10 are left.
    run = opening(gpus=4, elastic=True)
    run_id = run["run_id"]
    told = http.post(f"/v1/runs/{run_id}/next-pool", json={"attempt": 1, "capacity": {EAST: 2}}).json()
    assert told["plan"]["nodes"]["count"] == 2
    made = {"image_digest": None, "lock_sha256": None, "environment": PYTHON}
    events = [
        event(run_id, "started", 0.0, attempt=2, node="launcher", pool_id=EAST, world_size=2, pid=1, **made),
        event(run_id, "step", 3600.0, attempt=2, step=1, seconds=3600.0, loss=1.0, tokens=8),
        event(run_id, "committed", 3601.0, attempt=2, generation=1, step=1, epoch=2, tier="F", exact=True,
              bytes=1, seconds=1.0, manifest_url="file:///m", sha256="0" * 64),
    ]  # fmt: skip
    sent = http.post(f"/v1/runs/{run_id}/events", json={"events": events}).json()
    assert sent["rejected"] == []
    left = http.post(f"/v1/runs/{run_id}/next-pool", json={"attempt": 2}).json()["remaining_useful_hours"]
    assert left == pytest.approx(9.5)


def test_a_gang_hears_that_counts_are_not_used(http, opening):
    run = opening(gpus=4)
    body = {"attempt": 1, "capacity": {EAST: 3}}
    told = http.post(f"/v1/runs/{run['run_id']}/next-pool", json=body).json()
    assert told["plan"]["nodes"]["count"] == 4
    assert told["reasons"][-1].startswith("The job is a gang")


@pytest.mark.parametrize(
    ("capacity", "word"),
    [
        ({EAST: -1}, "capacity"),
        ({EAST: 5}, "the job takes 4 there"),
        ({EAST: 1.5}, "capacity"),
        ({EAST: True}, "capacity"),
        ({EAST: None}, "capacity"),
        ({EAST_OD: 1}, "no spot pool"),
        ({"aws/us-east-1/nowhere/p3.2xlarge/spot": 1}, "no spot pool"),
        ({"": 1}, "capacity"),
        ([EAST], "capacity"),
        ({f"pool-{n}": 1 for n in range(101)}, "capacity"),
    ],
)
def test_a_count_that_cannot_be_is_refused_in_a_sentence(refused_in_words, http, opening, capacity, word):
    run = opening(gpus=4, elastic=True)
    body = {"attempt": 1, "capacity": capacity}
    refused_in_words(http.post(f"/v1/runs/{run['run_id']}/next-pool", json=body), word)


counts = st.one_of(
    st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.booleans(), st.none(), st.text(max_size=5)
)
keys = st.one_of(st.sampled_from([EAST, EAST_OD]), st.text(max_size=30))


@pytest.fixture
def parts_run(opening):
    """A run of four nodes of work that scales."""
    return opening(gpus=4, elastic=True)["run_id"]


def sent(http, route, body):
    return http.post(route, content=json.dumps(body), headers={"content-type": "application/json"})


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(told=st.dictionaries(keys, counts, max_size=4))
def test_no_capacity_whatsoever_gets_a_fault(http, parts_run, told):
    answered = sent(http, f"/v1/runs/{parts_run}/next-pool", {"attempt": 1, "capacity": told})
    assert answered.status_code < 500, answered.text
    if answered.status_code != 200:
        assert {"detail", "fix"} <= set(answered.json())
