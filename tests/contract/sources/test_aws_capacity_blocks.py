"""Capacity Block offers, through the unmodified boto3 client."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from aws_stage import Stage, account
from conformance import NOW, Make, PagedConformance, SourceConformance, facts_of

from collector.catalog import load_catalog
from collector.ingest import ingest
from collector.sources.aws_capacity_blocks import AwsCapacityBlocks, BlockQuery
from collector.store import Store

P5 = load_catalog().skus["aws", "p5.48xlarge"]
QUERY = BlockQuery(
    sku=P5, instances=4, hours=48, from_at=NOW + timedelta(days=1), until_at=NOW + timedelta(days=9)
)


def offer(ref: str, fee: str, *, zone="us-east-1a", currency="USD") -> dict[str, Any]:
    starts_at = NOW + timedelta(days=2)
    return {
        "CapacityBlockOfferingId": ref, "InstanceType": "p5.48xlarge", "AvailabilityZone": zone,
        "InstanceCount": 4, "StartDate": starts_at, "EndDate": starts_at + timedelta(hours=48),
        "CapacityBlockDurationHours": 48, "UpfrontFee": fee, "CurrencyCode": currency,
    }  # fmt: skip


PAGES = [
    {"CapacityBlockOfferings": [offer("cb-1", "6041.0880")]},
    {"CapacityBlockOfferings": [offer("cb-2", "6100", zone="us-east-1b")]},
]
ZONES = [{"ZoneName": "us-east-1a", "ZoneId": "use1-az4"}, {"ZoneName": "us-east-1b", "ZoneId": "use1-az6"}]


def stage(*offers: dict[str, Any], good_first: int = 0) -> Stage:
    pages = [{"CapacityBlockOfferings": list(offers)}] if offers else PAGES
    around = {"DescribeAvailabilityZones": {"AvailabilityZones": ZONES}}
    return Stage("DescribeCapacityBlockOfferings", pages, around=around, good_first=good_first)


def source(client_for: Any, *queries: BlockQuery) -> AwsCapacityBlocks:
    return AwsCapacityBlocks(
        ec2=client_for("ec2", "us-east-1"), region="us-east-1", queries=queries or (QUERY,), now=lambda: NOW
    )


class TestAwsCapacityBlocks(SourceConformance, PagedConformance):
    endpoint = "DescribeCapacityBlockOfferings in us-east-1"
    rows_paged = 2
    rows_before_busy = 2  # Both offers for the first of two questions.

    @pytest.fixture
    def make(self, clients_for) -> Make:
        def made(scenario: str) -> AwsCapacityBlocks:
            queries = (QUERY, QUERY) if scenario == "busy" else (QUERY,)
            return source(clients_for(stage(good_first=1).script(scenario)), *queries)

        return made


def test_the_fee_stays_exact_and_the_zone_gets_its_id():
    with account(stage(offer("cb-1", "6041.0880")).script("plain")) as (client_for, _):
        (row,) = facts_of(source(client_for))["offers"].to_dict("records")
    assert (row["zone"], row["upfront_usd"], row["instances"]) == ("use1-az4", "6041.0880", 4)
    assert row["ends_at"] - row["starts_at"] == timedelta(hours=48)


def test_the_question_is_sent_as_asked():
    with account(stage().script("plain")) as (client_for, fake):
        facts_of(source(client_for))
    assert fake.asked[0] == ("DescribeCapacityBlockOfferings", QUERY.params())


def test_an_offer_in_another_currency_without_a_fee_or_in_an_unknown_zone_is_turned_away():
    offers = [
        offer("cb-1", "6041.0880"), offer("cb-2", "9", currency="EUR"), offer("cb-3", "0"),
        offer("cb-4", "gratis"), offer("cb-5", "9", zone="us-east-1z"),
    ]  # fmt: skip
    script = stage(*offers).script("plain")
    with account(script) as (client_for, _), Store.open(None, clock=lambda: NOW) as store:
        report = ingest(store, source(client_for))
        with store.transaction() as cursor:
            kept = cursor.sql("SELECT offer_ref, upfront_usd FROM capacity_offer").fetchall()
    assert kept == [("cb-1", Decimal("6041.088000000"))]
    assert report.reasons == {
        "currency is not USD": 1,
        "fee is no positive number": 2,
        "the account knows no ID of the zone": 1,
    }


def test_no_offer_is_no_trouble_and_no_row():
    with account(
        Stage("DescribeCapacityBlockOfferings", [{"CapacityBlockOfferings": []}]).script("plain")
    ) as (c, _):
        assert facts_of(source(c)) == {}
