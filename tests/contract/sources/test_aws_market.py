"""All of AWS's regions at once: one that is refused does not stop the others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aws_fake import Answer, Failure
from aws_stage import account
from conformance import NOW

from collector.catalog import load_catalog
from collector.ingest import ingest_all
from collector.sources.aws_clients import ClientFor
from collector.sources.aws_market import aws_market
from collector.sources.base import Source
from collector.store import Store
from model.market import Pool

SKUS = (load_catalog().skus["aws", "p5.48xlarge"],)
REGIONS = {"Regions": [{"RegionName": "us-east-1"}, {"RegionName": "me-central-1"}]}
CHANGE = {
    "InstanceType": "p5.48xlarge", "ProductDescription": "Linux/UNIX", "SpotPrice": "30.5",
    "AvailabilityZoneId": "use1-az4", "Timestamp": NOW - timedelta(hours=1),
}  # fmt: skip
ANSWERS: dict[str, Answer] = {
    "DescribeRegions": REGIONS,
    "DescribeInstanceTypes": {"InstanceTypes": []},
    "DescribeInstanceTypeOfferings": {"InstanceTypeOfferings": []},
    "GetProducts": {"PriceList": []},
}


def quiet(operation: str, _: dict[str, Any]) -> Answer:
    """Two regions, without a machine in them."""
    return ANSWERS[operation]


def sources_of(client_for: ClientFor, **more: Any) -> list[Source]:
    defaults = {"regions": None, "skus": SKUS, "since": lambda _: None, "now": lambda: NOW}
    return aws_market(client_for, **{**defaults, **more})


def test_every_open_region_gives_machines_spot_and_on_demand():
    with account(quiet) as (client_for, _):
        names = [source.source_id for source in sources_of(client_for)]
    assert names == [
        "aws-types/me-central-1",
        "aws-spot-prices/me-central-1",
        "aws-on-demand/me-central-1",
        "aws-types/us-east-1",
        "aws-spot-prices/us-east-1",
        "aws-on-demand/us-east-1",
    ]


def test_named_regions_are_taken_without_asking():
    with account(quiet) as (client_for, fake):
        assert len(sources_of(client_for, regions=["us-east-1"])) == 3
    assert fake.asked == []


def test_each_region_goes_on_from_its_own_watermark():
    marks = {"aws-spot-prices/us-east-1": NOW - timedelta(hours=5)}
    with account(quiet) as (client_for, _):
        spots = [s for s in sources_of(client_for, since=marks.get) if "spot" in s.source_id]
    assert [source.since for source in spots] == [None, NOW - timedelta(hours=5)]


def test_a_whole_catalogue_may_be_handed_in():
    with account(quiet) as (client_for, _):
        sources = sources_of(client_for, skus=tuple(load_catalog().skus.values()), regions=["us-east-1"])
    (spot,) = [source for source in sources if "spot" in source.source_id]
    assert {sku.provider for sku in spot.skus} == {"aws"}
    assert min(sku.gpu_count for sku in spot.skus) == 1


def test_a_region_that_is_not_opted_in_is_reported_and_the_others_are_read():
    spot = iter([Failure(401, "OptInRequired"), {"SpotPriceHistory": [CHANGE]}])  # In order of regions.

    def one_refused(operation: str, params: dict[str, Any]) -> Answer:
        return next(spot) if operation == "DescribeSpotPriceHistory" else quiet(operation, params)

    with account(one_refused) as (client_for, _), Store.open(None, clock=lambda: NOW) as store:
        reports = {report.source_id: report for report in ingest_all(store, sources_of(client_for))}
        pool = Pool.parse("aws/us-east-1/use1-az4/p5.48xlarge/spot")
        steps = store.price_steps(pool, from_at=NOW, until_at=NOW, as_of=NOW)
    assert "OptInRequired" in str(reports["aws-spot-prices/me-central-1"].trouble)
    assert [report.trouble for name, report in reports.items() if "spot-prices/me-" not in name] == [None] * 5
    assert [str(step.price_usd_per_hour) for step in steps] == ["30.500000000"]
