"""The wire shape of an allocation; no arithmetic."""

from __future__ import annotations

from model.allocation_pieces import units_of
from model.allocation_split import SURE
from model.allocation_told import Alone, Held, Split
from model.job import Job

from .answers import instant
from .answers_allocation import AllocatedOut, AllocationOut, AllottedPoolOut, AloneOut
from .options import Recommendation
from .present_standing import spread_out

FORMULA = "least (1 - caution) mean + caution CVaR of cost over joint scenarios, docs/model.md section 18"
METHOD = "mean-CVaR, whole nodes, cuts of the tail, HiGHS"


def allocation_out(found: Recommendation) -> AllocationOut | None:
    """Return where the parts of a job go; None for a gang of one copy."""
    told, job = found.allocation, found.job
    if told is None:
        return None
    return AllocationOut(
        of="nodes" if job.elastic else "copies",
        total=units_of(job),
        found=_found(job, told.found) if told.found else None,
        refused=told.refused,
        fix=told.fix,
        region_share=job.spreading.region_share,
        caution=job.spreading.caution,
        tail_share=job.spreading.tail_share,
        chance=SURE,
        as_of=instant(found.as_of),
        seed=told.seed,
        formula=FORMULA,
        method=METHOD,
    )


def _found(job: Job, told: Split) -> AllocatedOut:
    spread = told.judgement
    return AllocatedOut(
        pools=[_pool(job, each) for each in told.held],
        cost_usd=spread_out(spread.cost_usd),
        bring_usd=max(spread.cost_usd.mean - sum(each.cost_usd for each in told.held), 0.0),
        tail_usd=spread.tail_usd,
        finish_hours=spread_out(spread.finish_hours),
        p_deadline=spread.p_deadline,
        alone=_alone(told.alone) if told.alone else None,
        considered=told.considered,
        simulated=told.simulated,
        scenarios_solved=told.solved_on,
        scenarios_told=told.told_by,
        optimism=told.optimism,
        gap=told.gap,
    )


def _pool(job: Job, held: Held) -> AllottedPoolOut:
    seen = held.piece.statistics
    pool = seen.pool
    return AllottedPoolOut(
        pool_id=pool.key,
        provider=pool.provider,
        region=pool.region,
        gpu_model=seen.sku.gpu_model,
        sku=pool.sku,
        capacity_type=pool.capacity_type.value,
        nodes=held.nodes,
        copies=None if job.elastic else held.pieces,
        share=held.share,
        cost_usd=held.cost_usd,
    )


def _alone(alone: Alone) -> AloneOut:
    told = alone.judgement
    return AloneOut(
        pool_id=alone.piece.place.name,
        nodes=alone.nodes,
        cost_usd=spread_out(told.cost_usd),
        tail_usd=told.tail_usd,
        finish_hours=spread_out(told.finish_hours),
        p_deadline=told.p_deadline,
        spreading_usd=alone.spreading_usd,
        tail_saved_usd=alone.tail_saved_usd,
    )
