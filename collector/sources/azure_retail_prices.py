"""Azure Retail Prices: what every GPU size costs in a region, spot and on-demand. No credential.

The feed is regional and gives no price per zone. It lists Linux, Windows, Low Priority and
dedicated meters side by side; only Linux on spot and on demand is kept, the rest is turned
away under its reason. Where a size has several meters of a kind, the newest in force counts.
A next link that leads away from the configured origin is not followed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import httpx

from model.errors import LowtideError
from model.market import CapacityType

from ..catalog import load_catalog
from .base import Batch, UnreadableSource
from .findings import Findings, instant, pool_key
from .retry import endpoint
from .web import PATIENT, Patience, Shaped, json_answer, pages, same_origin

PATH: Final = "/api/retail/prices"
VERSION: Final = "2023-01-01-preview"
GPU_SIZES: Final = "Standard_N"  # The N series: NC, ND, NG, NV. Filter values are case-sensitive.


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One row of the feed: what a size costs, bought in one way."""

    size: str
    meter: str
    product: str
    region: str
    usd: Decimal
    currency: str
    unit: str
    type: str
    tier_from: Decimal
    primary: bool
    since: datetime

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Meter:
        """From the feed's own names; a missing one is a LookupError."""
        return cls(
            size=row["armSkuName"],
            meter=row["meterName"],
            product=row["productName"],
            region=row["armRegionName"],
            usd=Decimal(row["retailPrice"]),
            currency=row["currencyCode"],
            unit=row["unitOfMeasure"],
            type=row["type"],
            tier_from=Decimal(row["tierMinimumUnits"]),
            primary=row["isPrimaryMeterRegion"],
            since=instant(row["effectiveStartDate"]),
        )

    @property
    def capacity(self) -> CapacityType:
        """How it is bought."""
        return CapacityType.SPOT if "Spot" in self.meter else CapacityType.ON_DEMAND

    @property
    def rank(self) -> tuple[datetime, bool, Decimal]:
        """Newest first in force; then the meter that is billed; then the dearer, to promise no less."""
        return self.since, self.primary, self.usd

    def unwanted(self, region: str, now: datetime) -> str | None:
        """Why it is not the Linux price of a size in this region now; None where it is."""
        reasons = {
            "region is not the one asked for": self.region != region,
            "size is not named": not self.size,
            "system is Windows": "Windows" in self.product,
            "meter is Low Priority": "Low Priority" in self.meter,
            "host is dedicated": "Dedicated" in self.product or "Dedicated" in self.meter,
            "product is Cloud Services": "Cloud Services" in self.product or "CloudServices" in self.product,
            "price is not pay-as-you-go": self.type != "Consumption",
            "unit of measure is not 1 Hour": self.unit != "1 Hour",
            "price starts at a minimum quantity": self.tier_from != 0,
            "price is not in force yet": self.since > now,
        }
        return next((reason for reason, holds in reasons.items() if holds), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureRetailPrices:
    """Spot and on-demand prices of GPU sizes in the regions named.

    Args:
        client: Its base URL is the origin, https://prices.azure.com outside tests.
        regions: As Azure spells them in `armRegionName`, e.g. eastus.
        now: The clock; the observed_at of every fact.
    """

    client: httpx.Client
    regions: tuple[str, ...]
    now: Callable[[], datetime] = field(repr=False)
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "azure-retail-prices"
    kind: str = "recorded"
    licence: str = "Azure Retail Prices, a public API; terms of Microsoft"
    note: str = "Linux only; a size with several meters of a kind is priced by the newest in force"

    @property
    def origin(self) -> str:
        """The address read."""
        return str(self.client.base_url.join(PATH))

    def batches(self) -> Iterator[Batch]:
        """One batch per region; on trouble, what was read of the region before is given first."""
        for region in self.regions:
            meters: list[Meter] = []
            try:
                for page in pages(self._first(region), self._page):
                    meters.extend(page)
            except LowtideError:
                yield self._batch(region, meters)
                raise
            yield self._batch(region, meters)

    def _first(self, region: str) -> httpx.Request:
        """The request of a region's first page."""
        wanted = (
            "serviceName eq 'Virtual Machines' and priceType eq 'Consumption' "
            f"and armRegionName eq '{region}' and contains(armSkuName, '{GPU_SIZES}')"
        )
        return self.client.build_request("GET", PATH, params={"api-version": VERSION, "$filter": wanted})

    def _page(self, request: httpx.Request) -> tuple[list[Meter], httpx.Request | None]:
        """The meters of a page, and the request of the next."""
        answer = json_answer(self.client, request, self.patience)
        with Shaped(endpoint(request)):
            link = answer["NextPageLink"]
            meters = [Meter.read(row) for row in answer["Items"]]
        return meters, self._following(link, endpoint(request)) if link else None

    def _following(self, link: str, where: str) -> httpx.Request:
        """The request of a next link, verbatim."""
        with Shaped(where):
            url = httpx.URL(link)
        if not same_origin(url, self.client.base_url):
            raise UnreadableSource(
                f"A page of {where} names a next page on {url.host}, which is not where it came from.",
                fix="Check the base URL of the feed; a link to another host is never followed.",
            )
        return self.client.build_request("GET", url)

    def _batch(self, region: str, meters: list[Meter]) -> Batch:
        """The meter in force of every size and way to buy it; the others with their reasons."""
        found = Findings(at=self.now())
        best: dict[tuple[str, CapacityType], Meter] = {}
        for meter in sorted(meters, key=lambda m: m.rank):
            reason = meter.unwanted(region, found.at)
            if reason:
                found.reject(reason, asdict(meter))
                continue
            older = best.get((meter.size, meter.capacity))
            if older is not None:
                found.reject("a newer meter of the size is in force", asdict(older))
            best[meter.size, meter.capacity] = meter
        for (size, capacity), meter in best.items():
            pool = pool_key("azure", region, None, size, capacity)
            found.price(pool, meter.usd, since=meter.since, currency=meter.currency)
            found.listing(region, load_catalog().skus.get(("azure", size)))
        return found.batch()
