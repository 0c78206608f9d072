"""A decision of the policy under a deadline in words and as an answer: alternatives, slack, what would
change it. Every number is the policy's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from model.estimate import PoolStatistics
from model.job import Job
from model.policy_reasons import Alternative, back_within, slack_hours
from model.spot_action import NOTHING, ON_DEMAND, SPOT, Action

from . import format as fmt
from .answers import instant
from .policy_asked import Asked
from .policy_budget import NO_BUDGET, budget_told, budget_words
from .policy_changes import WORDS, changes_told
from .policy_desk import Decided, Weighed, pool_of
from .policy_field import nodes_of
from .policy_nodes import alternative_told, node_words, nodes_now, nodes_told

MOST_CHANGES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A decision: where to be, the sentences behind it, and the `decision` of an answer."""

    target: PoolStatistics | None
    reasons: tuple[str, ...]
    decision: dict[str, Any]
    nodes: tuple[int, int] | None = None  # To run, and on spot; None where nodes are not told apart.


def told(decided: Decided, asked: Asked, *, solve: bool) -> Told:
    """Return a decision as it is told.

    Args:
        decided: By the policy.
        asked: What it was asked.
        solve: Look for price limits with values worked out anew, which takes longer.
    """
    one = decided.chosen
    slack = slack_hours(one.policy, one.question, asked.hours_left)
    changes = changes_told(one, asked.left, solve)
    decision = {
        **_frame("policy", None),
        "deadline": _deadline(one, asked.left),
        "late_hours": one.late_hours or None,
        "slack_hours": None if asked.left.deadline_at is None else slack,
        "on_demand_by": _by(asked, one, slack),
        "alternatives": [
            _alternative(each, by, asked) for each in (one, *decided.others) for by in each.found
        ],
        "on_demand_throughout_usd": _steady_usd(one, asked),
        **budget_told(asked, one.best),
        **one.lateness.told(one.best),
        **nodes_told(asked, one),
        "changes": changes,
        "history_hours": decided.past.hours,
        "history_pools": len(decided.past.up),
    }
    reasons = (
        _first(one, asked),
        *node_words(asked, one),
        *_next_best(one, asked),
        *one.lateness.words(one.best, asked),
        *_slack_words(asked, one, slack),
        *budget_words(asked, one.best),
        *(change["words"] for change in changes[:MOST_CHANGES]),
        *_rests_on(decided, asked),
    )
    nodes = nodes_now(one.field, one.best) if asked.by_node else None
    alone = one.field.on_demand if nodes and nodes[0] and one.best.action == NOTHING else None
    return Told(target=decided.target or alone, reasons=reasons, decision=decision, nodes=nodes)


def by_estimates(why: str) -> dict[str, Any]:
    """Return the `decision` of an answer that the policy did not give, and why."""
    return _frame("estimates", why)


def _frame(by: str, why_not: str | None) -> dict[str, Any]:
    empty: list[Any] = []
    return {
        "by": by, "why_not_policy": why_not, "deadline": None, "late_hours": None, "slack_hours": None,
        "on_demand_by": None, "alternatives": empty, "changes": empty, "history_hours": None,
        "on_demand_throughout_usd": None, "history_pools": None, **NO_BUDGET,
    }  # fmt: skip


def _deadline(one: Weighed, left: Job) -> str:
    if left.deadline_at is None:
        return "none"
    if left.soft:
        return "soft"
    return "late" if one.late_hours else "hard"


def _by(asked: Asked, one: Weighed, slack: float) -> str | None:
    if asked.left.deadline_at is None or one.late_hours:
        return None
    return instant(asked.as_of + timedelta(hours=max(slack, 0.0)))


def _alternative(one: Weighed, each: Alternative, asked: Asked) -> dict[str, Any]:
    soft = one.lateness.soft
    pool = pool_of(one, each.action)
    return {
        "action": WORDS[each.action[0]],
        "pool_id": pool.pool.key if pool else None,
        "expected_cost_usd": each.cost_usd
        if each.cost_usd < 1e4 * one.field.on_demand_usd_per_hour
        else None,
        "p_on_time": None if soft and each.p_on_time else each.p_on_time,  # Soft: whether is a choice.
        "safe": each.safe,
        **({"expected_late_hours": one.lateness.of_one(each)} if soft else {}),
        **alternative_told(asked, one, each),
    }


