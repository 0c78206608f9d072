"""A budget over HTTP: what a run was billed so far, and what is expected beyond it, in every decision."""

from __future__ import annotations

import pytest

EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
PYTHON = {"python": "3.11", "torch": None, "platform": "test"}


@pytest.fixture
def opened_with(http, spec):
    def make(budget_usd):
        spec["job"]["budget_usd"] = budget_usd
        found = http.post("/v1/recommendations", json={"spec": spec, "draws": 400}).json()
        body = {"recommendation_id": found["recommendation_id"], "stores": {"local_dir": "/tmp/checkpoints"}}
        return http.post("/v1/runs", json=body).json()["run_id"]

    return make


def two_hours(event, run_id):
    """Two hours on east, and the launcher's word that the machine was taken."""
    place = {"node": "launcher", "pool_id": EAST}
    made = {"image_digest": None, "lock_sha256": None, "environment": PYTHON}
    yield event(run_id, "started", 0.0, **place, world_size=1, pid=1, **made)
    for hour in (1, 2):
        yield event(run_id, "step", 3600.0 * hour - 20, step=hour, seconds=3500.0, loss=1.0, tokens=8)
    loss = {"with_notice": False, "signal": "SIGKILL", "phase": "step"}
    yield event(run_id, "preempted", 7200.0, **place, **loss)
    ended = {"reason": "preempted", "exit_code": -9, "step": None, "weights_sha256": None}
    yield event(run_id, "ended", 7200.0, node="launcher", **ended)


def test_a_decision_counts_what_was_billed_against_the_budget(http, opened_with, event):
    # By hand: 2 h on east at 1.00 $/h. Nothing was saved, so all 10 h are left: at least 10 $ more, of 3 $.
    run_id = opened_with(5.0)
    sent = http.post(f"/v1/runs/{run_id}/events", json={"events": list(two_hours(event, run_id))}).json()
    assert sent["rejected"] == []
    told = http.post(f"/v1/runs/{run_id}/next-pool", json={"lost_pool_id": EAST, "attempt": 1}).json()
    decision = told["decision"]
    assert (decision["by"], decision["budget_usd"]) == ("policy", 5.0)
    assert decision["spent_usd"] == pytest.approx(2.0)
    assert 7.0 < decision["over_budget_usd"] < 31.0
    assert any("over budget by" in reason for reason in told["reasons"])


def test_a_run_that_was_billed_nothing_yet_has_its_whole_budget(http, opened_with):
    run_id = opened_with(500.0)
    decision = http.get(f"/v1/runs/{run_id}/directive").json()["decision"]
    assert (decision["spent_usd"], decision["over_budget_usd"]) == (0.0, 0.0)


def test_a_run_without_a_budget_says_so(http, opened):
    decision = http.get(f"/v1/runs/{opened['run_id']}/directive").json()["decision"]
    assert (decision["budget_usd"], decision["spent_usd"], decision["over_budget_usd"]) == (None, None, None)
