"""Lambda: on-demand prices, and where each machine can be had now. Lambda sells no spot.

One answer holds everything. The price is stated in whole US cents per instance-hour and is
the same in all regions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import httpx

from model.market import CapacityType, Pool

from .base import Batch
from .findings import Findings
from .neo_gpus import gpu_sku
from .neo_watch import Offer, note_offer, reject_homeless
from .retry import endpoint
from .web import PATIENT, Patience, Shaped, bearer, json_answer

PATH: Final = "/api/v1/instance-types"


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaPrices:
    """Prices and availability of Lambda's public cloud.

    Args:
        client: Its base URL is https://cloud.lambda.ai outside tests.
        key: Gives the API key when asked (`web.credential` of LAMBDA_API_KEY).
        now: The clock, in UTC.
        watched: Pools known before; see `neo_watch`.
        holds_s: The collector's cadence.
    """

    client: httpx.Client
    key: Callable[[], str] = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    watched: frozenset[Pool] = field(default=frozenset(), repr=False)
    holds_s: float = 600.0
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "lambda-instance-types"
    kind: str = "recorded"
    licence: str = "Lambda Cloud API under the customer's own key; terms of Lambda"
    note: str = "a machine that is not listed counts as unavailable only where it was listed before"

    @property
    def origin(self) -> str:
        """The address read."""
        return str(self.client.base_url.join(PATH))

    def batches(self) -> Iterator[Batch]:
        """One batch."""
        request = self.client.build_request("GET", PATH, headers=bearer(self.key()))
        answer = json_answer(self.client, request, self.patience)
        found = Findings(at=self.now())
        with Shaped(endpoint(request)):
            for entry in answer["data"].values():
                self._note(entry, found)
        yield found.batch()

    def _note(self, entry: Mapping[str, Any], found: Findings) -> None:
        """One machine; those without a GPU are left out."""
        machine = entry["instance_type"]
        count = machine["specs"]["gpus"]
        if not count:
            return
        gpu, memory_gb = _gpu(machine["gpu_description"])
        if memory_gb is None:
            found.reject("memory of the GPU is not stated", machine)
            return
        offer = Offer(
            sku=gpu_sku("lambda", machine["name"], gpu, count, memory_gb),
            capacity=CapacityType.ON_DEMAND,
            usd=Decimal(machine["price_cents_per_hour"]) / 100,
        )
        listed = [region["name"] for region in entry["regions_with_capacity_available"]]
        if not note_offer(found, offer, listed=listed, watched=self.watched, holds_s=self.holds_s):
            reject_homeless(found, offer)


def _gpu(description: str) -> tuple[str, int | None]:
    """Name and memory of one GPU: `H100 (80 GB SXM5)` is an H100 SXM5 with 80 GB."""
    memory = re.search(r"(\d+) ?GB", description)
    return description, int(memory[1]) if memory else None
