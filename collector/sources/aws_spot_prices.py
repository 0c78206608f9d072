"""AWS spot prices of one region: every change of the last 90 days, by zone ID.

AWS gives changes, newest first or in any order, and before them the price that was in force
when the span began, under its own older instant. That one is kept: without it the first
hours of a pool would have no price. A region is one batch, whole or not at all, because
half of its pages would leave a hole behind the newest change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd

from model.market import Sku

from .aws_clients import asking, pages
from .aws_places import ids_for
from .base import Batch, pool_keys, reject

HISTORY: Final = timedelta(days=90)  # As far back as AWS keeps it.
OVERLAP: Final = timedelta(hours=2)  # Asked for again, for changes that were published late.
LINUX: Final = ("Linux/UNIX", "Linux/UNIX (Amazon VPC)")  # Two names of one product.


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsSpotPrices:
    """`Source` of one region's spot price changes."""

    ec2: Any = field(repr=False)  # A boto3 client of the region.
    region: str
    skus: tuple[Sku, ...]  # What to ask for.
    since: datetime | None  # Newest change known of this source; None reads all 90 days.
    now: Callable[[], datetime] = field(repr=False)
    kind: str = "recorded"
    licence: str = "AWS service terms: facts for the account that asked"
    note: str = "zones by ID; Linux/UNIX only; each row observed when it was read"

    @property
    def source_id(self) -> str:
        """One source per region, so that each has its own watermark and age."""
        return f"aws-spot-prices/{self.region}"

    @property
    def origin(self) -> str:
        """The operation and region."""
        return f"ec2 DescribeSpotPriceHistory in {self.region}"

    def batches(self) -> Iterator[Batch]:
        """The region's changes; see `base.Source`."""
        if not self.skus:  # An empty list of types would ask for every machine of AWS.
            return
        at = self.now()
        with asking(self.ec2, "describe_spot_price_history"):
            batch = self._batch(self._rows(at), at)
        yield batch

    def _rows(self, at: datetime) -> list[dict[str, Any]]:
        """Every entry of every page."""
        since = at - HISTORY if self.since is None else max(self.since - OVERLAP, at - HISTORY)
        found = pages(
            self.ec2,
            "describe_spot_price_history",
            "SpotPriceHistory",
            InstanceTypes=sorted(sku.name for sku in self.skus),
            ProductDescriptions=list(LINUX),
            StartTime=since,
            EndTime=at,
        )
        return list(found)

    def _batch(self, rows: list[dict[str, Any]], at: datetime) -> Batch:
        """Prices of Linux machines in zones that have an ID; the rest with its reason."""
        columns = ["InstanceType", "ProductDescription", "SpotPrice", "Timestamp"]
        table = pd.DataFrame([[row[c] for c in columns] for row in rows], columns=columns)
        table["zone"] = pd.Series(ids_for(self.ec2, rows), index=table.index, dtype="object")
        linux, placed = table["ProductDescription"].isin(LINUX), table["zone"].notna()
        kept = table[linux & placed]
        region = pd.Series(self.region, index=kept.index)
        prices = pd.DataFrame(
            {
                "pool_id": pool_keys("aws", region, kept["zone"], kept["InstanceType"], "spot"),
                "kind": "recorded",
                "effective_at": pd.to_datetime(kept["Timestamp"], utc=True),
                "observed_at": pd.Timestamp(at),
                "price_usd_per_hour": kept["SpotPrice"],
            }
        )
        rejected = [
            reject(table[~linux], "product is not Linux/UNIX"),
            reject(table[linux & ~placed], "the account knows no ID of the zone"),
        ]
        return Batch(
            prices=prices.drop_duplicates(ignore_index=True),
            rejected=pd.concat(rejected, ignore_index=True),
            skus=self.skus,
        )
