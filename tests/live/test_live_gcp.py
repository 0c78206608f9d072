"""Google as it is today. The catalogue needs GOOGLE_API_KEY; the history a project and its credential."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud.billing_v1 import CloudCatalogClient
from google.cloud.compute_v1 import AdviceClient

from collector.ingest import ingest
from collector.sources.gcp_capacity_history import GcpCapacityHistory
from collector.sources.gcp_catalog import GcpCatalog
from collector.store import Store


@pytest.fixture
def store():
    with Store.open(None, clock=lambda: datetime.now(UTC)) as opened:
        yield opened


def named(*names: str) -> list[str]:
    """The values of these variables, or a skip that names the missing ones."""
    if missing := [name for name in names if not os.environ.get(name)]:
        pytest.skip(f"{', '.join(missing)} not set")
    return [os.environ[name] for name in names]


def test_machine_prices_are_composed_from_todays_catalogue(store):
    (key,) = named("GOOGLE_API_KEY")
    client = CloudCatalogClient(transport="rest", client_options={"api_key": key})
    ingest(store, GcpCatalog(client=lambda: client, now=lambda: datetime.now(UTC)))
    now = datetime.now(UTC)
    histories = store.pool_histories(as_of=now, window=timedelta(days=1))
    machines = {history.sku.name for history in histories}
    assert {"a2-highgpu-8g", "a3-highgpu-8g", "g2-standard-4"} <= machines


def test_a_month_of_preemption_rates(store):
    (project,) = named("GOOGLE_CLOUD_PROJECT")
    source = GcpCapacityHistory(
        client=AdviceClient, project=project, machines=("g2-standard-4",), locations=("us-central1-a",),
        now=lambda: datetime.now(UTC),
    )  # fmt: skip
    assert ingest(store, source).rows_new > 20
