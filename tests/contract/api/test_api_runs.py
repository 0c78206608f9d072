"""Runs over HTTP: opened with a plan, reported idempotently, sent on after a loss, accounted for."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainer.plan import Plan

NOW = datetime(2023, 3, 1, tzinfo=UTC)
EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
WEST = "aws/us-west-2/name:us-west-2a/p3.2xlarge/spot"
EAST_OD = "aws/us-east-1/-/p3.2xlarge/on_demand"
SCHEMA = Path(__file__).parents[3] / "trainer" / "plan.schema.json"
NOWHERE = {"image_digest": None, "lock_sha256": None}
ENVIRONMENT = {"python": "3.11", "torch": None, "platform": "test"}


def send(http, run_id, *events):
    answered = http.post(f"/v1/runs/{run_id}/events", json={"events": list(events)})
    assert answered.status_code == 200, answered.text
    return answered.json()


def next_pool(http, run_id, **body):
    answered = http.post(f"/v1/runs/{run_id}/next-pool", json=body)
    assert answered.status_code == 200, answered.text
    return answered.json()


def worked(event, run_id, *, hours=2, attempt=1, pool=EAST):
    """An attempt of an hour's steps, saved after each: started, step, captured, committed."""
    yield event(
        run_id,
        "started",
        3600.0 * (hours * (attempt - 1)),
        attempt=attempt,
        node="launcher",
        pool_id=pool,
        world_size=1,
        pid=1,
        environment=ENVIRONMENT,
        **NOWHERE,
    )
    for number in range(1, hours + 1):
        step = hours * (attempt - 1) + number
        at = 3600.0 * step
        yield event(run_id, "step", at - 20, attempt=attempt, step=step, seconds=3500.0, loss=1.0, tokens=8)
        yield event(run_id, "captured", at - 10, attempt=attempt, step=step, seconds=10.0, bytes=9, tier="F")
        yield event(
            run_id,
            "committed",
            at - 10,
            attempt=attempt,
            step=step,
            generation=step,
            epoch=attempt,
            manifest_url=f"file:///checkpoints/{step}",
            sha256="ab" * 32,
            tier="F",
            exact=True,
            bytes=9,
            seconds=10.0,
        )


def lost(event, run_id, after_s, attempt=1, pool=EAST):
    """What the launcher writes when the machine is taken."""
    yield event(
        run_id,
        "preempted",
        after_s,
        attempt=attempt,
        node="launcher",
        with_notice=False,
        signal="SIGKILL",
        phase="step",
        pool_id=pool,
    )
    yield event(
        run_id,
        "ended",
        after_s,
        attempt=attempt,
        node="launcher",
        reason="preempted",
        exit_code=-9,
        step=None,
        weights_sha256=None,
    )


def test_the_plan_of_an_opened_run_satisfies_its_schema_and_the_trainer(opened):
    jsonschema.validate(opened["plan"], json.loads(SCHEMA.read_text()))
    plan = Plan.read(json.dumps(opened["plan"]).encode())
    assert (plan.run_id, plan.attempt, plan.pool.key) == (opened["run_id"], 1, EAST)


def test_the_plan_carries_the_digest_of_the_stored_recommendation(http, opened):
    provenance = opened["plan"]["provenance"]
    stored = http.get(f"/v1/recommendations/{provenance['recommendation_id']}").content
    assert provenance["recommendation_sha256"] == hashlib.sha256(stored).hexdigest()


def test_the_plan_expires_a_day_after_it_was_issued_and_assumes_no_notice(opened):
    assert opened["plan"]["expires_at"] == "2023-03-02T00:00:00Z"
    assert opened["plan"]["notice"]["assumed_s"] == 0
    assert opened["plan"]["notice"]["nominal_s"] > 0


def test_the_plan_names_where_the_token_is_and_not_the_token(opened):
    assert opened["plan"]["service"] == {
        "url": "http://127.0.0.1:8787",
        "token_env": "LOWTIDE_TOKEN",
        "directive_every_s": 600.0,
    }


def test_a_rank_beyond_the_options_is_refused(http, recommended):
    body = {
        "recommendation_id": recommended["recommendation_id"],
        "rank": 99,
        "stores": {"local_dir": "/tmp/c"},
    }
    answered = http.post("/v1/runs", json=body)
    assert answered.status_code == 422
    assert "none of rank 99" in answered.json()["detail"]


