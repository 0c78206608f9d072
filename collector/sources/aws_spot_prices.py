"""AWS spot prices of one region: every change of the last 90 days, by zone ID.

AWS gives changes, newest first or in any order, and before them the price that was in force
when the span began, under its own older instant. On the first reading that one is kept:
without it the first hours of a pool would have no price. Later it is known already, and a
feed that is read every few minutes would have every pool's old price confirmed every few
minutes, which costs a stored repeat and says nothing new; so it is given once a day, which
keeps staleness honest to the day. A machine that is asked for anew has no price until then.

A region is one batch, whole or not at all, because half of its pages would leave a hole
behind the newest change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
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
        since = at - HISTORY if self.since is None else max(self.since - OVERLAP, at - HISTORY)
        with asking(self.ec2, "describe_spot_price_history"):
            rows = self._rows(since, at)
            if not self._gives_carried(at):
                rows = [row for row in rows if row["Timestamp"] >= since]
            batch = self._batch(rows, at)
        yield batch

    def _gives_carried(self, at: datetime) -> bool:
        """Whether prices older than what is asked for are given: at first, and once a UTC day.

        The day's first pass is told by its watermark: no change of today is known yet. In a
        region where nothing changes the whole day every pass is the first; that costs
        repeats, and loses nothing.
        """
        return self.since is None or self.since < datetime.combine(at.astimezone(UTC), time(), UTC)

    def _rows(self, since: datetime, at: datetime) -> list[dict[str, Any]]:
        """Every entry of every page."""
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
