"""Azure as it is today. Set LOWTIDE_LIVE_AZURE=1 to ask the public price feed; bands need a credential."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import httpx
import pytest

from collector.ingest import ingest
from collector.sources.azure_eviction import AzureEviction
from collector.sources.azure_retail_prices import AzureRetailPrices
from collector.sources.azure_token import NAMES, entra_token
from collector.store import Store


@pytest.fixture
def store():
    with Store.open(None, clock=lambda: datetime.now(UTC)) as opened:
        yield opened


def test_retail_prices_of_one_region(store):
    if not os.environ.get("LOWTIDE_LIVE_AZURE"):
        pytest.skip("LOWTIDE_LIVE_AZURE is not set")
    with httpx.Client(base_url="https://prices.azure.com", timeout=60) as client:
        source = AzureRetailPrices(client=client, regions=("eastus",), now=lambda: datetime.now(UTC))
        report = ingest(store, source)
    assert report.rows_new > 20
    assert store.verify() == []


def test_eviction_bands(store):
    if missing := [name for name in NAMES if not os.environ.get(name)]:
        pytest.skip(f"{', '.join(missing)} not set")
    with (
        httpx.Client(base_url="https://login.microsoftonline.com") as login,
        httpx.Client(base_url="https://management.azure.com", timeout=60) as management,
    ):
        token = entra_token(login, os.environ)
        report = ingest(store, AzureEviction(client=management, token=token, now=lambda: datetime.now(UTC)))
    assert report.rows_new > 0
    assert "eviction band is unknown" not in report.reasons
