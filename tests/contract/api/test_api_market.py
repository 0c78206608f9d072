"""The market over HTTP: pools, prices and probes as of an instant, and what the service says of itself."""

from __future__ import annotations

import pytest

from advisor.problems import Problem

EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"


def test_every_pool_is_told_with_its_price_and_availability(http):
    told = http.get("/v1/pools").json()
    pools = {pool["pool_id"]: pool for pool in told["pools"]}
    assert len(pools) == 4
    assert pools[EAST]["price"]["usd_per_hour"] == 1.0
    assert pools[EAST]["availability"]["now"] is True
    assert told["age_s"] == 600.0


def test_a_pool_key_with_slashes_is_one_pool(http):
    assert http.get(f"/v1/pools/{EAST}").json()["pool_id"] == EAST


def test_prices_begin_with_the_one_in_force(http):
    asked = {"from_at": "2023-02-10T00:00:00Z", "until_at": "2023-02-20T00:00:00Z"}
    told = http.get(f"/v1/pools/{EAST}/prices", params=asked).json()["prices"]
    assert [(each["usd_per_hour"], each["effective_at"]) for each in told] == [
        (0.9, "2023-02-01T00:00:00Z"),
        (1.0, "2023-02-15T00:00:00Z"),
    ]


def test_prices_as_of_an_earlier_day_hold_nothing_later(http):
    asked = {"from_at": "2023-02-02T00:00:00Z", "as_of": "2023-02-10T00:00:00Z"}
    told = http.get(f"/v1/pools/{EAST}/prices", params=asked).json()
    assert [each["usd_per_hour"] for each in told["prices"]] == [0.9]
    assert told["until_at"] == "2023-02-10T00:00:00Z"


def test_probes_of_an_hour_are_six(http):
    asked = {"from_at": "2023-02-20T10:00:00Z", "until_at": "2023-02-20T10:59:00Z"}
    told = http.get(f"/v1/pools/{EAST}/probes", params=asked).json()["probes"]
    assert len(told) == 6
    assert {each["available"] for each in told} == {False}


def test_an_unknown_pool_is_not_found(http):
    assert http.get("/v1/pools/aws/us-east-1/-/p9.huge/spot/prices").status_code == 404


def test_quality_names_the_source(http):
    told = http.get("/v1/quality").json()["sources"]
    assert [source["source_id"] for source in told] == ["hand-made"]
    assert told[0]["rows"] > 8000


def test_status_says_version_rows_and_span(http):
    told = http.get("/v1/status").json()
    assert told["span"]["first"] == "2023-02-01T00:00:00Z"
    assert told["synthetic"] is False
    assert told["version"]


def test_liveness_and_readiness(http):
    assert http.get("/livez").json() == {"live": True}
    assert http.get("/readyz").json() == {"ready": True, "newest_age_s": 600.0}


def test_metrics_count_requests_by_route_and_never_by_what_was_sent(http):
    http.get("/v1/pools/some/secret/looking/thing/spot")
    text = http.get("/metrics").text
    assert 'lowtide_http_requests_total{route="/v1/pools/{key:path}"' in text
    assert "secret" not in text


def test_every_route_declares_its_problems(http):
    document = http.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            assert {"404", "422", "503"} <= set(described["responses"]), (path, method)
    assert set(document["components"]["schemas"]["Problem"]["properties"]) == set(Problem.model_fields)


@pytest.mark.parametrize("route", ["/v1/pools", "/v1/quality", "/v1/status", "/v1/runs"])
def test_every_answer_carries_as_of_age_and_sources(http, route):
    assert {"as_of", "age_s", "sources", "synthetic"} <= set(http.get(route).json())


def test_a_fault_of_ours_is_a_500_that_tells_nothing_of_the_inside(service, http_of, monkeypatch, caplog):
    def broken(*_):
        raise RuntimeError("the inside")

    monkeypatch.setattr(service, "status", broken)
    with http_of(service) as http:
        answered = http.get("/v1/status")
    assert answered.status_code == 500
    assert answered.headers["content-type"] == "application/problem+json"
    assert "the inside" not in answered.text
    assert "fault while answering GET" in caplog.text


def test_a_series_names_its_source(http):
    assert http.get(f"/v1/pools/{EAST}/prices").json()["sources"] == ["hand-made"]
