"""The part of an answer that deals work out over pools: an elastic job's nodes, or a sweep's copies."""

from __future__ import annotations

from .answers_standing import Answer, SpreadOut


class AllottedPoolOut(Answer):
    """What one pool is given; its cost is without what is brought once for its region."""

    pool_id: str
    provider: str
    region: str
    gpu_model: str
    sku: str
    capacity_type: str
    nodes: int
    copies: int | None  # Of a sweep; None of an elastic job.
    share: float
    cost_usd: float  # Mean.


class AloneOut(Answer):
    """All of it in the one pool that is best for it, and what spreading costs and saves beside that."""

    pool_id: str
    nodes: int
    cost_usd: SpreadOut
    tail_usd: float
    finish_hours: SpreadOut
    p_deadline: float | None
    spreading_usd: float  # Mean of the allocation less the mean here: the price of spreading.
    tail_saved_usd: float  # Tail here less the tail of the allocation.


class AllocatedOut(Answer):
    """An allocation, told by scenarios that had no part in making it; money has the stated value of waits."""

    pools: list[AllottedPoolOut]  # The largest share first.
    cost_usd: SpreadOut  # Its mean is that of the pools and `bring_usd` together.
    bring_usd: float  # What it costs to bring the data once to each region that has a part.
    tail_usd: float  # Mean of the dearest `tail_share` of scenarios (CVaR).
    finish_hours: SpreadOut
    p_deadline: float | None  # That all of it is done in time.
    alone: AloneOut | None  # None where no pool holds all of it.
    considered: int  # Pools.
    simulated: int  # Of those, pools on simulated courses; the rest on draws of the closed form.
    scenarios_solved: int
    scenarios_told: int
    optimism: float  # How much dearer than on the scenarios it was made from, relative.
    gap: float  # Relative distance to the best that parts of nodes could reach.


class AllocationOut(Answer):
    """Where the parts of a job that splits go; or in `refused` why not, and what is missing."""

    of: str  # nodes (of an elastic job) | copies (of a sweep)
    total: int  # GPUs, or copies.
    found: AllocatedOut | None
    refused: str | None
    fix: str | None
    region_share: float  # Most of it in one region.
    caution: float  # Weight of the tail against the mean.
    tail_share: float
    chance: float  # How often the deadline is to be met.
    as_of: str
    seed: int
    formula: str
    method: str
