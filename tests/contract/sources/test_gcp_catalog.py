"""Google's price catalogue through the unmodified google-cloud-billing client, over REST and gRPC."""

from __future__ import annotations

import json
from contextlib import ExitStack
from decimal import Decimal

import grpc
import pandas as pd
import pytest
from conformance import NOW, SECRET, PagedConformance, SourceConformance, facts_of
from gcp_fake import A2, A3, EU, G2, catalog, grpc_catalog, sku, spot
from google.auth.exceptions import DefaultCredentialsError
from google.cloud.billing_v1 import CloudCatalogClient
from google.cloud.billing_v1.services.cloud_catalog.transports import CloudCatalogGrpcTransport
from json_fake import patience, scripted, served

from collector.catalog import load_catalog
from collector.ingest import ingest_all
from collector.sources.gcp_catalog import GcpCatalog
from collector.sources.gcp_parts import load_patterns, stem_of
from collector.store import Store

L4 = "Nvidia L4 GPU running in Iowa"


def rest_client(url: str) -> CloudCatalogClient:
    options = {"api_key": SECRET, "api_endpoint": url}
    return CloudCatalogClient(transport="rest", client_options=options)


@pytest.fixture
def source_of():
    """Builds the source with a REST client that talks to a fake."""
    with ExitStack() as stack:

        def build(answer) -> GcpCatalog:
            fake = stack.enter_context(served(answer))
            return GcpCatalog(client=lambda: rest_client(fake.url), now=lambda: NOW, patience=patience())

        yield build


class TestGcpCatalog(SourceConformance, PagedConformance):
    endpoint = "CloudCatalog.ListSkus"
    rows_paged = 24  # 8 g2-standard machines, spot and on demand, and their listings.

    @pytest.fixture
    def make(self, source_of):
        def make(scenario: str) -> GcpCatalog:
            page_size = 2 if scenario in ("paged", "looping") else 5000
            answer = catalog(G2, page_size=page_size, looping=scenario == "looping")
            return source_of(scripted(answer, scenario))

        return make


def priced(source) -> dict[str, str]:
    frame = facts_of(source)["prices"]
    return dict(zip(frame["pool_id"], frame["price_usd_per_hour"], strict=True))


def rejected(source) -> list[tuple[str, dict]]:
    (batch,) = source.batches()
    rows = [] if batch.rejected is None else batch.rejected.to_dict("records")
    return [(row["reason"], json.loads(row["content"])) for row in rows]


def test_a_machine_costs_its_cores_memory_and_gpus(source_of):
    usd = priced(source_of(catalog(G2)))
    # g2-standard-4: 4 x 0.025 + 16 x 0.003 + 0.56 = 0.708; spot 0.04 + 0.016 + 0.2245 = 0.2805.
    assert Decimal(usd["gcp/us-central1/-/g2-standard-4/on_demand"]) == Decimal("0.708")
    assert Decimal(usd["gcp/us-central1/-/g2-standard-4/spot"]) == Decimal("0.2805")
    # g2-standard-96: 96 x 0.025 + 384 x 0.003 + 8 x 0.56 = 8.032.
    assert Decimal(usd["gcp/us-central1/-/g2-standard-96/on_demand"]) == Decimal("8.032")


def test_local_ssd_that_comes_with_a_machine_is_paid_by_the_hour_of_a_730_hour_month(source_of):
    usd = priced(source_of(catalog(A2)))
    # a2-ultragpu-1g: 12 x 0.03 + 170 x 0.004 + 3.9 + 375 x 0.073 / 730 = 4.94 + 0.0375.
    assert Decimal(usd["gcp/us-central1/-/a2-ultragpu-1g/on_demand"]) == Decimal("4.9775")


def test_the_plain_a100_does_not_swallow_the_80gb_in_either_order(source_of):
    for skus in (A2, A2[::-1]):
        usd = priced(source_of(catalog(skus)))
        # a2-highgpu-1g: 12 x 0.03 + 85 x 0.004 + 2.9 = 3.6.
        assert Decimal(usd["gcp/us-central1/-/a2-highgpu-1g/on_demand"]) == Decimal("3.6")


