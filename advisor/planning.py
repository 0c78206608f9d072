"""From an option to `plan.json`: what one attempt of a run is told.

A plan names keys and tokens and never contains them. It assumes no warning before a
preemption unless measured otherwise, expires a day after it was written, and carries the
digest of the recommendation it came from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from model.estimate import Estimate
from model.job import Job
from model.market import CapacityType, Pool
from trainer.plan import (
    Plan,
    PlanCheckpoint,
    PlanJob,
    PlanNodes,
    PlanNotice,
    PlanPool,
    PlanService,
    PlanStores,
    Provenance,
)

from .answers import code_version
from .recommend import Option
from .sides import RETAINED_CHECKPOINTS

METADATA = ("aws", "gcp", "azure")  # Providers whose machines can be asked whether they will be taken.
VALID_FOR = timedelta(hours=24)
DIRECTIVE_EVERY_S = 600.0  # Market seconds; prices and probes move in minutes.
TOKEN_ENV = "LOWTIDE_TOKEN"  # The name of a variable, never its content.


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The recommendation a plan comes from: its id, its stored bytes, and its instant."""

    recommendation_id: str
    body: bytes
    as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where an attempt runs, on how many machines, how often it saves, and where it goes next."""

    pool: Pool
    nodes: int
    gpus_per_node: int
    interval_s: float  # Between full saves.
    fallbacks: tuple[str, ...]  # Pool keys, best first.
    light_every_s: float | None = None  # Between saves of any kind, where some are light.
    on_demand_nodes: int | None = None  # Of the nodes; None: all in an on-demand pool, in others the floor.

    @classmethod
    def of_option(cls, option: Option, fallbacks: tuple[str, ...]) -> Placement:
        """Take a placement from an estimated option."""
        found = option.estimate
        return cls(
            pool=found.pool,
            nodes=found.nodes,
            gpus_per_node=found.statistics.sku.gpu_count,
            interval_s=found.interval_s,
            fallbacks=fallbacks,
            light_every_s=light_every_s(found),
        )

    @classmethod
    def of_stored(cls, option: Mapping[str, Any]) -> Placement:
        """Take a placement from an option of a stored recommendation."""
        return cls(
            pool=Pool.parse(option["pool_id"]),
            nodes=option["nodes"],
            gpus_per_node=option["gpu_count"],
            interval_s=option["interval_s"],
            fallbacks=tuple(option["fallbacks"]),
            light_every_s=(option.get("interval_law") or {}).get("light_every_s"),
        )


def make_plan(
    job: Job,
    placement: Placement,
    *,
    run_id: str,
    attempt: int,
    issued_at: datetime,
    stores: PlanStores,
    origin: Origin,
    nominal_notice_s: float,
    service_url: str | None,
    on_its_pool: bool = False,
) -> Plan:
    """Return the plan of one attempt.

    Args:
        job: The whole job, not what is left of it.
        placement: Where it runs and how often it saves.
        run_id: The run.
        attempt: Issued by the service; the fencing epoch of this attempt's checkpoints.
        issued_at: Market time; the plan may be started for a day from here.
        stores: Where checkpoints go.
        origin: The recommendation behind it.
        nominal_notice_s: What the provider says it gives; the plan assumes none of it.
        service_url: Where to report and ask; None without a service.
        on_its_pool: Whether it runs on a machine of its pool, whose provider can be asked there for a
            notice; a replay and a run on this very machine do not.
    """
    return Plan(
        run_id=run_id,
        attempt=attempt,
        job=PlanJob(name=job.name, gpus=job.gpus, useful_hours=job.useful_hours, state_bytes=job.state_bytes),
        pool=plan_pool(placement.pool),
        fallbacks=tuple(plan_pool(Pool.parse(key)) for key in placement.fallbacks),
        nodes=_nodes(job, placement),
        checkpoint=_checkpoint(job, placement),
        stores=stores,
        notice=_notice(placement.pool.provider, nominal_notice_s, on_its_pool=on_its_pool),
        deadline_at=job.deadline_at,
        budget_usd=job.budget_usd,
        expires_at=issued_at + VALID_FOR,
        service=_service(service_url),
        provenance=Provenance(
            recommendation_id=origin.recommendation_id,
            recommendation_sha256=hashlib.sha256(origin.body).hexdigest(),
            as_of=origin.as_of,
            code_version=code_version(),
            image_digest=None,
        ),
    )


def _notice(provider: str, nominal_s: float, *, on_its_pool: bool) -> PlanNotice:
    poll_url = "metadata" if on_its_pool and provider in METADATA else None
    return PlanNotice(provider=provider, nominal_s=nominal_s, assumed_s=0.0, poll_url=poll_url)


def _service(url: str | None) -> PlanService | None:
    if url is None:
        return None
    return PlanService(url=url, token_env=TOKEN_ENV, directive_every_s=DIRECTIVE_EVERY_S)


def plan_pool(pool: Pool) -> PlanPool:
    """Return a pool as plans spell it."""
    return PlanPool(
        provider=pool.provider,
        region=pool.region,
        zone_id=pool.zone,
        sku=pool.sku,
        capacity_type=pool.capacity_type.value,
    )


def _nodes(job: Job, placement: Placement) -> PlanNodes:
    kind = placement.pool.capacity_type
    on_demand = job.floor_of(placement.nodes, on_spot=kind is CapacityType.SPOT)
    if kind is CapacityType.ON_DEMAND:
        on_demand = placement.nodes
    if placement.on_demand_nodes is not None:
        on_demand = placement.on_demand_nodes
    return PlanNodes(
        count=placement.nodes,
        gpus_per_node=placement.gpus_per_node,
        min=placement.nodes,
        max=placement.nodes,
        on_demand_floor=on_demand,
    )


def light_every_s(found: Estimate) -> float | None:
    """Return useful seconds between saves of any kind; None where all are full."""
    chosen = found.interval
    return chosen.interval_s if chosen and chosen.full_every > 1 else None


def _checkpoint(job: Job, placement: Placement) -> PlanCheckpoint:
    lag_s = job.overheads.save_lag_s
    return PlanCheckpoint(
        light_every_s=placement.light_every_s,
        full_every_s=placement.interval_s,
        max_lost_work_s=job.constraints.max_lost_work_s or placement.interval_s + lag_s,
        asynchronous=lag_s > 0,
        delta=False,
        codec="none",
        allow_inexact=False,
        retention=RETAINED_CHECKPOINTS,
    )
