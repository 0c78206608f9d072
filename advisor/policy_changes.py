"""What would change a decision of the policy under a deadline, in words and as an answer."""

from __future__ import annotations

from typing import Any

from model.job import Job
from model.policy_reasons import Threshold, comings_and_goings, price_limits
from model.spot_action import ON_DEMAND, SPOT, cheapest

from . import format as fmt
from .policy_desk import Weighed, pool_of
from .policy_field import nodes_of

WORDS = {SPOT: "spot", ON_DEMAND: "on_demand", None: "wait"}


def changes_told(one: Weighed, left: Job, solve: bool) -> list[dict[str, Any]]:
    """Return prices, losses and returns that would change a decision.

    Args:
        one: What was decided.
        left: What is left of the job.
        solve: Look for price limits with values worked out anew, which takes longer.
    """
    by_the_hour = one.late_hours and not one.lateness.soft
    if by_the_hour or one.best.action != cheapest(one.question.of(one.policy.trial())).action:
        return []  # Decided by the hour, within a tick of the deadline: no price changes that.
    parts = any(each.mix for each in one.found)  # A price limit is of whole pools.
    found = [] if parts else price_limits(one.policy, one.question, solve=solve)
    turns = comings_and_goings(one.policy, one.question)
    found += [each for each in turns if each.what == "back" or not parts]  # A part lost is no pool gone.
    return [_change(one, each, left) for each in found]


def _change(one: Weighed, each: Threshold, left: Job) -> dict[str, Any]:
    """Return a threshold as it is told, its price per machine as the market quotes it."""
    usd = (
        None if each.usd_per_hour is None else each.usd_per_hour / nodes_of(left, one.field.spots[each.pool])
    )
    pool = pool_of(one, each.becomes)
    then = pool.pool.key if pool else "waiting"
    at = f"{fmt.usd_per_hour(usd)} a machine (now {_price(one, each.pool)})"
    whole = " as a whole" if any(other.mix for other in one.found) else ""
    words = {
        "dearer": f"Above {at}, {each.pool} would give way to {then}.",
        "cheaper": f"Below {at}, {each.pool} would be taken.",
        "back": f"Were {each.pool} back{whole}, it would be taken.",
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
