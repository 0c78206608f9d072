"""A run as the policy under a deadline is asked about it: work, ticks, what is held, what can be had.

Pure: turns what is known of a run and a market into the policy's own terms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import floor

import numpy as np

from model.deciding import Policy
from model.job import SECONDS_PER_HOUR, Job
from model.market import Pool
from model.policy import make_policy
from model.spot_action import NOTHING, ON_DEMAND, SPOT, Action, Mix
from model.spot_safety import Promise
from model.spot_seen import Seen, seen

from .policy_field import Field
from .policy_past import Past

ASKED_AGAIN_S = 600.0  # Market seconds: plans and waits ask again at least this often.
SOFT_SLACK_HOURS = 72.0  # Of a job without a deadline: waiting longer is not weighed.


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a run is decided by."""

    run_id: str
    job: Job
    left: Job
    here: Pool
    holds: bool  # Whether the machine here is still there.
    owed_hours: float  # Of its launch.
    as_of: datetime
    stall_share: float  # Of useful time, standing still for saves.
    lag_hours: float  # Work that a loss costs at most.
    unavailable: frozenset[str]  # Pool keys that were tried just now in vain.
    window: timedelta
    capacity: Mapping[str, int] = field(default_factory=dict)  # Nodes to be had now, by pool key, as told.
    mix: Mix | None = None  # Of the nodes held, where they are not a whole pool's.
    floor_alone: bool = False  # What is held is the on-demand floor and no more.
    spent_usd: float | None = None  # Billed so far; None: unknown, or nobody asked, for there is no budget.

    @property
    def budget_usd(self) -> float | None:
        """The budget of all of the run; None where there is none, or where what was billed is unknown."""
        return None if self.spent_usd is None else self.job.budget_usd

    @property
    def by_node(self) -> bool:
        """Whether nodes are told apart: some stay on on-demand, or a part of a pool is held or to be had."""
        return bool(self.job.floor_nodes or self.capacity or self.mix)

    @property
    def hours_left(self) -> float | None:
        """Hours until the deadline, below 0 after a soft one; None without one."""
        deadline = self.job.deadline_at if self.job.soft else self.left.deadline_at
        return None if deadline is None else (deadline - self.as_of) / timedelta(hours=1)

    def tick_hours(self, field: Field) -> float:
        """Return how long the answer stands: until it is asked again, or until a launch is over.

        A machine that boots asks nothing, so the promise has to survive its boot. A whole gang that works
        keeps its slack until it asks; a part, or a floor alone, loses some all the while, so both count.
        """
        if self.by_node:
            return ASKED_AGAIN_S / SECONDS_PER_HOUR + field.overhead_hours
        return max(ASKED_AGAIN_S / SECONDS_PER_HOUR, field.overhead_hours)


def ticks_left(asked: Asked, field: Field, work: float) -> tuple[int, float]:
    """Return whole ticks until the deadline, and by how many hours on-demand would miss it.

    Without a deadline, and where on-demand does not fit in whole ticks, they are those of one it keeps. A
    soft deadline may be passed: then they are below 0.
    """
    tick = asked.tick_hours(field)
    promise = Promise(work, work, field.overhead_hours, tick)
    least = promise.ticks_on_demand(work, field.overhead_hours)
    if asked.left.deadline_at is None:
        return least + max(round(SOFT_SLACK_HOURS / tick), 1), 0.0
    hours = asked.hours_left or 0.0
    owed = _owed_on_demand(asked, field)
    if asked.job.soft:
        return floor(hours / tick + 1e-9), max(work + owed - hours, 0.0)
    ticks = max(floor(hours / tick + 1e-9), promise.ticks_on_demand(work, owed))
    return ticks, max(work + owed - hours, 0.0)


def _owed_on_demand(asked: Asked, field: Field) -> float:
    """Return what on-demand costs to have: nothing but what is owed where it is held."""
    held = asked.holds and asked.here == field.on_demand.pool and not floor_alone(asked, field)
    return asked.owed_hours if held else field.overhead_hours


def floor_alone(asked: Asked, field: Field) -> bool:
    """Say whether a field's on-demand floor, and no more of it, is held."""
    return asked.holds and asked.floor_alone and asked.here == field.on_demand.pool


def held(asked: Asked, field: Field) -> Action:
    """Return what the run holds, if it is of this field."""
    if not asked.holds or asked.floor_alone:
        return NOTHING
    if asked.here.key in field.spots:
        return SPOT, asked.here.key
    return (ON_DEMAND, min(field.spots)) if asked.here == field.on_demand.pool else NOTHING


def is_available(asked: Asked, key: str, current: Action, past: Past, needed: int = 1) -> bool:
    """Return whether a pool can be had as a whole; one nobody probed may be tried, but not for what is held.

    Args:
        asked: What is told of capacity in nodes goes before what was probed.
        key: Of the pool.
        current: What is held.
        past: What was probed.
        needed: Nodes that the pool has to have.
    """
    if (SPOT, key) == current and asked.mix is None:
        return True
    if key in asked.unavailable:
        return False
    if key in asked.capacity:
        return asked.capacity[key] >= needed
    if asked.mix is not None and key in past.fewer:
        return False  # A part is held since no more could be had: nobody saw that there is more now.
    now = past.now(key)
    return not asked.holds if now is None else now


def parts_of(asked: Asked, field: Field, current: Action) -> dict[str, int]:
    """Return how many nodes can be had of a field's pools of which not all can, the part held among them."""
    told = {key: asked.capacity[key] for key in sorted(field.spots) if key in asked.capacity}
    if asked.mix is not None and current[0] == SPOT:
        key = str(current[1])
        told[key] = max(told.get(key, 0), asked.mix.spot_nodes)
    return {key: count for key, count in told.items() if count < field.spot_nodes}


def seen_by(field: Field, past: Past, current: Action, asked: Asked) -> Seen:
    """Return the history of a field's pools; what is held or told goes before the newest probe."""
    up = {key: past.up[key] for key in sorted(field.spots) if key in past.up}
    now = {key: asked.capacity[key] >= field.spot_nodes for key in asked.capacity if key in up}
    if current[0] == SPOT and asked.mix is None:
        now[str(current[1])] = True
    for key, is_up in now.items():
        if key in up and bool(up[key][-1]) != is_up:
            up[key] = np.append(up[key][:-1], is_up)
    return seen(tuple(sorted(field.spots)), up, past.tick_hours)


def made(asked: Asked, field: Field, work: float, ticks: int, past: Past) -> Policy:
    """Return a policy of what is left."""
    tick, job = asked.tick_hours(field), asked.job
    least = Promise(work, work, field.overhead_hours, tick).least_hours()
    pools = sorted(field.spots)
    return make_policy(
        work, max(ticks, 1) * tick if job.soft else max(ticks * tick, least), field.overhead_hours, tick,
        dict(field.prices), field.on_demand_usd_per_hour, pools,
        {key: past.up[key] for key in pools if key in past.up}, past.tick_hours,
        dict(field.egress_usd), checkpoint_lag_hours=asked.lag_hours,
        value_of_time_usd_per_hour=asked.left.value_of_time_usd_per_hour, soft=job.soft,
        nodes=field.nodes, floor_nodes=field.floor_nodes, elastic=job.elastic,
        waits_beside=False,  # A person who is told to wait beside a free machine will not understand.
    )  # fmt: skip
