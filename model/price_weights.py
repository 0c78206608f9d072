"""How much to believe each regime: by the chance each gave to what then came.

A lesson is one past forecast: the chance every regime gave to the cell that the mean price over the
horizon fell into. Cells are of the log of the ratio: exactly unchanged, and on either side one for
each half power of ten, so that a tenth of a per cent and a third are both worth foretelling.

Legend: R = regimes, S = sample points, N = lessons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .validity import Floats

EDGES = 10.0 ** np.arange(-4.0, 0.6, 0.5)  # Of the size of a log ratio.
UNCHANGED = 1e-7  # Below this size nothing changed but rounding.
LEAST = 0.01  # No regime is refuted by one surprise.
PRIOR_LESSONS = 4.0  # Forecasts that the prior counts for.
ROUNDS = 60


@dataclass(frozen=True, eq=False)
class Lessons:
    """Past forecasts: chances given to what came, and how much each forecast counts."""

    chance_NR: Floats
    worth_N: Floats

    @property
    def worth(self) -> float:
        """How many independent forecasts these stand for."""
        return float(self.worth_N.sum())

    def plus(self, other: Lessons) -> Lessons:
        """Return both together."""
        return Lessons(
            np.concatenate([self.chance_NR, other.chance_NR]), np.concatenate([self.worth_N, other.worth_N])
        )

    def at_most(self, worth: float) -> Lessons:
        """Return the same, counting for no more than so many forecasts."""
        if self.worth <= worth:
            return self
        return Lessons(self.chance_NR, self.worth_N * (worth / self.worth))


def no_lessons(regimes: int) -> Lessons:
    """Return what is known before anything was foretold: nothing."""
    return Lessons(np.empty((0, regimes)), np.empty(0))


def lesson(ratio_RS: Floats, came: float) -> Lessons:
    """Return what one forecast of a ratio, and what came of it, teach."""
    hit_RS = _cell(np.log(ratio_RS)) == _cell(np.log(np.asarray(came)))
    return Lessons(np.maximum(hit_RS.mean(axis=1), LEAST)[None, :], np.ones(1))


def _cell(log_ratio: Floats) -> Floats:
    """Return the number of the cell a log ratio lies in: 0 unchanged, negative below."""
    size = np.abs(log_ratio)
    place = 1.0 + np.searchsorted(EDGES, size, side="right")
    return np.where(size < UNCHANGED, 0.0, np.sign(log_ratio) * place)


def likeliest_weights(lessons: Lessons, prior_R: Floats) -> Floats:
    """Return R weights, sum 1, under which what came was likeliest, with some lessons' worth of prior.

    Source: expectation maximisation for the weights of a mixture whose parts are known; the
    prior is a Dirichlet, so no regime is ruled out for good.
    """
    weights = prior_R / prior_R.sum()
    for _ in range(ROUNDS if lessons.worth else 0):
        told_NR = lessons.chance_NR * weights
        share_R = lessons.worth_N @ (told_NR / told_NR.sum(axis=1, keepdims=True))
        weights = (share_R + PRIOR_LESSONS * prior_R) / (lessons.worth + PRIOR_LESSONS)
    return np.asarray(weights / weights.sum())
