"""What a job asks beyond its hard deadline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .spot_safety import Promise
from .spot_seen import Seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is worth, allowed or wanted, as `model.policy.make_policy` takes it."""

    nodes: int = 1  # Of the gang.
    floor_nodes: int = 0  # Of these, on on-demand throughout.
    value_of_time_usd_per_hour: float = 0.0
    elastic: bool = False  # Work may go on with fewer nodes, or with a part of them on on-demand.
    budget_usd: float | None = None
    waits_beside: bool = True  # Whether it may wait for a cheaper pool while a dearer one is up.
    soft: bool = False  # An hour after the deadline costs the value of time; before it time is free.


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """All that a policy is made from."""

    promise: Promise
    pools: Sequence[str]
    prices: Mapping[str, float]  # Of spot, USD per hour for all nodes.
    on_demand_usd_per_hour: float
    egress_usd: Mapping[tuple[str, str], float]  # From pool, to pool.
    seen: Seen
    conditions: Conditions
