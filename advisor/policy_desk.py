"""Runs decided by the policy under a deadline: made once per run, brought up to date for every question.

Working values out takes tens of milliseconds and holds for hours, so policies are kept. What was
seen of capacity is read anew for every question, prices at most half an hour of market time later.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from model.deciding import Policy
from model.estimate import PoolStatistics
from model.job import Job
from model.market import CapacityType
from model.placement import spot_nodes_of
from model.policy_reasons import Alternative, Question, alternatives
from model.spot_action import NOTHING, ON_DEMAND, SPOT, Action

from .policy_asked import Asked, floor_alone, held, is_available, made, parts_of, seen_by, ticks_left
from .policy_field import Field, fields_of
from .policy_lateness import Lateness
from .policy_past import Past, past_of
from .rules import sift
from .steering import contenders

if TYPE_CHECKING:
    from .policy_field import Sides
    from .service import Service

PRICES_HOLD, PRICES_HOLD_AT_MOST = timedelta(minutes=30), timedelta(hours=3)  # Market time.
PRICES_HOLD_S = 1800.0  # Real seconds: what is read anew is seen then, however the market's clock runs.
KEPT = 512  # Policies.
MOVED = 1e-3  # A price that changed by less is the same.


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A field, its policy and question, and what it considers, the best first."""

    field: Field
    policy: Policy
    question: Question
    found: Sequence[Alternative]
    late_hours: float  # By how much even on-demand from now ends after the deadline; 0 where in time.
    lateness: Lateness  # Expected after a soft deadline; empty where it is not.

    @property
    def best(self) -> Alternative:
        """What this field would do."""
        return self.found[0]

    @property
    def order(self) -> tuple[float, float, float]:
        """What fields are compared by: in time first, then likelier, then cheaper; by money if soft."""
        if self.lateness.soft:
            return float(self.best.barred), 0.0, self.best.cost_usd
        return self.late_hours, -self.best.p_on_time, self.best.cost_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What the policy says, of all fields."""

    chosen: Weighed
    others: tuple[Weighed, ...]
    past: Past
    left_out: Mapping[str, str]

    @property
    def target(self) -> PoolStatistics | None:
        """Where to be; None: nowhere, to wait."""
        return pool_of(self.chosen, self.chosen.best.action)


def pool_of(weighed: Weighed, action: Action) -> PoolStatistics | None:
    """Return the pool that an action means in the market."""
    if action[0] is None:
        return None
    return weighed.field.on_demand if action[0] == ON_DEMAND else weighed.field.spots[str(action[1])]


class Desk:
    """Policies of the runs of one service."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._policies: OrderedDict[tuple[object, ...], Policy] = OrderedDict()
        self._market: dict[tuple[object, ...], tuple[datetime, float, list[PoolStatistics]]] = {}
        self._lock = threading.Lock()

    def market(
        self, job: Job, as_of: datetime, window: timedelta, *, hold: timedelta = PRICES_HOLD
    ) -> list[PoolStatistics]:
        """Return the pools that a job may use as of an instant, or as of up to `hold` before."""
        key = (tuple(sorted(job.throughput)), job.constraints, window)
        kept = self._market.get(key)
        now_s = time.monotonic()
        if kept and timedelta(0) <= as_of - kept[0] <= hold and now_s - kept[1] <= PRICES_HOLD_S:
            return kept[2]
        known, refused = self._service.statistics(job, as_of, window / timedelta(hours=1))
        found = sift(known, refused, job, as_of)[0]
        if len(self._market) > KEPT:
            self._market.clear()
        self._market[key] = (as_of, now_s, found)
        return found

    def decide(self, asked: Asked, sides: Sides, *, hold: timedelta = PRICES_HOLD) -> Decided | str:
        """Return what the policy says; or in a sentence why it cannot be asked.

        Args:
            asked: About a run.
            sides: What its moves cost.
            hold: How old prices may be.
        """
        market = self.market(asked.job, asked.as_of, asked.window, hold=hold)
        kept = contenders(market, asked.left, asked.here)
        fields = fields_of(
            asked.left, kept, sides, here=asked.here, unavailable=asked.unavailable, by_node=asked.by_node
        )
        if not fields.fields:
            return _no_field(kept)
        spots = [pool for field in fields.fields for pool in field.spots.values()]
        nodes = {pool.pool.key: spot_nodes_of(asked.left, pool) for pool in spots}
        past = past_of(self._service.store, nodes, as_of=asked.as_of, window=asked.window)
        with self._lock:
            weighed = [self._weighed(asked, field, past) for field in fields.fields]
        weighed.sort(key=lambda each: each.order)
        return Decided(chosen=weighed[0], others=tuple(weighed[1:]), past=past, left_out=fields.left_out)

    def answer_now(self, asked: Asked, sides: Sides) -> Decided | str:
        """Decide with prices that may be some hours old; `tend` then reads them for the next question."""
        return self.decide(asked, sides, hold=PRICES_HOLD_AT_MOST)

    def tend(self, asked: Asked, sides: Sides) -> None:
        """Bring prices, and values that hang on them, up to date after an answer; little where they are."""
        before = self.market(asked.job, asked.as_of, asked.window, hold=PRICES_HOLD_AT_MOST)
        if self.market(asked.job, asked.as_of, asked.window) is not before:
            self.decide(asked, sides)

    def _weighed(self, asked: Asked, field: Field, past: Past) -> Weighed:
        work = field.work_hours(asked.left) * (1.0 + asked.stall_share)
        ticks, late = ticks_left(asked, field, work)
        current = held(asked, field)
        policy = self._policy(asked, field, work, ticks, past)
        question = Question(
            (policy.promise.ticks - ticks) * policy.promise.tick_hours,
            policy.promise.task_hours - work,
            current,
            {key: is_available(asked, key, current, past, field.spot_nodes) for key in field.spots},
        )
        owed = field.overhead_hours if field.floor_nodes else 0.0  # Of a floor that does not run yet.
        alone = floor_alone(asked, field)
        if current != NOTHING or alone:
            owed = asked.owed_hours
        mix = asked.mix if current[0] == SPOT else None
        history = seen_by(field, past, current, asked)
        policy.resume(question.now_h, current, owed, history, field.egress_usd, mix)
        policy.update_capacity(question.now_h, parts_of(asked, field, current))
        policy.update_budget(question.now_h, asked.budget_usd, asked.spent_usd or 0.0)
        question.of(policy)  # Works values out anew where it is time, once for all that is asked below.
        found = alternatives(policy, question, asked.hours_left)
        lives_elsewhere = asked.holds and current == NOTHING and not alone
        if lives_elsewhere:  # It is not given up for waiting.
            found = [each for each in found if each.action != NOTHING]
        return Weighed(
            field=field, policy=policy.trial(), question=question, found=found, late_hours=late,
            lateness=Lateness.of(policy, question, asked),
        )  # fmt: skip

    def _policy(self, asked: Asked, field: Field, work: float, ticks: int, past: Past) -> Policy:
        """Return the policy of a run and a field: the one made before, where it still stands for it."""
        key = (
            asked.run_id, field.speed, tuple(sorted(field.spots)), round(field.on_demand_usd_per_hour, 6),
            round(field.overhead_hours, 4), round(asked.tick_hours(field), 6), round(asked.lag_hours, 4),
            field.nodes,
        )  # fmt: skip
        policy = self._policies.get(key)
        if policy is None or policy.promise.ticks < ticks or policy.promise.task_hours < work - 1e-9:
            policy = self._policies[key] = made(asked, field, work, ticks, past)
        elif any(abs(price - policy.prices[pool]) > MOVED * price for pool, price in field.prices.items()):
            policy.update_prices(0.0, field.prices)
        self._policies.move_to_end(key)
        while len(self._policies) > KEPT:
            self._policies.popitem(last=False)
        return policy


def _no_field(kept: Sequence[PoolStatistics]) -> str:
    if not any(each.pool.capacity_type is CapacityType.SPOT for each in kept):
        return "There is no spot pool to decide about."
    return "No on-demand pool is known or allowed, and without one behind it no deadline can be promised."
