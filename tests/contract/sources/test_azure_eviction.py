"""Azure eviction bands through httpx against a local Entra and a local Resource Graph."""

from __future__ import annotations

from contextlib import ExitStack

import httpx
import pandas as pd
import pytest
from azure_fake import BANDS, entra, graph
from conformance import NOW, SECRET, PagedConformance, SourceConformance, facts_of, trouble_of
from json_fake import patience, scripted, served

from collector.sources.azure_eviction import AzureEviction
from collector.sources.azure_token import entra_token
from collector.sources.base import SourceSkipped

TOKEN = f"token-{SECRET}"
ENVIRON = {"AZURE_TENANT_ID": "tenant-1", "AZURE_CLIENT_ID": "client-1", "AZURE_CLIENT_SECRET": SECRET}


@pytest.fixture
def source_of():
    """Builds the source against a fake Resource Graph, with a token of the fake Entra."""
    with ExitStack() as stack:

        def client(answer) -> httpx.Client:
            fake = stack.enter_context(served(answer))
            return stack.enter_context(httpx.Client(base_url=fake.url))

        def build(answer, environ=ENVIRON) -> AzureEviction:
            token = entra_token(client(entra(SECRET, TOKEN)), environ, patience=patience())
            return AzureEviction(client=client(answer), token=token, now=lambda: NOW, patience=patience())

        yield build


class TestAzureEviction(SourceConformance, PagedConformance):
    endpoint = "/providers/Microsoft.ResourceGraph/resources"
    rows_before_busy = 1
    rows_paged = 2

    @pytest.fixture
    def make(self, source_of):
        def make(scenario: str) -> AzureEviction:
            page_size = 1 if scenario in ("paged", "looping", "busy") else 1000
            answer = graph(BANDS, TOKEN, page_size=page_size, looping=scenario == "looping")
            return source_of(scripted(answer, scenario, good_before_busy=1))

        return make


def test_a_band_stays_a_band_with_its_hour(source_of):
    bands = facts_of(source_of(graph(BANDS, TOKEN)))["bands"].set_index("sku")
    # "5-10" percent per hour is 0.05 to 0.10; "20+" is open above.
    assert bands.loc["Standard_ND96isr_H100_v5", ["rate_low", "rate_high"]].tolist() == [0.05, 0.10]
    assert bands.loc["Standard_NC24ads_A100_v4", "rate_low"] == 0.20
    assert pd.isna(bands.loc["Standard_NC24ads_A100_v4", "rate_high"])
    assert bands["horizon_s"].unique().tolist() == [3600.0]
    assert bands["window_s"].unique().tolist() == [28 * 86_400.0]
    assert bands["denominator"].unique().tolist() == ["running"]
    assert bands.loc["Standard_NC24ads_A100_v4", "label"] == "20+"
    assert "per hour" in bands["what"].iloc[0]


def test_an_unknown_label_is_turned_away_and_never_guessed(source_of):
    odd = {"sku": "standard_nd96isr_h100_v5", "location": "westus3", "evictionRate": "30-40"}
    (batch,) = source_of(graph([odd], TOKEN)).batches()
    assert batch.bands is None
    assert batch.rejected["reason"].tolist() == ["eviction band is unknown"]


def test_sizes_without_gpus_are_not_kept(source_of):
    plain = {"sku": "standard_d2s_v3", "location": "eastus", "evictionRate": "0-5"}
    assert facts_of(source_of(graph([plain], TOKEN))) == {}


@pytest.mark.parametrize("name", ENVIRON)
def test_a_missing_credential_skips_the_source_and_is_named(source_of, name):
    trouble = trouble_of(source_of(graph(BANDS, TOKEN), {**ENVIRON, name: ""}))
    assert isinstance(trouble, SourceSkipped)
    assert name in str(trouble)


def test_a_wrong_secret_skips_the_source_without_showing_it(source_of):
    trouble = trouble_of(source_of(graph(BANDS, TOKEN), {**ENVIRON, "AZURE_CLIENT_SECRET": "wrong-secret"}))
    assert isinstance(trouble, SourceSkipped)
    assert "wrong-secret" not in str(trouble)
