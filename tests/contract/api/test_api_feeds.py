"""Live feeds through the service: a pass on demand, by the clock, and how every source stands."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from advisor.client import Client
from advisor.connect import answering
from advisor.serving import open_service, utc_now
from collector.feed_config import FEEDS, CloudFeed, FeedsConfig

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
KEY = "a-key-that-must-not-show"
LAMBDA = {
    "data": {
        "gpu_8x_h100": {
            "instance_type": {
                "name": "gpu_8x_h100", "description": "8x H100", "gpu_description": "H100 (80 GB SXM5)",
                "price_cents_per_hour": 2392,
                "specs": {"vcpus": 208, "memory_gib": 1800, "storage_gib": 22000, "gpus": 8},
            },
            "regions_with_capacity_available": [{"name": "us-east-1", "description": "Virginia"}],
        }
    }
}  # fmt: skip


class Lambda(ThreadingHTTPServer):
    """Plays Lambda's interface; `status` and `wait_s` make it ill or slow."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.wait_s, self.asked = 200, 0.0, 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Lambda

    def do_GET(self) -> None:
        self.server.asked += 1
        time.sleep(self.server.wait_s)
        body = json.dumps(LAMBDA if self.server.status == 200 else {"error": "no"}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def cloud() -> Iterator[Lambda]:
    server = Lambda()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@contextmanager
def feeds_service(
    cloud: Lambda, *, clock: Callable[[], datetime] = lambda: NOW, keyed: bool = True, **feeds: Any
) -> Iterator[Client]:
    """A service with Lambda, with other feeds, or without; yields a client and stops the collecting."""
    config = FeedsConfig(
        feeds={"lambda": CloudFeed(base_url=cloud.url, key_name="LAMBDA_API_KEY"), **feeds},
        cadence_s={"lambda": 1.0},
    )
    environ = {"LAMBDA_API_KEY": KEY} if keyed else {}
    with (
        open_service(None, clock=clock, feeds=config, environ=environ) as service,
        answering(service) as client,
    ):
        client.service = service  # For those that start the clock.
        yield client
        service.collecting.stop(5)


def one(client: Client, name: str = "lambda-instance-types") -> dict[str, Any]:
    """How a source stands."""
    return next(each for each in client.collect_status()["sources"] if each["source_id"] == name)


def until(met: Callable[[], object], within_s: float = 15.0) -> None:
    end = time.monotonic() + within_s
    while not met():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def test_a_feed_is_read_once_and_reading_it_again_adds_nothing(cloud):
    with feeds_service(cloud) as client:
        first, catalogue = client.collect("lambda")
        again, _ = client.collect("lambda")
        pools = client.pools()["pools"]
    assert (first["outcome"], first["rows_new"], again["rows_new"]) == ("ok", 3, 0)  # Price, probe, listing.
    assert catalogue["source_id"] == "catalog"
    assert "lambda/us-east-1/-/gpu_8x_h100/on_demand" in [pool["pool_id"] for pool in pools]


def test_before_anything_was_read_the_status_says_so_and_why_nothing_is_collected(cloud):
    with feeds_service(cloud) as client:
        status = client.collect_status()
        source = one(client, "lambda")
    assert (status["collecting"], source["outcome"], source["age_s"]) == (False, "not read yet", None)
    assert "--no-collect" in status["why"]
    assert {"as_of", "age_s", "synthetic", "sources"} <= set(status)


def test_a_feed_without_its_credential_is_skipped_and_the_others_go_on(cloud):
    other = CloudFeed(base_url=cloud.url, key_name="RUNPOD_API_KEY")
    with feeds_service(cloud, runpod=other) as client:
        client.collect("all")
        good, skipped = one(client), one(client, "runpod-gpu-types")
    assert (good["outcome"], good["age_s"], good["stale"]) == ("ok", 0.0, False)
    assert (skipped["outcome"], skipped["stale"]) == ("skipped", True)
    assert "RUNPOD_API_KEY" in skipped["trouble"]


@pytest.mark.parametrize(("status", "outcome"), [(401, "skipped"), (404, "unreadable")])
def test_how_a_feed_refused_stays_on_record_and_its_key_does_not(cloud, status, outcome):
    cloud.status = status
    with feeds_service(cloud) as client:
        reports = client.collect("lambda")
        source = one(client)
        told = json.dumps([reports, client.collect_status()]) + client.metrics()
    assert (source["outcome"], source["last_ok_at"]) == (outcome, None)
    assert KEY not in told


def test_rows_age_and_the_last_outcome_are_metrics(cloud):
    with feeds_service(cloud) as client:
        client.collect("lambda")
        told = client.metrics()
    for line in (
        'lowtide_source_rows{fate="new",source="lambda-instance-types"} 3.0',
        'lowtide_source_age_seconds{source="lambda-instance-types"} 0.0',
        'lowtide_source_last_outcome{outcome="ok",source="lambda-instance-types"} 1.0',
        'lowtide_ingested_rows_total{fate="new"} 3.0',
    ):
        assert line in told, told


def test_by_the_clock_a_feed_is_read_again_and_again_and_its_next_run_is_known(cloud):
    with feeds_service(cloud, clock=utc_now) as client:
        assert client.service.collecting.start(threads=2) == ["lambda"]
        until(lambda: cloud.asked >= 2)
        until(lambda: one(client)["passes"] >= 2)
        source, status = one(client), client.collect_status()
    assert status["collecting"] is True
    assert source["next_run_at"] > source["started_at"]
    assert source["configured"] is True
    assert source["last_ok_at"] is not None


def test_a_pass_under_way_is_seen_and_a_stop_waits_for_it(cloud):
    cloud.wait_s = 1.0
    with feeds_service(cloud, clock=utc_now) as client:
        client.service.collecting.start(threads=2)
        until(lambda: client.collect_progress()["underway"])
        assert one(client)["outcome"] == "running"
        assert client.service.collecting.stop(10) is True
        assert one(client)["outcome"] in ("ok", "interrupted")
        assert client.service.store.verify() == []


def test_progress_tells_how_far_an_errand_is(cloud, tmp_path):
    with feeds_service(cloud) as client:
        assert client.collect_progress() == {"underway": [], "errands": []}
        cloud.wait_s = 1.0
        asked = threading.Thread(target=lambda: client.collect("lambda"))
        asked.start()
        until(lambda: client.collect_progress()["errands"])
        (errand,) = client.collect_progress()["errands"]
        asked.join()
    assert (errand["parts"], errand["done"], errand["at"]) == (1, 0, "lambda")


def test_without_a_configured_feed_nothing_is_scheduled():
    with open_service(None, clock=lambda: NOW) as service, answering(service) as client:
        assert service.collecting.start(threads=2) == []
        status = client.collect_status()
    assert (status["collecting"], status["sources"]) == (False, [])
    assert "No feed is configured" in status["why"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"source": "lamda"}, "lambda"),
        ({"source": "aws", "since": "2027-01-01T00:00:00Z"}, "future"),
        ({"source": "lambda", "since": "2026-01-01T00:00:00Z"}, "publishes the present"),
        ({"source": "aws", "regions": ["use-east"]}, "'use-east' can be no region of aws"),
        ({"source": "azure", "regions": ["East US"]}, "can be no region of azure"),
        ({"source": "lambda", "regions": ["us-east-1"]}, "read whole"),
        ({"source": "sheets"}, "not configured"),
        ({"source": "recorded"}, "needs a path"),
    ],
)
def test_a_request_that_cannot_be_is_refused_in_a_sentence(cloud, http_of, body, words):
    config = FeedsConfig(feeds={"lambda": CloudFeed(base_url=cloud.url, key_name="LAMBDA_API_KEY")})
    with open_service(None, clock=lambda: NOW, feeds=config) as service, http_of(service) as http:
        answered = http.post("/v1/collect", json=body)
    assert answered.status_code == 422, answered.text
    assert words in answered.json()["detail"]
    assert cloud.asked == 0


