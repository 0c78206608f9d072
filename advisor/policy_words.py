"""A decision of the policy under a deadline in words and as an answer: alternatives, slack, what would
change it. Every number is the policy's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from model.estimate import PoolStatistics
from model.job import Job
from model.policy_reasons import (
    Alternative,
    Threshold,
    back_within,
    comings_and_goings,
    price_limits,
    slack_hours,
)  # fmt: skip
from model.spot_action import NOTHING, ON_DEMAND, SPOT, Action, cheapest

from . import format as fmt
from .answers import instant
from .policy_asked import Asked
from .policy_budget import NO_BUDGET, budget_told, budget_words
from .policy_desk import Decided, Weighed, pool_of
from .policy_field import nodes_of

WORDS = {SPOT: "spot", ON_DEMAND: "on_demand", None: "wait"}
MOST_CHANGES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A decision: where to be, the sentences behind it, and the `decision` of an answer."""

    target: PoolStatistics | None
    reasons: tuple[str, ...]
    decision: dict[str, Any]


def told(decided: Decided, asked: Asked, *, solve: bool) -> Told:
    """Return a decision as it is told.

    Args:
        decided: By the policy.
        asked: What it was asked.
        solve: Look for price limits with values worked out anew, which takes longer.
    """
    one = decided.chosen
    slack = slack_hours(one.policy, one.question, asked.hours_left)
    changes = _changes(one, asked.left, solve)
    decision = {
        **_frame("policy", None),
        "deadline": _deadline(one, asked.left),
        "late_hours": one.late_hours or None,
        "slack_hours": None if asked.left.deadline_at is None else slack,
        "on_demand_by": _by(asked, one, slack),
        "alternatives": [_alternative(each, by) for each in (one, *decided.others) for by in each.found],
        "on_demand_throughout_usd": _steady_usd(one, asked),
        **budget_told(asked, one.best),
        "changes": changes,
        "history_hours": decided.past.hours,
        "history_pools": len(decided.past.up),
    }
    reasons = (
        _first(one, asked),
        *_next_best(one, asked),
        *_slack_words(asked, one, slack),
        *budget_words(asked, one.best),
        *(change["words"] for change in changes[:MOST_CHANGES]),
        *_rests_on(decided, asked),
    )
    return Told(target=decided.target, reasons=reasons, decision=decision)


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
    return "late" if one.late_hours else "hard"


def _by(asked: Asked, one: Weighed, slack: float) -> str | None:
    if asked.left.deadline_at is None or one.late_hours:
        return None
    return instant(asked.as_of + timedelta(hours=max(slack, 0.0)))


def _alternative(one: Weighed, each: Alternative) -> dict[str, Any]:
    pool = pool_of(one, each.action)
    return {
        "action": WORDS[each.action[0]],
        "pool_id": pool.pool.key if pool else None,
        "expected_cost_usd": each.cost_usd
        if each.cost_usd < 1e4 * one.field.on_demand_usd_per_hour
        else None,
        "p_on_time": each.p_on_time,
        "safe": each.safe,
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
    if one.late_hours and not best.p_on_time:
        return (
            f"Even on-demand from now is {fmt.hours(one.late_hours)} late for the deadline "
            f"{fmt.instant(asked.left.deadline_at)}; {_named(one, best.action)} ends soonest, for {cost}."
        )
    if best.action == NOTHING:
        instead = next((each for each in one.found if each.action[0] == ON_DEMAND), None)
        other = f" instead of {fmt.usd(instead.cost_usd)} on demand" if instead else ""
        allows = "; the deadline allows the wait" if asked.left.deadline_at else ""
        chance = fmt.percent(back_within(one.policy, 1.0))
        return (
            f"Waiting is expected to finish what is left for {cost}{other}{allows}. Spot is back within "
            f"an hour with a chance of {chance}."
        )
    kept = (
        "" if asked.left.deadline_at is None else f", in time with a chance of {fmt.percent(best.p_on_time)}"
    )
    return f"{_named(one, best.action)} is expected to finish what is left for {cost}{kept}."


def _next_best(one: Weighed, asked: Asked) -> list[str]:
    """Return the runner-up, and what is cheaper but would risk the deadline."""
    best = one.best
    found = []
    risky = [each for each in one.found if not each.safe and each.action[0] == SPOT]
    if risky and best.action[0] == ON_DEMAND and not one.late_hours:
        spot = min(risky, key=lambda each: one.field.prices[str(each.action[1])])
        found.append(
            f"{_named(one, spot.action)} is cheaper by the hour, but if it is lost on-demand comes too late: "
            f"it meets the deadline {fmt.instant(asked.left.deadline_at)} only with a chance of "
            f"{fmt.percent(spot.p_on_time)}."
        )
    safe = [each for each in one.found[1:] if each.safe]
    for each in safe[:1]:
        more = fmt.usd(each.cost_usd - best.cost_usd)
        found.append(f"Next best: {_named(one, each.action)} at {fmt.usd(each.cost_usd)}, {more} more.")
    return found


def _slack_words(asked: Asked, one: Weighed, slack: float) -> list[str]:
    if asked.left.deadline_at is None:
        worth = asked.left.value_of_time_usd_per_hour
        paid = f"an hour counts {fmt.usd(worth)}" if worth else "time costs nothing but machines"
        return [f"The job states no deadline: {paid}."]
    if one.late_hours:
        return []
    return [
        f"{fmt.hours(max(slack, 0.0))} of slack are left: on-demand has to start by "
        f"{fmt.instant(asked.as_of + timedelta(hours=max(slack, 0.0)))} at the latest, and is taken to be "
        "obtainable then."
    ]


def _changes(one: Weighed, left: Job, solve: bool) -> list[dict[str, Any]]:
    if one.late_hours or one.best.action != cheapest(one.question.of(one.policy.trial())).action:
        return []  # Decided by the hour, within a tick of the deadline: no price changes that.
    found = price_limits(one.policy, one.question, solve=solve)
    found += comings_and_goings(one.policy, one.question)
    return [_change(one, each, left) for each in found]


def _change(one: Weighed, each: Threshold, left: Job) -> dict[str, Any]:
    """Return a threshold as it is told, its price per machine as the market quotes it."""
    usd = (
        None if each.usd_per_hour is None else each.usd_per_hour / nodes_of(left, one.field.spots[each.pool])
    )
    pool = pool_of(one, each.becomes)
    then = pool.pool.key if pool else "waiting"
    at = f"{fmt.usd_per_hour(usd)} a machine (now {_price(one, each.pool)})"
    words = {
        "dearer": f"Above {at}, {each.pool} would give way to {then}.",
        "cheaper": f"Below {at}, {each.pool} would be taken.",
        "back": f"Were {each.pool} back, it would be taken.",
        "lost": f"Were {each.pool} lost now, the answer would be {then}.",
    }[each.what]
    return {
        "what": each.what,
        "pool_id": each.pool,
        "usd_per_machine_hour": usd,
        "becomes_action": WORDS[each.becomes[0]],
        "becomes_pool_id": pool.pool.key if pool else None,
        "words": words,
    }


def _price(one: Weighed, pool_key: str) -> str:
    return fmt.usd_per_hour(one.field.spots[pool_key].price_usd_per_hour)


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