def test_the_h100_is_not_the_mega(source_of):
    ssd = A2[-1]
    for skus in ([*A3, ssd], [*A3, ssd][::-1]):
        usd = priced(source_of(catalog(skus)))
        # a3-highgpu-8g: 208 x 0.03 + 1872 x 0.0025 + 8 x 9.8 + 6000 x 0.073 / 730 = 89.92.
        assert Decimal(usd["gcp/us-central1/-/a3-highgpu-8g/on_demand"]) == Decimal("89.92")
        # a3-megagpu-8g: 208 x 0.031 + 1872 x 0.0026 + 8 x 10.4 + 0.6 = 95.1152.
        assert Decimal(usd["gcp/us-central1/-/a3-megagpu-8g/on_demand"]) == Decimal("95.1152")


def test_a_machine_without_one_of_its_parts_is_reported_and_never_cheaper(source_of):
    source = source_of(catalog([part for part in A2 if "SSD" not in part.description]))
    assert not any("a2-ultragpu" in pool for pool in priced(source))
    missing = [content for _, content in rejected(source) if content.get("machine") == "a2-ultragpu-8g"]
    assert {
        "machine": "a2-ultragpu-8g",
        "capacity": "on_demand",
        "region": "us-central1",
        "without": "local SSD",
    } in missing


def test_a_machine_whose_gpu_is_nowhere_is_reported_for_each_way_to_buy_it(source_of):
    reasons = [
        (why, content["capacity"])
        for why, content in rejected(source_of(catalog(G2)))
        if content["machine"] == "a4-highgpu-8g"
    ]
    why = "machine type is unmatched: its GPU has no SKU in any region"
    assert reasons == [(why, "on_demand"), (why, "spot")]


def test_a_new_gpu_is_reported_and_a_commitment_is_not(source_of):
    new = [
        sku("Nvidia VR200 288GB GPU running in Iowa", "21", group="GPU"),
        sku("Commitment v1: Nvidia VR200 GPU running in Iowa for 1 Year", "12", group="GPU"),
        sku("DWS Calendar Mode Nvidia VR200 GPU running in Iowa", "15", group="GPU"),
        sku("Nvidia Tesla T4 GPU running in Iowa", "0.35", group="GPU"),
    ]
    strangers = [
        c["description"] for why, c in rejected(source_of(catalog([*G2, *new]))) if "no pattern" in why
    ]
    assert strangers == ["Nvidia VR200 288GB GPU running in Iowa"]


def test_the_last_tier_is_what_is_paid(source_of):
    skus = [*G2[:2], sku(L4, "0.56", group="GPU", tiers=("0",))]
    usd = priced(source_of(catalog(skus)))
    assert Decimal(usd["gcp/us-central1/-/g2-standard-4/on_demand"]) == Decimal("0.708")


def test_a_machine_has_its_price_since_the_newest_of_its_parts(source_of):
    later = sku(L4, "0.56", group="GPU", since="2026-11-05T08:00:00Z")
    prices = facts_of(source_of(catalog([*G2[:2], later])))["prices"]
    assert set(prices["effective_at"]) == {pd.Timestamp("2026-11-05T08:00:00Z")}
    assert set(prices["observed_at"]) == {pd.Timestamp(NOW)}


@pytest.mark.parametrize(
    ("odd", "reason"),
    [
        (sku(L4, "0", group="GPU"), "price of a part is not positive"),
        (sku(L4, "0.5", group="GPU", currency="EUR"), "currency is not USD"),
        (sku(L4, "0.5", group="GPU", unit="mo"), "usage unit of the SKU is not that of its part"),
        (sku(L4, "0.5", group="GPU", since="2027-01-01T00:00:00Z"), "SKU has no price in force"),
    ],
)
def test_a_part_without_a_usable_price_leaves_its_machines_unpriced(source_of, odd, reason):
    source = source_of(catalog([*G2[:2], odd]))
    assert facts_of(source) == {}
    assert reason in [why for why, _ in rejected(source)]


