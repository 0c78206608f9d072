"""Verda (formerly DataCrunch): prices, spot prices, and where each machine can be had now.

Three answers: machines with both prices as text, and availability by location, once for spot
and once for on-demand. A price is the same in all locations.
"""

from __future__ import annotations

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
from .web import PATIENT, Patience, Shaped, bearer, credential, json_answer

MACHINES: Final = "/v1/instance-types"
AVAILABILITY: Final = "/v1/instance-availability"
TOKEN: Final = "/v1/oauth2/token"
NAMES: Final = ("VERDA_CLIENT_ID", "VERDA_CLIENT_SECRET")
PRICES: Final = {
    CapacityType.ON_DEMAND: ("price_per_hour", "false"),
    CapacityType.SPOT: ("spot_price", "true"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdaPrices:
    """Prices and availability of Verda.

    Args:
        client: Its base URL is https://api.verda.com outside tests.
        token: Gives an access token when asked; see `verda_token`.
        now: The clock, in UTC.
        watched: Pools known before; see `neo_watch`.
        holds_s: The collector's cadence.
    """

    client: httpx.Client
    token: Callable[[], str] = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    watched: frozenset[Pool] = field(default=frozenset(), repr=False)
    holds_s: float = 600.0
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "verda-instance-types"
    kind: str = "recorded"
    licence: str = "Verda API under the customer's own credential; terms of Verda"
    note: str = "a machine that is not listed counts as unavailable only where it was listed before"

    @property
    def origin(self) -> str:
        """The address read."""
        return str(self.client.base_url.join(MACHINES))

    def batches(self) -> Iterator[Batch]:
        """One batch per way to buy."""
        token = self.token()
        machines = self._ask(token, MACHINES)
        for capacity, (column, is_spot) in PRICES.items():
            places = self._ask(token, AVAILABILITY, is_spot=is_spot)
            found = Findings(at=self.now())
            with Shaped(self._where(AVAILABILITY)):
                listed = [(place["location_code"], set(place["availabilities"])) for place in places]
            with Shaped(self._where(MACHINES)):
                for machine in machines:
                    self._note(machine, capacity, column, listed, found)
            yield found.batch()

    def _ask(self, token: str, path: str, **params: str) -> Any:
        """The value of one answer."""
        request = self.client.build_request("GET", path, params=params, headers=bearer(token))
        return json_answer(self.client, request, self.patience)

    def _where(self, path: str) -> str:
        return endpoint(self.client.build_request("GET", path))

    def _note(
        self, machine: Mapping[str, Any], capacity: CapacityType, column: str,
        listed: list[tuple[str, set[str]]], found: Findings,
    ) -> None:  # fmt: skip
        """One machine; those without a GPU are left out."""
        name, count = machine["instance_type"], machine["gpu"]["number_of_gpus"]
        if not count or not machine.get(column):  # No GPU, or not sold in this way.
            return
        memory_gb = float(machine["gpu_memory"]["size_in_gigabytes"]) / count  # Stated for all together.
        offer = Offer(
            sku=gpu_sku("verda", name, _gpu(machine["gpu"]["description"]), count, memory_gb),
            capacity=capacity,
            usd=Decimal(machine[column]),
            currency=machine.get("currency", "usd").upper(),
        )
        here = [location for location, names in listed if name in names]
        if not note_offer(found, offer, listed=here, watched=self.watched, holds_s=self.holds_s):
            reject_homeless(found, offer)


def _gpu(description: str) -> str:
    """`8x NVIDIA H100 SXM5 80GB` without its count."""
    count, _, rest = description.partition("x ")
    return rest if count.isdigit() else description


def verda_token(
    client: httpx.Client, environ: Mapping[str, str], *, patience: Patience = PATIENT
) -> Callable[[], str]:
    """A function that asks for an access token by the client-credentials grant.

    Raises (when called):
        SourceSkipped: A variable of NAMES is not set, or Verda refuses them.
    """

    def ask() -> str:
        client_id, secret = (credential(name, environ) for name in NAMES)
        grant = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        request = client.build_request("POST", TOKEN, json=grant)
        answer = json_answer(client, request, patience)
        with Shaped(endpoint(request)):
            return str(answer["access_token"])

    return ask
