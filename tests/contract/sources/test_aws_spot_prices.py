"""AWS spot price history, through the unmodified boto3 client."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pandas as pd
import pytest
from aws_stage import REFUSED, Stage, account
from conformance import NOW, Make, PagedConformance, SourceConformance, facts_of, trouble_of

from collector.catalog import load_catalog
from collector.ingest import ingest
from collector.sources.aws_spot_prices import AwsSpotPrices
from collector.sources.base import SourceSkipped
from collector.store import Store
from model.market import Pool

SKUS = tuple(load_catalog().skus["aws", name] for name in ("p5.48xlarge", "p4d.24xlarge"))
P5 = "aws/us-east-1/use1-az4/p5.48xlarge/spot"


def change(
    hours_ago: float, usd: str, *, sku="p5.48xlarge", zone="use1-az4", product="Linux/UNIX", **more: str
) -> dict[str, Any]:
    """One entry as AWS gives it; `zone` is an ID, `AvailabilityZone` in `more` a name."""
    at = NOW - timedelta(hours=hours_ago)
    place = {"AvailabilityZoneId": zone} if zone else {}
    return {
        "InstanceType": sku, "ProductDescription": product, "SpotPrice": usd, "Timestamp": at, **place, **more
    }  # fmt: skip


PAGES = [
    {"SpotPriceHistory": [change(1, "31.400000"), change(3, "30.150000")]},
    {"SpotPriceHistory": [change(2, "12.5", sku="p4d.24xlarge", zone="use1-atl2-az1"), change(2300, "29")]},
]
ZONES = {"AvailabilityZones": [{"ZoneName": "us-east-1a", "ZoneId": "use1-az4"}]}


def stage(*entries: dict[str, Any]) -> Stage:
    """A feed of these entries on one page, or the usual two pages."""
    given = [{"SpotPriceHistory": list(entries)}] if entries else PAGES
    return Stage("DescribeSpotPriceHistory", given, around={"DescribeAvailabilityZones": ZONES})


def source(client_for: Callable[[str, str], Any], *, since: datetime | None = None) -> AwsSpotPrices:
    return AwsSpotPrices(
        ec2=client_for("ec2", "us-east-1"), region="us-east-1", skus=SKUS, since=since, now=lambda: NOW
    )


class TestAwsSpotPrices(SourceConformance, PagedConformance):
    endpoint = "DescribeSpotPriceHistory in us-east-1"
    rows_paged = 4

    @pytest.fixture
    def make(self, clients_for) -> Make:
        return lambda scenario: source(clients_for(stage().script(scenario)))


def prices_of(*entries: dict[str, Any], since: datetime | None = None) -> tuple[pd.DataFrame, list]:
    """The prices a feed gives, and what was asked."""
    with account(stage(*entries).script("plain")) as (client_for, fake):
        return facts_of(source(client_for, since=since)).get("prices", pd.DataFrame()), fake.asked


def test_without_a_watermark_all_90_days_are_asked_for_and_only_linux():
    _, asked = prices_of(change(1, "30"))
    operation, params = asked[0]
    assert operation == "DescribeSpotPriceHistory"
    assert params["StartTime"] == NOW - timedelta(days=90)
    assert params["EndTime"] == NOW
    assert params["ProductDescriptions"] == ["Linux/UNIX", "Linux/UNIX (Amazon VPC)"]
    assert params["InstanceTypes"] == ["p4d.24xlarge", "p5.48xlarge"]


def test_a_watermark_is_asked_again_from_two_hours_before_it():
    _, asked = prices_of(change(1, "30"), since=NOW - timedelta(hours=10))
    assert asked[0][1]["StartTime"] == NOW - timedelta(hours=12)


def test_a_watermark_older_than_aws_keeps_is_cut_to_90_days():
    _, asked = prices_of(change(1, "30"), since=datetime(2025, 1, 1, tzinfo=UTC))
    assert asked[0][1]["StartTime"] == NOW - timedelta(days=90)


def test_the_price_in_force_when_the_span_began_is_kept_under_its_own_instant():
    # 2300 h are 95.8 days: before the span. Without that row the first days would have no price.
    with (
        account(stage().script("plain")) as (client_for, _),
        Store.open(None, clock=lambda: NOW) as store,
    ):
        ingest(store, source(client_for))
        begin = NOW - timedelta(days=90)
        (step,) = store.price_steps(Pool.parse(P5), from_at=begin, until_at=begin, as_of=NOW)
    assert step.effective_at == NOW - timedelta(hours=2300)
    assert str(step.price_usd_per_hour) == "29.000000000"


@pytest.mark.parametrize(
    ("since_hours_ago", "carried"),
    [
        (None, True),  # All is asked for, and the days before the first change need a price.
        (1, False),  # NOW is noon. A change of 11:00 is known, so today was read before.
        (12, False),  # A change of midnight is today's.
        (12.5, True),  # The newest change known is of yesterday: today's first pass.
    ],
)
def test_a_price_from_before_the_span_is_given_at_first_and_then_once_a_day(since_hours_ago, carried):
    since = None if since_hours_ago is None else NOW - timedelta(hours=since_hours_ago)
    found, _ = prices_of(change(0.5, "31"), change(2300, "29"), since=since)
    assert list(found["price_usd_per_hour"]) == (["29", "31"] if carried else ["31"])


def test_a_change_at_the_very_instant_asked_from_is_no_price_carried_in():
    # Known until 11:00, so asked from 09:00, three hours before NOW.
    found, _ = prices_of(change(3, "30"), change(3.01, "29"), since=NOW - timedelta(hours=1))
    assert list(found["price_usd_per_hour"]) == ["30"]


def hourly(hour: int) -> list[dict[str, Any]]:
    """What AWS says half an hour into an hour: p5 changed on the hour, p4d has cost 12.5 since last month."""
    midnight = datetime(2026, 11, 20, tzinfo=UTC)
    moved = [
        {**change(0, str(30 + h)), "Timestamp": midnight + timedelta(hours=h)}
        for h in range(max(hour - 2, 0), hour + 1)
    ]
    return [*moved, {**change(0, "12.5", sku="p4d.24xlarge"), "Timestamp": midnight - timedelta(days=30)}]


def test_thirty_hourly_passes_store_a_price_that_does_not_change_once_a_day():
    clock, since = datetime(2026, 11, 20, tzinfo=UTC), None
    with Store.open(None, clock=lambda: clock) as store:
        for hour in range(30):
            clock = datetime(2026, 11, 20, 0, 30, tzinfo=UTC) + timedelta(hours=hour)
            with account(stage(*hourly(hour)).script("plain")) as (client_for, _):
                ec2 = client_for("ec2", "us-east-1")
                report = ingest(
                    store,
                    AwsSpotPrices(
                        ec2=ec2, region="us-east-1", skus=SKUS, since=since, now=partial(_same, clock)
                    ),
                )
            since = report.until_at
        with store.transaction() as cursor:
            stored = "SELECT count(*) FROM {} WHERE pool_id LIKE '%p4d%'"
            counts = [
                cursor.sql(stored.format(table)).fetchall()[0][0] for table in ("price_point", "price_repeat")
            ]
    # A change at half past midnight of the first day, a repeat at that hour of the second; not 29 repeats.
    assert counts == [1, 1]


def _same(instant: datetime) -> datetime:
    return instant


def test_pages_in_any_order_give_the_same_facts():
    forward, _ = prices_of(change(1, "3"), change(2, "2"), change(3, "1"))
    backward, _ = prices_of(change(3, "1"), change(2, "2"), change(1, "3"))
    pd.testing.assert_frame_equal(forward, backward)


def test_the_digits_of_a_price_survive():
    found, _ = prices_of(change(1, "0.123456789"))
    assert list(found["price_usd_per_hour"]) == ["0.123456789"]


def test_the_two_names_of_linux_are_one_product():
    found, _ = prices_of(change(1, "30"), change(1, "30", product="Linux/UNIX (Amazon VPC)"))
    assert len(found) == 1


def test_windows_is_turned_away_even_if_the_feed_sends_it():
    entries = change(1, "30"), change(1, "55", product="Windows")
    with (
        account(stage(*entries).script("plain")) as (client_for, _),
        Store.open(None, clock=lambda: NOW) as store,
    ):
        report = ingest(store, source(client_for))
    assert report.rows_new == 1
    assert report.reasons == {"product is not Linux/UNIX": 1}


def test_a_zone_name_is_looked_up_only_where_the_id_is_missing():
    found, asked = prices_of(change(1, "30", zone="", AvailabilityZone="us-east-1a"))
    assert list(found["pool_id"]) == [P5]
    assert [operation for operation, _ in asked] == ["DescribeSpotPriceHistory", "DescribeAvailabilityZones"]
    _, asked = prices_of(change(1, "30", AvailabilityZone="us-east-1f"))
    assert [operation for operation, _ in asked] == ["DescribeSpotPriceHistory"]


def test_a_zone_name_the_account_does_not_know_is_turned_away():
    found, _ = prices_of(change(1, "30", zone="", AvailabilityZone="us-east-1z"))
    assert found.empty


def test_a_local_zone_is_a_pool_of_its_parent_region():
    found, _ = prices_of(change(1, "30", zone="use1-atl2-az1"))
    assert list(found["pool_id"]) == ["aws/us-east-1/use1-atl2-az1/p5.48xlarge/spot"]


def test_a_price_that_is_not_positive_is_quarantined_with_a_reason():
    entries = change(1, "30"), change(2, "0"), change(3, "-1"), change(4, "many")
    with (
        account(stage(*entries).script("plain")) as (client_for, _),
        Store.open(None, clock=lambda: NOW) as store,
    ):
        report = ingest(store, source(client_for))
    assert report.rows_new == 1
    assert report.reasons == {"price is not positive": 2, "price is not a number": 1}


def test_an_empty_region_is_no_trouble():
    with account(Stage("DescribeSpotPriceHistory", [{"SpotPriceHistory": []}]).script("plain")) as (c, _):
        assert facts_of(source(c)) == {}


def test_no_machines_to_ask_for_asks_nothing():
    with account(stage().script("plain")) as (client_for, fake):
        nothing = AwsSpotPrices(
            ec2=client_for("ec2", "us-east-1"), region="us-east-1", skus=(), since=None, now=lambda: NOW
        )
        assert facts_of(nothing) == {}
    assert fake.asked == []


@pytest.mark.parametrize("code", ["AuthFailure", "OptInRequired"])
def test_a_region_that_is_not_opted_in_is_skipped_by_name(code):
    refusal = type(REFUSED)(401, code, "You are not subscribed to this service")
    with account(lambda *_: refusal) as (client_for, _):
        trouble = trouble_of(source(client_for))
    assert isinstance(trouble, SourceSkipped)
    assert "us-east-1" in trouble.seen
    assert code in trouble.seen