def test_two_prices_of_one_part_give_none_in_any_order(source_of):
    twin = sku(L4, "0.28", group="GPU")
    for skus in ([*G2[:3], twin], [twin, *G2[:3]]):
        source = source_of(catalog(skus))
        assert facts_of(source) == {}
        assert "two SKUs state different prices of one part" in [why for why, _ in rejected(source)]


def test_prices_go_to_the_regions_of_the_sku_not_to_its_prose(source_of):
    skus = [
        sku(
            part.description,
            "0.02",
            group=part.category.resource_group,
            unit=part.pricing_info[0].pricing_expression.usage_unit,
            regions=EU,
        )
        for part in G2[:3]
    ]
    assert {key.split("/")[1] for key in priced(source_of(catalog(skus)))} == {"europe-west4"}


def test_the_same_facts_come_over_grpc(source_of):
    with grpc_catalog(G2, page_size=2) as address, grpc.insecure_channel(address) as channel:
        client = CloudCatalogClient(transport=CloudCatalogGrpcTransport(channel=channel))
        over_grpc = facts_of(GcpCatalog(client=lambda: client, now=lambda: NOW, patience=patience()))
    over_rest = facts_of(source_of(catalog(G2)))
    pd.testing.assert_frame_equal(over_grpc["prices"], over_rest["prices"])


def test_without_any_google_credential_the_source_is_skipped(source_of):
    def no_client() -> CloudCatalogClient:
        raise DefaultCredentialsError("no credential here")

    with Store.open(None, clock=lambda: NOW) as store:
        skipped = GcpCatalog(client=no_client, now=lambda: NOW, patience=patience())
        first, second = ingest_all(store, [skipped, source_of(catalog(G2))])
    assert first.trouble.startswith("SourceSkipped")
    assert second.rows_new == 24


def test_every_machine_of_the_table_is_in_the_catalogue_with_its_gpus():
    patterns, skus = load_patterns(), load_catalog().skus
    for machine, shape in patterns.machines.items():
        assert skus["gcp", machine].gpu_count == next(iter(shape.values())), machine
        assert set(shape) <= set(patterns.units)


@pytest.mark.parametrize(
    ("description", "stem"),
    [
        ("A2 Instance Core running in Iowa", "A2 Instance Core"),
        ("SSD backed Local Storage in Paris", "SSD backed Local Storage"),
        ("SSD backed Local Storage", "SSD backed Local Storage"),
        ("Nvidia L4 GPU attached to Spot VMs running in Las Vegas", "Nvidia L4 GPU attached to Spot VMs"),
    ],
)
def test_a_stem_has_no_region(description, stem):
    assert stem_of(description) == stem


def test_a_spot_price_never_comes_from_an_on_demand_sku(source_of):
    # The description says spot, the usage type does not: Google's word is the usage type.
    mixed = [spot(G2[3].description, "0.01"), sku(G2[4].description, "0.001", unit="GiBy.h"), *G2[5:]]
    assert facts_of(source_of(catalog(mixed))) == {}


def test_the_shapes_explain_recorded_prices_of_g2_machines(recorded_data):
    # A price per core with its 4 GiB and a price per L4, from two machines, give all eight.
    table = pd.read_csv(recorded_data / "gcp-pricing-weekly/gcp_gpu_prices_weekly_2022-02_2025-03.csv.gz")
    day = table[(table["region"] == "us-central1") & table["machine_type"].str.startswith("g2-")]
    usd = day.sort_values("observed_at_utc").groupby("machine_type")["on_demand_usd_per_hour"].last()
    core = (usd["g2-standard-8"] - usd["g2-standard-4"]) / 4
    gpu = usd["g2-standard-4"] - 4 * core
    machines = load_patterns().machines
    assert len(usd) == 8
    for machine, seen in usd.items():
        shape = machines[machine]
        assert shape["G2 memory"] == 4 * shape["G2 core"]
        assert shape["G2 core"] * core + shape["L4 GPU"] * gpu == pytest.approx(seen, rel=1e-6)
