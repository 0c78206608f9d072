"""AWS on-demand prices, through the unmodified boto3 client."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from aws_stage import Stage, account
from conformance import NOW, Make, PagedConformance, SourceConformance, facts_of

from collector.catalog import load_catalog
from collector.ingest import ingest
from collector.sources.aws_on_demand import AwsOnDemand
from collector.store import Store

P5 = (load_catalog().skus["aws", "p5.48xlarge"],)


def product(usd: str, *, unit="Hrs", currency="USD", since="2026-06-01T00:00:00Z", sku="p5.48xlarge") -> str:
    """One product as the service sends it: a JSON text within the JSON."""
    price = {"unit": unit, "pricePerUnit": {currency: usd}, "beginRange": "0", "endRange": "Inf"}
    term = {"effectiveDate": since, "priceDimensions": {"K.T.6YS6EN2CT7": price}}
    attributes = {"instanceType": sku, "regionCode": "us-east-1", "marketoption": "OnDemand"}
    return json.dumps({"product": {"attributes": attributes}, "terms": {"OnDemand": {"K.T": term}}})


PAGES = [
    {"PriceList": [product("55.0400000000")]},
    {"PriceList": [product("50.0", since="2026-01-01T00:00:00Z")]},
]


def source(client_for: Any) -> AwsOnDemand:
    pricing = client_for("pricing", "us-east-1")
    return AwsOnDemand(pricing=pricing, region="us-east-1", skus=P5, now=lambda: NOW)


class TestAwsOnDemand(SourceConformance, PagedConformance):
    endpoint = "pricing GetProducts"
    rows_paged = 2

    @pytest.fixture
    def make(self, clients_for) -> Make:
        return lambda scenario: source(clients_for(Stage("GetProducts", PAGES).script(scenario)))


def test_one_price_per_machine_at_the_day_aws_states():
    with account(Stage("GetProducts", PAGES[:1]).script("plain")) as (client_for, fake):
        found = facts_of(source(client_for))["prices"]
    assert list(found["pool_id"]) == ["aws/us-east-1/-/p5.48xlarge/on_demand"]
    assert list(found["price_usd_per_hour"]) == ["55.0400000000"]
    assert found["effective_at"][0] == datetime(2026, 6, 1, tzinfo=UTC)
    assert found["observed_at"][0] == NOW
    assert len(fake.asked) == 1


def test_the_question_leaves_out_capacity_blocks_licences_and_dedicated_hosts():
    with account(Stage("GetProducts", PAGES[:1]).script("plain")) as (client_for, fake):
        facts_of(source(client_for))
    ((_, params),) = fake.asked
    assert params["ServiceCode"] == "AmazonEC2"
    assert {f["Field"]: f["Value"] for f in params["Filters"]} == {
        "instanceType": "p5.48xlarge",
        "regionCode": "us-east-1",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "marketoption": "OnDemand",
    }


def test_another_currency_or_unit_and_a_price_of_tomorrow_are_quarantined():
    bad = [
        product("55.04"),
        product("380", currency="CNY"),
        product("9", unit="Quantity"),
        product("0.0000000000"),
        product("60", since="2027-01-01T00:00:00Z"),
    ]
    script = Stage("GetProducts", [{"PriceList": bad}]).script("plain")
    with account(script) as (client_for, _), Store.open(None, clock=lambda: NOW) as store:
        report = ingest(store, source(client_for))
    assert report.rows_new == 1
    assert report.reasons == {
        "currency is not USD": 1,
        "unit is not an hour": 1,
        "price is not positive": 1,
        "effective_at lies in the future": 1,
    }


def test_a_machine_that_the_region_does_not_sell_has_no_price():
    with account(Stage("GetProducts", [{"PriceList": []}]).script("plain")) as (client_for, _):
        assert facts_of(source(client_for)) == {}
