"""Lives as lognormals, one or a mix of two, shared through the hierarchy of pools.

Each parameter of a pool is a sum of steps down family, region, zone, pool (`hierarchy`), and
where recent availability is known, of what that adds. The spread between siblings is learned
from them and never falls below what recorded markets show.

Legend: N = lives, P = pools, J = nodes, L = covariates, C = components, K = weights of a parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from .hierarchy import Part, Posterior, Tree, most_probable, sibling_spread
from .laws import log_hours, lognormal, two_lognormals
from .observed import Lives
from .validity import Floats
from .watched import Ints

LOCATION_FLOOR, LOCATION_MOST = 0.2, 1.5  # Spread between siblings' locations, in log hours.
SCALE_FLOOR, SCALE_MOST = 0.1, 0.5  # And of the log of their scales.
MIX_SPREAD = 0.5  # Between siblings' log odds of a stay.
TURNS = 3  # Of learning the spread.
LOCATION_PRIOR = (0.0, 0.1)  # Mean and precision of the root: an hour, give or take a factor of 20.
SCALE_PRIOR = (0.3, 1.0)  # Of the log scale.
MIX_PRIORS = ((-1.0, 0.1), (0.0, 0.25), (0.7, 4.0), (0.0, 1.0), (0.0, 1.0))
COVARIATE_PRECISION = 40.0  # Per standard deviation of a covariate: 0.16 log hours.
FARTHEST = 3.0  # Standard deviations of a covariate that count.


@dataclass(frozen=True, slots=True)
class Components:
    """Lognormal components of rows: shares, locations, scales, and how unsure the location is."""

    share_NC: Floats
    location_NC: Floats
    scale_NC: Floats
    unsure_NC: Floats  # Standard deviation, in log hours; shared by all lives of a pool.


@dataclass(frozen=True, slots=True)
class Fitted:
    """One fitted law: its posterior, and how its columns are made."""

    tree: Tree
    posterior: Posterior
    centre_L: Floats  # Of the covariates it was fitted on.
    scale_L: Floats
    spread: Floats  # Between siblings' locations, by level, in log hours.
    mixed: bool

    def components(self, pool_N: Ints, recent_NL: Floats) -> Components:
        """Return the components of lives that begin in pools after what was lately seen there."""
        columns = _columns(self.tree, pool_N, recent_NL[:, : self.centre_L.size], self.centre_L, self.scale_L)
        used = columns.of(MIXED if self.mixed else SINGLE)
        value = [c @ w for c, w in zip(used, self.posterior.weights, strict=True)]
        unsure_N = _unsure(used[0], self.posterior.covariance(0))
        if not self.mixed:
            return Components(
                np.ones((len(pool_N), 1)), *(v[:, None] for v in (value[0], np.exp(value[1]), unsure_N))
            )
        location_N, odds_N, distance_N, log_flicker_N, log_stay_N = value
        stay_N = expit(odds_N)
        return Components(
            np.column_stack([1.0 - stay_N, stay_N]),
            np.column_stack([location_N, location_N + np.exp(distance_N)]),
            np.exp(np.column_stack([log_flicker_N, log_stay_N])),
            np.column_stack([unsure_N, unsure_N]),
        )


class _Columns(NamedTuple):
    """Root alone; root and nodes; root, covariates and nodes."""

    root: Floats
    tree: Floats
    full: Floats

    def of(self, kinds: Sequence[str]) -> list[Floats]:
        return [getattr(self, kind) for kind in kinds]


SINGLE = ("full", "tree")  # Location, log scale.
MIXED = ("full", "full", "root", "root", "root")  # Location, odds of a stay, log distance, log scales.


def fit_single(tree: Tree, lives: Lives, *, covariates: bool, start: Fitted | None = None) -> Fitted:
    """Return the most probable lognormal lives of each pool of a tree.

    Lives may be none at all: then the prior speaks, and its width says so.

    Args:
        tree: Of all pools, those without a life too.
        lives: Their lives.
        covariates: Let what was seen before a life move its location.
        start: The same law of much the same lives, where to begin to look.

    Source: empirical Bayes; spreads by expectation and maximisation, curvature by Laplace.
    """
    centre_L, scale_L = _standard(lives, covariates)
    columns = _columns(tree, lives.pool_N, lives.recent_NL[:, : centre_L.size], centre_L, scale_L)
    seen = log_hours(lives.after_hours_N), log_hours(lives.until_hours_N)
    location, scale = np.full(len(tree.levels), 0.5), np.full(len(tree.levels), 0.15)
    near = _begin(start)
    for _ in range(TURNS):
        parts = [
            Part(columns.full, *_prior(tree, LOCATION_PRIOR, location, centre_L.size)),
            Part(columns.tree, *_prior(tree, SCALE_PRIOR, scale, 0)),
        ]
        near = posterior = most_probable(parts, lambda p: lognormal(*seen, *p), near)
        location = sibling_spread(posterior, 0, tree, LOCATION_FLOOR, LOCATION_MOST)
        scale = sibling_spread(posterior, 1, tree, SCALE_FLOOR, SCALE_MOST)
    return Fitted(tree, posterior, centre_L, scale_L, location, False)


def fit_mixed(
    tree: Tree, lives: Lives, spread: Floats, *, covariates: bool, start: Fitted | None = None
) -> Fitted:
    """Return the most probable mix of two lognormals, flickers and stays, of each pool of a tree.

    Args:
        tree: Of all pools.
        lives: Their lives.
        spread: Between siblings' locations by level, as a single lognormal found it.
        covariates: Let what was seen before a life move the location and the odds of a stay.
        start: The same law of much the same lives, where to begin to look.
    """
    centre_L, scale_L = _standard(lives, covariates)
    columns = _columns(tree, lives.pool_N, lives.recent_NL[:, : centre_L.size], centre_L, scale_L)
    steps = (spread, np.full(len(tree.levels), MIX_SPREAD))
    parts = [
        Part(columns.full, *_prior(tree, prior, step, centre_L.size))
        for prior, step in zip(MIX_PRIORS[:2], steps, strict=True)
    ] + [Part(columns.root, np.array([mean]), np.array([precision])) for mean, precision in MIX_PRIORS[2:]]
    seen = log_hours(lives.after_hours_N), log_hours(lives.until_hours_N)
    posterior = most_probable(parts, partial(two_lognormals, *seen), _begin(start))
    return Fitted(tree, posterior, centre_L, scale_L, spread, True)


def _begin(start: Fitted | None) -> Posterior | None:
    return None if start is None else start.posterior


def _prior(tree: Tree, root: tuple[float, float], spread: Floats, covariates: int) -> tuple[Floats, Floats]:
    """Return mean and precision of root, covariates and nodes, in that order."""
    mean, precision = root
    nodes_J = 1.0 / spread[tree.level_J] ** 2 if tree.level_J.size else np.zeros(0)
    widths = np.concatenate([[precision], np.full(covariates, COVARIATE_PRECISION), nodes_J])
    return np.concatenate([[mean], np.zeros(widths.size - 1)]), widths


def _standard(lives: Lives, covariates: bool) -> tuple[Floats, Floats]:
    if not covariates or lives.count == 0:
        return np.zeros(0), np.ones(0)
    spread_L = lives.recent_NL.std(axis=0)
    return np.asarray(lives.recent_NL.mean(axis=0)), np.where(spread_L > 1e-9, spread_L, 1.0)


def _columns(tree: Tree, pool_N: Ints, recent_NL: Floats, centre_L: Floats, scale_L: Floats) -> _Columns:
    root_N1 = np.ones((len(pool_N), 1))
    nodes_NJ = tree.member_PJ[pool_N]
    moved_NL = np.clip((recent_NL - centre_L) / scale_L, -FARTHEST, FARTHEST)
    return _Columns(root_N1, np.hstack([root_N1, nodes_NJ]), np.hstack([root_N1, moved_NL, nodes_NJ]))


def _unsure(columns_NK: Floats, covariance_KK: Floats) -> Floats:
    return np.asarray(np.sqrt(np.maximum(((columns_NK @ covariance_KK) * columns_NK).sum(axis=1), 0.0)))
