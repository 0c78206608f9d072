"""AWS itself, read-only and free of charge. Never run where no credential is named.

Set AWS_PROFILE, or AWS_ACCESS_KEY_ID with its secret, for a role that may describe regions,
zones, instance types, spot price history and Capacity Block offerings, and read prices.
Placement scores are left out: each new question counts against the account's day.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from collector.catalog import load_catalog
from collector.ingest import ingest
from collector.sources.aws_advisor import AwsAdvisor
from collector.sources.aws_capacity_blocks import AwsCapacityBlocks, BlockQuery
from collector.sources.aws_clients import ClientFor, aws_clients
from collector.sources.aws_market import HOME_REGION, aws_market
from collector.sources.aws_places import open_regions, zone_ids
from collector.store import Store

NAMES = ("AWS_PROFILE", "AWS_ACCESS_KEY_ID")
SKUS = tuple(load_catalog().skus["aws", name] for name in ("p5.48xlarge", "g6.xlarge"))


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def client_for() -> ClientFor:
    if not any(os.environ.get(name) for name in NAMES):
        pytest.skip(f"AWS credentials are absent ({' or '.join(NAMES)}): AWS itself was not asked")
    return aws_clients(os.environ.get("AWS_PROFILE"))


@pytest.fixture
def store() -> Iterator[Store]:
    with Store.open(None, clock=now) as opened:
        yield opened


def test_the_account_sees_its_home_region_and_zones_by_id(client_for: ClientFor):
    ec2 = client_for("ec2", HOME_REGION)
    assert HOME_REGION in open_regions(ec2)
    assert all(zone.startswith("use1-") for zone in zone_ids(ec2).values())


def test_a_region_gives_machines_spot_and_on_demand_prices(client_for: ClientFor, store: Store):
    for source in aws_market(client_for, regions=[HOME_REGION], skus=SKUS, since=lambda _: None, now=now):
        report = ingest(store, source)
        assert report.rows_new > 0, source.source_id
    assert store.verify() == []


def test_capacity_block_offers_are_of_the_shape_we_read(client_for: ClientFor, store: Store):
    query = BlockQuery(
        sku=SKUS[0],
        instances=1,
        hours=24,
        from_at=now() + timedelta(days=1),
        until_at=now() + timedelta(days=30),
    )
    ec2: Any = client_for("ec2", HOME_REGION)
    report = ingest(store, AwsCapacityBlocks(ec2=ec2, region=HOME_REGION, queries=(query,), now=now))
    assert report.rows_quarantined == 0


@pytest.mark.usefixtures("client_for")
def test_the_spot_advisor_has_only_bands_that_are_known(store: Store):
    with httpx.Client(timeout=30) as client:
        source = AwsAdvisor(client=client, skus=SKUS, now=now)
        assert ingest(store, source).rows_new > 0
        assert ingest(store, source).rows_in == 0
