"""How long a pool's capacity lasts, or its absence: a belief that knows regimes change.

Four lognormal laws are averaged: one component or two, with and without recent availability.
None wins everywhere; their mean was better than the single lognormal on every recorded market.
On top stands a regime: tomorrow's lives are all longer or all shorter by a factor nobody knows.
How large that factor runs is learned by forecasting later lives from earlier ones, within
what is known. Location, its uncertainty and the regime are normal in log hours, so every
component stays lognormal and survival has a closed form.

Legend: N = rows asked about, C = components, T = ages, R = draws, G = regimes tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import log_ndtr, logsumexp

from .errors import ImpossibleInput, InsufficientHistory
from .hierarchy import Tree, tree_of
from .laws import log_hours
from .lognormal import Components, Fitted, fit_mixed, fit_single
from .observed import Lives
from .validity import Floats, quantity
from .watched import Ints, Place

REGIMES_G = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5])  # Standard deviations tried, in log hours.
REGIME_PRIOR = 1.0  # Half-normal; levels of recorded zones move by about this between halves of a series.
RUNS_PER_SIGHTING = 10.0  # Lives of one regime share its luck: ten count as one sighting of it.
CUTS = (0.33, 0.5, 0.67, 0.83)  # Of the time watched, where earlier lives forecast later ones.
LEAST_LIVES = 20  # Below, regimes cannot be told apart: the prior speaks.
HALVINGS = 60
LOG_HOURS = (-14.0, 14.0)  # Where quantiles are sought: 3 ms to 137 years.


@dataclass(frozen=True, slots=True)
class LifeLaw:
    """Predictive lives of rows: a mix of lognormals, ages in hours."""

    components: Components
    regime: float  # Standard deviation in log hours.

    def log_survival(self, age_hours_NT: Floats) -> Floats:
        """Return ln P(life > age), shape (N, T); ages of shape (T,) are asked of every row."""
        part = self.components
        scale_NC = np.sqrt(part.scale_NC**2 + part.unsure_NC**2 + self.regime**2)
        age_NT = np.atleast_2d(quantity("Age", age_hours_NT, "h"))
        z_NTC = (log_hours(age_NT)[:, :, None] - part.location_NC[:, None, :]) / scale_NC[:, None, :]
        log_share_NC = np.log(np.maximum(part.share_NC, 1e-300))
        terms_NTC = log_ndtr(-np.clip(z_NTC, -37.0, 37.0)) + log_share_NC[:, None, :]
        return np.asarray(np.minimum(logsumexp(terms_NTC, axis=2), 0.0))

    def survival(self, age_hours_NT: Floats, reached_hours_N: Floats | float = 0.0) -> Floats:
        """Return P(life > age | life > age reached), shape (N, T).

        An instance that runs for long is likely to run on: hazards fall with age in every pool.

        Args:
            age_hours_NT: Ages since birth, shape (T,) or (N, T), 0 or more.
            reached_hours_N: The age already reached, one for all or per row.

        Raises:
            ImpossibleInput: An age is negative or not finite.
        """
        reached_N1 = np.reshape(quantity("Age reached", reached_hours_N, "h"), (-1, 1))
        log_now_NT = self.log_survival(np.maximum(np.atleast_2d(age_hours_NT), reached_N1))
        return np.asarray(np.exp(log_now_NT - self.log_survival(reached_N1)))

    def quantile(self, share: float, reached_hours_N: Floats | float = 0.0) -> Floats:
        """Return the age by which this share of lives that reached an age have ended, shape (N,)."""
        if not 0.0 < share < 1.0:
            raise ImpossibleInput(f"Share is {share:g}.", fix="Ask for a share between 0 and 1.")
        reached_N = np.broadcast_to(quantity("Age reached", reached_hours_N, "h"), self._rows).astype(float)
        left = np.log1p(-share) + self.log_survival(reached_N[:, None])[:, 0]
        low_N, high_N = np.full(self._rows, LOG_HOURS[0]), np.full(self._rows, LOG_HOURS[1])
        for _ in range(HALVINGS):
            middle_N = 0.5 * (low_N + high_N)
            above_N = self.log_survival(np.exp(middle_N)[:, None])[:, 0] > left
            low_N, high_N = np.where(above_N, middle_N, low_N), np.where(above_N, high_N, middle_N)
        return np.asarray(np.maximum(np.exp(low_N), reached_N))

    def log_likelihood(self, after_hours_N: Floats, until_hours_N: Floats) -> Floats:
        """Return ln P(after < life <= until) of each row; `until` infinite for a life still running."""
        log_after = self.log_survival(after_hours_N[:, None])[:, 0]
        ended = np.isfinite(until_hours_N)
        log_until = self.log_survival(np.where(ended, until_hours_N, after_hours_N + 1.0)[:, None])[:, 0]
        gone = np.log(-np.expm1(np.minimum(log_until - log_after, -1e-300)))
        return np.asarray(log_after + np.where(ended, gone, 0.0))

    def draw_locations(self, count: int, rng: np.random.Generator) -> Floats:
        """Return shifts of log hours common to a pool's lives, shape (count, N): regime and ignorance.

        A simulated course draws one per pool, then lives from the components moved by it: lives
        of one course are alike, and that is what a memoryless simulator misses.
        """
        unsure_N = np.sqrt((self.components.unsure_NC**2 * self.components.share_NC).sum(axis=1))
        return np.asarray(rng.standard_normal((count, self._rows)) * np.sqrt(unsure_N**2 + self.regime**2))

    @property
    def _rows(self) -> int:
        return int(self.components.share_NC.shape[0])


@dataclass(frozen=True, slots=True)
class LifeBelief:
    """What is believed of the lives of pools."""

    places: tuple[Place, ...]
    laws: tuple[Fitted, ...]
    regime: float  # Standard deviation in log hours.
    endings: int  # Lives seen to end, over all pools.

    def law(self, pool_N: Ints, recent_NL: Floats) -> LifeLaw:
        """Return the predictive law of lives that begin now.

        Args:
            pool_N: Indices into `places`.
            recent_NL: What was seen before they began, as in the lives it was learned from.
        """
        return LifeLaw(_averaged([law.components(pool_N, recent_NL) for law in self.laws]), self.regime)


def fit_lives(places: Sequence[Place], lives: Lives) -> LifeBelief:
    """Return the belief about lives of pools, those without a single life included.

    Args:
        places: Where each pool stands; a life's `pool_N` is an index into them.
        lives: Runs of one state, those still running included.

    Raises:
        InsufficientHistory: There are no places.
        ImpossibleInput: A life names a pool that is not among the places.
    """
    if not places:
        raise InsufficientHistory("There are 0 pools to learn lives of.", fix="Name at least 1 pool.")
    if lives.count and not 0 <= lives.pool_N.min() <= lives.pool_N.max() < len(places):
        raise ImpossibleInput(
            f"A life names pool {lives.pool_N.max()} of {len(places)}.", fix="Use indices into the places."
        )
    laws = _laws(tree_of(places), lives)
    return LifeBelief(tuple(places), laws, _regime(laws, lives), lives.endings)


def _laws(tree: Tree, lives: Lives, start: Sequence[Fitted] = ()) -> tuple[Fitted, ...]:
    """Return the laws of lives; where much the same lives were learned, looking begins there."""
    found: list[Fitted] = []
    for covariates in (False, True) if lives.recent_NL.shape[1] else (False,):
        near = start[len(found) : len(found) + 2] or (None, None)
        single = fit_single(tree, lives, covariates=covariates, start=near[0])
        found += [single, fit_mixed(tree, lives, single.spread, covariates=covariates, start=near[1])]
    return tuple(found)


def _regime(laws: Sequence[Fitted], lives: Lives) -> float:
    """Return the posterior mean of the regime's size, from forecasts of later lives by earlier ones.

    Args:
        laws: Learned from all of the lives: where learning from some of them begins.
        lives: The lives.
    """
    if lives.count < LEAST_LIVES:
        return REGIME_PRIOR
    first, last = lives.began_hour_N.min(), lives.began_hour_N.max()
    edges = [first + cut * (last - first) for cut in CUTS] + [np.inf]
    gained_G = -0.5 * (REGIMES_G / REGIME_PRIOR) ** 2
    for edge, end in pairwise(edges):
        known = lives.seen_by(edge)
        later = lives.chosen((lives.began_hour_N >= edge) & (lives.began_hour_N < end))
        if known.endings >= LEAST_LIVES / 2 and later.count:
            found = _laws(laws[0].tree, known, laws)
            gained_G = gained_G + _scores(found, later) / RUNS_PER_SIGHTING
    weight_G = np.exp(gained_G - gained_G.max())
    return float((weight_G * REGIMES_G).sum() / weight_G.sum())


def _scores(laws: Sequence[Fitted], later: Lives) -> Floats:
    """Return the log-likelihood of later lives under each size of regime."""
    parts = _averaged([law.components(later.pool_N, later.recent_NL) for law in laws])
    seen = later.after_hours_N, later.until_hours_N
    return np.array([LifeLaw(parts, float(regime)).log_likelihood(*seen).sum() for regime in REGIMES_G])


def _averaged(parts: Sequence[Components]) -> Components:
    return Components(
        np.concatenate([part.share_NC for part in parts], axis=1) / len(parts),
        np.concatenate([part.location_NC for part in parts], axis=1),
        np.concatenate([part.scale_NC for part in parts], axis=1),
        np.concatenate([part.unsure_NC for part in parts], axis=1),
    )