def test_the_same_events_twice_are_kept_once(http, opened, event):
    events = list(worked(event, opened["run_id"]))
    first = send(http, opened["run_id"], *events)
    second = send(http, opened["run_id"], *events)
    assert (first["accepted"], first["duplicates"]) == (7, 0)
    assert (second["accepted"], second["duplicates"]) == (0, 7)
    assert len(http.get(f"/v1/runs/{opened['run_id']}/events").json()["events"]) == 7


def test_the_same_key_with_other_content_is_not_taken(http, opened, event):
    step = next(each for each in worked(event, opened["run_id"]) if each["event"] == "step")
    send(http, opened["run_id"], step)
    told = send(http, opened["run_id"], {**step, "seconds": 1.0})
    assert (told["accepted"], told["duplicates"], told["conflicting"]) == (0, 0, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"event": "danced"}, "no event 'danced'"),
        ({"seconds": -1.0}, "the least is 0"),
        ({"seconds": True}, "must be a finite number"),
        ({"colour": "red"}, "unknown field 'colour'"),
        ({"run_id": "run-0000000000000000"}, "belongs to run"),
        ({"attempt": 2}, "never issued"),
        ({"at": "2023-13-41T00:00:00.000000Z"}, "outside any calendar"),
        ({"at": "9999-12-31T00:00:00.000000Z"}, "outside any calendar"),
        ({"seconds": 1e300}, "outside any calendar"),
        ({"schema_version": 2}, "schema version 2"),
    ],
)
def test_a_malformed_event_is_refused_alone_with_its_place_and_reason(http, opened, event, change, words):
    events = [each for each in worked(event, opened["run_id"]) if each["event"] == "step"]
    told = send(http, opened["run_id"], events[0], {**events[1], **change})
    assert told["accepted"] == 1
    assert [each["index"] for each in told["rejected"]] == [1]
    assert words in told["rejected"][0]["reason"]


def test_after_a_loss_the_rest_is_computed_from_committed_steps(http, opened, event):
    # By hand: two steps of 3500 s are 1.944 h of the ten; the third was not committed.
    run_id = opened["run_id"]
    third = event(run_id, "step", 10_700, step=3, seconds=3500.0, loss=1.0, tokens=8)
    send(http, run_id, *worked(event, run_id), third, *lost(event, run_id, 10_800))
    answer = next_pool(http, run_id, lost_pool_id=EAST, attempt=1, as_of="2023-02-28T23:00:00Z")
    assert answer["remaining_useful_hours"] == pytest.approx(10 - 7000 / 3600)
    assert answer["checkpoint"] == {
        "generation": 2,
        "sha256": "ab" * 32,
        "manifest_url": "file:///checkpoints/2",
        "step": 2,
    }


def test_the_pool_just_lost_is_judged_by_its_hazard_and_taken_again_where_it_has_capacity(http, opened):
    answer = next_pool(http, opened["run_id"], lost_pool_id=EAST, attempt=1, as_of="2023-02-28T23:00:00Z")
    assert answer["action"] == "start"
    assert (answer["pool_id"], answer["attempt"]) == (EAST, 2)
    assert answer["plan"]["attempt"] == 2
    assert answer["plan"]["stores"]["local_dir"] == "/tmp/checkpoints"


def test_a_pool_without_capacity_at_the_latest_probe_is_not_chosen(http, opened):
    # At 11:00 east is away (10 to 12) and west is there.
    answer = next_pool(http, opened["run_id"], lost_pool_id=EAST, attempt=1, as_of="2023-02-28T11:00:00Z")
    assert answer["pool_id"] == WEST
    told = {each["pool_id"]: each for each in answer["alternatives"]}
    assert told[EAST]["reason"] == "Not obtainable at the latest probe."
    assert told[EAST]["available_now"] is False


def test_the_policy_answers_with_costs_chances_slack_and_what_would_change_it(http, opened):
    answer = next_pool(http, opened["run_id"], lost_pool_id=EAST, attempt=1, as_of="2023-02-28T23:00:00Z")
    told = answer["decision"]
    assert (told["by"], told["why_not_policy"], told["deadline"]) == ("policy", None, "hard")
    assert told["history_pools"] == 2
    # West is away at 23:00; 73 h until 4 March 00:00, less 10 h of work, 5 min of restart, and its saves.
    assert 62.0 < told["slack_hours"] < 73 - 10 - 300 / 3600
    found = {(each["action"], each["pool_id"]): each for each in told["alternatives"]}
    assert set(found) == {("spot", EAST), ("on_demand", EAST_OD)}
    assert all(each["p_on_time"] == 1.0 for each in found.values())
    dearer = next(each for each in told["changes"] if each["what"] == "dearer")
    assert dearer["pool_id"] == EAST
    assert 1.0 < dearer["usd_per_machine_hour"] < 2 * 3.06


