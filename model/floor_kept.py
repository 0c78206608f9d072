"""Nodes that a job keeps on on-demand beside spot: what they add to the bill, and what they get done alone.

f of n nodes are on on-demand throughout. While spot runs, all n work; while it is away the f work alone, at
f/n of the speed (data parallelism), after a restart of their own. What they do shortens the run at its end;
that fewer losses then strike is left out, so that the floor is rather too dear than too cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import InsufficientHistory
from .estimate import PoolStatistics
from .job import Job
from .market import CapacityType
from .validity import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFloor:
    """f of n nodes, and what one of them costs."""

    nodes: int  # n, of the whole gang.
    floor_nodes: int  # f
    on_demand_usd_per_hour: float  # Of one machine.

    @property
    def share(self) -> float:
        """Of the full speed, kept up while spot is away."""
        return self.floor_nodes / self.nodes

    def worked_hours(
        self, waiting_hours: Floats, losses: Floats, restart_hours: float, work_hours: float
    ) -> Floats:
        """Return work done while spot is away, in hours of all nodes; every wait begins with a restart."""
        waits = np.maximum(losses, np.where(waiting_hours > 0, 1.0, 0.0))
        alone = np.maximum(waiting_hours - waits * restart_hours, 0.0)
        return np.asarray(np.minimum(self.share * alone, work_hours))

    def beyond_usd(
        self, spot_usd_per_hour: Floats, billed_hours: Floats, worked_hours: Floats, waiting_hours: Floats
    ) -> Floats:
        """Return what a course costs more than with all nodes on spot for all its billed hours.

        The floor's surcharge while all work, the floor while it waits, less what was done meanwhile.
        """
        dearer = self.floor_nodes * (self.on_demand_usd_per_hour - spot_usd_per_hour)
        while_all = dearer * (billed_hours - worked_hours)
        alone = self.floor_nodes * self.on_demand_usd_per_hour * waiting_hours
        return np.asarray(while_all + alone - self.nodes * spot_usd_per_hour * worked_hours)


def is_spot(statistics: PoolStatistics) -> bool:
    """Say whether the provider sells it as spot."""
    return statistics.pool.capacity_type is CapacityType.SPOT


def kept_floor(job: Job, statistics: PoolStatistics, nodes: int) -> KeptFloor | None:
    """Return the floor that a job keeps beside a spot pool; None where it keeps none.

    Raises:
        InsufficientHistory: No on-demand price of this machine is known there.
    """
    kept = job.floor_of(nodes, on_spot=is_spot(statistics))
    if not kept:
        return None
    listed = statistics.on_demand_usd_per_hour
    if not listed:
        raise InsufficientHistory(
            f"{kept} of {nodes} nodes stay on on-demand, and no on-demand price of {statistics.sku.name} is "
            f"known beside {statistics.pool.key}.",
            fix="Collect list prices, or leave floor_nodes out.",
        )
    return KeptFloor(nodes=nodes, floor_nodes=kept, on_demand_usd_per_hour=listed)
