"""The hazard at which spot stops being worth it.

Closed forms and a root search; the price in force stands for the whole run.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

from .estimate import PoolStatistics
from .job import Job
from .market import Evidence
from .placement import Placement, SideCosts, gang_hazard, placed

MOST_HAZARD = 60.0  # Per hour: a loss a minute, beyond which no machine is worth the name.


def breakeven_hazard_per_hour(job: Job, statistics: PoolStatistics, side: SideCosts) -> float | None:
    """Return the instance hazard at which effective spot meets on-demand, saving as it should there.

    None where the on-demand price is unknown, where spot is already dearer at zero hazard, where it
    stays cheaper up to a loss a minute, and for pools that are not taken back.
    """
    base = placed(job, statistics, side, 0.0)
    limit = base.on_demand_cost_usd
    if limit is None or statistics.evidence is Evidence.CONTRACT:
        return None

    def over_usd(hazard_per_hour: float) -> float:
        placement = placed(job, statistics, side, hazard_per_hour)
        return min(_valued_usd(placement, hazard_per_hour) - limit, 1e3 * limit)

    if over_usd(0.0) >= 0:
        return None
    high = 1e-3
    while over_usd(high) < 0:
        if high >= MOST_HAZARD:
            return None
        high = min(2 * high, MOST_HAZARD)
    return float(optimize.brentq(over_usd, 0.0, high, xtol=1e-12, rtol=1e-9))


def _valued_usd(placement: Placement, hazard_per_hour: float) -> float:
    """Return the closed-form mean cost with value of time, at a known instance hazard."""
    pool = placement.statistics
    hazard = gang_hazard(placement.job, pool, [hazard_per_hour])
    gap = np.asarray([pool.gap_hours])
    case = placement.mean_case(hazard, gap)
    price = np.asarray([pool.price_usd_per_hour])
    wait = placement.first_wait_chance * placement.first_wait_mean(gap)
    valued = placement.outcome(case, price, wait).effective_usd_per_gpu_hour
    return float(valued[0]) * placement.useful_gpu_hours
