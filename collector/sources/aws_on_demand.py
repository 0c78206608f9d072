"""AWS on-demand prices of one region, from the Price List service.

Linux on shared hardware, without preinstalled software and outside Capacity Blocks: without
`marketoption` the service mixes block prices among the others. The service stands in three
regions only and answers there for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pandas as pd

from model.market import CapacityType, Pool, Sku

from .aws_clients import asking, pages
from .base import Batch

PRICING_REGION: Final = "us-east-1"  # One of the three that have an endpoint.
SHARED_LINUX: Final = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsOnDemand:
    """`Source` of one region's on-demand prices."""

    pricing: Any = field(repr=False)  # A boto3 client in PRICING_REGION.
    region: str
    skus: tuple[Sku, ...]
    now: Callable[[], datetime] = field(repr=False)
    kind: str = "recorded"
    licence: str = "AWS service terms: public price list"
    note: str = "Linux, shared tenancy, no licence included; effective from the day AWS states"

    @property
    def source_id(self) -> str:
        """One source per region."""
        return f"aws-on-demand/{self.region}"

    @property
    def origin(self) -> str:
        """The operation and the region it is asked about."""
        return f"pricing GetProducts for {self.region}"

    def batches(self) -> Iterator[Batch]:
        """One batch with the prices of every machine; see `base.Source`."""
        at = self.now()
        with asking(self.pricing, "get_products"):
            rows = [row for sku in self.skus for text in self._products(sku) for row in _prices(text)]
            prices = pd.DataFrame(rows, columns=["pool_id", "effective_at", "unit", "currency", USD])
        prices["effective_at"] = pd.to_datetime(prices["effective_at"], utc=True, errors="coerce")
        yield Batch(prices=prices.assign(kind="recorded", observed_at=pd.Timestamp(at)), skus=self.skus)

    def _products(self, sku: Sku) -> Iterator[str]:
        """The product documents of one machine."""
        wanted = {"instanceType": sku.name, "regionCode": self.region, **SHARED_LINUX}
        filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
        return pages(self.pricing, "get_products", "PriceList", ServiceCode="AmazonEC2", Filters=filters)


USD: Final = "price_usd_per_hour"


def _prices(text: str) -> Iterator[tuple[str, str, str, str, str]]:
    """Every on-demand price of one product document, with its currency and unit as AWS writes them."""
    document = json.loads(text)
    attributes = document["product"]["attributes"]
    pool = Pool(
        provider="aws",
        region=attributes["regionCode"],
        zone=None,
        sku=attributes["instanceType"],
        capacity_type=CapacityType.ON_DEMAND,
    )
    for term in document["terms"]["OnDemand"].values():
        for dimension in term["priceDimensions"].values():
            unit = "hour" if dimension["unit"] == "Hrs" else dimension["unit"]
            for currency, price in dimension["pricePerUnit"].items():
                yield pool.key, term["effectiveDate"], unit, currency, price
