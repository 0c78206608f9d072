"""Azure eviction bands: the share of spot machines of a size that was evicted, per hour.

Resource Graph publishes today's band only, at tenant scope, over the trailing 28 days. It is
stored as the band it is, with its horizon of one hour: it is not comparable with a band of
another provider's month, and nothing here turns it into a rate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx

from model.signals import Denominator

from ..catalog import load_catalog
from .base import Batch
from .findings import Findings
from .retry import endpoint
from .web import PATIENT, Patience, Shaped, bearer, json_answer, pages

PATH: Final = "/providers/Microsoft.ResourceGraph/resources"
VERSION: Final = "2022-10-01"
QUERY: Final = (
    "SpotResources | where type =~ 'microsoft.compute/skuspotevictionrate/location' "
    "| project sku = tostring(sku.name), location, evictionRate = tostring(properties.evictionRate) "
    "| order by sku asc, location asc"  # Pages of an unordered query may repeat or lose rows.
)
BANDS: Final[Mapping[str, tuple[float, float | None]]] = {  # Percent per hour -> share, low and high.
    "0-5": (0.0, 0.05),
    "5-10": (0.05, 0.10),
    "10-15": (0.10, 0.15),
    "15-20": (0.15, 0.20),
    "20+": (0.20, None),
}
HOUR_S: Final = 3600.0
WINDOW_S: Final = 28 * 86_400.0
WHAT: Final = (
    "Azure Resource Graph: share of running spot machines evicted per hour, over the trailing 28 days"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureEviction:
    """Today's eviction bands of GPU sizes in all regions.

    Args:
        client: Its base URL is https://management.azure.com outside tests.
        token: Gives an Entra access token with Reader at tenant scope when asked.
        now: The clock, in UTC.
    """

    client: httpx.Client
    token: Callable[[], str] = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    sizes: str = "Standard_N"  # Only sizes that begin so; the N series holds the GPUs.
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "azure-eviction"
    kind: str = "recorded"
    licence: str = "Azure Resource Graph under the customer's own credential; terms of Microsoft"
    note: str = "bands per hour over the trailing 28 days; only the current band can be read"

    @property
    def origin(self) -> str:
        """The address read."""
        return str(self.client.base_url.join(PATH))

    def batches(self) -> Iterator[Batch]:
        """One batch per page.

        Raises:
            SourceSkipped: No credential, or it may not read at tenant scope.
        """
        token = self.token()

        def page(request: httpx.Request) -> tuple[Batch, httpx.Request | None]:
            answer = json_answer(self.client, request, self.patience)
            with Shaped(endpoint(request)):
                rows, skip = self._batch(answer["data"]), answer.get("$skipToken")
            return rows, self._request(token, skip) if skip else None

        yield from pages(self._request(token, None), page)

    def _request(self, token: str, skip: str | None) -> httpx.Request:
        """The query; without subscriptions in its body it is asked at tenant scope."""
        options: dict[str, Any] = {"$top": 1000, "resultFormat": "objectArray"}
        if skip:
            options["$skipToken"] = skip
        return self.client.build_request(
            "POST",
            PATH,
            params={"api-version": VERSION},
            headers={**bearer(token), "Content-Type": "application/json"},
            content=json.dumps({"query": QUERY, "options": options}),
        )

    def _batch(self, rows: list[Mapping[str, Any]]) -> Batch:
        """The bands of one page; a label we do not know is turned away, never guessed."""
        found = Findings(at=self.now())
        for row in rows:
            size, region, label = row["sku"], row["location"], row["evictionRate"]
            if not size.lower().startswith(self.sizes.lower()):
                continue
            if label not in BANDS:
                found.reject("eviction band is unknown", row)
                continue
            low, high = BANDS[label]
            found.band(
                provider="azure", region=region, sku=canonical(size), what=WHAT, horizon_s=HOUR_S,
                window_s=WINDOW_S, denominator=Denominator.RUNNING, label=label,
                rate_low=low, rate_high=high, effective_at=found.at,
            )  # fmt: skip
        return found.batch()


def canonical(size: str) -> str:
    """The size as the catalogue spells it: Resource Graph writes standard_nc24ads_a100_v4."""
    known = {name.lower(): name for provider, name in load_catalog().skus if provider == "azure"}
    return known.get(size.lower(), size)
