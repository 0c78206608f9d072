"""Quotas a person states: all of a job's nodes must fit where it is ranked, a part where it is dealt out.

Elastic work may be split over pools, each within its quota; whoever runs it in one pool rents all its
nodes there, so that a smaller quota rules that pool out of the ranking, and of where a run goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from model.estimate import PoolStatistics
from model.job import Job
from model.placement import spot_nodes_of

if TYPE_CHECKING:
    from .options import Option


def quota(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """The person's quota there does not hold all the nodes; those on the on-demand floor count elsewhere."""
    return _short(job, seen, spot_nodes_of(job, seen))


def quota_of_part(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """The same for a pool that a part is dealt out to: of elastic work one node is enough."""
    return _short(job, seen, 1 if job.elastic else spot_nodes_of(job, seen))


def _short(job: Job, seen: PoolStatistics, wanted: int) -> str | None:
    most = job.constraints.quota_of(seen.pool.key)
    if most is None or most >= wanted:
        return None
    for_what = "of work that scales" if job.elastic else "that the gang needs"
    return f"Its quota is {most} of the {wanted} node{'' if wanted == 1 else 's'} {for_what}."


def apart(
    job: Job, options: Sequence[Option], as_of: datetime
) -> tuple[list[Option], list[tuple[Option, str]]]:
    """Return the options whose quota holds the whole job, and those that hold a part with why not all."""
    told = [(option, quota(option.estimate.statistics, job, as_of)) for option in options]
    whole = [option for option, reason in told if reason is None]
    return whole, [(option, reason) for option, reason in told if reason is not None]
