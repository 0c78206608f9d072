"""How many nodes of spot pools can be had now, as a launcher tells it: used where work can use a part.

A launcher asks a cloud for a gang and hears how much of it there is. Only work that scales with its nodes
can go on with less; a gang is whole or waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from model.errors import ImpossibleInput
from model.estimate import PoolStatistics
from model.market import CapacityType

from .policy_asked import Asked
from .policy_field import nodes_of

OF_A_GANG = (
    "The job is a gang, which runs whole or not at all: the nodes told by pool are not used. Work that "
    "scales with its nodes says so with elastic = true."
)
BY_ESTIMATES = "The nodes told by pool are not used: only the policy weighs parts of pools."


def with_capacity(
    asked: Asked, told: Mapping[str, int], market: Sequence[PoolStatistics]
) -> tuple[Asked, tuple[str, ...]]:
    """Return the question with what was told of capacity, and in a sentence why that is not used.

    Args:
        asked: About a run.
        told: Nodes by pool key.
        market: The pools that the run may use.

    Raises:
        ImpossibleInput: A pool is no spot pool that the run may use, or has more nodes than the job takes.
    """
    if not told:
        return asked, ()
    spots = {seen.pool.key: seen for seen in market if seen.pool.capacity_type is CapacityType.SPOT}
    for key, count in told.items():
        _refuse(key, count, spots.get(key), asked)
    return (replace(asked, capacity=dict(told)), ()) if asked.job.elastic else (asked, (OF_A_GANG,))


def _refuse(key: str, count: int, seen: PoolStatistics | None, asked: Asked) -> None:
    if seen is None:
        raise ImpossibleInput(
            f"A count of {count} nodes was told of a pool (capacity) that is no spot pool this run may use.",
            fix="Give keys of spot pools as GET /v1/pools spells them, of regions the job allows.",
        )
    most = nodes_of(asked.job, seen)
    if count > most:
        raise ImpossibleInput(
            f"{count} nodes were told of {seen.pool.key} (capacity), and the job takes {most} there.",
            fix=f"Tell the nodes that can be had for this job: {most} at most.",
        )