def test_a_job_that_allows_no_on_demand_is_decided_by_estimates_and_told_why(http, spec):
    spec["constraints"] = {"capacity_types": ["spot"]}
    found = http.post("/v1/recommendations", json={"spec": spec, "draws": 400}).json()
    body = {"recommendation_id": found["recommendation_id"], "stores": {"local_dir": "/tmp/checkpoints"}}
    run_id = http.post("/v1/runs", json=body).json()["run_id"]
    answer = next_pool(http, run_id, lost_pool_id=EAST, attempt=1, as_of="2023-02-28T23:00:00Z")
    assert answer["pool_id"] == EAST
    assert answer["decision"]["by"] == "estimates"
    assert "no deadline can be promised" in answer["decision"]["why_not_policy"]
    assert http.get(f"/v1/runs/{run_id}/directive").json()["decision"]["by"] == "estimates"


def test_a_pool_the_launcher_could_not_get_is_not_offered_again(http, opened):
    answer = next_pool(
        http, opened["run_id"], lost_pool_id=None, attempt=1, as_of="2023-02-28T11:00:00Z", unavailable=[WEST]
    )
    assert answer["pool_id"] != WEST
    told = {each["pool_id"]: each["reason"] for each in answer["alternatives"]}
    assert told[WEST] == "Tried just now in vain."


def test_with_time_in_hand_and_no_spot_it_waits(http, opened):
    answer = next_pool(
        http, opened["run_id"], attempt=1, as_of="2023-02-28T11:00:00Z", lost_pool_id=EAST, unavailable=[WEST]
    )
    assert answer["action"] == "wait"
    assert (answer["pool_id"], answer["attempt"], answer["plan"]) == (None, None, None)
    assert 300 <= answer["wait_s"] <= 3600
    assert "the deadline allows the wait" in answer["reasons"][0]


def test_close_to_the_deadline_it_goes_on_demand(http, spec):
    # Ten hours of work, ten and a half to go: a single drop, with its wait, would be too much.
    spec["job"]["deadline_hours"] = 10.5
    found = http.post("/v1/recommendations", json={"spec": spec, "draws": 400}).json()
    opened = http.post(
        "/v1/runs",
        json={"recommendation_id": found["recommendation_id"], "stores": {"local_dir": "/tmp/checkpoints"}},
    ).json()
    answer = next_pool(http, opened["run_id"], lost_pool_id=EAST, attempt=1)
    assert answer["pool_id"] == EAST_OD
    assert any("meets the deadline 2023-03-01 10:30 UTC only with" in reason for reason in answer["reasons"])


def test_after_the_deadline_the_run_still_goes_on(http, opened):
    answer = next_pool(http, opened["run_id"], lost_pool_id=EAST, attempt=1, as_of="2023-03-09T00:00:00Z")
    assert answer["action"] == "start"


def test_asking_for_an_attempt_that_was_never_issued_is_refused(http, opened):
    body = {"lost_pool_id": None, "attempt": 7}
    answered = http.post(f"/v1/runs/{opened['run_id']}/next-pool", json=body)
    assert answered.status_code == 404
    assert "Attempt 7" in answered.json()["detail"]


def test_a_second_launcher_is_told_to_stop(http, opened, event):
    run_id = opened["run_id"]
    next_pool(http, run_id, lost_pool_id=EAST, attempt=1)
    send(http, run_id, *worked(event, run_id, attempt=2))
    answered = http.post(f"/v1/runs/{run_id}/next-pool", json={"lost_pool_id": EAST, "attempt": 1})
    assert answered.status_code == 409
    assert answered.json()["fix"].startswith("Stop this launcher")


def test_a_live_run_in_a_good_place_is_told_to_go_on(http, opened, event):
    run_id = opened["run_id"]
    send(http, run_id, *worked(event, run_id))
    told = http.get(f"/v1/runs/{run_id}/directive", params={"attempt": 1}).json()
    assert told["directive"] == "continue"
    assert told["full_every_s"] > 0
    assert told["valid_until"] == "2023-03-01T00:15:00Z"


