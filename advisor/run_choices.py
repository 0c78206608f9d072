"""How a run is decided: what is asked of the policy about it, its moves priced, its answers put together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from model.job import SECONDS_PER_HOUR, Job
from model.market import CapacityType, Pool
from model.spot_action import NOTHING

from .policy_asked import Asked
from .policy_desk import Decided
from .policy_words import Told
from .recommend import Option
from .runstate import RunState
from .steering import ON_DEMAND_WORD, Directive, left_to_pay, why_not


def asked_of(
    run: RunState,
    left: Job,
    as_of: datetime,
    *,
    holds: bool,
    unavailable: Collection[str] = (),
    spent_usd: float | None = None,
) -> Asked:
    """Return the question that a run puts to the policy.

    Args:
        run: As it stands.
        left: What is left of its job.
        as_of: Market time.
        holds: Whether its machine is still there.
        unavailable: Pools just tried in vain.
        spent_usd: What it was billed so far, where it has a budget and that is known.
    """
    overheads, interval_s = run.job.overheads, spot_interval_s(run)
    mix, floor_alone = run.held_nodes() if holds else (None, False)
    lag_s = interval_s + overheads.pause_s + overheads.save_lag_s
    return Asked(
        run_id=run.row.run_id,
        job=run.job,
        left=left,
        here=run.here,
        holds=holds,
        owed_hours=owed_hours(run, as_of),
        as_of=as_of,
        stall_share=left.overheads.pause_s / interval_s if interval_s > 0 else 0.0,
        lag_hours=lag_s / SECONDS_PER_HOUR,
        unavailable=frozenset(unavailable),
        window=timedelta(hours=run.answer["window_hours"]),
        mix=mix,
        floor_alone=floor_alone,
        spent_usd=spent_usd,
    )


def spot_interval_s(run: RunState) -> float:
    """Return how often the run saves on spot: as planned now, or as was recommended for the best spot."""
    if run.here.capacity_type is CapacityType.SPOT:
        return run.plan.checkpoint.full_every_s
    for option in run.answer["options"]:
        if Pool.parse(option["pool_id"]).capacity_type is CapacityType.SPOT:
            return float(option["interval_s"])
    return run.plan.checkpoint.full_every_s


def owed_hours(run: RunState, as_of: datetime) -> float:
    """Return what the newest attempt still owes of its launch; nothing once it has made a step."""
    whole = run.job.overheads.restart_s / SECONDS_PER_HOUR
    own = [event for event in run.events if event["attempt"] == run.newest.attempt]
    if any(event["event"] == "step" for event in own):
        return 0.0
    began = [run.clock.of_event(event) for event in own if event["event"] == "started"]
    if not began:
        return whole
    return min(max(whole - (as_of - began[-1]) / timedelta(hours=1), 0.0), whole)


def ordered(decided: Decided, asked: Asked, told: Told) -> Directive:
    """Return what a live run is told."""
    weighed = (decided.chosen, *decided.others)
    unknown = not asked.floor_alone and all(each.question.current == NOTHING for each in weighed)
    if unknown and _may_stay(decided, asked):
        return Directive(word="continue", target=None, reason="Nothing is known against the present pool.")
    target = told.target
    if target is None:
        word = "wait"
    elif target.pool == asked.here and _same_nodes(decided, asked):
        return Directive(word="continue", target=None, reason=" ".join(told.reasons))
    elif decided.chosen.best.action == NOTHING:  # The floor alone: the rest is let go, and next-pool says so.
        target, word = None, "wait"
    else:
        steady = target.pool.capacity_type is CapacityType.ON_DEMAND
        word = ON_DEMAND_WORD if steady else "migrate"
    return Directive(word=word, target=target.pool if target else None, reason=" ".join(told.reasons))


def _same_nodes(decided: Decided, asked: Asked) -> bool:
    """Say whether what is decided for the present pool runs the nodes that run there."""
    one = decided.chosen
    return not asked.by_node or (one.best.action, one.best.mix) == (one.question.current, asked.mix)


def _may_stay(decided: Decided, asked: Asked) -> bool:
    """Say whether a pool of which nothing is known may be kept: on-demand still saves the deadline."""
    if asked.here.capacity_type is not CapacityType.SPOT:
        return True
    one = decided.chosen
    promise = one.policy.promise
    tick = one.policy.tick_at(one.question.now_h)
    left = promise.task_hours - one.question.done_h
    return not one.late_hours and promise.safe_on_spot(tick, left, asked.owed_hours)


def next_answer(
    run: RunState,
    left: Job,
    options: Sequence[Option],
    unavailable: Collection[str],
    *,
    chosen: Pool | None,
    wait_s: float,
    reasons: Sequence[str],
    decision: dict[str, Any],
) -> dict[str, Any]:
    """Return the answer to next-pool, without an attempt yet."""
    weighed = {each["pool_id"]: each for each in reversed(decision["alternatives"])}  # The best of a pool.
    return {
        "run_id": run.row.run_id,
        "action": "start" if chosen else "wait",
        "wait_s": wait_s,
        "pool_id": None,
        "attempt": None,
        "plan": None,
        "reasons": list(reasons),
        "decision": decision,
        "alternatives": [
            _alternative(each, why_not(each, chosen, unavailable), weighed.get(each.pool.key))
            for each in options
        ],
        "remaining_useful_hours": left.useful_hours,
        "checkpoint": run.checkpoint(),
    }


def _alternative(option: Option, reason: str, weighed: dict[str, Any] | None) -> dict[str, Any]:
    found = option.estimate
    return {
        "pool_id": option.pool.key,
        "effective_usd_per_gpu_hour": found.effective_usd_per_gpu_hour.mean,
        "left_to_pay_usd": left_to_pay(option),
        "p_deadline": found.p_deadline,
        "expected_cost_usd": weighed["expected_cost_usd"] if weighed else None,
        "p_on_time": weighed["p_on_time"] if weighed else None,
        "available_now": found.statistics.available_now,
        "reason": reason,
    }
