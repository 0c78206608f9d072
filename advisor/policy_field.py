"""The pools of a run as the policy under a deadline sees them: of one speed, priced for the gang.

A policy counts work in hours of one kind of machine, so pools of each GPU's speed make a field of
their own, with the on-demand pool that stands behind its promise. Pure: statistics come in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from model.cost import SideCosts
from model.errors import LowtideError
from model.estimate import PoolStatistics
from model.job import SECONDS_PER_HOUR, Job
from model.market import CapacityType, Pool

from . import format as fmt

MOST_POOLS = 12  # Spot pools of a field, the cheapest; one that is dearer is seldom the answer.
SLOW_MOVE_HOURS = 0.25  # Longer on the way than to on-demand by this: no pool for a decision by the tick.
Sides = Callable[[PoolStatistics], SideCosts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """Pools of one speed; prices are those of all nodes."""

    speed: float  # Of the job's reference GPU.
    spots: Mapping[str, PoolStatistics]
    on_demand: PoolStatistics
    prices: Mapping[str, float]  # Of spot pools, USD per hour.
    on_demand_usd_per_hour: float
    overhead_hours: float  # Of a launch: restart, and the bytes on their way.
    egress_usd: Mapping[tuple[str, str], float]  # From where the run is, to each pool and to "od".
    nodes: int = 1  # Of the gang, where its pools are of one machine; else prices alone tell.
    floor_nodes: int = 0  # Of these, on on-demand throughout.

    @property
    def spot_nodes(self) -> int:
        """How many a pool has to have for the gang."""
        return self.nodes - self.floor_nodes

    def work_hours(self, left: Job) -> float:
        """Return what is left of a job, in hours of this field's machines."""
        return left.useful_hours / self.speed


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """All fields of a run, and why pools stand in none: by pool key."""

    fields: tuple[Field, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)


def nodes_of(job: Job, seen: PoolStatistics) -> int:
    """Return how many machines of a pool the job takes."""
    return ceil(job.gpus / seen.sku.gpu_count)


def gang_usd_per_hour(job: Job, seen: PoolStatistics) -> float:
    """Return what an hour of all nodes costs."""
    return nodes_of(job, seen) * seen.price_usd_per_hour


def fields_of(
    job: Job,
    kept: Sequence[PoolStatistics],
    sides: Sides,
    *,
    here: Pool,
    unavailable: Collection[str],
    by_node: bool = False,
) -> Fields:
    """Return the fields of what is left of a job.

    Args:
        job: What is left.
        kept: The pools it may use.
        sides: What a move to each costs from where the run is.
        here: Where it is, or was.
        unavailable: On-demand pools among these were refused and stand behind no promise.
        by_node: Nodes are told apart: then a field is of one machine in one region, for its nodes on spot
            and on on-demand are one gang.
    """
    left_out: dict[str, str] = {}
    alike: dict[tuple[Any, ...], list[tuple[PoolStatistics, SideCosts]]] = {}
    for seen in kept:
        try:
            side = sides(seen)
        except LowtideError as why:
            left_out[seen.pool.key] = why.seen
            continue
        one_gang = (seen.pool.provider, seen.pool.region, seen.sku.name) if by_node else ()
        alike.setdefault((job.throughput[seen.sku.gpu_model], *one_gang), []).append((seen, side))
    found = []
    for (speed, *_), sited in sorted(alike.items(), key=lambda each: each[0], reverse=True):
        made = _field(job, speed, sited, here, unavailable, left_out)
        if made:
            found.append(_counted(job, made) if by_node else made)
    return Fields(fields=tuple(_nearest(found, here) if by_node else found), left_out=left_out)


def _counted(job: Job, found: Field) -> Field:
    """Return a field of one machine with its nodes."""
    nodes = nodes_of(job, found.on_demand)
    return replace(found, nodes=nodes, floor_nodes=job.floor_of(nodes, on_spot=True))


def _nearest(found: Sequence[Field], here: Pool) -> list[Field]:
    """Return the cheapest fields, that of the run among them: each takes a solve."""
    kept = sorted(
        found,
        key=lambda each: (
            here.key not in each.spots and here != each.on_demand.pool,
            min(each.prices.values()) / each.speed,
            each.on_demand.pool.key,
        ),
    )
    return kept[:MOST_POOLS]


def _field(
    job: Job,
    speed: float,
    sited: Sequence[tuple[PoolStatistics, SideCosts]],
    here: Pool,
    unavailable: Collection[str],
    left_out: dict[str, str],
) -> Field | None:
    """Return the field of one speed; None, with the reasons, where it has no on-demand or no spot."""
    steady = [
        each
        for each in sited
        if each[0].pool.capacity_type is CapacityType.ON_DEMAND and each[0].pool.key not in unavailable
    ]
    spots = [each for each in sited if each[0].pool.capacity_type is CapacityType.SPOT]
    behind = _behind(job, speed, steady, here)
    if behind is None:
        told = "No on-demand pool of this speed is known, and without one no deadline can be promised."
        left_out.update({seen.pool.key: told for seen, _ in spots})
        return None
    near = _near(job, spots, behind[1].egress_hours, here, left_out)
    if not near:
        return None
    moving_hours = max(side.egress_hours for _, side in [behind, *near])
    return Field(
        speed=speed,
        spots={seen.pool.key: seen for seen, _ in near},
        on_demand=behind[0],
        prices={seen.pool.key: gang_usd_per_hour(job, seen) for seen, _ in near},
        on_demand_usd_per_hour=gang_usd_per_hour(job, behind[0]),
        overhead_hours=job.overheads.restart_s / SECONDS_PER_HOUR + moving_hours,
        egress_usd=_egress(here, behind, near),
    )


def _behind(
    job: Job, speed: float, steady: Sequence[tuple[PoolStatistics, SideCosts]], here: Pool
) -> tuple[PoolStatistics, SideCosts] | None:
    """Return the on-demand pool held, else the one that finishes what is left for the least."""
    hours = job.useful_hours / speed
    return min(
        steady,
        key=lambda each: (
            each[0].pool != here,
            gang_usd_per_hour(job, each[0]) * hours + each[1].egress_usd,
            each[0].pool.key,
        ),
        default=None,
    )


def _near(
    job: Job,
    spots: Sequence[tuple[PoolStatistics, SideCosts]],
    limit_hours: float,
    here: Pool,
    left_out: dict[str, str],
) -> list[tuple[PoolStatistics, SideCosts]]:
    """Return the cheapest pools that can be moved to in time, the one held among them."""
    found = []
    for seen, side in spots:
        if side.egress_hours > limit_hours + SLOW_MOVE_HOURS and seen.pool != here:
            left_out[seen.pool.key] = f"Moving there takes {fmt.hours(side.egress_hours)}."
        else:
            found.append((seen, side))
    found.sort(key=lambda each: (each[0].pool != here, gang_usd_per_hour(job, each[0]), each[0].pool.key))
    for seen, _ in found[MOST_POOLS:]:
        left_out[seen.pool.key] = f"Dearer than the {MOST_POOLS} cheapest, among which we decide."
    return found[:MOST_POOLS]


def _egress(
    here: Pool,
    behind: tuple[PoolStatistics, SideCosts],
    spots: Sequence[tuple[PoolStatistics, SideCosts]],
) -> dict[tuple[str, str], float]:
    """Return what moving costs: the same whether the machine here is still held or was lost."""
    to = {"od": behind[1].egress_usd, **{seen.pool.key: side.egress_usd for seen, side in spots}}
    return {(source, pool): usd for source in ("", here.key) for pool, usd in to.items()}
