"""No input of any kind gets a 5xx: every refusal is problem+json with a next step."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

JSON = {"content-type": "application/json"}
GOOD = json.dumps(
    {
        "spec": {
            "job": {
                "name": "ten-hours",
                "gpus": 1,
                "useful_hours": 10.0,
                "state_bytes": 6000000000,
                "throughput": {"V100-16GB": 1.0},
            },
            "overheads": {
                "pause_s": 10.0,
                "save_lag_s": 0.0,
                "boot_s": 9.0,
                "restore_s": 6.0,
                "warmup_s": 6.0,
            },
        },
        "draws": 100,
    }
)


def refused(answered, *statuses):
    assert answered.status_code in statuses or (not statuses and 400 <= answered.status_code < 500)
    assert answered.headers["content-type"] == "application/problem+json"
    problem = answered.json()
    assert set(problem) == {"type", "title", "status", "detail", "fix"}
    assert problem["status"] == answered.status_code
    assert problem["detail"].endswith(".")
    assert problem["fix"]
    return problem


def post(http, raw, route="/v1/recommendations", headers=JSON):
    return http.post(route, content=raw, headers=headers)


def changed(old: str, new: str) -> str:
    assert old in GOOD
    return GOOD.replace(old, new)


def test_the_body_that_all_the_bad_ones_are_made_of_is_good(http):
    assert post(http, GOOD).status_code == 201


@pytest.mark.parametrize(
    ("raw", "status", "words"),
    [
        (changed('"useful_hours": 10.0', '"useful_hours": NaN'), 400, "NaN"),
        (changed('"useful_hours": 10.0', '"useful_hours": 1e999'), 400, "beyond any float"),
        (changed('"useful_hours": 10.0', '"useful_hours": -Infinity'), 400, "-Infinity"),
        (changed('"useful_hours": 10.0', '"useful_hours": -1'), 422, "useful_hours"),
        (changed('"useful_hours": 10.0', '"useful_hours": 0'), 422, "useful_hours"),
        (changed('"useful_hours": 10.0', '"useful_hours": true'), 422, "valid number"),
        (changed('"useful_hours": 10.0', '"useful_hours": "10"'), 422, "valid number"),
        (changed('"useful_hours": 10.0', '"useful_hours": 1, "useful_hours": 9'), 400, "same key twice"),
        (changed('"gpus": 1', '"gpus": true'), 422, "gpus"),
        (changed('"gpus": 1', '"gpus": 1.5'), 422, "gpus"),
        (changed('"gpus": 1', '"gpus": ' + "9" * 30), 400, "64 bits"),
        (changed('"gpus": 1', '"gpus": ' + "9" * 5000), 400, "64 bits"),
        (changed('"gpus": 1', '"gpus": 1, "gpu": 1'), 422, "the nearest known one is spec.job.gpus"),
        (changed('"gpus": 1', '"gpus": null'), 422, "gpus"),
        (changed("ten-hours", "\\ud800"), 400, "surrogate"),
        (changed('"name"', '"\\udfff"'), 400, "surrogate"),
        (changed("ten-hours", "a\\u0000b"), 400, "NUL"),
        (changed("ten-hours", "a\\nb"), 422, "printable"),
        (changed("ten-hours", "x" * 500), 422, "at most 200"),
        (changed("ten-hours", "x" * (1 << 20)), 413, "over 1048576 bytes"),
        (changed('"draws": 100', '"draws": ' + "[" * 100_000 + "]" * 100_000), 400, "nested deeper"),
        (changed('"draws": 100', '"draws": ' + '{"a":' * 40 + "1" + "}" * 40), 400, "nested deeper"),
        (changed('"draws": 100', '"draws": 99'), 422, "draws"),
        (changed('"draws": 100', '"draws": 100, "as_of": "yesterday"'), 422, "as_of"),
        (changed('"draws": 100', '"draws": 100, "as_of": "2023-02-01T00:00:00"'), 422, "with its zone"),
        (changed('"draws": 100', '"draws": 100, "window_hours": 1e9'), 422, "window_hours"),
        ("", 422, "missing"),
        ("null", 422, "The body must be an object"),
        ("[]", 422, "The body must be an object"),
        ("{", 400, "not UTF-8 JSON"),
        (b"\xff\xfe\x00", 400, "not UTF-8 JSON"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, str) else None,
)
def test_the_hand_list_of_bad_bodies(http, raw, status, words):
    assert words in refused(post(http, raw), status)["detail"]


def test_a_body_that_is_not_called_json_is_refused(http):
    refused(post(http, GOOD, headers={"content-type": "text/plain"}), 422)
    refused(post(http, GOOD, headers={}), 422)


def test_what_was_sent_is_never_echoed(http):
    assert "secret-looking" not in post(http, changed('"gpus": 1', '"gpus": "secret-looking"')).text


@pytest.mark.parametrize(
    "route",
    [
        "/nowhere",
        "/v1/runs/run-0123456789abcdef",
        "/v1/runs/..%2f..%2fetc",
        "/v1/runs/%00",
        "/v1/runs/" + "x" * 3000,
        "/v1/recommendations/rec-zzzz",
        "/v1/pools/a",
        "/v1/pools/a/b/c/d/e",
        "/v1/pools/a/b/c/d/spot/prices",
        "/v1/pools/%ED%A0%80/b/-/d/spot",
        "/v1/pools//////",
        "/v1/pools?as_of=NaN",
        "/v1/pools?as_of=0001-01-01T00:00:00Z",
        "/v1/pools?window_hours=NaN",
        "/v1/pools?window_hours=-1",
        "/v1/pools?window_hours=1e999",
        "/v1/pools?as_of=%ff",
        "/v1/quality?as_of=" + "9" * 9000,
        "/v1/runs/run-0123456789abcdef/directive?attempt=1e9",
        "/v1/pools/aws/us-east-1/name:us-east-1a/p3.2xlarge/spot/prices?from_at=2023-03-01T00:00:00Z",
    ],
)
def test_the_hand_list_of_bad_routes_and_queries(http, route):
    refused(http.get(route))


def test_another_method_is_told_which_is_allowed(http):
    answered = http.delete("/v1/recommendations")
    assert refused(answered, 405)["fix"] == "Use POST."
    assert answered.headers["allow"] == "POST"


def test_events_may_be_large_but_not_endless(http, opened):
    route = f"/v1/runs/{opened['run_id']}/events"
    padding = json.dumps({"events": [{"pad": "x" * 100_000}] * 20})  # Two megabytes.
    answered = post(http, padding, route)
    assert answered.status_code == 200
    assert len(answered.json()["rejected"]) == 20
    refused(post(http, b" " * ((16 << 20) + 1), route), 413)


def test_one_nan_in_a_batch_refuses_the_batch(http, opened):
    refused(post(http, '{"events": [{"loss": NaN}]}', f"/v1/runs/{opened['run_id']}/events"), 400)


def test_collecting_what_is_not_there_is_refused(http):
    refused(post(http, '{"source": "recorded", "path": "/no/such/place"}', "/v1/collect"))
    refused(post(http, '{"source": "recorded"}', "/v1/collect"), 422)
    refused(post(http, '{"source": "the moon"}', "/v1/collect"), 422)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FIELDS = [
    "name",
    "gpus",
    "useful_hours",
    "state_bytes",
    "throughput",
    "deadline_hours",
    "deadline_at",
    "gang_share",
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(FIELDS), value=values)
def test_any_value_in_any_field_of_a_job_is_taken_or_refused_in_words(http, field, value):
    body = json.loads(GOOD)
    body["spec"]["job"][field] = value
    answered = post(http, json.dumps(body))
    if answered.status_code != 201:
        refused(answered)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pause=st.floats(0, 1e6),
    boot=st.floats(0, 1e6),
    hours=st.floats(1e-9, 1e6),
    gpus=st.integers(1, 100_000),
    state=st.integers(0, 10**18),
    lost=st.none() | st.floats(1e-9, 1e7),
    value=st.floats(0, 1e9),
    deadline=st.none() | st.floats(1e-9, 1e6),
)
def test_any_possible_job_however_absurd_is_ranked_or_refused_in_words(
    http, pause, boot, hours, gpus, state, lost, value, deadline
):
    body = json.loads(GOOD)
    body["spec"]["overheads"] |= {"pause_s": pause, "boot_s": boot}
    body["spec"]["job"] |= {"useful_hours": hours, "gpus": gpus, "state_bytes": state}
    body["spec"]["job"] |= {"value_of_time_usd_per_hour": value, "deadline_hours": deadline}
    body["spec"]["constraints"] = {"max_lost_work_s": lost}
    answered = post(http, json.dumps(body))
    if answered.status_code != 201:
        refused(answered)
