"""A run as the policy under a deadline is asked about it: work, ticks, what is held, what can be had.

Pure: turns what is known of a run and a market into the policy's own terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import floor

import numpy as np

from model.deciding import Policy
from model.job import SECONDS_PER_HOUR, Job
from model.market import Pool
from model.policy import make_policy
from model.spot_action import NOTHING, ON_DEMAND, SPOT, Action
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
    spent_usd: float | None = None  # Billed so far; None: unknown, or nobody asked, for there is no budget.

    @property
    def budget_usd(self) -> float | None:
        """The budget of all of the run; None where there is none, or where what was billed is unknown."""
        return None if self.spent_usd is None else self.job.budget_usd

    @property
    def hours_left(self) -> float | None:
        """Hours until the deadline; None without one."""
        deadline = self.left.deadline_at
        return None if deadline is None else (deadline - self.as_of) / timedelta(hours=1)

    def tick_hours(self, field: Field) -> float:
        """Return how long the answer stands: until it is asked again, or until a launch is over.

        A machine that boots asks nothing, so the promise has to survive its boot.
        """
        return max(ASKED_AGAIN_S / SECONDS_PER_HOUR, field.overhead_hours)


def ticks_left(asked: Asked, field: Field, work: float) -> tuple[int, float]:
    """Return whole ticks until the deadline, and by how many hours on-demand would miss it.

    Without a deadline, and where on-demand does not fit in whole ticks, they are those of one it keeps.
    """
    tick = asked.tick_hours(field)
    promise = Promise(work, work, field.overhead_hours, tick)
    least = promise.ticks_on_demand(work, field.overhead_hours)
    if asked.left.deadline_at is None:
        return least + max(round(SOFT_SLACK_HOURS / tick), 1), 0.0
    hours = asked.hours_left or 0.0
    owed = _owed_on_demand(asked, field)
    ticks = max(floor(hours / tick + 1e-9), promise.ticks_on_demand(work, owed))
    return ticks, max(work + owed - hours, 0.0)


def _owed_on_demand(asked: Asked, field: Field) -> float:
    """Return what on-demand costs to have: nothing but what is owed where it is held."""
    held = asked.holds and asked.here == field.on_demand.pool
    return asked.owed_hours if held else field.overhead_hours


def held(asked: Asked, field: Field) -> Action:
    """Return what the run holds, if it is of this field."""
    if not asked.holds:
        return NOTHING
    if asked.here.key in field.spots:
        return SPOT, asked.here.key
    return (ON_DEMAND, min(field.spots)) if asked.here == field.on_demand.pool else NOTHING


def is_available(asked: Asked, key: str, current: Action, past: Past) -> bool:
    """Return whether a pool can be had; one nobody probed may be tried, but nothing held is left for it."""
    if (SPOT, key) == current:
        return True
    if key in asked.unavailable:
        return False
    now = past.now(key)
    return not asked.holds if now is None else now


def seen_by(field: Field, past: Past, current: Action) -> Seen:
    """Return the history of a field's pools; what is held is up, whatever the newest probe says."""
    up = {key: past.up[key] for key in sorted(field.spots) if key in past.up}
    if current[0] == SPOT:
        key = str(current[1])
        if key in up and not up[key][-1]:
            up[key] = np.append(up[key][:-1], True)
    return seen(tuple(sorted(field.spots)), up, past.tick_hours)


def made(asked: Asked, field: Field, work: float, ticks: int, past: Past) -> Policy:
    """Return a policy of what is left."""
    tick = asked.tick_hours(field)
    least = Promise(work, work, field.overhead_hours, tick).least_hours()
    pools = sorted(field.spots)
    return make_policy(
        work, max(ticks * tick, least), field.overhead_hours, tick,
        dict(field.prices), field.on_demand_usd_per_hour, pools,
        {key: past.up[key] for key in pools if key in past.up}, past.tick_hours,
        dict(field.egress_usd), checkpoint_lag_hours=asked.lag_hours,
        value_of_time_usd_per_hour=asked.left.value_of_time_usd_per_hour,
    )  # fmt: skip
