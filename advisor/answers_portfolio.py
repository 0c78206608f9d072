"""The parts of a recommendation that say how it is saved, bought and kept alive: interval, price ahead,
commitments, the list to fail over along, and the on-demand floor."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from .answers_standing import Answer
from .unsaid import LeavesOut


class RunPriceOut(Answer):
    """USD per instance-hour as foretold, mean over the useful work, and what that rests on."""

    mean: float
    p10: float
    p50: float
    p90: float
    rests_on: str | None  # None where the window's mean and spread alone foretell it.


class IntervalLawOut(Answer):
    """Which formula of docs/model.md chose the interval, and why that one."""

    formula: str  # F3, F7o, F8, F9a, F9b; empty without hazard.
    rule: str
    why: str
    limited_by: str | None  # max_lost_work_s | useful_hours | save_lag_s | shortest
    light_every_s: float | None  # Useful seconds between saves of any kind, where some are light.
    full_every: int  # Each so many saves one is full.
    saved_on_notice_share: float  # Chance that an emergency save commits, where the interval counts on it.


class CommitmentOut(Answer):
    """A commitment priced for the job: money still to be decided on, and money owed anyway."""

    name: str
    marginal_usd: Decimal
    sunk_usd: Decimal
    used_usd: Decimal
    idle_usd: Decimal
    beyond_usd: Decimal
    sunk: bool
    guaranteed: bool
    latest_finish_hours: float
    full_usd_per_gpu_hour: float


class FailoverPoolOut(Answer):
    """One pool of a failover list, its share of the work, and the list without it."""

    pool_id: str
    work_share: float
    without_cost_usd: float | None
    without_finish_hours: float | None
    without_p_deadline: float | None


class FailoverOut(Answer):
    """The pools to follow in order: stay until lost, then the first with capacity. Closed-form means."""

    pools: list[FailoverPoolOut]
    cost_usd: float
    finish_hours: float
    waiting_hours: float
    losses: float
    moves: float
    p_deadline: float | None
    method: str


class FloorStepOut(Answer):
    """So many nodes on on-demand, and what the last of them cost and bought."""

    on_demand_nodes: int
    cost_usd: float
    p_deadline: float
    marginal_usd: float
    marginal_p: float
    usd_per_point: float | None


class FloorOut(LeavesOut, Answer):
    """Nodes to keep on on-demand for the deadline; a gang keeps none or all, and may leave until an hour."""

    unsaid: ClassVar[frozenset[str]] = frozenset({"demanded_nodes"})

    splits: bool
    nodes: int
    on_demand_nodes: int
    demanded_nodes: int | None = None  # By the job; None where it demands none.
    marginal_usd: float
    over_none_usd: float
    p_deadline: float
    last_safe_switch_hours: float | None
    steps: list[FloorStepOut]
