"""Collecting through the service: the synthetic market and real recorded history, by the same path."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from advisor.jobfile import read_spec
from advisor.serving import open_service

EXAMPLES = Path(__file__).parents[3] / "examples"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def written(name: str) -> dict[str, object]:
    return read_spec(EXAMPLES / name).model_dump(mode="json")


@pytest.fixture(scope="module")
def empty():
    with open_service(None, clock=lambda: NOW) as made:
        yield made


def test_the_sample_market_is_called_synthetic_everywhere(empty, http_of):
    with http_of(empty) as http:
        reports = http.post("/v1/collect", json={"source": "sample", "seed": 3}).json()
        assert sum(report["rows_new"] for report in reports) > 10_000
        status = http.get("/v1/status").json()
        assert status["synthetic"] is True
        asked = {"spec": written("llm-30b.toml"), "as_of": status["span"]["last"], "draws": 200}
        answer = http.post("/v1/recommendations", json=asked).json()
        chosen = {"recommendation_id": answer["recommendation_id"], "stores": {"local_dir": "checkpoints"}}
        plan = http.post("/v1/runs", json=chosen).json()["plan"]
    assert answer["synthetic"] is True
    assert plan["provenance"]["recommendation_id"].startswith("rec-synthetic-")
    spot = [option for option in answer["options"] if option["capacity_type"] == "spot"]
    assert spot
    assert {option["price"]["kind"] for option in spot} <= {"synthetic", "list"}


def test_collecting_the_sample_again_adds_nothing(empty, http_of):
    with http_of(empty) as http:
        http.post("/v1/collect", json={"source": "sample", "seed": 3})
        again = http.post("/v1/collect", json={"source": "sample", "seed": 3}).json()
    assert sum(report["rows_new"] for report in again) == 0


@pytest.mark.recorded
def test_real_recorded_history_is_ranked_with_list_prices_that_say_so(recorded_data, http_of):
    with open_service(None, clock=lambda: NOW) as made, http_of(made) as http:
        path = str(recorded_data / "spot-traces" / "availability")
        assert http.post("/v1/collect", json={"source": "recorded", "path": path}).status_code == 200
        asked = {"spec": written("v100-recorded.toml"), "as_of": "2023-03-01T00:00:00Z", "draws": 400}
        answer = http.post("/v1/recommendations", json=asked).json()
    best = answer["options"][0]
    assert answer["synthetic"] is False
    # First when simulated, and on the record that follows: 24 up-hours by hour 32, others by 34 to 43.
    assert (best["zone"], best["method"]) == ("name:us-east-2a", "simulated")
    assert best["price"] == {
        "usd_per_hour": 0.918,
        "kind": "list",
        "age_s": best["price"]["age_s"],
        "mean_usd_per_hour": 0.918,
        "on_demand_usd_per_hour": 3.06,
        "label": "list price, not recorded",
    }
    assert best["hazard"]["evidence"] == "probes"
    assert best["hazard"]["exposure_hours"] > 48
    assert any("list price" in reason for reason in best["reasons"])


def test_the_polarity_of_a_recorded_trace_can_be_turned_round(http, tmp_path):
    trace = tmp_path / "availability/1-node/aws-02-15-2023/us-west-2c_v100_1.json"
    trace.parent.mkdir(parents=True)
    trace.write_text('{"metadata": {"gap_seconds": 600}, "data": [0, 0, 0, 1]}')
    body = {"source": "recorded", "path": str(trace), "available_means": 0}
    assert http.post("/v1/collect", json=body).status_code == 200
    key = "aws/us-west-2/name:us-west-2c/p3.2xlarge/spot"
    span = "from_at=2023-02-15T00:00:00Z&until_at=2023-02-16T00:00:00Z"
    probes = http.get(f"/v1/pools/{key}/probes?{span}").json()["probes"]
    assert [probe["available"] for probe in probes] == [True, True, True, False]


def test_a_snapshot_of_a_held_store_is_a_store(http, tmp_path):
    copy = tmp_path / "copy.duckdb"
    told = http.post("/v1/store/snapshot", json={"path": str(copy)})
    assert told.status_code == 201
    assert told.json()["bytes"] == copy.stat().st_size
    again = http.post("/v1/store/snapshot", json={"path": str(copy)})
    assert again.status_code == 422
    assert "exists already" in again.json()["detail"]
    assert http.get("/v1/store/verification").json()["problems"] == []
