"""The checkpoint intervals of N pools at once: `model.interval` without its loop over complex numbers.

Legend: N = pools.
"""

from __future__ import annotations

import numpy as np

from .interval import NEAR_BRANCH, SHORTEST_S, choose_interval, evenly_cut
from .job import SECONDS_PER_HOUR, Job
from .validity import Floats

NO_CAP_HOURS = 1e12  # Longer than any work: asks `choose_interval` for the job's own cap alone.
NEWTON_STEPS = 4  # From a start within 0.12; each step squares the error.


def intervals_s_N(job: Job, hazard_N: Floats, work_hours_N: Floats, pause_s_N: Floats) -> Floats:
    """Return `choose_interval` under many gang hazards: F3, floored and capped alike.

    Raises:
        ImpossibleInput: No interval keeps the promised most lost work.
    """
    best_s_N = exact_hours_N(pause_s_N / SECONDS_PER_HOUR, hazard_N) * SECONDS_PER_HOUR
    floor_s_N = np.maximum(SHORTEST_S, job.overheads.save_lag_s - pause_s_N)
    cap_s = choose_interval(job, 0.0, useful_hours=NO_CAP_HOURS).interval_s
    work_s_N = work_hours_N * SECONDS_PER_HOUR
    limited_s_N = np.minimum(np.maximum(best_s_N, floor_s_N), np.minimum(work_s_N, cap_s))
    promised_s = cap_s if cap_s < NO_CAP_HOURS else np.inf
    return evenly_cut(limited_s_N, work_s_N, pause_s_N, hazard_N / SECONDS_PER_HOUR, floor_s_N, promised_s)


def exact_hours_N(pause_hours_N: Floats, hazard_N: Floats) -> Floats:
    """Return `interval.exact_hours` (F3): w = 1 - h tau solves w = e^(w - 1 - C h), by Newton's steps.

    They start from the series at the branch point, which below `NEAR_BRANCH` has all digits.
    """
    y_N = pause_hours_N * hazard_N
    p_N = np.sqrt(-2 * np.expm1(-y_N))
    tail_N = 11 / 72 + p_N * (-43 / 540 + p_N * (769 / 17280))
    share_N = p_N * (1 + p_N * (-1 / 3 + p_N * tail_N))
    w_N = np.minimum(1 - share_N, 1 - 1e-9)
    for _ in range(NEWTON_STEPS):
        grown_N = np.exp(w_N - 1 - y_N)
        w_N = np.minimum(w_N - (w_N - grown_N) / np.maximum(1 - grown_N, 1e-9), 1 - 1e-9)
    share_N = np.where(y_N < NEAR_BRANCH, share_N, 1 - w_N)
    some_N = hazard_N > 0
    return np.where(some_N, share_N / np.where(some_N, hazard_N, 1.0), np.inf)
