"""The on-demand floor of an estimated job: how many nodes to keep off spot, and what each costs and buys.

A gang is never split, so its floor is none or all, and an instant until which leaving spot still
saves the deadline (F11s). Work that scales with its nodes may keep some (F11).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .estimate import Estimate
from .floor import FloorStep, SpotProgress, floor_steps, last_safe_switch_hours
from .job import SECONDS_PER_HOUR, Job
from .report import hours_to_deadline

CERTAINTY = 0.9
P10_TO_P90 = 2.5631  # Standard deviations of a normal law.
SHOWN = 16  # Steps told of a large job.


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Nodes to keep on on-demand: those demanded, and so many that a hard deadline is met 9 times of 10."""

    splits: bool  # Whether some nodes may be on on-demand while others are on spot.
    nodes: int
    demanded: int  # Nodes that the job demands: no fewer are chosen.
    chosen: FloorStep  # With the marginal cost and gain of its last step.
    over_none_usd: float  # What the chosen floor costs more than none.
    steps: tuple[FloorStep, ...]
    last_safe_switch_hours: float | None  # From the start; None for work that scales.


def floor_of(job: Job, spot: Estimate, on_demand: Estimate | None) -> Floor | None:
    """Return the floor of a job under a deadline; None without one, or without on-demand to keep it on.

    A floor that the job demands is the least there is; under a soft deadline it is all there is.

    Args:
        job: With its deadline, and whether it scales.
        spot: Of the pool it runs on.
        on_demand: Of the cheapest on-demand pool in time.
    """
    hours = hours_to_deadline(job, spot.statistics.as_of)
    if hours is None or on_demand is None or spot.p_deadline is None or on_demand.p_deadline is None:
        return None
    demanded, splits = min(job.floor_nodes, spot.nodes), job.elastic or job.floor_nodes > 0
    if job.soft and not demanded:
        return None  # Nobody demands certainty: lateness is weighed with money.
    steps = _nodes(job, spot, on_demand, hours) if splits else _gang(spot, on_demand)
    enough = [step for step in steps if step.on_demand_nodes >= demanded]
    sure = [step for step in enough if step.p_deadline >= CERTAINTY]
    likeliest = max(enough, key=lambda step: (step.p_deadline, -step.on_demand_nodes))
    chosen = enough[0] if job.soft else (sure[0] if sure else likeliest)
    over_none = chosen.cost_usd - steps[0].cost_usd
    told = chosen
    if demanded and chosen.on_demand_nodes == demanded:
        told, over_none = _as_estimated(chosen, over_none, spot)
    return Floor(
        splits=splits,
        nodes=spot.nodes,
        demanded=demanded,
        chosen=told,
        over_none_usd=over_none,
        steps=tuple(_some(steps, chosen)),
        last_safe_switch_hours=None if splits else _switch(job, on_demand, hours),
    )


def _as_estimated(chosen: FloorStep, over_none_usd: float, spot: Estimate) -> tuple[FloorStep, float]:
    """Return a demanded floor as the estimate that keeps it has it, its last node's price in proportion."""
    over = spot.parts.on_demand * spot.useful_gpu_hours
    scale = over / over_none_usd if over_none_usd else 1.0
    p_deadline = chosen.p_deadline if spot.p_deadline is None else spot.p_deadline
    told = replace(
        chosen,
        cost_usd=spot.cost_usd.mean,
        p_deadline=p_deadline,
        marginal_usd=chosen.marginal_usd * scale,
    )
    return told, over


def _gang(spot: Estimate, on_demand: Estimate) -> list[FloorStep]:
    none, whole = spot.p_deadline or 0.0, on_demand.p_deadline or 0.0
    dearer = on_demand.cost_usd.mean - spot.cost_usd.mean
    return [
        FloorStep(
            on_demand_nodes=0, cost_usd=spot.cost_usd.mean, p_deadline=none, marginal_usd=0.0, marginal_p=0.0
        ),
        FloorStep(
            on_demand_nodes=on_demand.nodes,
            cost_usd=on_demand.cost_usd.mean,
            p_deadline=whole,
            marginal_usd=dearer,
            marginal_p=whole - none,
        ),
    ]


def _nodes(job: Job, spot: Estimate, on_demand: Estimate, hours: float) -> list[FloorStep]:
    """Return a step for each node: progress of spot as the estimate's goodput and its spread say."""
    kept = min(job.floor_nodes, spot.nodes - 1) / spot.nodes  # Of the pace that was estimated, not of spot.
    paces = (spot.useful_hours / spot.finish_hours.p10, spot.useful_hours / spot.finish_hours.p90)
    reach = [max(pace - kept, 0.0) / (1.0 - kept) for pace in paces]
    mean = min(max(spot.goodput - kept, 0.0) / (1.0 - kept), 1.0)
    sd = min(max(reach[0] - reach[1], 0.0) / P10_TO_P90, (mean * (1.0 - mean)) ** 0.5)
    price = spot.run_price_usd_per_hour
    return floor_steps(
        spot.useful_hours * spot.nodes,
        spot.nodes,
        hours,
        SpotProgress(mean=mean, sd=sd),
        spot_usd_per_hour=price.mean if price else spot.statistics.price_usd_per_hour,
        on_demand_usd_per_hour=on_demand.statistics.price_usd_per_hour,
        spot_billed_share=min(spot.billed_hours.mean / spot.finish_hours.mean, 1.0),
    )


def _some(steps: list[FloorStep], chosen: FloorStep) -> list[FloorStep]:
    """Return a few steps of many, none, all and the chosen one among them."""
    if len(steps) <= SHOWN:
        return steps
    every = -(-len(steps) // SHOWN)
    return [s for i, s in enumerate(steps) if i % every == 0 or s is chosen or s is steps[-1]]


def _switch(job: Job, on_demand: Estimate, hours: float) -> float:
    told = job.overheads
    saves = on_demand.parts.stall / on_demand.parts.price if on_demand.parts.price else 0.0
    left = last_safe_switch_hours(
        hours,
        on_demand.useful_hours,
        save_share=saves,
        restart_hours=told.restart_s / SECONDS_PER_HOUR,
        save_lag_hours=told.save_lag_s / SECONDS_PER_HOUR,
    )
    return float(left)
