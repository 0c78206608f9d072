"""Google's price catalogue: spot and on-demand prices of GPU machines, put together from their parts.

Google sells cores, memory, GPUs and disk apart; a machine costs what its parts cost. Prices
are regional. A machine of which a part has no price is reported with that part, and is never
priced without it. Needs an API key or any Google credential; public prices need no role.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from model.market import CapacityType

from ..catalog import load_catalog
from .base import Batch, UnreadableSource
from .findings import Findings, pool_key
from .gcp_calls import answered, told
from .gcp_parts import USAGE, PartPrice, PartPrices, Patterns, load_patterns
from .web import PATIENT, Patience

COMPUTE_ENGINE: Final = "services/6F81-5844-456A"
WHERE: Final = "CloudCatalog.ListSkus"
LAST_DIGIT: Final = Decimal("1e-9")  # Of the store.


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpCatalog:
    """Machine prices of all regions.

    Args:
        client: Makes a `google.cloud.billing_v1.CloudCatalogClient`, over REST or gRPC.
        now: The clock, in UTC.
        patterns: Names of SKUs and shapes of machines.
    """

    client: Callable[[], Any] = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    patterns: Patterns = field(default_factory=load_patterns, repr=False)
    patience: Patience = field(default=PATIENT, repr=False)
    page_size: int = 5000
    source_id: str = "gcp-catalog"
    kind: str = "recorded"
    licence: str = "Cloud Billing Catalog under the customer's own credential; terms of Google"
    note: str = "composed from part prices and the shapes of gcp_patterns.toml; list prices, no discount"
    origin: str = "cloudbilling.googleapis.com/v1/" + COMPUTE_ENGINE + "/skus"

    def batches(self) -> Iterator[Batch]:
        """One batch: a machine can be priced only when every page was read.

        Raises:
            SourceSkipped, SourceUnavailable, UnreadableSource: Then there is no batch.
        """
        found = Findings(at=self.now())
        parts = PartPrices(patterns=self.patterns, found=found)
        client = answered(self.client, WHERE, self.patience)
        for page in self._pages(client):
            with told(WHERE):
                for sku in page.skus:
                    parts.add(sku)
        for machine in self.patterns.machines:
            for capacity in USAGE.values():
                self._compose(machine, capacity, parts, found)
        yield found.batch()

    def _pages(self, client: Any) -> Iterator[Any]:
        """All pages, each asked for with our own patience."""
        token, seen = "", {""}
        while True:
            request = {
                "parent": COMPUTE_ENGINE, "currency_code": "USD", "page_size": self.page_size,
                "page_token": token,
            }  # fmt: skip
            page = answered(partial(_page, client, request), WHERE, self.patience)
            yield page
            token = page.next_page_token
            if not token:
                return
            if token in seen:
                raise UnreadableSource(
                    f"{WHERE} repeats a page token after {len(seen)} pages: paging would never end.",
                    fix="Collect again later; nothing was stored.",
                )
            seen.add(token)

    def _compose(self, machine: str, capacity: CapacityType, parts: PartPrices, found: Findings) -> None:
        """Price a machine wherever its first part, the GPU, is sold."""
        shape = self.patterns.machines[machine]
        gpu = next(iter(shape))
        regions = sorted({r for part, r, c in parts.prices if (part, c) == (gpu, capacity)})
        if not regions:
            content = {"machine": machine, "capacity": capacity.value, "part": gpu}
            found.reject("machine type is unmatched: its GPU has no SKU in any region", content)
        for region in regions:
            prices = {part: parts.prices.get((part, region, capacity)) for part in shape}
            missing = [part for part, price in prices.items() if price is None]
            if missing:
                content = {"machine": machine, "capacity": capacity.value, "region": region}
                content["without"] = ", ".join(missing)
                found.reject("machine type is unmatched: a part has no price", content)
                continue
            usd, since = _total([(shape[part], price) for part, price in prices.items() if price])
            found.price(pool_key("gcp", region, None, machine, capacity), usd, since=since)
            found.listing(region, load_catalog().skus.get(("gcp", machine)))


def _total(parts: list[tuple[int, PartPrice]]) -> tuple[Decimal, datetime]:
    """USD per machine-hour, and since when all parts cost this."""
    usd = sum((count * price.usd for count, price in parts), Decimal(0))
    since = max(price.since for _, price in parts)
    return usd.quantize(LAST_DIGIT), since.astimezone(UTC)


def _page(client: Any, request: dict[str, Any]) -> Any:
    """One page, as the client gives it."""
    return next(iter(client.list_skus(request=request, retry=None, timeout=60.0).pages))
