"""Google's capacity advice: how likely spot machines would be had now, and how long they would run.

A score is a property of the question, so the question is stored with it: one machine type,
one region, one number of machines. Obtainability (0 to 1) and the estimated uptime are two
scales and two rows. A question that Google refuses, and an answer that leaves a score out,
are two different rows, and neither is a zero. Google bases both figures on recent demand, so
they hold when asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from google.api_core import exceptions

from model.errors import ImpossibleInput

from .base import Batch
from .findings import Findings
from .gcp_calls import answered
from .web import PATIENT, Patience

WHERE: Final = "Advice.Capacity"
OBTAINABILITY: Final = "gcp obtainability 0-1"
UPTIME: Final = "gcp estimated uptime s"
SHAPES: Final = ("ANY", "ANY_SINGLE_ZONE", "BALANCED")
WORD: Final = re.compile(r"[A-Za-z_]{1,64}")
SECONDS: Final = re.compile(r"(\d+(?:\.\d+)?)s")  # A duration as JSON spells it: 3600s.


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpCapacityQuery:
    """One question: this many spot machines of this type, in this region or in some of its zones."""

    machine: str
    region: str
    instances: int
    zones: tuple[str, ...] = ()  # None named: wherever in the region.
    shape: str = "ANY_SINGLE_ZONE"

    def __post_init__(self) -> None:
        if self.instances < 1 or self.shape not in SHAPES:
            raise ImpossibleInput(
                f"A capacity query asks for {self.instances} machines, distributed {self.shape!r}.",
                fix=f"Ask for 1 or more machines, distributed {', '.join(SHAPES)}.",
            )
        if strangers := [zone for zone in self.zones if not zone.startswith(f"{self.region}-")]:
            raise ImpossibleInput(
                f"A capacity query for {self.region} names the zones {', '.join(strangers)}.",
                fix="Ask for the zones of one region in one question.",
            )

    @property
    def body(self) -> dict[str, Any]:
        """The question as Google wants it, in an order that makes equal questions equal."""
        policy: dict[str, Any] = {"target_shape": self.shape}
        if self.zones:
            policy["zones"] = [{"zone": f"zones/{zone}"} for zone in sorted(set(self.zones))]
        return {
            "distribution_policy": policy,
            "instance_flexibility_policy": {
                "instance_selections": {"asked": {"machine_types": [self.machine]}}
            },
            "instance_properties": {"scheduling": {"provisioning_model": "SPOT"}},
            "size": self.instances,
        }

    @property
    def shown(self) -> str:
        """The question as it is stored."""
        return json.dumps({"region": self.region, **self.body}, sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpCapacityAdvice:
    """`Source` of the answers to some questions, one batch each.

    Args:
        client: Makes a `google.cloud.compute_v1.AdviceClient`.
        project: The project that asks; it needs the Compute API.
        queries: What is asked.
        now: The clock, in UTC.
    """

    client: Callable[[], Any] = field(repr=False)
    project: str = field(repr=False)
    queries: tuple[GcpCapacityQuery, ...]
    now: Callable[[], datetime] = field(repr=False)
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "gcp-capacity-advice"
    kind: str = "recorded"
    licence: str = "Compute Engine API under the customer's own credential; terms of Google"
    note: str = "valid when asked; comparable within one query only; the uptime is an estimate of Google's"
    origin: str = "compute.googleapis.com/compute/v1/advice/capacity"

    def batches(self) -> Iterator[Batch]:
        """Ask each question; see `base.Source`."""
        client = answered(self.client, WHERE, self.patience)
        for query in self.queries:
            yield self._batch(client, query)

    def _batch(self, client: Any, query: GcpCapacityQuery) -> Batch:
        """What one answer holds."""
        request = {
            "project": self.project,
            "region": query.region,
            "capacity_advice_request_resource": query.body,
        }

        def read() -> Batch:
            found = Findings(at=self.now())
            try:
                answer = client.capacity(request=request, retry=None, timeout=60.0)
            except (exceptions.BadRequest, exceptions.NotFound) as refusal:
                _note(query, None, found, outcome="refused", refusal=_word(refusal))
                return found.batch()
            for recommendation in answer.recommendations:
                _score(recommendation, query, found)
            if not answer.recommendations:
                _note(query, None, found, outcome="unlisted")
            return found.batch()

        return answered(read, WHERE, self.patience)


def _score(recommendation: Any, query: GcpCapacityQuery, found: Findings) -> None:
    """Both scores of one recommendation; one that spans zones is the region's."""
    zones = {shard.zone.rpartition("/")[2] for shard in recommendation.shards}
    zone = zones.pop() if len(zones) == 1 else None
    scores = recommendation.scores
    if "obtainability" not in scores:
        _note(query, zone, found, outcome="unlisted")
    elif not 0 <= scores.obtainability <= 1:
        found.reject("obtainability lies outside 0 to 1", {"zone": zone, "score": scores.obtainability})
    else:
        _note(query, zone, found, outcome="scored", score=str(scores.obtainability))
    if "estimated_uptime" not in scores:
        _note(query, zone, found, scale=UPTIME, outcome="unlisted")
    elif (seconds := SECONDS.fullmatch(scores.estimated_uptime)) is None:
        found.reject("estimated uptime is no duration", {"zone": zone, "uptime": scores.estimated_uptime})
    else:
        _note(query, zone, found, scale=UPTIME, outcome="scored", score=seconds[1])


def _note(
    query: GcpCapacityQuery,
    zone: str | None,
    found: Findings,
    *,
    outcome: str,
    scale: str = OBTAINABILITY,
    score: str | None = None,
    refusal: str | None = None,
) -> None:
    """One row."""
    found.score(
        provider="gcp", region=query.region, zone=zone or None, query=query.shown, scale=scale,
        outcome=outcome, score=score, refusal=refusal,
    )  # fmt: skip


def _word(refusal: exceptions.GoogleAPICallError) -> str:
    """Google's one word for why it refuses, else the status; its sentence may name the project."""
    said = [error.get("reason") for error in refusal.errors if isinstance(error, dict)]
    words = [word for word in said if isinstance(word, str) and WORD.fullmatch(word)]
    return words[0] if words else str(int(refusal.code or 0))
