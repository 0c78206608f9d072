"""What AWS's machines are: against the fake, and against moto's copy of the real answers."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aws_stage import Stage, account
from conformance import NOW, Make, PagedConformance, SourceConformance, facts_of

from collector.catalog import load_catalog
from collector.ingest import ingest
from collector.sources.aws_clients import aws_clients
from collector.sources.aws_types import AwsTypes
from collector.store import Store
from model.market import Sku


def machine(name: str, gpu: str, count: int, memory_mib: int) -> dict[str, Any]:
    gpus = [{"Name": gpu, "Manufacturer": "NVIDIA", "Count": count, "MemoryInfo": {"SizeInMiB": memory_mib}}]
    return {"InstanceType": name, "GpuInfo": {"Gpus": gpus}}


H100 = machine("p5.48xlarge", "H100", 8, 81920)
PAGES = [
    {"InstanceTypes": [H100, {"InstanceType": "m7i.large"}]},
    {"InstanceTypes": [machine("p6r.48xlarge", "R100", 8, 294912)]},
]
OFFERED = {
    "InstanceTypeOfferings": [
        {"InstanceType": "p5.48xlarge", "LocationType": "availability-zone-id", "Location": "use1-az4"},
        {"InstanceType": "p5.48xlarge", "LocationType": "availability-zone-id", "Location": "use1-az6"},
        {"InstanceType": "m7i.large", "LocationType": "availability-zone-id", "Location": "use1-az4"},
        {"InstanceType": "p6r.48xlarge", "LocationType": "availability-zone-id", "Location": "use1-az6"},
    ]
}


def stage(pages: list[dict[str, Any]] = PAGES) -> Stage:
    return Stage("DescribeInstanceTypes", pages, around={"DescribeInstanceTypeOfferings": OFFERED})


def source(client_for: Any) -> AwsTypes:
    return AwsTypes(ec2=client_for("ec2", "us-east-1"), region="us-east-1", now=lambda: NOW)


class TestAwsTypes(SourceConformance, PagedConformance):
    endpoint = "DescribeInstanceTypes in us-east-1"
    rows_paged = 3

    @pytest.fixture
    def make(self, clients_for) -> Make:
        return lambda scenario: source(clients_for(stage().script(scenario)))


def test_a_machine_is_listed_in_each_zone_that_offers_it():
    with account(stage().script("plain")) as (client_for, _):
        found = facts_of(source(client_for))["listings"]
    found = found[found["sku"] == "p5.48xlarge"]
    assert list(found["zone"]) == ["use1-az4", "use1-az6"]
    assert set(found["gpu_model"]) == {"H100-80GB"}
    assert set(found["gpu_memory_bytes"]) == {80 * 2**30}  # 81,920 MiB.


def test_a_new_gpu_is_listed_at_once_under_a_name_derived_from_awss_words():
    with account(stage().script("plain")) as (client_for, _):
        (batch,) = source(client_for).batches()
    assert batch.rejected is not None
    assert len(batch.rejected) == 0
    new = {sku.name: sku for sku in batch.skus}["p6r.48xlarge"]
    # 294,912 MiB are 288 GiB.
    assert (new.gpu_model, new.gpu_count, new.gpu_memory_bytes) == ("R100-288GB", 8, 288 * 2**30)
    notes = batch.listings.set_index("sku")["note"]
    assert notes["p6r.48xlarge"] == "model name derived from AWS's own words, R100 of 294912 MiB"
    assert notes["p5.48xlarge"].isna().all()


def test_a_part_of_a_gpu_is_not_a_gpu():
    part = machine("g6f.2xlarge", "L4", 0, 5722)
    with account(stage([{"InstanceTypes": [part]}]).script("plain")) as (client_for, _):
        (batch,) = source(client_for).batches()
    assert batch.skus == ()
    assert batch.rejected is not None
    assert list(batch.rejected["reason"]) == ["part of a GPU: L4 of 5722 MiB"]


def test_the_first_sight_of_a_listing_stays():
    with account(stage().script("plain")) as (client_for, _), Store.open(None, clock=lambda: NOW) as store:
        earlier = replace(source(client_for), now=lambda: NOW - timedelta(days=1))
        assert ingest(store, earlier).rows_new == 3
        assert ingest(store, source(client_for)).rows_new == 0


@pytest.fixture(scope="module")
def real_machines() -> dict[str, Sku]:
    """SKUs from moto's copy of what AWS answers in us-east-1."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
            environment.setenv("AWS_ACCESS_KEY_ID", "testing")
            environment.setenv("AWS_SECRET_ACCESS_KEY", "testing")
            (batch,) = source(aws_clients(attempts=2)).batches()
    finally:
        server.stop()
    assert batch.listings is not None
    assert set(batch.listings["sku"]) <= {sku.name for sku in batch.skus}
    return {sku.name: sku for sku in batch.skus}


def test_gpu_facts_agree_with_the_catalogue_for_every_machine_in_both(real_machines):
    catalogue = {name: sku for (provider, name), sku in load_catalog().skus.items() if provider == "aws"}
    shared = catalogue.keys() & real_machines.keys()
    assert len(shared) >= 40
    for name in shared:
        ours, theirs = catalogue[name], real_machines[name]
        assert (ours.gpu_model, ours.gpu_count) == (theirs.gpu_model, theirs.gpu_count), name
        # The catalogue has nominal GB as GiB: 24 against 22.4 of an L4, so up to 8 % more.
        assert theirs.gpu_memory_bytes <= ours.gpu_memory_bytes <= 1.08 * theirs.gpu_memory_bytes, name


def test_big_machines_are_what_their_makers_say(real_machines):
    assert (real_machines["p5.48xlarge"].gpu_model, real_machines["p5.48xlarge"].gpu_count) == (
        "H100-80GB",
        8,
    )
    assert (real_machines["p6-b200.48xlarge"].gpu_model, real_machines["trn1.32xlarge"].gpu_count) == (
        "B200-180GB",
        16,
    )
