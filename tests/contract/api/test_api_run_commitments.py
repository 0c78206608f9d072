"""Runs of jobs that have bought machines: they stay on them, go to them, and leave them in time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

NOW = datetime(2023, 3, 1, tzinfo=UTC)
HELD_POOL = "aws/us-east-1/-/p3.2xlarge/reserved"
HELD = {
    "name": "held", "kind": "reservation", "provider": "aws", "region": "us-east-1", "sku": "p3.2xlarge",
    "usd_per_hour": 2.0, "instances": 1.0, "hours": 100.0, "bought": True,
}  # fmt: skip


@pytest.fixture
def opened_on(http, spec):
    """Open a run of the ten-hour job with a commitment, on it or on the market's best."""

    def opened(commitment, *, on_it=True, **job):
        told = {**spec, "job": {**spec["job"], **job}, "commitments": [commitment]}
        body = {"spec": told, "draws": 400, "simulate": False}
        found = http.post("/v1/recommendations", json=body).json()
        rank = next(each["rank"] for each in found["options"] if bool(each["commitment"]) == on_it)
        body = {
            "recommendation_id": found["recommendation_id"],
            "rank": rank,
            "stores": {"local_dir": "/tmp/c"},
        }
        return http.post("/v1/runs", json=body).json()["run_id"]

    return opened


@pytest.fixture
def directive(http):
    def ask(run_id, hours, attempt=1):
        at = (NOW + timedelta(hours=hours)).isoformat()
        answered = http.get(f"/v1/runs/{run_id}/directive", params={"attempt": attempt, "as_of": at})
        assert answered.status_code == 200, answered.text
        return answered.json()

    return ask


@pytest.fixture
def next_pool(http):
    def ask(run_id, **body):
        answered = http.post(f"/v1/runs/{run_id}/next-pool", json={"attempt": 1, **body})
        assert answered.status_code == 200, answered.text
        return answered.json()

    return ask


def test_a_run_on_what_is_bought_stays_however_cheap_the_market_is(opened_on, directive):
    told = directive(opened_on(HELD), 0.5)
    assert (told["directive"], told["target"]) == ("continue", None)
    assert "more on 'held', which the job states; elsewhere it is expected to cost $" in told["reason"]


def test_a_run_that_failed_on_it_is_started_on_it_again(opened_on, next_pool):
    answer = next_pool(opened_on(HELD))
    assert (answer["action"], answer["pool_id"]) == ("start", HELD_POOL)
    assert answer["plan"]["pool"]["capacity_type"] == "reserved"
    chosen = [each for each in answer["alternatives"] if each["reason"] == "Chosen."]
    assert [each["pool_id"] for each in chosen] == [HELD_POOL]
    assert chosen[0]["left_to_pay_usd"] < 1.0  # The machines are owed anyway; bytes alone cost.
    assert answer["decision"]["by"] == "estimates"


def test_where_it_was_refused_the_market_is_asked(opened_on, next_pool):
    answer = next_pool(opened_on(HELD), unavailable=[HELD_POOL])
    assert answer["action"] == "start"
    assert answer["pool_id"] != HELD_POOL


def test_a_run_that_was_refused_is_not_sent_back_for_an_hour(opened_on, next_pool, directive):
    run_id = opened_on(HELD)
    refused = next_pool(run_id, unavailable=[HELD_POOL], as_of="2023-03-01T00:06:00Z")
    assert (refused["attempt"], refused["action"]) == (2, "start")
    told = directive(run_id, 0.2, attempt=2)  # It went back and forth: migrate, refused, migrate again.
    assert told["directive"] != "migrate"
    told = directive(run_id, 1.2, attempt=2)  # 66 minutes later it may be had again.
    assert (told["directive"], told["target"]["pool_id"]) == ("migrate", HELD_POOL)


def test_a_refusal_is_of_its_run_alone(opened_on, next_pool, directive):
    next_pool(opened_on(HELD), unavailable=[HELD_POOL], as_of="2023-03-01T00:06:00Z")
    other = opened_on(HELD, on_it=False)
    assert directive(other, 0.2)["target"]["pool_id"] == HELD_POOL


def test_a_block_bought_for_the_job_is_owed_once_the_run_is_on_it(opened_on, next_pool):
    # Not bought, its 20 h * 2 USD would be dearer than spot; the run was opened on it, so they are owed.
    block = {**HELD, "kind": "capacity_block", "hours": 20.0, "bought": False}
    answer = next_pool(opened_on(block))
    assert answer["pool_id"] == HELD_POOL.replace("reserved", "capacity_block")


def test_one_that_is_given_back_when_the_job_is_done_competes_with_the_market(opened_on, next_pool):
    dear = {**HELD, "usd_per_hour": 200.0, "bought": False, "cancellable": True}
    assert next_pool(opened_on(dear))["pool_id"] != HELD_POOL


def test_under_a_soft_deadline_a_dear_one_competes_with_the_market_as_well(opened_on, next_pool):
    dear = {**HELD, "usd_per_hour": 200.0, "bought": False, "cancellable": True}
    soft = {"deadline_kind": "soft", "value_of_time_usd_per_hour": 1.0}
    assert next_pool(opened_on(dear, **soft))["pool_id"] != HELD_POOL
    assert next_pool(opened_on(HELD, **soft))["pool_id"] == HELD_POOL


def test_a_run_on_the_market_goes_to_what_is_bought_once_that_has_begun(opened_on, directive):
    run_id = opened_on({**HELD, "start_hours": [5.0, 5.0]}, on_it=False)
    assert (directive(run_id, 4.9)["target"] or {}).get("pool_id") != HELD_POOL
    told = directive(run_id, 5.1)
    assert told["directive"] == "migrate"
    assert told["target"] == {"pool_id": HELD_POOL, "capacity_type": "reserved"}


def test_a_run_that_outlasts_a_block_stays_until_shortly_before_its_end_and_then_leaves(opened_on, directive):
    block = {**HELD, "kind": "capacity_block", "hours": 14.0, "ends_early_hours": 0.5}
    run_id = opened_on(block)
    # Nothing was reported, so ten hours are left: after 6 h they do not fit into the 7.5 h of machines.
    told = directive(run_id, 6.0)
    assert told["directive"] == "continue"
    assert "its machines run for 7.5 h more; what is then left goes on elsewhere" in told["reason"]
    for hours in (13.4, 13.6, 20.0):  # The last 6 min; the early end; long after.
        told = directive(run_id, hours)
        assert told["directive"] in ("migrate", "switch_to_on_demand")
        assert "the rest goes on in aws/" in told["reason"]
