"""Azure Retail Prices through httpx against a local server that knows the documented parameters."""

from __future__ import annotations

from contextlib import ExitStack

import httpx
import pytest
from azure_fake import A100, H100, METERS, meter, retail
from conformance import NOW, PagedConformance, facts_of, trouble_of
from json_fake import patience, scripted, served

from collector.ingest import ingest
from collector.sources.azure_retail_prices import AzureRetailPrices
from collector.sources.base import UnreadableSource
from collector.sources.web import same_origin
from collector.store import Store


@pytest.fixture
def source_of():
    """Builds the source against a fake that gives these answers."""
    with ExitStack() as stack:

        def build(answer, regions=("eastus",)) -> AzureRetailPrices:
            fake = stack.enter_context(served(answer))
            client = stack.enter_context(httpx.Client(base_url=fake.url))
            return AzureRetailPrices(client=client, regions=regions, now=lambda: NOW, patience=patience())

        yield build


@pytest.fixture
def store():
    with Store.open(None, clock=lambda: NOW) as opened:
        yield opened


class TestAzureRetailPrices(PagedConformance):
    endpoint = "/api/retail/prices"
    rows_before_busy = 3  # Spot and on-demand prices of a size, and its listing.
    rows_paged = 6  # Four prices, two listings.

    @pytest.fixture
    def make(self, source_of):
        def make(scenario: str) -> AzureRetailPrices:
            page_size = 2 if scenario in ("paged", "looping", "busy") else 1000
            if scenario == "looping":
                looping = retail(METERS, page_size=2)
                return source_of(lambda asked: looping_reply(looping, asked))
            return source_of(scripted(retail(METERS, page_size=page_size), scenario, good_before_busy=1))

        return make


def looping_reply(answer, asked):
    """A feed whose every page names the page that was asked for as the next."""
    reply = answer(asked)
    query = "&".join(f"{name}={value}" for name, value in asked.query.items())
    reply.body["NextPageLink"] = f"http://{asked.headers['Host']}{asked.path}?{query}"
    return reply


def priced(source) -> dict[str, str]:
    frame = facts_of(source)["prices"]
    return dict(zip(frame["pool_id"], frame["price_usd_per_hour"], strict=True))


def rejected(source) -> list[str]:
    return [
        reason
        for batch in source.batches()
        if batch.rejected is not None
        for reason in batch.rejected["reason"]
    ]


def test_spot_and_on_demand_are_regional_pools_with_every_digit(source_of):
    assert priced(source_of(retail(METERS))) == {
        f"azure/eastus/-/{H100}/on_demand": "98.32",
        f"azure/eastus/-/{H100}/spot": "34.41212",
        f"azure/eastus/-/{A100}/on_demand": "3.673",
        f"azure/eastus/-/{A100}/spot": "0.7346",
    }


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"productName": "Virtual Machines NDsr H100 v5 Series Windows"}, "system is Windows"),
        ({"meterName": "ND96isr H100 v5 Low Priority"}, "meter is Low Priority"),
        ({"productName": "NDsr H100 v5 Dedicated Host"}, "host is dedicated"),
        ({"productName": "NDsr H100 v5 Series Cloud Services"}, "product is Cloud Services"),
        ({"unitOfMeasure": "1/Month"}, "unit of measure is not 1 Hour"),
        ({"effectiveStartDate": "2026-12-01T00:00:00Z"}, "price is not in force yet"),
        ({"tierMinimumUnits": 100.0}, "price starts at a minimum quantity"),
    ],
)
def test_what_is_not_the_linux_price_of_an_hour_is_turned_away_and_counted(source_of, changes, reason):
    source = source_of(retail([*METERS, meter(H100, 1.0, **changes)]))
    assert rejected(source) == [reason]
    assert priced(source)[f"azure/eastus/-/{H100}/on_demand"] == "98.32"


def test_the_newest_meter_in_force_counts(source_of):
    old = meter(A100, 4.10, effectiveStartDate="2025-01-01T00:00:00Z")
    source = source_of(retail([METERS[2], old]))
    assert priced(source) == {f"azure/eastus/-/{A100}/on_demand": "3.673"}
    assert rejected(source) == ["a newer meter of the size is in force"]
    since = facts_of(source)["prices"]["effective_at"]
    assert since.dt.strftime("%Y-%m-%d").tolist() == ["2026-03-01"]


def test_another_currency_is_quarantined_and_an_unknown_size_too(source_of, store):
    source = source_of(
        retail([meter(A100, 3.4, currencyCode="EUR"), meter("Standard_ND128isr_VR200_v7", 200.0), METERS[0]])
    )
    report = ingest(store, source)
    assert report.reasons == {"currency is not USD": 1, "SKU is in no catalogue": 1}
    assert report.rows_new == 3  # A price, and the listings of two known sizes.


def test_filter_values_keep_their_case(source_of):
    # The feed compares by case: "EastUS" finds nothing, and nothing is invented.
    assert facts_of(source_of(retail(METERS), regions=("EastUS",))) == {}


@pytest.mark.parametrize(
    "link", ["http://169.254.169.254/latest/meta-data", "https://127.0.0.1/api", "http://127.0.0.1:1/api"]
)
def test_a_next_link_to_another_origin_is_never_followed(source_of, link):
    trouble = trouble_of(source_of(retail(METERS, page_size=2, link=link)))
    assert isinstance(trouble, UnreadableSource)
    assert "not where it came from" in str(trouble)


@pytest.mark.parametrize("link", ["http://[::1", 7])
def test_a_next_link_that_is_none_is_another_shape(source_of, link):
    assert "another shape" in str(trouble_of(source_of(retail(METERS, page_size=2, link=link))))


def test_a_next_link_may_spell_the_default_port():
    assert same_origin(httpx.URL("https://prices.azure.com:443/api"), httpx.URL("https://prices.azure.com"))


def test_an_empty_region_gives_no_fact(source_of):
    assert facts_of(source_of(retail(METERS), regions=("qatarcentral",))) == {}
