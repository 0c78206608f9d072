"""Logistic regression with a ridge, by Newton's method: small, exact, and the same on every machine.

Columns are standardised; each has its own penalty, so that what is believed to matter less is
held more firmly at zero. The level is not penalised.

Legend: N = rows, K = columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from .errors import ImpossibleInput, InsufficientHistory
from .validity import Floats

STEPS = 50
SETTLED = 1e-7  # Of the largest step.
LEVEL_PENALTY = 1e-3  # Keeps the level finite where every label is the same.
FARTHEST = 4.0  # Standard deviations beyond which an input counts no further: no forecast from far outside.


@dataclass(frozen=True, slots=True)
class Logit:
    """A fitted regression: the log-odds are level + sum of weight times standardised column."""

    centre_K: Floats
    scale_K: Floats
    weight_K: Floats
    level: float

    def log_odds(self, x_NK: Floats) -> Floats:
        """Return the log-odds of each row."""
        z_NK = np.clip((x_NK - self.centre_K) / self.scale_K, -FARTHEST, FARTHEST)
        return np.asarray(z_NK @ self.weight_K + self.level)

    def chance(self, x_NK: Floats) -> Floats:
        """Return the chance of each row."""
        return np.asarray(expit(self.log_odds(x_NK)))


def fit_logit(x_NK: Floats, label_N: Floats, penalty_K: Floats) -> Logit:
    """Return the regression that minimises log-loss plus half the penalised squared weights.

    Args:
        x_NK: Rows, finite.
        label_N: 0 to 1; shares are welcome.
        penalty_K: Above 0, in rows: a penalty of 10 is worth about 40 rows against a weight of 1.

    Raises:
        InsufficientHistory: There are no rows.
        ImpossibleInput: A row or label is not finite.
    """
    if not len(label_N):
        raise InsufficientHistory("There are 0 rows to learn from; 1 is needed.", fix="Widen the window.")
    if not (np.isfinite(x_NK).all() and np.isfinite(label_N).all()):
        raise ImpossibleInput("A row to learn from is not finite.", fix="Leave out rows that were not seen.")
    centre_K, spread_K = x_NK.mean(axis=0), x_NK.std(axis=0)
    scale_K = np.where(spread_K > 1e-9, spread_K, 1.0)  # A constant column stays at weight 0.
    z_NJ = np.column_stack([np.clip((x_NK - centre_K) / scale_K, -FARTHEST, FARTHEST), np.ones(len(x_NK))])
    solved_J = _newton(z_NJ, label_N, np.append(penalty_K, LEVEL_PENALTY))
    return Logit(centre_K, scale_K, solved_J[:-1], float(solved_J[-1]))


def _newton(z_NJ: Floats, label_N: Floats, penalty_J: Floats) -> Floats:
    weight_J = np.zeros(z_NJ.shape[1])
    loss = _loss(z_NJ, label_N, penalty_J, weight_J)
    for _ in range(STEPS):
        chance_N = expit(z_NJ @ weight_J)
        slope_J = z_NJ.T @ (chance_N - label_N) + penalty_J * weight_J
        curve_JJ = (z_NJ * (chance_N * (1.0 - chance_N))[:, None]).T @ z_NJ + np.diag(penalty_J)
        step_J = np.linalg.solve(curve_JJ, slope_J)
        size = 1.0
        while (now := _loss(z_NJ, label_N, penalty_J, weight_J - size * step_J)) > loss and size > 1e-4:
            size /= 2.0  # A full step may overshoot where labels are separable.
        weight_J, loss = weight_J - size * step_J, now
        if np.abs(step_J).max() < SETTLED:
            break
    return weight_J


def _loss(z_NJ: Floats, label_N: Floats, penalty_J: Floats, weight_J: Floats) -> float:
    odds_N = z_NJ @ weight_J
    return float((np.logaddexp(0.0, odds_N) - label_N * odds_N).sum() + 0.5 * (penalty_J * weight_J**2).sum())
