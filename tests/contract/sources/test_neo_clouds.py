"""Neoclouds through httpx against local servers that know the documented requests."""

from __future__ import annotations

from decimal import Decimal

import pytest
from conformance import NOW, SECRET, SourceConformance, trouble_of
from json_fake import patience, scripted
from neo_fake import LAMBDA, RUNPOD, VERDA, lambda_cloud, runpod, runpod_gpu, verda, verda_auth
from neo_reads import clients, key, priced, probed, rejected

from collector.sources.base import SourceSkipped
from collector.sources.neo_lambda import LambdaPrices
from collector.sources.neo_runpod import RunPodPrices
from collector.sources.neo_verda import VerdaPrices, verda_token
from collector.sources.web import credential
from model.market import Pool

TOKEN = f"token-{SECRET}"


@pytest.fixture
def client():
    with clients() as build:
        yield build


@pytest.fixture
def lambda_source(client):
    def build(answer, watched=()) -> LambdaPrices:
        return LambdaPrices(
            client=client(answer), key=key, now=lambda: NOW, patience=patience(),
            watched=frozenset(map(Pool.parse, watched)),
        )  # fmt: skip

    return build


class TestLambda(SourceConformance):
    endpoint = "/api/v1/instance-types"

    @pytest.fixture
    def make(self, lambda_source):
        return lambda scenario: lambda_source(scripted(lambda_cloud(LAMBDA), scenario))


def test_lambda_prices_are_cents_and_regions_with_capacity_are_probes(lambda_source):
    source = lambda_source(lambda_cloud(LAMBDA))
    h100 = "lambda/{}/-/gpu_1x_h100_sxm5/on_demand"
    # 329 cents are 3.29 USD, in both regions that list it.
    assert priced(source) == {h100.format(r): Decimal("3.29") for r in ("us-east-1", "us-west-2")}
    assert probed(source) == {h100.format(r): 1 for r in ("us-east-1", "us-west-2")}


def test_a_machine_that_was_listed_before_and_is_not_now_is_a_failed_probe(lambda_source):
    v100 = "lambda/us-south-1/-/gpu_8x_v100_n/on_demand"
    source = lambda_source(lambda_cloud(LAMBDA), watched=[v100])
    assert probed(source)[v100] == 0
    assert priced(source)[v100] == Decimal("4.40")


def test_a_machine_that_was_never_listed_is_unknown_and_not_zero(lambda_source):
    source = lambda_source(lambda_cloud(LAMBDA))
    assert not any("v100" in pool for pool in probed(source))
    assert rejected(source) == ["price without a region: sold out everywhere, and never seen before"]


@pytest.fixture
def verda_source(client):
    def build(answer, secret=SECRET, environ=None) -> VerdaPrices:
        names = environ or {"VERDA_CLIENT_ID": "client-1", "VERDA_CLIENT_SECRET": secret}
        token = verda_token(client(verda_auth(SECRET, TOKEN)), names, patience=patience())
        return VerdaPrices(client=client(answer), token=token, now=lambda: NOW, patience=patience())

    return build


class TestVerda(SourceConformance):
    endpoint = "/v1/instance-"
    rows_before_busy = 6  # On demand: two prices, probes and listings.

    @pytest.fixture
    def make(self, verda_source):
        return lambda scenario: verda_source(scripted(verda(VERDA, TOKEN), scenario, good_before_busy=2))


def test_verda_spot_and_on_demand_have_their_own_availability(verda_source):
    source = verda_source(verda(VERDA, TOKEN))
    assert priced(source) == {
        "verda/FIN-01/-/8H100.80S.176V/on_demand": Decimal("18.32"),
        "verda/FIN-01/-/1V100.6V/on_demand": Decimal("0.1381"),
        "verda/FIN-01/-/1V100.6V/spot": Decimal("0.0690"),
        "verda/ICE-01/-/8H100.80S.176V/spot": Decimal("6.4"),
    }
    skus = {sku.name: sku for batch in source.batches() for sku in batch.skus}
    # 640 GB stated for eight GPUs are 80 GB each.
    assert (skus["8H100.80S.176V"].gpu_model, skus["8H100.80S.176V"].gpu_count) == ("H100-80GB", 8)


@pytest.mark.parametrize("name", ["VERDA_CLIENT_ID", "VERDA_CLIENT_SECRET"])
def test_verda_without_a_credential_is_skipped_by_its_name(verda_source, name):
    both = {"VERDA_CLIENT_ID": "client-1", "VERDA_CLIENT_SECRET": SECRET}
    trouble = trouble_of(verda_source(verda(VERDA, TOKEN), environ={**both, name: ""}))
    assert isinstance(trouble, SourceSkipped)
    assert name in str(trouble)


@pytest.fixture
def runpod_source(client):
    def build(answer, watched=(), counts=(8,)) -> RunPodPrices:
        return RunPodPrices(
            client=client(answer), key=key, now=lambda: NOW, gpu_counts=counts, patience=patience(),
            watched=frozenset(map(Pool.parse, watched)),
        )  # fmt: skip

    return build


class TestRunPod(SourceConformance):
    endpoint = "/graphql"
    rows_before_busy = 5  # EU-RO-1: price and probe of on-demand and bid, and the listing.

    @pytest.fixture
    def make(self, runpod_source):
        return lambda scenario: runpod_source(scripted(runpod(RUNPOD), scenario, good_before_busy=2))


def test_runpod_bids_are_pools_of_their_own_and_prices_are_per_machine(runpod_source):
    h100 = "8x_NVIDIA_H100_80GB_HBM3"
    assert priced(runpod_source(runpod(RUNPOD))) == {
        f"runpod/EU-RO-1/-/{h100}/on_demand": Decimal("21.52"),  # 8 x 2.69
        f"runpod/EU-RO-1/-/{h100}/bid": Decimal("12.0"),  # 8 x 1.5
        f"runpod/US-KS-2/-/{h100}/on_demand": Decimal("21.52"),
        f"runpod/US-KS-2/-/{h100}/bid": Decimal("10.0"),  # 8 x 1.25
    }


def test_runpod_stock_that_ran_out_is_a_failed_probe_only_where_it_was_seen(runpod_source):
    a6000 = "runpod/EU-RO-1/-/8x_NVIDIA_RTX_A6000/on_demand"
    assert a6000 not in probed(runpod_source(runpod(RUNPOD)))
    assert probed(runpod_source(runpod(RUNPOD), watched=[a6000]))[a6000] == 0


def test_an_unknown_stock_status_is_turned_away(runpod_source):
    odd = {"EU-RO-1": [runpod_gpu("NVIDIA L4", "L4", 24, 0.4, 0.2, "Plenty")]}
    assert rejected(runpod_source(runpod(odd))) == ["stock status is unknown"]


def test_a_missing_key_skips_its_source_by_name():
    with pytest.raises(SourceSkipped, match="LAMBDA_API_KEY is not set"):
        credential("LAMBDA_API_KEY", {})
