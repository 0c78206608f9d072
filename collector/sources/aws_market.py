"""The AWS sources that need nothing but an account: listed machines, spot and on-demand prices.

Each is of one region, so that a region that is not opted in, or throttled, is skipped or
reported alone and the others are read. Queues, placement questions and Capacity Block
questions are somebody's choice, so their sources are built where that choice is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from model.market import Sku

from .aws_clients import ClientFor
from .aws_on_demand import PRICING_REGION, AwsOnDemand
from .aws_places import open_regions
from .aws_spot_prices import AwsSpotPrices
from .aws_types import AwsTypes
from .base import Source

HOME_REGION: Final = "us-east-1"  # Always open, so it can be asked which others are.


def aws_market(
    client_for: ClientFor,
    *,
    regions: Sequence[str] | None,
    skus: tuple[Sku, ...],
    since: Callable[[str], datetime | None],
    now: Callable[[], datetime],
) -> list[Source]:
    """Three sources per region.

    Args:
        client_for: See `aws_clients.aws_clients`.
        regions: Which; None for all that the account may use.
        skus: Machines whose prices are wanted; those of others and without a GPU are left out.
        since: Source id to the newest effective instant known of it; None reads all there is.
        now: Aware UTC.

    Raises:
        SourceSkipped, SourceUnavailable: With `regions` None, where the account cannot be asked.
    """
    machines = tuple(sku for sku in skus if sku.provider == "aws" and sku.gpu_count > 0)
    sources: list[Source] = []
    pricing = client_for("pricing", PRICING_REGION)
    for region in open_regions(client_for("ec2", HOME_REGION)) if regions is None else regions:
        ec2 = client_for("ec2", region)
        spot = AwsSpotPrices(ec2=ec2, region=region, skus=machines, since=None, now=now)
        sources += [
            AwsTypes(ec2=ec2, region=region, now=now),
            replace(spot, since=since(spot.source_id)),
            AwsOnDemand(pricing=pricing, region=region, skus=machines, now=now),
        ]
    return sources
