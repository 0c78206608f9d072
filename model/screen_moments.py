"""Moments of a job's course on N pools: F4 and F5 at a few nodes of each pool's belief of its hazard.

A belief is Gamma(shape, rate). Its Gauss-Laguerre nodes for a close shape (the table steps by
half a percent, the mean is kept exact) make an average over the belief exact for polynomials to
degree 11. Nodes rarer than one in 100,000 are given to the next: where the mean over the
belief does not exist, draws do not see them either.

Legend: N = pools, Q = nodes of the hazard, A = shapes of the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from .goodput import NEVER_ENDS, WHOLE
from .validity import Floats

NODES = 6
LEAST_SHAPE, MOST_SHAPE = 1e-3, 1e6
SHAPES = 2001
RAREST = 1e-5
LEAST_KEPT = np.exp(-NEVER_ENDS)
FEW_STRIKES = 1e-4  # Expected in a segment; below, moments are taken as in proportion (off by half of it).


@dataclass(frozen=True, slots=True)
class Nodes:
    """Hazards and their weights; weights of a pool sum to 1."""

    hazard_QN: Floats
    weight_QN: Floats

    def mean_N(self, values_QN: Floats) -> Floats:
        """Return the average over the belief."""
        return np.asarray(np.einsum("qn,qn->n", self.weight_QN, values_QN))


@dataclass(frozen=True, slots=True)
class Course:
    """What preemptions add to a job, given each hazard: moments of billed hours and of the count."""

    excess_QN: Floats  # Mean billed hours beyond work and pauses.
    variance_QN: Floats
    count_QN: Floats  # Mean preemptions.
    count_variance_QN: Floats


def hazard_nodes(shape_N: Floats, mean_per_hour_N: Floats) -> Nodes:
    """Return the nodes of gamma beliefs of a given shape and mean; zeros where there is no danger."""
    relative_QA, weight_QA = _table()
    step = (SHAPES - 1) / np.log(MOST_SHAPE / LEAST_SHAPE)
    sound_N = np.clip(shape_N, LEAST_SHAPE, MOST_SHAPE)
    place_N = np.rint(np.log(sound_N / LEAST_SHAPE) * step).astype(np.int64)
    return Nodes(relative_QA[:, place_N] * mean_per_hour_N, weight_QA[:, place_N])


def course(
    hazard_QN: Floats,
    work_hours_N: Floats,
    interval_hours_N: Floats,
    pause_hours_N: Floats,
    redo_hours: float,
) -> Course:
    """Return F4 and F5 of jobs cut into segments, the last one shorter.

    Args:
        hazard_QN: Of the whole gang, per hour.
        work_hours_N: Useful work on each pool.
        interval_hours_N: Useful hours between saves.
        pause_hours_N: Training stands still for one save.
        redo_hours: Billed restart and the lag of a save, which acts alike.
    """
    whole_N, rest_N = segments(work_hours_N, interval_hours_N)
    full = _segments(hazard_QN, whole_N, interval_hours_N + pause_hours_N, redo_hours)
    if not rest_N.any():
        return full
    last_N = np.where(rest_N > 0, rest_N + pause_hours_N, interval_hours_N)
    last = _segments(hazard_QN, (rest_N > 0).astype(float), last_N, redo_hours)
    return Course(
        full.excess_QN + last.excess_QN,
        full.variance_QN + last.variance_QN,
        full.count_QN + last.count_QN,
        full.count_variance_QN + last.count_variance_QN,
    )


def segments(work_hours_N: Floats, interval_hours_N: Floats) -> tuple[Floats, Floats]:
    """Return how many whole intervals each work holds, and the hours that remain (as `Cadence.segments`)."""
    whole_N = np.floor(work_hours_N / interval_hours_N + WHOLE)
    rest_N = work_hours_N - whole_N * interval_hours_N
    return whole_N, np.where(rest_N > WHOLE * interval_hours_N, rest_N, 0.0)


def _segments(hazard_QN: Floats, number_N: Floats, hours_N: Floats, redo_hours: float) -> Course:
    """Return the moments of equal segments: `goodput._segment_excess` without a gap, and the count's.

    Works in place: at 20,000 pools more time goes into fresh memory than into arithmetic.
    """
    retry_hours_N = redo_hours + hours_N
    struck_QN, when_QN, when_square_QN, _ = _truncated(hours_N, hazard_QN)
    _, when_r_QN, square_QN, kept_r_QN = _truncated(retry_hours_N, hazard_QN)
    again_QN = np.divide(1.0, np.maximum(kept_r_QN, LEAST_KEPT, out=kept_r_QN), out=kept_r_QN)
    beyond_QN = when_r_QN * again_QN  # What a retry takes beyond its own length.
    after_QN = redo_hours + beyond_QN
    when_r_QN *= retry_hours_N + beyond_QN
    when_r_QN *= 2
    square_QN += when_r_QN
    square_QN *= again_QN  # Of a retry, about zero; next about the segment's own length.
    beyond_QN *= 2 * (redo_hours - retry_hours_N)
    square_QN += beyond_QN
    square_QN += redo_hours**2
    square_QN *= struck_QN
    excess_QN = struck_QN * after_QN
    excess_QN += when_QN
    after_QN *= when_QN
    after_QN *= 2
    square_QN += after_QN
    square_QN += when_square_QN
    square_QN -= excess_QN * excess_QN
    np.maximum(square_QN, 0.0, out=square_QN)
    struck_QN *= again_QN
    again_QN *= 2
    again_QN -= 1
    again_QN -= struck_QN
    again_QN *= struck_QN
    np.maximum(again_QN, 0.0, out=again_QN)
    for moment_QN in (excess_QN, square_QN, struck_QN, again_QN):
        moment_QN *= number_N
    return Course(excess_QN, square_QN, struck_QN, again_QN)


def _truncated(hours_N: Floats, hazard_QN: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the chance of a strike within the hours, first and second moments of when, chance of none.

    Below `FEW_STRIKES` the first three are in proportion to the strikes expected, so they are
    worked out there and scaled: the differences would have lost their digits.
    """
    strikes_QN = hazard_QN * hours_N
    y_QN = np.maximum(strikes_QN, FEW_STRIKES)
    scale_QN = np.divide(strikes_QN, y_QN, out=strikes_QN)
    kept_QN = np.negative(y_QN)
    np.exp(kept_QN, out=kept_QN)
    chance_QN = 1 - kept_QN
    first_QN = chance_QN / y_QN
    first_QN -= kept_QN
    second_QN = np.divide(first_QN, y_QN, out=y_QN)
    second_QN *= 2
    second_QN -= kept_QN
    chance_QN *= scale_QN
    scale_QN *= hours_N
    first_QN *= scale_QN
    scale_QN *= hours_N
    second_QN *= scale_QN
    return chance_QN, first_QN, second_QN, kept_QN


