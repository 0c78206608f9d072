"""A service over a store in memory, filled with three hand-made pools, and a client of its routes.

The market: p3.2xlarge spot in us-east-1 and us-west-2 with a probe every ten minutes in
February 2023, and on-demand in both. us-east-1 has capacity at the end of the month,
us-west-2 does not. Now is 1 March 2023, 00:00 UTC.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest

from advisor.api import create_app
from advisor.auth import Key
from advisor.service import Service
from advisor.serving import open_service
from collector.ingest import ingest
from collector.sources.base import Batch

NOW = datetime(2023, 3, 1, tzinfo=UTC)
MONTH = datetime(2023, 2, 1, tzinfo=UTC)
TICK = timedelta(minutes=10)
EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
WEST = "aws/us-west-2/name:us-west-2a/p3.2xlarge/spot"
EAST_OD = "aws/us-east-1/-/p3.2xlarge/on_demand"
WEST_OD = "aws/us-west-2/-/p3.2xlarge/on_demand"


class HandMade:
    """A source of a few rows."""

    source_id = "hand-made"
    kind = "recorded"
    licence = "none"
    note = "made up for a test"
    origin = "memory"

    def batches(self) -> Iterator[Batch]:
        """Prices and probes of the month."""
        yield Batch(prices=prices(), probes=probes())


def prices() -> pd.DataFrame:
    """East rises from 0.90 to 1.00 in mid-month; west costs 1.02; on-demand 3.06."""
    rows = [
        (EAST, MONTH, "0.90"),
        (EAST, MONTH + timedelta(days=14), "1.00"),
        (WEST, MONTH, "1.02"),
        (EAST_OD, MONTH, "3.06"),
        (WEST_OD, MONTH, "3.06"),
    ]
    return pd.DataFrame(
        {
            "pool_id": key,
            "effective_at": at,
            "observed_at": at,
            "price_usd_per_hour": usd,
            "kind": "recorded",
        }
        for key, at, usd in rows
    )


def probes() -> pd.DataFrame:
    """East is away from 10 to 12 o'clock daily, west from 20 to 24 o'clock."""
    rows = []
    at = MONTH
    while at < NOW:
        rows.append((EAST, at, not 10 <= at.hour < 12))
        rows.append((WEST, at, at.hour < 20))
        at += TICK
    return pd.DataFrame(
        {
            "pool_id": key,
            "effective_at": at,
            "observed_at": at,
            "wanted": 1,
            "obtainable": int(there),
            "holds_s": TICK.total_seconds(),
        }
        for key, at, there in rows
    )


with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # A note of the test client's own about its transport.
    from fastapi.testclient import TestClient

SPEC: dict[str, Any] = {
    "job": {
        "name": "ten-hours",
        "gpus": 1,
        "useful_hours": 10.0,
        "state_bytes": 6_000_000_000,
        "throughput": {"V100-16GB": 1.0},
        "deadline_hours": 72.0,
    },
    "overheads": {"pause_s": 10.0, "save_lag_s": 0.0, "boot_s": 180.0, "restore_s": 60.0, "warmup_s": 60.0},
}


@pytest.fixture
def spec() -> dict[str, Any]:
    """A ten-hour job on one V100, with three days' time."""
    return {name: dict(section) for name, section in SPEC.items()}


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    """The service; shared by the tests of a module, which add runs and change nothing else."""
    with open_service(None, clock=lambda: NOW) as made:
        ingest(made.store, HandMade())
        made.url = "http://127.0.0.1:8787"
        yield made


@pytest.fixture(scope="module")
def empty() -> Iterator[Service]:
    """A service without a single fact."""
    with open_service(None, clock=lambda: NOW) as made:
        yield made


@contextmanager
def talking_to(service: Service, keys: tuple[Key, ...] = ()) -> Iterator[TestClient]:
    """Yield an HTTP client that sees a fault as the 500 it is."""
    with TestClient(create_app(service, keys=keys), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def http(service: Service) -> Iterator[TestClient]:
    """A client of the service, as on loopback without keys."""
    with talking_to(service) as client:
        yield client


@pytest.fixture
def http_of() -> Callable[..., Any]:
    """Make a client of another service, or with keys."""
    return talking_to


@pytest.fixture
def hand_made() -> HandMade:
    """The market's rows, for a service of a test's own."""
    return HandMade()


@pytest.fixture
def recommended(http: TestClient, spec: dict[str, Any]) -> dict[str, Any]:
    """An answered recommendation."""
    answered = http.post("/v1/recommendations", json={"spec": spec, "draws": 400})
    assert answered.status_code == 201, answered.text
    found: dict[str, Any] = answered.json()
    return found


@pytest.fixture
def opened(http: TestClient, recommended: dict[str, Any]) -> dict[str, Any]:
    """An opened run on the best option."""
    body = {
        "recommendation_id": recommended["recommendation_id"],
        "stores": {"local_dir": "/tmp/checkpoints"},
    }
    answered = http.post("/v1/runs", json=body)
    assert answered.status_code == 201, answered.text
    found: dict[str, Any] = answered.json()
    return found


@pytest.fixture
def event() -> Callable[..., dict[str, Any]]:
    """Make a run event: seconds after now, of the launcher or of node 0."""
    numbers = iter(range(1, 1_000_000))

    def make(run_id: str, name: str, after_s: float, *, attempt: int = 1, node: str = "0", **fields: Any):
        at = NOW + timedelta(seconds=after_s)
        return {
            "schema_version": 1,
            "run_id": run_id,
            "attempt": attempt,
            "node": node,
            "seq": next(numbers),
            "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "event": name,
            **fields,
        }

    return make


@pytest.fixture
def asking(http: TestClient, spec: dict[str, Any]) -> Callable[..., Any]:
    """Ask for a recommendation of the job with some of its fields changed."""

    def ask(**job: Any) -> Any:
        told = {**spec, "job": {**spec["job"], **job}}
        return http.post("/v1/recommendations", json={"spec": told, "draws": 400})

    return ask


@pytest.fixture
def opening(http: TestClient, asking: Callable[..., Any]) -> Callable[..., Any]:
    """Open a run of such a job on its best option."""

    def open_(**job: Any) -> Any:
        found = asking(**job)
        assert found.status_code == 201, found.text
        stores = {"local_dir": "/tmp/checkpoints"}
        body = {"recommendation_id": found.json()["recommendation_id"], "stores": stores}
        return http.post("/v1/runs", json=body).json()

    return open_


@pytest.fixture
def refused_in_words() -> Callable[..., None]:
    """See that an answer refuses what cannot be, in a sentence with these words and with a way out."""

    def see(answered: Any, *words: str) -> None:
        assert answered.status_code == 422, answered.text
        problem = answered.json()
        assert answered.headers["content-type"] == "application/problem+json"
        assert problem["detail"].endswith(".")
        assert problem["fix"]
        for word in words:
            assert word in problem["detail"]

    return see
