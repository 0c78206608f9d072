"""How good the forecasts were, over HTTP: told with interval, baseline and n, or why it is not known."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from advisor.client import Client, ServiceProblem
from advisor.serving import open_service
from advisor.wire_quality import BacktestOut, BacktestRequest
from collector.ingest import ingest

NOW = "2023-03-01T00:00:00Z"
HERE = {"engine": "here"}
pytestmark = pytest.mark.filterwarnings("ignore:You should not use the 'timeout' argument")


@pytest.fixture(scope="module")
def job_spec():
    """A ten-hour job whose deadline counts from every start."""
    overheads = {"pause_s": 10.0, "save_lag_s": 0.0, "boot_s": 180.0, "restore_s": 60.0, "warmup_s": 60.0}
    job = {
        "name": "ten-hours", "gpus": 1, "useful_hours": 10.0, "state_bytes": 6_000_000_000,
        "throughput": {"V100-16GB": 1.0}, "deadline_hours": 72.0,
    }  # fmt: skip
    return {"job": job, "overheads": overheads}


@pytest.fixture(scope="module")
def made(service, job_spec):
    """A backtest of the month, with a job."""
    return service.backtesting.run(BacktestRequest.model_validate({**HERE, "spec": job_spec}))


def by_name(backtest):
    return {(f["figure"], f["horizon_hours"], f["baseline"]): f for f in backtest["figures"]}


def test_where_none_was_made_quality_says_so_and_what_to_type(empty, http_of):
    with http_of(empty) as http:
        told = http.get("/v1/quality").json()
    assert told["sources"] == []
    assert told["backtest"]["backtest_id"] is None
    assert "No backtest was made" in told["backtest"]["why"]
    assert "lowtide backtest" in told["backtest"]["fix"]
    BacktestOut.model_validate(told["backtest"])


def test_every_figure_is_told_with_its_interval_its_n_and_a_baseline(http, made):
    told = http.get("/v1/quality").json()
    BacktestOut.model_validate(told["backtest"])
    assert told["as_of"] == NOW
    assert [source["source_id"] for source in told["sources"]][:1] == ["hand-made"]
    assert told["backtest"]["sources"] == ["hand-made"]
    assert told["backtest"]["backtest_id"] == made["backtest_id"]
    for figure in told["backtest"]["figures"]:
        assert figure["low"] <= figure["value"] <= figure["high"]
        assert figure["n"] >= figure["days"] >= 5
        assert figure["baseline"]
        assert figure["baseline_value"] is not None


def test_what_is_as_regular_as_the_clock_is_forecast_better_than_by_its_mean(made):
    found = by_name(made)
    for hours in (0.25, 1.0, 6.0, 24.0):
        figure = found["brier", hours, "climatology"]
        assert figure["value"] < figure["baseline_value"]
        assert figure["apart_high"] < 0


def test_the_job_is_scored_by_cost_finish_and_choice(made):
    figures = {name for name, _, _ in by_name(made)}
    assert figures >= {"finish_coverage_80", "finish_crps", "cost_coverage_80", "cost_crps"}
    assert figures >= {"regret_usd", "regret_share", "saving_share"}
    saved = by_name(made)["saving_share", None, "lowest price now"]
    assert 0.3 < saved["value"] < 0.7  # Spot is at a third of on-demand, and a loss costs something.


def test_calibration_is_told_in_ten_bins_per_horizon_and_forecast(made):
    ours = [each for each in made["calibration"] if each["forecast"] == "ours"]
    assert len(ours) == 4 * 10
    assert sum(each["count"] for each in ours if each["horizon_hours"] == 1.0) > 1000


def test_one_pool_is_told_when_asked_for(http, made):
    east = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
    told = http.get("/v1/quality", params={"pool": east}).json()["backtest"]["figures"]
    assert {figure["pool_id"] for figure in told} == {east}
    missing = http.get("/v1/quality", params={"pool": east.replace("1a", "1z")})
    assert missing.status_code == 404
    assert "no figure of" in missing.json()["detail"]


@pytest.mark.parametrize("pool", ["not-a-key", "%00", "%ED%A0%80", "a/b/c/d/e", "x" * 400, "////", ""])
def test_a_strange_pool_is_refused_in_words(http, made, pool):
    answered = http.get(f"/v1/quality?pool={pool}")
    assert answered.status_code in (404, 422), answered.text
    assert answered.json()["fix"]


def test_the_same_seed_gives_the_same_figures(service, made, job_spec):
    again = service.backtesting.run(BacktestRequest.model_validate({**HERE, "spec": job_spec}))
    assert again["figures"] == made["figures"]
    assert again["calibration"] == made["calibration"]


def test_the_client_makes_and_tells_a_backtest(service, http_of):
    with http_of(service) as http:
        client = Client("http://testserver", http=http)
        found = client.backtest(from_at="2023-02-20T00:00:00Z", every_hours=24.0, engine="here")
        assert found["name"] == "market"
        assert found["from_at"] == "2023-02-20T00:00:00Z"
        assert client.quality()["backtest"]["backtest_id"] in (
            found["backtest_id"],
            client.quality()["backtest"]["backtest_id"],
        )
        assert client.backtest_progress() == {"phase": None, "done": 0, "of": 0}


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"from_at": "2023-02-20T00:00:00Z", "until_at": "2023-02-10T00:00:00Z"}, 422, "is empty"),
        ({"from_at": "2023-03-02T00:00:00Z"}, 422, "is empty"),
        ({"until_at": "2024-01-01T00:00:00Z"}, 422, "in the future"),
        ({"until_at": "2022-01-01T00:00:00Z"}, 409, "0 probes before"),
        ({"from_at": "2023-02-26T00:00:00Z"}, 409, "so 3 are missing"),
        ({"from_at": "2022-01-01T00:00:00Z", "until_at": "2023-02-01T12:00:00Z"}, 409, "was a pool probed"),
        ({"every_hours": 0}, 422, ""),
        ({"every_hours": "1"}, 422, ""),
        ({"workers": 0}, 422, ""),
        ({"engine": "dask"}, 422, ""),
        ({"seed": -1}, 422, ""),
        ({"more": 1}, 422, ""),
        ([], 422, ""),
    ],
)
def test_strange_requests_are_refused_in_words(http, body, status, said):
    sent = {**HERE, **body} if isinstance(body, dict) else body
    answered = http.post("/v1/backtests", json=sent)
    assert answered.status_code == status, answered.text
    assert said in answered.json()["detail"]
    assert answered.json()["fix"]


def test_a_store_without_probes_says_what_to_collect(empty, http_of):
    with http_of(empty) as http, pytest.raises(ServiceProblem, match="0 probes") as refusal:
        Client("http://testserver", http=http).backtest(engine="here")
    assert refusal.value.exit_code == 3
    assert "lowtide collect" in refusal.value.fix


def test_a_job_that_cannot_be_started_again_and_again_is_refused(http, job_spec):
    fixed = copy.deepcopy(job_spec)
    fixed["job"]["deadline_hours"], fixed["job"]["deadline_at"] = None, "2023-03-05T00:00:00Z"
    answered = http.post("/v1/backtests", json={**HERE, "spec": fixed})
    assert answered.status_code == 422
    assert "deadline_hours" in answered.json()["fix"]
    unsold = copy.deepcopy(job_spec)
    unsold["job"]["throughput"] = {"V101": 1.0}
    answered = http.post("/v1/backtests", json={**HERE, "spec": unsold})
    assert answered.status_code == 422
    assert "V101" in answered.json()["detail"]


def test_a_second_backtest_at_the_same_time_waits_its_turn_in_words(service, http):
    with service.backtesting._one:
        answered = http.post("/v1/backtests", json=HERE)
    assert answered.status_code == 503
    assert "Another backtest" in answered.json()["detail"]


def test_a_backtest_does_not_peek_at_what_was_learnt_after_an_earlier_end(http_of, hand_made, service):
    with open_service(None, clock=lambda: datetime(2023, 3, 1, tzinfo=UTC)) as other:
        ingest(other.store, hand_made)
        with http_of(other) as http:
            sent = {**HERE, "from_at": "2023-02-10T00:00:00Z", "until_at": "2023-02-20T00:00:00Z"}
            made = http.post("/v1/backtests", json=sent).json()
    assert made["until_at"] == "2023-02-20T00:00:00Z"
    assert made["origins"] == 10


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    field=st.sampled_from(["from_at", "until_at", "every_hours", "window_hours", "seed", "workers", "spec"]),
    value=st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=40)
    | st.lists(st.none()),
)
def test_any_value_in_any_field_is_answered_without_a_fault(empty, http_of, field, value):
    with http_of(empty) as http:
        answered = http.post(
            "/v1/backtests",
            content=json.dumps({**HERE, field: value}),
            headers={"content-type": "application/json"},
        )
        assert answered.status_code in (400, 409, 422), answered.text
        assert answered.json()["fix"]
