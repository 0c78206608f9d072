"""What the service answers with: the shape of a recommendation and of a problem.

The field order here is the order in the stored bytes, so the same recommendation is the same
bytes. Numbers are not rounded: that is `advisor.format`'s work, on the reader's side.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from typing import Any, ClassVar

from .answers_allocation import AllocationOut
from .answers_portfolio import CommitmentOut, FailoverOut, FloorOut, IntervalLawOut, RunPriceOut
from .answers_standing import Answer, FigureOut, GradeOut, ScreeningOut, SensitivityOut, SpreadOut
from .unsaid import LeavesOut


class PriceOut(Answer):
    """USD per instance-hour in force, and its mean over the window."""

    usd_per_hour: float
    kind: str
    age_s: float
    mean_usd_per_hour: float
    on_demand_usd_per_hour: float | None
    label: str


class PublishedOut(Answer):
    """A published band that a hazard rests on: of what, over what, by whom, how old, and the hazards
    per instance-hour it leaves possible."""

    label: str | None
    what: str
    denominator: str
    horizon_s: float
    window_s: float | None
    rate_low: float
    rate_high: float | None
    source: str
    effective_at: str
    age_s: float
    low_per_hour: float
    high_per_hour: float


class HazardOut(Answer):
    """Preemptions per instance-hour as believed, with its interval and what the belief rests on."""

    per_hour: float
    p10_per_hour: float
    p90_per_hour: float
    evidence: str
    preemptions: int
    exposure_hours: float
    borrowed_from: str | None
    published: PublishedOut | None


class AvailabilityOut(Answer):
    """Share of observed time with capacity, whether it is there now, mean hours of a gap and a first wait."""

    share: float | None
    now: bool | None
    gap_hours: float
    first_wait_hours: float | None  # Where it is absent and a forecast is at hand.


class FinishOut(Answer):
    """When the job would be done."""

    p10: str
    p50: str
    p90: str


class PartsOut(LeavesOut, Answer):
    """The effective price in its parts, USD per useful GPU-hour."""

    unsaid: ClassVar[frozenset[str]] = frozenset({"late"})

    price: float
    stall: float
    rerun: float
    restart: float
    waiting: float
    egress: float
    storage: float
    on_demand: float
    notice: float
    refund: float  # 0 or less.
    late: float | None = None  # Of a soft deadline alone: what hours after it count.


class SitingWayOut(Answer):
    """One way to use the data and keep checkpoints, priced: USD, hours, and the job's mean total so sited."""

    words: str
    data: str
    data_from: str | None
    checkpoints: str
    checkpoint_place: str
    replica_place: str | None
    once_usd: float
    epoch_usd: float | None
    save_usd: float
    restore_usd: float
    move_usd: float | None
    move_hours: float | None
    moving_hours: float
    read_wait_hours: float
    restore_hours: float
    storage_usd_per_hour: float
    total_usd: float | None
    wall_hours: float | None


class RejectedSitingOut(Answer):
    """A way that was left out, and why."""

    what: str
    reason: str


class SitingOut(Answer):
    """Where data and checkpoints go for a pool: the best way, the next best, those priced, those left out."""

    chosen: SitingWayOut
    runner_up: SitingWayOut | None
    difference_usd: float | None
    priced: list[SitingWayOut]
    rejected: list[RejectedSitingOut]


class OptionOut(LeavesOut, Answer):
    """One ranked pool."""

    unsaid: ClassVar[frozenset[str]] = frozenset({"late_hours", "late_usd"})

    rank: int
    pool_id: str
    provider: str
    region: str
    zone: str | None
    sku: str
    gpu_model: str
    gpu_count: int
    capacity_type: str
    nodes: int
    method: str
    market: str | None
    paths_error: float | None
    p_first: float | None
    p_first_apart: float | None
    grade: GradeOut
    price: PriceOut
    run_price: RunPriceOut | None
    discount: float | None
    hazard: HazardOut
    availability: AvailabilityOut
    interval_s: float
    interval_rule: str
    interval_law: IntervalLawOut | None
    effective_usd_per_gpu_hour: SpreadOut
    cost_usd: SpreadOut
    finish_hours: SpreadOut
    finish_at: FinishOut
    billed_hours: SpreadOut
    lost_work_hours: SpreadOut
    preemptions: SpreadOut
    goodput: float
    p_deadline: float | None
    p_budget: float | None
    meets_deadline: bool
    late_hours: SpreadOut | None = None  # After a soft deadline; of no other.
    late_usd: float | None = None  # What they count on average; in the effective price, not in the cost.
    notice_s: float
    no_notice: bool
    jurisdiction: str | None
    parts: PartsOut
    siting: SitingOut | None
    commitment: CommitmentOut | None
    on_demand_cost_usd: float | None
    saving: float | None
    breakeven_hazard_per_hour: float | None
    reasons: list[str]
    fallbacks: list[str]


class RejectionOut(Answer):
    """A pool left out, by which rule and why."""

    pool_id: str
    rule: str
    reason: str


class RecommendationOut(Answer):
    """Answer of POST /v1/recommendations, stored byte for byte."""

    recommendation_id: str
    as_of: str
    age_s: float | None
    sources: list[str]
    synthetic: bool
    code_version: str
    spec: dict[str, Any]
    seed: int
    draws: int
    window_hours: float
    options: list[OptionOut]
    sensitivity: SensitivityOut | None
    failover: FailoverOut | None
    floor: FloorOut | None
    allocation: AllocationOut | None
    screening: ScreeningOut | None
    rejected: list[RejectionOut]
    figures: list[FigureOut]


def code_version() -> str:
    """Return the installed version of Lowtide."""
    try:
        return version("lowtide")
    except PackageNotFoundError:
        return "0+source"


def instant(at: datetime) -> str:
    """Return an aware instant as ISO-8601 in UTC with Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def to_json(value: Any) -> bytes:
    """Return compact JSON; refuses NaN, writes instants with Z and money as plain numbers."""
    text = json.dumps(value, default=_plain, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)  # DECIMAL(18,9) within a million dollars keeps all its digits.
    if isinstance(value, datetime):
        return instant(value)
    raise TypeError(f"{type(value).__name__} has no place in an answer")
