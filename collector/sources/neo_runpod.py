"""RunPod's secure cloud: on-demand prices, the lowest bid, and the stock of each data centre.

A bid is not a price for keeps: whoever bids more takes the machine. So bids are pools of
their own, of capacity type `bid`. RunPod states prices per GPU; ours are per machine. Its
community cloud, other people's machines, is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import httpx

from model.errors import LowtideError
from model.market import CapacityType, Pool

from .base import Batch
from .findings import Findings
from .neo_gpus import gpu_sku
from .neo_watch import Offer, note_offer
from .retry import endpoint
from .web import PATIENT, Patience, Shaped, bearer, json_answer

PATH: Final = "/graphql"
PLACES: Final = "query Places { dataCenters { id listed } }"
OFFERS: Final = """
query Offers($input: GpuLowestPriceInput) {
  gpuTypes {
    id displayName memoryInGb secureCloud securePrice maxGpuCountSecureCloud
    lowestPrice(input: $input) { minimumBidPrice stockStatus }
  }
}
"""
IN_STOCK: Final = {"High": True, "Medium": True, "Low": True, None: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPodPrices:
    """Prices, bids and stock of every listed data centre.

    Args:
        client: Its base URL is https://api.runpod.io outside tests.
        key: Gives the API key when asked (`web.credential` of RUNPOD_API_KEY).
        now: The clock, in UTC.
        gpu_counts: Machines of so many GPUs are asked for.
        watched: Pools known before; see `neo_watch`.
        holds_s: The collector's cadence.
    """

    client: httpx.Client
    key: Callable[[], str] = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    gpu_counts: tuple[int, ...] = (1, 8)
    watched: frozenset[Pool] = field(default=frozenset(), repr=False)
    holds_s: float = 600.0
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "runpod-gpu-types"
    kind: str = "recorded"
    licence: str = "RunPod API under the customer's own key; terms of RunPod"
    note: str = "secure cloud only; bids are the lowest that may win, and may be outbid at any time"

    @property
    def origin(self) -> str:
        """The address read."""
        return str(self.client.base_url.join(PATH))

    def batches(self) -> Iterator[Batch]:
        """One batch per data centre; on trouble, what was read of it before is given first."""
        key = self.key()
        answer, where = self._ask(key, PLACES)
        with Shaped(where):
            places = [place["id"] for place in answer["data"]["dataCenters"] if place["listed"]]
        for place in sorted(places):
            found = Findings(at=self.now())
            try:
                for count in self.gpu_counts:
                    self._read(key, place, count, found)
            except LowtideError:
                yield found.batch()
                raise
            yield found.batch()

    def _ask(self, key: str, query: str, **variables: Any) -> tuple[Any, str]:
        """The value of one answer, and the endpoint's name."""
        body = {"query": query, "variables": variables}
        request = self.client.build_request("POST", PATH, json=body, headers=bearer(key))
        return json_answer(self.client, request, self.patience), endpoint(request)

    def _read(self, key: str, place: str, count: int, found: Findings) -> None:
        """Machines of `count` GPUs in one data centre."""
        wanted = {"gpuCount": count, "secureCloud": True, "dataCenterId": place}
        answer, where = self._ask(key, OFFERS, input=wanted)
        with Shaped(where):
            for gpu in answer["data"]["gpuTypes"]:
                if gpu["secureCloud"] and (gpu["maxGpuCountSecureCloud"] or 0) >= count:
                    self._note(gpu, place, count, found)

    def _note(self, gpu: Mapping[str, Any], place: str, count: int, found: Findings) -> None:
        """One kind of GPU: its on-demand price and its bid."""
        lowest = gpu["lowestPrice"]
        stock = lowest["stockStatus"]
        if stock not in IN_STOCK:
            found.reject("stock status is unknown", {"id": gpu["id"], "place": place, "stock": stock})
            return
        name = f"{count}x_{gpu['id']}".replace(" ", "_")
        sku = gpu_sku("runpod", name, gpu["displayName"], count, float(gpu["memoryInGb"]))
        prices = {
            CapacityType.ON_DEMAND: gpu["securePrice"],
            CapacityType.BID: lowest["minimumBidPrice"],
        }
        watched = frozenset(pool for pool in self.watched if pool.region == place)
        for capacity, usd in prices.items():
            if usd:  # Null: not sold in this way.
                offer = Offer(sku=sku, capacity=capacity, usd=Decimal(usd) * count)
                listed = [place] if IN_STOCK[stock] else []
                note_offer(found, offer, listed=listed, watched=watched, holds_s=self.holds_s)
