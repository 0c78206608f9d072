"""Commitments of a job file as options: same estimate, same objective, ranked beside spot and on-demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from model.commitments import Priced
from model.committed import Committed
from model.committed_cost import committed_estimate, committed_statistics
from model.cost import SideCosts, estimate
from model.errors import LowtideError
from model.estimate import Estimate, PoolStatistics
from model.job import Job
from model.market import CapacityType

from .rules import Rejection, sift


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A job on a commitment."""

    committed: Committed
    priced: Priced
    estimate: Estimate
    side: SideCosts


def committed_ways(
    job: Job,
    known: Sequence[PoolStatistics],
    sides: Callable[[PoolStatistics], SideCosts],
    *,
    as_of: datetime,
    seed: int,
    draws: int,
) -> tuple[list[Way], list[Rejection]]:
    """Return the job on each commitment it states, and those it does not fit with why.

    The rules of regions, providers and GPUs hold; to state one is to allow its capacity type.

    Raises:
        ImpossibleInput: A commitment names a machine nobody knows, and not its GPUs.
    """
    asked = replace(job, constraints=replace(job.constraints, capacity_types=tuple(CapacityType)))
    ways: list[Way] = []
    rejected: list[Rejection] = []
    for committed in job.commitments:
        kept, broken = sift([committed_statistics(committed, known, as_of)], [], asked, as_of)
        rejected += broken
        for seen in kept:
            try:
                ways.append(_way(job, committed, seen, sides, as_of, seed, draws))
            except LowtideError as why:
                reason = f"{committed.commitment.name}: {why.seen}"
                rejected.append(Rejection(pool=seen.pool, rule="no_estimate", reason=reason))
    return ways, rejected


def _way(
    job: Job,
    committed: Committed,
    seen: PoolStatistics,
    sides: Callable[[PoolStatistics], SideCosts],
    as_of: datetime,
    seed: int,
    draws: int,
) -> Way:
    side = sides(seen)
    found = estimate(job, seen, side, draws=draws, seed=seed, from_at=as_of)
    better, priced = committed_estimate(job, found, committed, as_of)
    return Way(committed=committed, priced=priced, estimate=better, side=side)