def test_a_run_slower_than_its_job_file_keeps_its_interval_and_is_told_what_is_left(http, opened, event):
    # The file says 10 useful hours; 12 of 3,500 s are made. What is left is unknown, then 8 steps of 20.
    run_id = opened["run_id"]
    send(http, run_id, *worked(event, run_id, hours=12))
    planned = opened["plan"]["checkpoint"]["full_every_s"]
    assert http.get(f"/v1/runs/{run_id}/directive", params={"attempt": 1}).json()["full_every_s"] == planned
    send(http, run_id, event(run_id, "planned", 1.0, steps=20))
    told = http.get(f"/v1/runs/{run_id}/directive", params={"attempt": 1}).json()
    assert told["full_every_s"] > 0.5 * planned
    send(http, run_id, *lost(event, run_id, 3600.0 * 12.5))
    left = next_pool(http, run_id, lost_pool_id=EAST, attempt=1)["remaining_useful_hours"]
    # 20 steps' worth of the stated 0.5 h and 12 of 0.972 h: 0.677 h a step, 8 of them.
    assert 5.4 <= left <= 5.4 * 1.03


def test_a_live_run_that_would_be_late_is_told_to_go_on_demand(http, opened, event):
    # 72 h after 1 March is 4 March 00:00; with eight hours of work left at 15:10 there is no slack.
    run_id = opened["run_id"]
    send(http, run_id, *worked(event, run_id))
    asked = {"attempt": 1, "as_of": "2023-03-03T15:10:00Z"}
    told = http.get(f"/v1/runs/{run_id}/directive", params=asked).json()
    assert told["directive"] == "switch_to_on_demand"
    assert told["target"]["capacity_type"] == "on_demand"


def test_an_attempt_that_was_followed_by_another_is_told_to_stop(http, opened):
    next_pool(http, opened["run_id"], lost_pool_id=EAST, attempt=1)
    told = http.get(f"/v1/runs/{opened['run_id']}/directive", params={"attempt": 1}).json()
    assert told["directive"] == "wait"
    assert "Attempt 2" in told["reason"]


def test_a_run_shows_predicted_beside_realised_and_its_timeline(http, opened, event):
    # By hand: 2 h on east at 1.00 $/h is 2.00 $; 7000 s useful, 20 s standing still.
    run_id = opened["run_id"]
    send(http, run_id, *worked(event, run_id), *lost(event, run_id, 7200))
    run = http.get(f"/v1/runs/{run_id}").json()
    assert run["state"] == "lost"
    assert run["predicted"]["pool_id"] == EAST
    assert run["realised"]["cost_usd"] == pytest.approx(2.0)
    assert run["realised"]["useful_hours"] == pytest.approx(7000 / 3600)
    assert run["realised"]["stall_hours"] == pytest.approx(20 / 3600)
    assert run["realised"]["preemptions"] == 1
    assert {"boot", "run", "save"} <= {stretch["kind"] for stretch in run["timeline"]}
    assert run["checkpoint"]["generation"] == 2


def test_losing_an_event_changes_the_account(http, recommended, event):
    def told(skip):
        body = {"recommendation_id": recommended["recommendation_id"], "stores": {"local_dir": "/tmp/c"}}
        run_id = http.post("/v1/runs", json=body).json()["run_id"]
        events = [*worked(event, run_id), *lost(event, run_id, 7200)]
        send(http, run_id, *(each for number, each in enumerate(events) if number != skip))
        return http.get(f"/v1/runs/{run_id}").json()["realised"]

    assert told(skip=1)["useful_hours"] < told(skip=None)["useful_hours"]


def test_a_replayed_run_lives_on_market_time(http, recommended, event):
    # 3600 times faster: two wall hours would be 300 market days, two wall seconds are two hours.
    clock = {
        "market_origin_at": "2023-02-20T00:00:00Z",
        "wall_origin_at": NOW.isoformat(),
        "compression": 3600.0,
    }
    body = {
        "recommendation_id": recommended["recommendation_id"],
        "stores": {"local_dir": "/tmp/c"},
        "clock": clock,
    }
    opened = http.post("/v1/runs", json=body).json()
    assert opened["plan"]["expires_at"] == "2023-02-21T00:00:00Z"
    run_id = opened["run_id"]
    started = event(
        run_id,
        "started",
        0.0,
        node="launcher",
        pool_id=EAST,
        world_size=1,
        pid=1,
        environment=ENVIRONMENT,
        **NOWHERE,
    )
    step = event(run_id, "step", 2.0, step=1, seconds=1.0, loss=None, tokens=1)
    send(http, run_id, started, step)
    realised = http.get(f"/v1/runs/{run_id}").json()["realised"]
    assert realised["billed_hours"] == pytest.approx(2.0)
    assert realised["cost_usd"] == pytest.approx(2.0)  # East costs 1.00 $/h since 15 February.


