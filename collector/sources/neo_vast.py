"""Vast: a market of other people's machines, told as quantiles per machine shape and country.

Thousands of hosts come and go, so no host is a pool. A pool is a shape in a country at a
quantile of the prices asked there, in the place of a zone: `quantile:p50` is the price that
half of the offers do not exceed. Bids are pools of their own: a higher bid evicts. Fewer than
three offers make no quantile, and an answer cut at its limit makes none either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any, Final

import httpx

from model.market import CapacityType, Pool, Sku

from .base import Batch
from .findings import Findings, pool_key
from .neo_gpus import gpu_sku
from .retry import endpoint
from .web import PATIENT, Patience, Shaped, bearer, json_answer

PATH: Final = "/api/v0/bundles/"
QUANTILES: Final = {"p10": 0.10, "p50": 0.50, "p90": 0.90}
FEWEST: Final = 3  # Offers that make a quantile.
PRICES: Final = {CapacityType.ON_DEMAND: "dph_base", CapacityType.BID: "min_bid"}  # Without storage.
Asked = dict[tuple[Sku, str, CapacityType], list[Decimal]]


@dataclass(frozen=True, slots=True, kw_only=True)
class VastOffers:
    """Quantiles of asked prices and of lowest bids for the GPUs named.

    Args:
        client: Its base URL is https://console.vast.ai outside tests.
        key: Gives the API key when asked (`web.credential` of VAST_API_KEY).
        gpu_names: As Vast spells them, e.g. "H100 SXM".
        now: The clock, in UTC.
        limit: Most offers of one answer.
        watched: Pools known before; one without enough offers now is a probe that failed.
        holds_s: The collector's cadence.
    """

    client: httpx.Client
    key: Callable[[], str] = field(repr=False)
    gpu_names: tuple[str, ...]
    now: Callable[[], datetime] = field(repr=False)
    limit: int = 3000
    watched: frozenset[Pool] = field(default=frozenset(), repr=False)
    holds_s: float = 900.0
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "vast-offers"
    kind: str = "recorded"
    licence: str = "Vast API under the customer's own key; terms of Vast"
    note: str = "quantiles of asked prices per shape and country, verified hosts, without storage"

    @property
    def origin(self) -> str:
        """The address read."""
        return str(self.client.base_url.join(PATH))

    def batches(self) -> Iterator[Batch]:
        """One batch per GPU name."""
        key = self.key()
        for name in self.gpu_names:
            request = self.client.build_request("POST", PATH, json=self._wanted(name), headers=bearer(key))
            answer = json_answer(self.client, request, self.patience)
            found = Findings(at=self.now())
            with Shaped(endpoint(request)):
                self._note(name, answer["offers"], found)
            yield found.batch()

    def _wanted(self, name: str) -> dict[str, Any]:
        """The search: machines that can be rented now from verified hosts, cheapest first."""
        return {
            "gpu_name": {"eq": name}, "rentable": {"eq": True}, "rented": {"eq": False},
            "verified": {"eq": True}, "type": "on-demand", "order": [["dph_base", "asc"]],
            "limit": self.limit,
        }  # fmt: skip

    def _note(self, name: str, offers: list[Mapping[str, Any]], found: Findings) -> None:
        """Quantiles of one answer."""
        if len(offers) >= self.limit:  # Cheapest first, so the dear ones are missing.
            found.reject("answer is cut at its limit", {"gpu_name": name, "limit": self.limit})
            return
        quoted = set()
        for (sku, country, capacity), asked in self._asked(offers, found).items():
            if len(asked) < FEWEST:
                content = {"sku": sku.name, "country": country, "capacity": capacity.value, "asked": asked}
                found.reject(f"fewer than {FEWEST} offers", content)
                continue
            found.sku(sku)
            found.listing(country, sku)
            for label, share in QUANTILES.items():
                pool = pool_key("vast", country, f"quantile:{label}", sku.name, capacity)
                found.price(pool, quantile(asked, share))
                found.probe(pool, obtainable=True, holds_s=self.holds_s)
                quoted.add(pool)
        for pool in sorted(key for key in self._watched(name) if key not in quoted):
            found.probe(pool, obtainable=False, holds_s=self.holds_s)

    def _watched(self, name: str) -> Iterator[str]:
        """Pools of this GPU that were quoted before: `8x_H100_SXM_80GB` is of H100 SXM."""
        for pool in self.watched:
            gpu = pool.sku.partition("x_")[2].rpartition("_")[0]
            if pool.provider == "vast" and gpu == name.replace(" ", "_"):
                yield pool.key

    def _asked(self, offers: list[Mapping[str, Any]], found: Findings) -> Asked:
        """Prices per machine-hour by shape, country and way to buy."""
        asked: Asked = {}
        for offer in offers:
            country = _country(offer["geolocation"])
            if country is None:
                found.reject("country is not stated", {"id": offer["id"], "where": offer["geolocation"]})
                continue
            sku = _sku(offer)
            for capacity, column in PRICES.items():
                if offer.get(column):
                    asked.setdefault((sku, country, capacity), []).append(Decimal(offer[column]))
        return asked


def quantile(asked: list[Decimal], share: float) -> Decimal:
    """The lowest asked price that this share of the offers does not exceed (nearest rank)."""
    return sorted(asked)[max(ceil(share * len(asked)), 1) - 1]


def _sku(offer: Mapping[str, Any]) -> Sku:
    """The shape: GPUs, and the memory that tells an A100 40GB from an 80GB."""
    count, gpu = offer["num_gpus"], offer["gpu_name"]
    sku = gpu_sku("vast", "", gpu, count, float(offer["gpu_ram"]) / 1024)
    memory = sku.gpu_model.split("-")[1]
    return gpu_sku("vast", f"{count}x_{gpu}_{memory}".replace(" ", "_"), gpu, count, float(memory[:-2]))


def _country(where: str | None) -> str | None:
    """The two letters at the end of `Sweden, SE`."""
    code = (where or "").rpartition(",")[2].strip()
    return code if len(code) == 2 and code.isalpha() and code.isupper() else None
