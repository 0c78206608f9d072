"""Moments of billed and wall hours on N pools: course, gaps and first wait, over luck and belief.

The same taking apart as the draws of `model.cost`: the count of preemptions, hours that each of
them costs, scatter of their own, exponential gaps about an uncertain mean.

Legend: N = pools, Q = nodes of the belief of the hazard.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .draws import GAP_SPREAD
from .job import SECONDS_PER_HOUR, Job
from .screen_columns import Columns
from .screen_moments import Course, Nodes, segments
from .validity import Floats


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours that do not hang on preemptions, and the moments of the mean gap."""

    least_billed_N: Floats
    struck_N: Floats  # At work or saving, the boot left out: what a preemption may strike at the least.
    work_N: Floats
    gap_N: Floats
    gap_square_N: Floats  # Second moment of the mean gap, which is uncertain itself.
    wait_chance_N: Floats


def hours_of(
    job: Job, columns: Columns, work_N: Floats, interval_N: Floats, pause_N: Floats, chance_N: Floats
) -> Hours:
    """Return the hours of a job's plan on each pool.

    Args:
        job: Its overheads are used.
        columns: Gaps of N pools, and how sure they are.
        work_N: Useful hours there.
        interval_N: Useful hours between saves.
        pause_N: Hours of one save.
        chance_N: That capacity is absent at the start.
    """
    whole_N, rest_N = segments(work_N, interval_N)
    stall_N = (whole_N + (rest_N > 0)) * pause_N + job.overheads.save_lag_s / SECONDS_PER_HOUR
    log_variance_N = GAP_SPREAD**2 / (GAP_SPREAD**2 + columns.preemptions_N)
    return Hours(
        least_billed_N=work_N + stall_N + job.overheads.restart_s / SECONDS_PER_HOUR,
        struck_N=work_N + (whole_N + (rest_N > 0)) * pause_N,
        work_N=work_N,
        gap_N=columns.gap_hours_N,
        gap_square_N=columns.gap_hours_N**2 * np.exp(log_variance_N),
        wait_chance_N=chance_N,
    )


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments over luck and belief together, in hours."""

    work_N: Floats
    least_billed_N: Floats
    preemptions_N: Floats
    beyond_N: Floats  # Lost, restarting and without capacity again; not the first wait.
    billed_N: Floats
    waiting_N: Floats
    billed_variance_N: Floats
    billed_waiting_covariance_N: Floats
    wall_variance_N: Floats
    untouched_N: Floats  # Chance of neither a preemption nor a first wait.


def moments(belief: Nodes, seen: Course, hours: Hours) -> Moments:
    """Return billed and wall moments: given the hazard, each preemption costs its hours and one gap.

    Lost hours are the count times their mean, plus scatter of their own; gaps are exponential
    about a mean gap that is lognormal. Variances add by the law of total variance.
    """
    gap_N, chance_N = hours.gap_N, hours.wait_chance_N
    gap_variance_N = hours.gap_square_N - gap_N**2
    count_QN, spread_QN = seen.count_QN, seen.count_variance_QN
    each_QN = seen.excess_QN / np.where(count_QN > 0, count_QN, 1.0)
    by_count_QN = spread_QN * each_QN**2
    own_QN = np.maximum(seen.variance_QN, by_count_QN)  # Billed, given the hazard.
    excess_N, count_N = belief.mean_N(seen.excess_QN), belief.mean_N(count_QN)
    excess_square_N = belief.mean_N(seen.excess_QN**2)
    count_square_N = belief.mean_N(count_QN**2)
    both_N = belief.mean_N(seen.excess_QN * count_QN)
    billed_variance_N = belief.mean_N(own_QN) + np.maximum(excess_square_N - excess_N**2, 0.0)
    covariance_N = gap_N * (belief.mean_N(spread_QN * each_QN) + both_N - excess_N * count_N)
    spread_N = belief.mean_N(spread_QN)
    gaps_N = spread_N * hours.gap_square_N + count_N * hours.gap_square_N
    waits_N = gap_variance_N * (count_square_N + 2 * count_N * chance_N + chance_N**2)
    first_N = (2 * chance_N - chance_N**2) * hours.gap_square_N
    counts_N = gap_N**2 * np.maximum(count_square_N - count_N**2, 0.0)
    return Moments(
        work_N=hours.work_N,
        least_billed_N=hours.least_billed_N,
        preemptions_N=count_N,
        beyond_N=excess_N + count_N * gap_N,
        billed_N=hours.least_billed_N + excess_N,
        waiting_N=(count_N + chance_N) * gap_N,
        billed_variance_N=billed_variance_N,
        billed_waiting_covariance_N=covariance_N,
        untouched_N=belief.mean_N(np.exp(-belief.hazard_QN * hours.struck_N)) * (1 - chance_N),
        wall_variance_N=billed_variance_N + 2 * covariance_N + gaps_N + waits_N + first_N + counts_N,
    )


def first_wait_chance_N(columns: Columns, hazard_N: Floats) -> Floats:
    """Return `Placement.first_wait_chance` of each pool."""
    gone_N = hazard_N * columns.gap_hours_N
    share_N = columns.available_share_N
    unseen_N = np.where(np.isnan(share_N), gone_N / (1 + gone_N), 1 - share_N)
    now_N = columns.available_now_N
    return np.where(columns.contract_N | (now_N == 1), 0.0, np.where(now_N == 0, 1.0, unseen_N))