def _steady_usd(one: Weighed, asked: Asked) -> float:
    """Return what on-demand from now to the end costs, for comparison."""
    promise = one.policy.promise
    held = one.question.current[0] == ON_DEMAND
    hours = promise.task_hours - one.question.done_h + (asked.owed_hours if held else promise.overhead_hours)
    return one.field.on_demand_usd_per_hour * hours


def _named(one: Weighed, action: Action) -> str:
    pool = pool_of(one, action)
    return pool.pool.key if pool else "waiting"


def _first(one: Weighed, asked: Asked) -> str:
    best = one.best
    cost = fmt.usd(best.cost_usd)
    soft = one.lateness.soft
    counted = ", lateness counted" if soft else ""
    if one.late_hours and not best.p_on_time and not soft:
        return (
            f"Even on-demand from now is {fmt.hours(one.late_hours)} late for the deadline "
            f"{fmt.instant(asked.left.deadline_at)}; {_named(one, best.action)} ends soonest, for {cost}."
        )
    if best.action == NOTHING:
        instead = next((each for each in one.found if each.action[0] == ON_DEMAND), None)
        other = f" instead of {fmt.usd(instead.cost_usd)} on demand" if instead else ""
        allows = "; the deadline allows the wait" if asked.left.deadline_at and not soft else ""
        chance = fmt.percent(back_within(one.policy, 1.0))
        return (
            f"Waiting is expected to finish what is left for {cost}{counted}{other}{allows}. Spot is back "
            f"within an hour with a chance of {chance}."
        )
    kept = f", in time with a chance of {fmt.percent(best.p_on_time)}"
    if soft or asked.left.deadline_at is None:
        kept = counted
    return f"{_named(one, best.action)} is expected to finish what is left for {cost}{kept}."


def _next_best(one: Weighed, asked: Asked) -> list[str]:
    """Return the runner-up, and what is cheaper but would risk the deadline."""
    best = one.best
    found = []
    risky = [each for each in one.found if not each.safe and each.action[0] == SPOT]
    soft = one.lateness.soft
    if risky and best.action[0] == ON_DEMAND and not one.late_hours and not soft:
        spot = min(risky, key=lambda each: one.field.prices[str(each.action[1])])
        found.append(
            f"{_named(one, spot.action)} is cheaper by the hour, but if it is lost on-demand comes too late: "
            f"it meets the deadline {fmt.instant(asked.left.deadline_at)} only with a chance of "
            f"{fmt.percent(spot.p_on_time)}."
        )
    safe = [each for each in one.found[1:] if each.safe or (soft and not each.barred)]
    for each in safe[:1]:
        more = fmt.usd(each.cost_usd - best.cost_usd)
        found.append(f"Next best: {_named(one, each.action)} at {fmt.usd(each.cost_usd)}, {more} more.")
    return found


def _slack_words(asked: Asked, one: Weighed, slack: float) -> list[str]:
    if asked.left.deadline_at is None:
        worth = asked.left.value_of_time_usd_per_hour
        paid = f"an hour counts {fmt.usd(worth)}" if worth else "time costs nothing but machines"
        return [f"The job states no deadline: {paid}."]
    if one.late_hours or one.lateness.soft:
        return []
    return [
        f"{fmt.hours(max(slack, 0.0))} of slack are left: on-demand has to start by "
        f"{fmt.instant(asked.as_of + timedelta(hours=max(slack, 0.0)))} at the latest, and is taken to be "
        "obtainable then."
    ]


def _rests_on(decided: Decided, asked: Asked) -> Sequence[str]:
    past = decided.past
    if not past.up:
        return (
            "Nobody probed the capacity of these pools lately: decided on a general prior of how long "
            "capacity lasts; on-demand keeps the deadline whatever comes.",
        )
    found = [f"Rests on {fmt.hours(past.hours)} of probes of {len(past.up)} pools."]
    if past.asked_for_fewer:
        found.append(
            f"Probes of {past.asked_for_fewer} of them asked for fewer machines than the "
            f"{nodes_of(asked.left, next(iter(decided.chosen.field.spots.values())))} that the job takes."
        )
    return found
