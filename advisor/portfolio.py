"""What a recommendation says beyond single pools: the list to fail over along, and the on-demand floor.

Candidates are the ranked spot options, already sifted by residency and rules; checkpoints are taken
along at the tariffs. On-demand is no place on the list: it is where the deadline sends a run, and
the floor says at what price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from model.errors import LowtideError
from model.failover import best_orders, candidate_of, checkpoint_move, pareto, shortlist
from model.failover_chain import Candidate, Terms
from model.failover_chance import Failover, chosen
from model.floor_of import Floor, floor_of
from model.job import Job
from model.market import CapacityType
from model.report import hours_to_deadline
from model.siting import Rates

if TYPE_CHECKING:
    from .options import Option

MOST = 8  # Pools that lists are made of: 400 lists.


@dataclass(frozen=True, slots=True, kw_only=True)
class Portfolio:
    """Lists by their first pool, best first, and the floor of the first option."""

    failovers: dict[str, Failover]
    floor: Floor | None

    def after(self, pool_key: str) -> tuple[str, ...]:
        """Return the pools to go to once a first pool is lost; none where no list begins with it."""
        found = self.failovers.get(pool_key)
        return found.order.names[1:] if found else ()


def portfolio(job: Job, options: Sequence[Option], rates: Rates, as_of: datetime) -> Portfolio:
    """Return the lists and the floor of ranked options.

    Args:
        job: What has to be computed.
        options: Ranked, best first.
        rates: Egress, for checkpoints taken along.
        as_of: When the job starts.
    """
    spot = [o for o in options if o.pool.capacity_type is CapacityType.SPOT]
    fixed = [o for o in options if o.pool.capacity_type is CapacityType.ON_DEMAND and not o.commitment]
    lists = _lists(job, spot, rates, as_of) if spot and not job.floor_nodes else {}  # A list knows no floor.
    first = options[0] if options and options[0] in spot else None
    floor = floor_of(job, first.estimate, fixed[0].estimate if fixed else None) if first else None
    return Portfolio(failovers=lists, floor=floor)


def _lists(job: Job, spot: Sequence[Option], rates: Rates, as_of: datetime) -> dict[str, Failover]:
    terms = Terms(
        work_hours=job.useful_hours,
        value_usd_per_hour=job.waiting_usd_per_hour,
        hours_to_deadline=hours_to_deadline(job, as_of),
        late_usd_per_hour=job.late_usd_per_hour if job.soft else None,
        move=checkpoint_move(job, rates),
    )
    known = [found for found in (_candidate(job, option) for option in spot) if found]
    if not known:
        return {}
    first, rest = known[0], sorted(known[1:], key=lambda each: each.name)
    few = [first, *shortlist(pareto(rest, dominators=MOST), terms, MOST - 1)]
    orders = best_orders(few, terms)
    heads = dict.fromkeys(order.names[0] for order in orders)
    return {head: chosen([order for order in orders if order.names[0] == head], few, terms) for head in heads}


def _candidate(job: Job, option: Option) -> Candidate | None:
    try:
        return candidate_of(job, option.estimate.statistics, option.side)
    except LowtideError:  # It was estimated, so this says nothing new.
        return None
