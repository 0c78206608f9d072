"""`make_policy`: the frozen door to the step-by-step decision under a deadline (`model.deciding`).

It checks what it is told and refuses what cannot be kept, with the number that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .deciding import Policy
from .errors import ImpossibleInput
from .spot_action import SPOT, Considered
from .spot_conditions import Conditions, Given
from .spot_paying import CLOSE_USD
from .spot_safety import ROUNDING, Promise
from .spot_seen import Course, seen
from .validity import quantity

__all__ = ["Considered", "Policy", "make_policy"]


def make_policy(
    task_hours: float,
    deadline_hours: float,
    restart_overhead_hours: float,
    gap_hours: float,
    spot_usd_per_hour: dict[str, float],
    on_demand_usd_per_hour: float,
    pools: list[str],
    history: Mapping[str, Course] | None = None,
    history_gap_hours: float | None = None,
    egress_usd_per_move: dict[tuple[str, str], float] | None = None,
    *,
    nodes: int = 1,
    floor_nodes: int = 0,
    checkpoint_lag_hours: float = 0.0,
    value_of_time_usd_per_hour: float | None = None,
    budget_usd: float | None = None,
    soft: bool = False,
    elastic: bool = False,
    waits_beside: bool = True,
) -> Policy:
    """Return a policy for one job, asked once per tick.

    Args:
        task_hours: Useful work.
        deadline_hours: From the start; floored to whole ticks.
        restart_overhead_hours: Of every launch, on-demand too: billed, without progress.
        gap_hours: Of a tick.
        spot_usd_per_hour: By pool, for all nodes.
        on_demand_usd_per_hour: For all nodes, always obtainable.
        pools: Their names.
        history: By pool, 1 = available, 0 or None = not, per tick until just before the start.
        history_gap_hours: Of a tick of the history; `gap_hours` where None.
        egress_usd_per_move: From pool, to pool.
        nodes: Of the gang; prices and availability are the gang's already.
        floor_nodes: Of the nodes, on on-demand throughout: "spot" is these and the rest on spot, (None, None)
            these alone, at their share of the speed and of the on-demand price.
        checkpoint_lag_hours: Work a preemption loses at most.
        value_of_time_usd_per_hour: What an hour until the end is worth, beside the deadline; with `soft`,
            what an hour after it costs.
        budget_usd: For all of the job. A hard deadline goes before it, and what is expected beyond it is
            told; with `soft`, on-demand is not bought where it would not pay for finishing that way.
        soft: The deadline may be missed, at the value of time per hour late; before it time is free.
        elastic: With `update_capacity`: where a pool has fewer nodes, ("spot", pool) may be those alone, or
            with on-demand in place of the rest; `nodes_now` and `spot_nodes_now` say how many.
        waits_beside: It may wait for a cheaper pool while a dearer one is up, which takes values of their own
            for the cheapest few.

    Raises:
        ImpossibleInput: On-demand from the start would miss a hard deadline, with the least that fits;
            a soft one comes without a value of time; there is no pool; a price, a time or a number of
            nodes is impossible; or the budget does not pay for spot throughout.
    """
    promise = Promise(
        _hours("Work", task_hours, above_zero=True),
        _hours("Deadline", deadline_hours, above_zero=True),
        _hours("Restart overhead", restart_overhead_hours),
        _hours("Tick", gap_hours, above_zero=True),
        _hours("Checkpoint lag", checkpoint_lag_hours),
        _floor_share(nodes, floor_nodes),
    )
    _refuse(pools, spot_usd_per_hour)
    if soft and value_of_time_usd_per_hour is None:
        raise ImpossibleInput(
            "The deadline is soft, and no value of time says what an hour after it costs.",
            fix="Give value_of_time_usd_per_hour, 0 where lateness costs nothing, or leave soft out.",
        )
    if not soft:
        _refuse_too_near(promise)
    step = _hours("Tick of the history", history_gap_hours or gap_hours, above_zero=True)
    found = Policy(
        Given(
            promise=promise,
            pools=pools,
            prices={pool: _usd_per_hour("Spot price", spot_usd_per_hour[pool]) for pool in pools},
            on_demand_usd_per_hour=_usd_per_hour("On-demand price", on_demand_usd_per_hour),
            egress_usd=egress_usd_per_move or {},
            seen=seen(pools, history or {}, step),
            conditions=Conditions(
                value_of_time_usd_per_hour=_usd_per_hour("Value of time", value_of_time_usd_per_hour or 0.0),
                soft=soft,
                nodes=nodes,
                floor_nodes=floor_nodes,
                budget_usd=budget_usd,
                elastic=elastic,
                waits_beside=waits_beside,
            ),
        )
    )
    _refuse_unaffordable(found)
    return found


def _hours(name: str, value: float, *, above_zero: bool = False) -> float:
    return float(quantity(name, value, "h", above_zero=above_zero))


def _usd_per_hour(name: str, value: float) -> float:
    return float(quantity(name, value, "USD/h"))


def _floor_share(nodes: int, floor_nodes: int) -> float:
    quantity("Node count", nodes, "nodes", above_zero=True)
    quantity("On-demand floor", floor_nodes, "nodes")
    if floor_nodes > nodes:
        raise ImpossibleInput(
            f"An on-demand floor of {floor_nodes} nodes was asked of a gang of {nodes}.",
            fix=f"Ask for a floor of {nodes} nodes at most.",
        )
    return floor_nodes / nodes


def _refuse(
    pools: Sequence[str],
    prices: Mapping[str, float],
) -> None:
    if not pools:
        raise ImpossibleInput("There are 0 pools to choose from.", fix="Name at least 1 pool.")
    unpriced = [pool for pool in pools if pool not in prices]
    if unpriced:
        raise ImpossibleInput(
            f"{len(unpriced)} of {len(pools)} pools have no price, {unpriced[0]} among them.",
            fix="Give every pool a price, or leave it out.",
        )


def _refuse_too_near(promise: Promise) -> None:
    short = promise.least_hours() - promise.ticks * promise.tick_hours
    if short > ROUNDING:
        raise ImpossibleInput(
            f"The deadline of {promise.deadline_hours:g} h is {short:.3g} h too near: on-demand from the "
            f"start takes {promise.least_hours():.4g} h in whole ticks.",
            fix=f"Give a deadline of {promise.least_hours():.4g} h or more, or less work.",
        )


def _refuse_unaffordable(policy: Policy) -> None:
    """Refuse a budget below the cheapest course there is: the cheapest capacity, never lost."""
    budget = policy.conditions.budget_usd
    if budget is None:
        return
    quantity("Budget", budget, "USD")
    usd_per_hour = [policy.on_demand, *(policy.usd_per_hour((SPOT, pool)) for pool in policy.pools)]
    least_usd = min(usd_per_hour) * policy.promise.least_hours()
    if least_usd > budget + CLOSE_USD:
        raise ImpossibleInput(
            f"The budget of {budget:.2f} USD is {least_usd - budget:.2f} USD too small: even the cheapest "
            f"capacity, never lost, takes {least_usd:.2f} USD in whole ticks.",
            fix=f"Give a budget of {least_usd:.2f} USD or more, or less work.",
        )
