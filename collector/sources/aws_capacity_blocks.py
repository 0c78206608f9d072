"""Capacity Blocks on offer in one AWS region: machines for a fixed time, paid before it starts.

An offer is what AWS would sell at this moment; it is no reservation, and no offer means that
AWS named none. A block cannot be cancelled, and AWS ends its instances before the block's
own end; that belongs to whoever prices it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from model.market import Sku

from .aws_clients import asking, pages
from .aws_places import ids_for
from .base import Batch, reject


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockQuery:
    """How many of which machine, for how long, starting between two instants."""

    sku: Sku
    instances: int
    hours: int
    from_at: datetime
    until_at: datetime

    def params(self) -> dict[str, Any]:
        """The question as AWS wants it."""
        return {
            "InstanceType": self.sku.name,
            "InstanceCount": self.instances,
            "CapacityDurationHours": self.hours,
            "StartDateRange": self.from_at,
            "EndDateRange": self.until_at,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsCapacityBlocks:
    """`Source` of one region's offers for some questions, one batch each."""

    ec2: Any = field(repr=False)
    region: str
    queries: tuple[BlockQuery, ...]
    now: Callable[[], datetime] = field(repr=False)
    kind: str = "recorded"
    licence: str = "AWS service terms: facts for the account that asked"
    note: str = "offers at the instant of asking; the fee is for all instances and the whole time"

    @property
    def source_id(self) -> str:
        """One source per region."""
        return f"aws-capacity-blocks/{self.region}"

    @property
    def origin(self) -> str:
        """The operation and region."""
        return f"ec2 DescribeCapacityBlockOfferings in {self.region}"

    def batches(self) -> Iterator[Batch]:
        """Ask each question; see `base.Source`."""
        for query in self.queries:
            at = self.now()
            with asking(self.ec2, "describe_capacity_block_offerings"):
                batch = self._batch(self._offers(query), query, at)
            yield batch

    def _offers(self, query: BlockQuery) -> list[dict[str, Any]]:
        """Every offer on every page."""
        operation = "describe_capacity_block_offerings"
        return list(pages(self.ec2, operation, "CapacityBlockOfferings", **query.params()))

    def _batch(self, found: list[dict[str, Any]], query: BlockQuery, at: datetime) -> Batch:
        """Offers in USD and in zones that have an ID; the rest with its reason."""
        if not found:
            return Batch(skus=(query.sku,))
        offers = pd.DataFrame(
            {
                "provider": "aws",
                "region": self.region,
                "zone": pd.Series(ids_for(self.ec2, found), dtype="object"),
                "sku": [offer["InstanceType"] for offer in found],
                "capacity_type": "capacity_block",
                "offer_ref": [offer["CapacityBlockOfferingId"] for offer in found],
                "instances": [offer["InstanceCount"] for offer in found],
                "starts_at": pd.to_datetime([offer["StartDate"] for offer in found], utc=True),
                "ends_at": pd.to_datetime([offer["EndDate"] for offer in found], utc=True),
                "upfront_usd": [offer["UpfrontFee"] for offer in found],
                "effective_at": pd.Timestamp(at),
                "observed_at": pd.Timestamp(at),
            }
        )
        fee = pd.to_numeric(offers["upfront_usd"], errors="coerce")
        wrong = {
            "currency is not USD": pd.Series([offer["CurrencyCode"] != "USD" for offer in found]),
            "fee is no positive number": ~(fee > 0),
            "the account knows no ID of the zone": offers["zone"].isna(),
        }
        return _sorted_out(offers, wrong, query.sku)


def _sorted_out(offers: pd.DataFrame, wrong: dict[str, pd.Series], sku: Sku) -> Batch:
    """The offers that nothing is wrong with, the others under the first reason that holds."""
    rejected = []
    for reason, broken in wrong.items():
        rejected.append(reject(offers[broken.reindex(offers.index)], reason))
        offers = offers[~broken.reindex(offers.index)]
    return Batch(offers=offers, rejected=pd.concat(rejected, ignore_index=True), skus=(sku,))
