"""What a request to replay policies may say, and what it is answered with."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from .answers_standing import Answer
from .fanout import MOST_WORKERS
from .wire import Instant, Strict

Hours = Annotated[float, Field(gt=0, le=24 * 366)]
PolicyName = Literal[
    "ours", "on-demand", "greedy", "uniform progress", "stay put", "next region", "static best", "omniscient"
]
Kind = Literal["single", "several"]
EVERY: tuple[PolicyName, ...] = get_args(PolicyName)
KINDS: tuple[Kind, ...] = get_args(Kind)


def _deadlines(*hours: float) -> list[float]:
    return list(hours)


class PoliciesRequest(Strict):
    """Body of POST /v1/backtests/policies; the setting of the published yardstick where nothing is said."""

    policies: Annotated[list[PolicyName], Field(min_length=1, max_length=len(EVERY))] = Field(
        default_factory=lambda: list(EVERY)
    )
    kinds: Annotated[list[Kind], Field(min_length=1, max_length=2)] = Field(
        default_factory=lambda: list(KINDS)
    )
    from_at: Instant | None = None  # None: the first probe.
    until_at: Instant | None = None  # None: the newest probe.
    every_hours: Annotated[float, Field(ge=0.25, le=24 * 366)] = 24.0
    single_hours: Hours = 48.0
    single_deadlines_hours: Annotated[list[Hours], Field(min_length=1, max_length=10)] = Field(
        default_factory=lambda: _deadlines(52.0, 70.0)
    )
    several_hours: Hours = 24.0
    several_deadlines_hours: Annotated[list[Hours], Field(min_length=1, max_length=10)] = Field(
        default_factory=lambda: _deadlines(36.0, 48.0)
    )
    overheads_hours: Annotated[
        list[Annotated[float, Field(ge=0, le=24)]], Field(min_length=1, max_length=10)
    ] = Field(default_factory=lambda: _deadlines(0.05, 0.2))
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    workers: Annotated[int, Field(ge=1, le=MOST_WORKERS)] = 1
    engine: Literal["processes", "ray", "here"] = "processes"


class PolicyScoreOut(Answer):
    """One policy over the windows of a scope, with 90 % intervals that redraw zones and days."""

    scope: str  # all | variant | zone | day
    name: str
    kind: str
    policy: str
    windows: int
    zones: int
    days: int
    missed: int
    cost_usd: float
    cost_low_usd: float
    cost_high_usd: float
    share_closed: float | None
    share_low: float | None
    share_high: float | None


class PoliciesOut(Answer):
    """What policies came to on the recorded history."""

    policies: list[str]
    from_at: str
    until_at: str
    every_hours: float
    windows: int
    pools: int
    seed: int
    scores: list[PolicyScoreOut]
    assumptions: list[str]
    left_out: list[str]
