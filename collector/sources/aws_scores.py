"""AWS spot placement scores, 1 to 10: how likely a request would be met, at this moment.

A score is a property of the question, so the question is stored with it. AWS scores one or
two types always low; fewer than three are refused here. AWS lets an account ask about
fifty new questions a day and repeat old ones; beyond that nothing is sent. A refused
question and an answer that leaves a place out are two different rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import pandas as pd
from botocore.exceptions import ClientError

from model.errors import ImpossibleInput

from .aws_clients import asking, code_of, pages
from .base import Batch

FEWEST_TYPES: Final = 3
MOST_REGIONS: Final = 10  # In one question.
NEW_PER_DAY: Final = 50  # Questions of a new shape in 24 h; not in AWS's contract, so kept editable.
OVER_LIMIT: Final = "MaxConfigLimitExceeded"
UNSENT: Final = "not sent: the day's new questions are used up"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementQuery:
    """One question: this many instances of any of these types, in one of these regions."""

    instance_types: tuple[str, ...]
    regions: tuple[str, ...]
    instances: int
    single_zone: bool = True  # Scores per zone rather than per region.

    def __post_init__(self) -> None:
        if len(set(self.instance_types)) < FEWEST_TYPES:
            raise ImpossibleInput(
                f"A placement query names {len(set(self.instance_types))} instance types; AWS scores "
                f"fewer than {FEWEST_TYPES} always low.",
                fix=f"Name at least {FEWEST_TYPES} types that the job could use.",
            )
        if not 1 <= len(set(self.regions)) <= MOST_REGIONS or self.instances < 1:
            raise ImpossibleInput(
                f"A placement query asks for {self.instances} instances in {len(set(self.regions))} regions.",
                fix=f"Ask for 1 or more instances in 1 to {MOST_REGIONS} regions.",
            )

    def params(self) -> dict[str, Any]:
        """The question as AWS wants it, in an order that makes equal questions equal."""
        return {
            "InstanceTypes": sorted(set(self.instance_types)),
            "RegionNames": sorted(set(self.regions)),
            "SingleAvailabilityZone": self.single_zone,
            "TargetCapacity": self.instances,
            "TargetCapacityUnitType": "units",
        }

    @property
    def shape(self) -> str:
        """The question as it is stored."""
        return json.dumps(self.params(), sort_keys=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsScores:
    """`Source` of the answers to some questions, one batch each."""

    ec2: Any = field(repr=False)  # Any region; it answers for all.
    queries: tuple[PlacementQuery, ...]
    asked: frozenset[str]  # Shapes sent in the last 24 h: sql/queries/asked_scores.sql.
    now: Callable[[], datetime] = field(repr=False)
    new_per_day: int = NEW_PER_DAY
    source_id: str = "aws-placement-scores"
    kind: str = "recorded"
    licence: str = "AWS service terms: facts for the account that asked"
    note: str = "valid when asked; comparable within one query only, and not across September 2025"
    origin: str = "ec2 GetSpotPlacementScores"

    def batches(self) -> Iterator[Batch]:
        """Ask each question; see `base.Source`."""
        shapes = set(self.asked)
        for query in self.queries:
            at = pd.Timestamp(self.now())
            if query.shape not in shapes and len(shapes) >= self.new_per_day:
                rows = _refused(query, UNSENT)
            else:
                shapes.add(query.shape)
                rows = self._answer(query)
            common = {"provider": "aws", "query": query.shape, "scale": "aws 1-10"}
            yield Batch(scores=pd.DataFrame(rows).assign(**common, effective_at=at, observed_at=at))

    def _answer(self, query: PlacementQuery) -> list[dict[str, str | None]]:
        """Scores, and a row for each region that the answer leaves out."""
        with asking(self.ec2, "get_spot_placement_scores"):
            try:
                found = list(
                    pages(self.ec2, "get_spot_placement_scores", "SpotPlacementScores", **query.params())
                )
            except ClientError as refusal:
                if code_of(refusal) != OVER_LIMIT:
                    raise
                return _refused(query, OVER_LIMIT)
            scored = [
                _row(f["Region"], "scored", zone=f.get("AvailabilityZoneId"), score=str(f["Score"]))
                for f in found
            ]
        answered = {row["region"] for row in scored}
        return scored + [_row(r, "unlisted") for r in sorted(set(query.regions) - answered)]


def _refused(query: PlacementQuery, why: str) -> list[dict[str, str | None]]:
    """A row for every region of a question that got no answer."""
    return [_row(region, "refused", refusal=why) for region in sorted(set(query.regions))]


def _row(
    region: str,
    outcome: str,
    *,
    zone: str | None = None,
    score: str | None = None,
    refusal: str | None = None,
) -> dict[str, str | None]:
    """The columns in which rows of one question differ."""
    return {"region": region, "zone": zone, "outcome": outcome, "score": score, "refusal": refusal}