def test_a_clock_that_leads_off_the_calendar_is_refused(http, recommended):
    body = {
        "recommendation_id": recommended["recommendation_id"],
        "stores": {"local_dir": "/tmp/c"},
        "clock": {
            "market_origin_at": "2023-02-20T00:00:00Z",
            "wall_origin_at": (NOW - timedelta(days=365)).isoformat(),
            "compression": 1e6,
        },
    }
    answered = http.post("/v1/runs", json=body)
    assert answered.status_code == 422
    assert "no market time" in answered.json()["detail"]


def test_checkpoints_come_newest_first(http, opened, event):
    send(http, opened["run_id"], *worked(event, opened["run_id"]))
    told = http.get(f"/v1/runs/{opened['run_id']}/checkpoints").json()["checkpoints"]
    assert [each["generation"] for each in told] == [2, 1]


def test_where_else_a_checkpoint_stands_is_told_too(http, opened, event):
    run_id, url = opened["run_id"], "s3://bucket/run/manifests/000000002.json"
    copied = event(run_id, "replicated", 7300.0, generation=2, url=url, seconds=1.0, bytes=9)
    send(http, run_id, *worked(event, run_id), copied)
    [copy] = http.get(f"/v1/runs/{run_id}/checkpoints").json()["copies"]
    assert (copy["generation"], copy["url"]) == (2, url)


def test_a_finished_run_is_done_and_told_so(http, opened, event):
    run_id = opened["run_id"]
    ended = event(
        run_id, "ended", 7200, node="launcher", reason="done", exit_code=0, step=2, weights_sha256="cd" * 32
    )
    send(http, run_id, *worked(event, run_id), ended)
    told = http.get(f"/v1/runs/{run_id}").json()
    assert told["state"] == "done"
    assert told["as_of"].startswith("2023-03-01T02:00:00")  # Its last event, however late it is asked for.
    assert http.get(f"/v1/runs/{run_id}/directive").json()["reason"] == "The run is over."
    assert run_id in {head["run_id"] for head in http.get("/v1/runs").json()["runs"]}


def test_answers_about_a_run_name_the_sources_of_its_recommendation(http, opened):
    run_id = opened["run_id"]
    told = [
        opened,
        http.get(f"/v1/runs/{run_id}").json(),
        http.get("/v1/runs").json(),
        http.get(f"/v1/runs/{run_id}/directive").json(),
        http.get(f"/v1/runs/{run_id}/events").json(),
        http.get(f"/v1/runs/{run_id}/checkpoints").json(),
        next_pool(http, run_id, lost_pool_id=None, attempt=1),
    ]
    assert [answer["sources"] for answer in told] == [["hand-made"]] * len(told)
    assert [answer["synthetic"] for answer in told] == [False] * len(told)


def test_attempts_issued_at_once_get_numbers_of_their_own(http, opened):
    def ask(_):
        return next_pool(http, opened["run_id"], lost_pool_id=None, attempt=1)["attempt"]

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(ask, range(8))) == list(range(2, 10))


@settings(max_examples=24, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(minutes=st.integers(0, 28 * 24 * 6 - 1).map(lambda tick: 10 * tick))
def test_whenever_it_asks_it_is_never_sent_where_the_latest_probe_failed(http, recommended, minutes):
    # East is away from 10 to 12 o'clock, west from 20 to 24: at every instant one of them is there.
    body = {"recommendation_id": recommended["recommendation_id"], "stores": {"local_dir": "/tmp/c"}}
    run_id = http.post("/v1/runs", json=body).json()["run_id"]
    at = datetime(2023, 2, 1, tzinfo=UTC) + timedelta(days=3, minutes=minutes % (24 * 24 * 60))
    answer = next_pool(http, run_id, attempt=1, lost_pool_id=EAST, as_of=at.isoformat())
    away = {EAST} if 10 <= at.hour < 12 else {WEST} if at.hour >= 20 else set()
    assert answer["action"] == "start"
    assert answer["pool_id"] not in away