def test_all_without_a_feed_is_refused(http_of):
    with open_service(None, clock=lambda: NOW) as service, http_of(service) as http:
        assert "No feed is configured" in http.post("/v1/collect", json={"source": "all"}).json()["detail"]


def test_the_wire_knows_every_feed(http_of):
    with open_service(None, clock=lambda: NOW) as service, http_of(service) as http:
        schema = http.get("/openapi.json").json()["components"]["schemas"]["CollectRequest"]
    assert set(schema["properties"]["source"]["enum"]) == {"recorded", "sample", "all", *FEEDS}


def test_a_feed_that_lost_its_account_question_and_found_it_again_shows_its_sources_only(cloud):
    from advisor.collect_answers import superseded
    from collector.collection import SourceState

    def state(source_id: str, minute: int) -> SourceState:
        at = NOW.replace(minute=minute)
        nothing = dict.fromkeys(("trouble", "last_ok_at", "age_s", "failed_at", "error"))
        counts = dict.fromkeys(("passes", "rows_in", "rows_new", "rows_duplicate", "rows_quarantined"), 0)
        return SourceState(
            source_id=source_id, job_id="aws-spot-prices", feed="aws", cadence_s=600, stale_after_s=3600,
            started_at=at, finished_at=at, outcome="ok", **nothing, **counts,
        )  # fmt: skip

    own, region = state("aws-spot-prices", 0), state("aws-spot-prices/us-east-1", 10)
    assert superseded(own, [own, region])
    assert not superseded(region, [own, region])
    assert not superseded(own, [own])
