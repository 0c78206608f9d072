"""Azure spot placement scores: High, Medium or Low, for one size in one region or zone, now.

A score is a property of the question, so the question is stored with it, and the size that it
is for. Zone numbers are the subscription's own, so they are kept as names. Whether the
subscription has quota is its own matter and not the market's: it is not stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import httpx

from model.errors import ImpossibleInput

from .base import Batch
from .findings import Findings
from .retry import endpoint
from .web import PATIENT, Patience, Shaped, bearer, json_answer

VERSION: Final = "2025-06-05"
MOST_SIZES: Final = 5  # In one question, as Microsoft states.
MOST_REGIONS: Final = 8
LABELS: Final = frozenset({"High", "Medium", "Low"})
UNKNOWN: Final = "DataNotFoundOrStale"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzurePlacementQuery:
    """One question: this many machines of each of these sizes, in each of these regions."""

    sizes: tuple[str, ...]
    regions: tuple[str, ...]
    instances: int
    by_zone: bool = True

    def __post_init__(self) -> None:
        if not (1 <= len(self.sizes) <= MOST_SIZES and 1 <= len(self.regions) <= MOST_REGIONS):
            raise ImpossibleInput(
                f"A placement query names {len(self.sizes)} sizes and {len(self.regions)} regions.",
                fix=f"Ask for 1 to {MOST_SIZES} sizes in 1 to {MOST_REGIONS} regions.",
            )
        if self.instances < 1:
            raise ImpossibleInput(
                f"A placement query asks for {self.instances} machines.", fix="Ask for 1 or more."
            )

    @property
    def body(self) -> dict[str, Any]:
        """The question as Azure wants it, in an order that makes equal questions equal."""
        return {
            "desiredLocations": sorted(self.regions),
            "desiredSizes": [{"sku": size} for size in sorted(self.sizes)],
            "desiredCount": self.instances,
            "availabilityZones": self.by_zone,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureScores:
    """`Source` of the answers to some questions, one batch each.

    Args:
        client: Its base URL is https://management.azure.com outside tests.
        token: Gives an Entra access token; its role is Compute Recommendations.
        subscription: The subscription that asks.
        queries: What is asked.
        now: The clock, in UTC.
    """

    client: httpx.Client
    token: Callable[[], str] = field(repr=False)
    subscription: str = field(repr=False)
    queries: tuple[AzurePlacementQuery, ...]
    now: Callable[[], datetime] = field(repr=False)
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "azure-placement-scores"
    kind: str = "recorded"
    licence: str = "Azure Compute API under the customer's own credential; terms of Microsoft"
    note: str = "valid when asked; comparable within one query only; quota is not part of it"
    origin: str = "Microsoft.Compute/placementScores/spot/generate"

    def batches(self) -> Iterator[Batch]:
        """Ask each question; see `base.Source`."""
        token = self.token()
        for query in self.queries:
            request = self._request(token, query)
            answer = json_answer(self.client, request, self.patience)
            found = Findings(at=self.now())
            with Shaped(endpoint(request)):
                for row in answer["placementScores"]:
                    self._note(row, query, found)
            yield found.batch()

    def _request(self, token: str, query: AzurePlacementQuery) -> httpx.Request:
        """The question over HTTP; the location in the path only says who answers."""
        provider = f"/subscriptions/{self.subscription}/providers/Microsoft.Compute"
        path = f"{provider}/locations/{query.body['desiredLocations'][0]}/placementScores/spot/generate"
        return self.client.build_request(
            "POST", path, params={"api-version": VERSION}, headers=bearer(token), json=query.body
        )

    def _note(self, row: Mapping[str, Any], query: AzurePlacementQuery, found: Findings) -> None:
        """One label; a word that is no label is stored as the refusal it is."""
        label, zone = row["score"], row.get("availabilityZone")
        scored = label in LABELS
        found.score(
            provider="azure",
            region=row["region"],
            zone=f"name:{row['region']}-{zone}" if zone else None,
            query=json.dumps({**query.body, "sku": row["sku"]}, sort_keys=True),
            scale="azure label",
            outcome="scored" if scored else "unlisted" if label == UNKNOWN else "refused",
            score=label if scored else None,
            refusal=None if scored or label == UNKNOWN else label,
        )
