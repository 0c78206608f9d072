"""What a screening counts beside money: time spent waiting, or late for a soft deadline, and a floor kept.

Legend: N = pools.
"""

from __future__ import annotations

import numpy as np

from .floor_kept import KeptFloor
from .job import SECONDS_PER_HOUR, Job
from .screen_columns import Columns
from .screen_course import Moments
from .screen_quantiles import excess_from_least_N
from .validity import Floats


def counted_usd_N(
    job: Job,
    columns: Columns,
    price_usd_per_hour_N: Floats,
    found: Moments,
    limit_hours: float | None,
    wall: tuple[Floats, Floats, Floats],
) -> Floats:
    """Return the USD that pools are ranked by beyond their cost, at the mean.

    Args:
        job: With its value of time, and whether its deadline is soft.
        columns: Statistics of N pools.
        price_usd_per_hour_N: Of one machine.
        found: Moments of its hours there.
        limit_hours: To the deadline.
        wall: Least, mean and standard deviation of hours from start to done.
    """
    counted_N = np.asarray(job.waiting_usd_per_hour * found.waiting_N)
    if job.soft and limit_hours is not None:
        least_N, mean_N, sd_N = wall
        late_N = excess_from_least_N(limit_hours, least_N, found.untouched_N, mean_N, sd_N)
        counted_N = counted_N + job.late_usd_per_hour * late_N
    if job.floor_nodes:
        counted_N = counted_N + _floor_usd_N(job, columns, price_usd_per_hour_N, found)
    return counted_N


def _floor_usd_N(job: Job, columns: Columns, price_usd_per_hour_N: Floats, found: Moments) -> Floats:
    """Return what a floor costs beyond spot throughout, as `Placement.priced` counts it."""
    restart_hours = job.overheads.restart_s / SECONDS_PER_HOUR
    beyond_N = np.zeros(len(columns))
    for row in np.flatnonzero(~columns.contract_N & (columns.on_demand_usd_per_hour_N > 0)):
        nodes = int(np.ceil(job.gpus / columns.gpu_count_N[row]))
        floor = KeptFloor(
            nodes=nodes,
            floor_nodes=min(job.floor_nodes, nodes),
            on_demand_usd_per_hour=float(columns.on_demand_usd_per_hour_N[row]),
        )
        waiting, losses = found.waiting_N[row : row + 1], found.preemptions_N[row : row + 1]
        helped = floor.worked_hours(waiting, losses, restart_hours, float(found.work_N[row]))
        billed, price = found.billed_N[row : row + 1], price_usd_per_hour_N[row : row + 1]
        beyond_N[row] = floor.beyond_usd(price, billed, helped, waiting)[0]
    return beyond_N
