"""What a job asks beyond its hard deadline."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What is worth, allowed or wanted, as `model.policy.make_policy` takes it."""

    nodes: int = 1  # Of the gang.
    floor_nodes: int = 0  # Of these, on on-demand throughout.
    value_of_time_usd_per_hour: float = 0.0
    elastic: bool = False  # Work may go on with fewer nodes, or with a part of them on on-demand.
    budget_usd: float | None = None
    soft: bool = False  # An hour after the deadline costs the value of time; before it time is free.
