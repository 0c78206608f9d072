"""Catalogue and tariffs: every figure has its source, and nothing unknown is zero."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from collector.catalog import CATALOG, load_catalog
from collector.figures import figure, read_toml
from collector.tariffs import load_tariffs
from model.errors import EnvironmentTrouble, ImpossibleInput
from model.market import CapacityType


def test_every_list_price_and_figure_has_a_source_and_a_day():
    catalog = load_catalog()
    assert len(catalog.list_prices) > 40
    for price in catalog.list_prices:
        assert price.source
        assert isinstance(price.as_of, date)
        assert price.price_usd_per_hour > 0
        assert (price.provider, price.sku) in catalog.skus
    assert all(found.source for found in catalog.figures.values())


def test_every_machine_lists_source_and_day_of_its_shapes():
    for provider, table in read_toml(CATALOG)["skus"].items():
        assert table["source"], provider
        assert isinstance(table["as_of"], date), provider


def test_the_trace_pools_have_their_list_prices():
    catalog = load_catalog()
    spot = catalog.list_price("aws", "us-west-2", "p3.2xlarge", CapacityType.SPOT)
    assert (spot.price_usd_per_hour, spot.effective_from) == (
        Decimal("0.918"),
        datetime(2022, 10, 1, tzinfo=UTC),
    )
    on_demand = catalog.list_price("aws", "us-west-2", "p3.2xlarge", CapacityType.ON_DEMAND)
    assert on_demand.price_usd_per_hour == Decimal("3.06")


def test_a_list_price_is_not_carried_to_another_region_or_provider():
    catalog = load_catalog()
    assert catalog.list_price("aws", "eu-west-1", "p3.2xlarge", CapacityType.SPOT) is None
    assert catalog.list_price("gcp", "us-west-2", "p3.2xlarge", CapacityType.SPOT) is None


def test_a_megagpu_is_its_own_gpu_model():
    skus = load_catalog().skus
    assert skus["gcp", "a3-megagpu-8g"].gpu_model == "H100-80GB-MEGA"
    assert skus["gcp", "a3-highgpu-8g"].gpu_model == "H100-80GB"
    assert skus["aws", "p5.48xlarge"].gpu_memory_bytes == 80 * 2**30


def test_a_sixth_of_a_gpu_is_not_a_gpu():
    assert load_catalog().skus["azure", "Standard_NV6ads_A10_v5"].gpu_model == "A10-24GB-sixth"


@pytest.mark.parametrize(
    ("route", "usd"),
    [
        (("aws", "us-east-1", "aws", "us-east-1"), 0.0),
        (("aws", "us-east-1", "aws", "us-east-2"), 0.01),
        (("aws", "us-east-1", "aws", "us-west-2"), 0.02),
        (("aws", "us-east-1", "gcp", "us-central1"), 0.09),
        (("gcp", "us-central1", "gcp", "us-east4"), 0.02),
        (("gcp", "us-central1", "gcp", "europe-west4"), 0.05),
        (("gcp", "us-central1", "gcp", "asia-east1"), 0.08),
        (("gcp", "us-central1", "aws", "us-east-1"), 0.12),
        (("azure", "eastus", "azure", "westeurope"), 0.05),
        (("azure", "westeurope", "azure", "francecentral"), 0.02),
        (("lambda", "us-east-1", "aws", "us-east-1"), 0.0),
    ],
)
def test_egress_is_charged_by_the_route(route, usd):
    found = load_tariffs().egress_usd_per_gb(*route)
    assert found.value == usd
    assert found.source
    assert found.name == f"egress {route[0]} {route[1]} to {route[2]} {route[3]}"


def test_what_is_unknown_is_assumed_dear_and_says_so():
    tariffs = load_tariffs()
    egress = tariffs.egress_usd_per_gb("vast", "somewhere", "aws", "us-east-1")
    storage = tariffs.storage_usd_per_gb_month("vast")
    assert (egress.value, egress.confidence) == (0.12, "none")
    assert (storage.value, storage.confidence) == (0.20, "none")
    assert tariffs.notice_s("vast").value == 0


def test_notices_are_those_the_providers_state():
    tariffs = load_tariffs()
    assert [tariffs.notice_s(p).value for p in ("aws", "gcp", "azure", "nebius")] == [120, 30, 30, 0]


def test_a_region_has_the_law_of_its_place():
    tariffs = load_tariffs()
    assert tariffs.jurisdiction("gcp", "europe-west6").tag == "CH"
    assert tariffs.jurisdiction("gcp", "europe-west4").tag == "EU/EEA"
    assert tariffs.jurisdiction("azure", "uksouth").tag == "UK"
    assert tariffs.jurisdiction("aws", "us-east-1") is None


OWN = """
[[egress]]
provider = "aws"
path = "internet"
value = 0.02
unit = "USD/GB"
source = "our contract"
as_of = 2026-01-01
confidence = "high"

[notice.aws]
value = 60
unit = "s"
source = "our drill"
as_of = 2026-01-01
confidence = "high"
"""


def test_a_file_of_ones_own_is_asked_first(tmp_path):
    own = tmp_path / "tariffs.toml"
    own.write_text(OWN)
    tariffs = load_tariffs(own)
    assert tariffs.egress_usd_per_gb("aws", "us-east-1", "gcp", "us-central1").source == "our contract"
    assert tariffs.egress_usd_per_gb("gcp", "us-central1", "aws", "us-east-1").value == 0.12
    assert tariffs.notice_s("aws").value == 60
    assert tariffs.notice_s("gcp").value == 30


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (OWN.replace('source = "our contract"\n', ""), "has source = None"),
        (OWN.replace("value = 0.02", "value = true"), "has value = True"),
        (OWN.replace("value = 0.02", "value = -1"), "sets egress to -1 USD/GB"),
        (OWN.replace("path =", "route ="), "has route"),
        (OWN + "\n[surprise]\n", "unknown table surprise"),
        ("= nonsense", "is not TOML"),
    ],
)
def test_a_bad_file_of_ones_own_is_refused(tmp_path, text, words):
    own = tmp_path / "tariffs.toml"
    own.write_text(text)
    with pytest.raises(ImpossibleInput, match=words):
        load_tariffs(own)


def test_a_missing_file_of_ones_own_is_refused(tmp_path):
    with pytest.raises(EnvironmentTrouble, match="cannot be read"):
        load_tariffs(tmp_path / "none.toml")


def test_a_figure_without_a_source_is_refused(tmp_path):
    with pytest.raises(ImpossibleInput, match="source = None"):
        figure(
            "x",
            {"value": 1, "unit": "s", "as_of": date(2026, 1, 1), "confidence": "high"},
            tmp_path / "f.toml",
        )