@cache
def _table() -> tuple[Floats, Floats]:
    """Return nodes as multiples of the belief's mean, and weights, of gammas of unit rate.

    Golub and Welsch: nodes are eigenvalues of the recurrence's matrix, weights the squares of
    the first components, normalised as they come, so that no gamma function overflows.
    """
    shape_A = np.geomspace(LEAST_SHAPE, MOST_SHAPE, SHAPES)
    order = np.arange(NODES)
    matrix = np.zeros((SHAPES, NODES, NODES))
    matrix[:, order, order] = 2 * order + shape_A[:, None]
    beside = np.sqrt(order[1:] * (order[1:] + shape_A[:, None] - 1))
    matrix[:, order[1:], order[:-1]] = matrix[:, order[:-1], order[1:]] = beside
    value_AQ, vector = np.linalg.eigh(matrix)
    weight_AQ = vector[:, 0, :] ** 2
    return _without_rarest(np.maximum(value_AQ, 0.0).T, weight_AQ.T / weight_AQ.sum(axis=1))


def _without_rarest(value_QA: Floats, weight_QA: Floats) -> tuple[Floats, Floats]:
    """Return nodes with those beyond the rarest moved to the last that is not, the mean kept at 1."""
    beyond_QA = np.cumsum(weight_QA[::-1], axis=0)[::-1]  # Weight of the node and of all above it.
    last_QA = np.maximum.accumulate(np.where(beyond_QA >= RAREST, value_QA, 0.0), axis=0)
    return last_QA / (weight_QA * last_QA).sum(axis=0), weight_QA
