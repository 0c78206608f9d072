"""Vast's market and gpuhunt's published catalogue, through httpx against local servers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from conformance import NOW, OpenConformance, SourceConformance, facts_of, trouble_of
from json_fake import patience, scripted
from neo_fake import NEBIUS, VAST, gpuhunt, vast, vast_offer, zipped
from neo_reads import clients, key, priced, probed, rejected

from collector.sources.base import UnreadableSource
from collector.sources.neo_gpuhunt import GpuHuntCatalog
from collector.sources.neo_vast import VastOffers, quantile
from model.market import Pool


@pytest.fixture
def client():
    with clients() as build:
        yield build


@pytest.fixture
def vast_source(client):
    def build(answer, names=("H100 SXM",), limit=3000, watched=()) -> VastOffers:
        return VastOffers(
            client=client(answer), key=key, gpu_names=names, now=lambda: NOW, limit=limit,
            watched=frozenset(map(Pool.parse, watched)), patience=patience(),
        )  # fmt: skip

    return build


class TestVast(SourceConformance):
    endpoint = "/api/v0/bundles/"
    rows_before_busy = 13  # Three quantiles, on demand and bid, each a price and a probe; a listing.

    @pytest.fixture
    def make(self, vast_source):
        def make(scenario: str) -> VastOffers:
            names = ("H100 SXM", "RTX 4090") if scenario == "busy" else ("H100 SXM",)
            return vast_source(scripted(vast(VAST), scenario, good_before_busy=1), names=names)

        return make


def test_vast_is_told_by_quantiles_per_shape_and_country(vast_source):
    usd = priced(vast_source(vast(VAST)))
    shape = "8x_H100_SXM_80GB"
    # Of 16, 17.5 and 24: a tenth of three offers is the first, half the second, nine tenths the third.
    for label, asked, bid in (("p10", "16.0", "8.0"), ("p50", "17.5", "9.0"), ("p90", "24.0", "10.0")):
        assert usd[f"vast/SE/quantile:{label}/{shape}/on_demand"] == Decimal(asked)
        assert usd[f"vast/SE/quantile:{label}/{shape}/bid"] == Decimal(bid)


def test_two_offers_make_no_quantile_and_a_host_without_a_country_none_either(vast_source):
    offers = [*VAST[:2], vast_offer(9, 1.0, 0.5, where=None)]
    assert rejected(vast_source(vast(offers))) == [
        "country is not stated", "fewer than 3 offers", "fewer than 3 offers",
    ]  # fmt: skip


def test_a_cut_answer_gives_no_quantile(vast_source):
    source = vast_source(vast(VAST), limit=3)
    assert facts_of(source) == {}
    assert rejected(source) == ["answer is cut at its limit"]


def test_a_quantile_that_is_gone_is_a_failed_probe_of_its_own_gpu_only(vast_source):
    gone = "vast/NO/quantile:p50/8x_H100_SXM_80GB/bid"
    other = "vast/NO/quantile:p50/8x_H100_NVL_94GB/bid"
    obtainable = probed(vast_source(vast(VAST), watched=[gone, other]))
    assert obtainable[gone] == 0
    assert other not in obtainable  # It was not asked about.
    assert obtainable["vast/SE/quantile:p50/8x_H100_SXM_80GB/bid"] == 1


def test_the_nearest_rank_is_a_price_that_somebody_asks():
    asked = [Decimal(n) for n in (4, 1, 3, 2)]
    assert [quantile(asked, share) for share in (0.1, 0.5, 0.9)] == [1, 2, 4]


@pytest.fixture
def hunted(client):
    def build(answer) -> GpuHuntCatalog:
        return GpuHuntCatalog(
            client=client(answer, "/v3/"), provider="nebius", now=lambda: NOW, patience=patience()
        )

    return build


class TestGpuHunt(OpenConformance):
    endpoint = "/v3/nebius/"

    @pytest.fixture
    def make(self, hunted):
        return lambda scenario: hunted(
            gpuhunt(zipped(NEBIUS)[:-40])
            if scenario == "malformed"
            else scripted(gpuhunt(zipped(NEBIUS)), scenario)
        )


def test_the_published_catalogue_gives_list_prices(hunted):
    prices = facts_of(hunted(gpuhunt(zipped(NEBIUS))))["prices"].set_index("pool_id")
    machine = "nebius/eu-north1/-/gpu-h200-sxm 8gpu-128vcpu-1600gb"
    assert prices["price_usd_per_hour"].to_dict() == {
        f"{machine}/on_demand": "28.0",
        f"{machine}/spot": "11.6",
    }
    assert set(prices["kind"]) == {"list"}


def test_preemptible_machines_of_nebius_are_spot_pools_beside_their_on_demand_ones(hunted):
    facts = facts_of(hunted(gpuhunt(zipped(NEBIUS))))
    pools = [Pool.parse(key) for key in facts["prices"]["pool_id"]]
    assert {pool.provider for pool in pools} == {"nebius"}
    assert sorted(pool.capacity_type for pool in pools) == ["on_demand", "spot"]
    (listed,) = facts["listings"].to_dict("records")
    assert (listed["region"], listed["gpu_model"], listed["gpu_count"]) == ("eu-north1", "H200-141GB", 8)


@pytest.mark.parametrize(
    ("catalog", "words"),
    [
        (zipped(NEBIUS, name="aws.csv"), "no zip with nebius.csv"),
        (zipped(["x,1"], header="instance_name,price"), "another shape"),
        (b"PK\x03\x04 not a zip", "no zip"),
        (zipped(["0" * (64 * 2**20 + 1)]), "unpacks to more than"),
    ],
)
def test_a_catalogue_that_is_none_is_refused(hunted, catalog, words):
    trouble = trouble_of(hunted(gpuhunt(catalog)))
    assert isinstance(trouble, UnreadableSource)
    assert words in str(trouble)


def test_a_version_that_would_lead_elsewhere_is_refused(hunted):
    trouble = trouble_of(hunted(gpuhunt(zipped(NEBIUS), version=b"../../aws/1")))
    assert "names no version" in str(trouble)
