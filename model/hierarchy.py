"""What pools lend each other: family, region, zone, pool, each a step away from the one above.

A parameter of a pool is the sum of steps from the root to it. Steps of one level are normal
about zero with the spread seen between siblings, so a pool nobody watched stands where its
parent stands, that spread wider. The most probable steps come from L-BFGS, their
uncertainty from the curvature there (Laplace).

Legend: P = pools, J = nodes, N = lives, K = weights of one parameter, W = weights of all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from .laws import Slopes
from .validity import Floats
from .watched import Ints, Place

STEP = 0.05  # Of the numeric curvature in a parameter: lives that all end within one tick leave their
# likelihood flat for less than that, and its curvature at a point would say that nothing was seen.

Likelihood = Callable[[tuple[Floats, ...]], Slopes]


@dataclass(frozen=True, slots=True)
class Tree:
    """Which nodes each pool hangs from."""

    member_PJ: Floats
    level_J: Ints
    levels: tuple[str, ...]


def tree_of(places: Sequence[Place]) -> Tree:
    """Return the tree of pools; a level that splits them no further than the one below is left out."""
    labels: dict[str, list[tuple[str, ...]]] = {
        "family": [(p.family,) for p in places],
        "region": [(p.family, p.region) for p in places],
        "zone": [(p.family, p.region, p.zone) for p in places],
        "pool": [(p.family, p.region, p.zone, p.pool) for p in places],
    }
    split: dict[int, str] = {}
    for level, names in labels.items():
        split[len(set(names))] = level  # The lower of two equal levels stays.
    kept = [level for count, level in split.items() if count > 1]
    columns, levels = [np.zeros((len(places), 0))], [np.zeros(0, dtype=np.int64)]
    for index, level in enumerate(kept):
        nodes = list(dict.fromkeys(labels[level]))
        columns.append(np.array([[name == node for node in nodes] for name in labels[level]], dtype=float))
        levels.append(np.full(len(nodes), index, dtype=np.int64))
    return Tree(np.concatenate(columns, axis=1), np.concatenate(levels), tuple(kept))


@dataclass(frozen=True, slots=True)
class Part:
    """One parameter as a weighted sum: its columns, and the prior of their weights."""

    columns_NK: Floats
    mean_K: Floats
    precision_K: Floats


@dataclass(frozen=True, slots=True)
class Posterior:
    """Most probable weights of each part, and the covariance of all of them."""

    weights: tuple[Floats, ...]
    covariance_WW: Floats

    def covariance(self, part: int) -> Floats:
        """Return the covariance of one part's weights, shape (K, K)."""
        begin = sum(len(weight_K) for weight_K in self.weights[:part])
        inside = slice(begin, begin + len(self.weights[part]))
        return self.covariance_WW[inside, inside]

    def draws(self, count: int, rng: np.random.Generator) -> list[Floats]:
        """Return draws of each part's weights, shapes (count, K)."""
        centre_W = np.concatenate(self.weights)
        drawn = rng.multivariate_normal(centre_W, self.covariance_WW, count, method="eigh")
        return np.split(drawn, np.cumsum([len(w) for w in self.weights])[:-1], axis=1)


def most_probable(parts: Sequence[Part], likelihood: Likelihood, start: Posterior | None = None) -> Posterior:
    """Return the weights that maximise likelihood times prior, and their Laplace covariance.

    Args:
        parts: One per parameter of the likelihood, in its order.
        likelihood: From the parameters of each life to log-likelihoods and slopes.
        start: Where to begin to look, such as the answer for almost the same lives; the prior where None.
    """
    mean_W = np.concatenate([part.mean_K for part in parts])
    precision_W = np.concatenate([part.precision_K for part in parts])
    cuts = np.cumsum([len(part.mean_K) for part in parts])[:-1]

    def loss(weight_W: Floats) -> tuple[float, Floats]:
        weights = np.split(weight_W, cuts)
        found = likelihood(tuple(p.columns_NK @ w for p, w in zip(parts, weights, strict=True)))
        slope_W = np.concatenate([p.columns_NK.T @ s for p, s in zip(parts, found.slope_N, strict=True)])
        off_W = weight_W - mean_W
        value = 0.5 * float((precision_W * off_W**2).sum()) - float(found.log_likelihood_N.sum())
        return value, precision_W * off_W - slope_W

    begin_W = mean_W if start is None else np.concatenate(start.weights)
    best = minimize(loss, begin_W, jac=True, method="L-BFGS-B", options={"maxiter": 1000})
    weights = tuple(np.split(best.x, cuts))
    return Posterior(weights, _covariance(parts, likelihood, weights))


def _covariance(parts: Sequence[Part], likelihood: Likelihood, weights: Sequence[Floats]) -> Floats:
    """Return the inverse curvature: each life's in its few parameters, carried to the many weights.

    A life's parameters are sums of weights, so the chain rule is exact; only the curvature in a
    parameter is numeric, from slopes a small step to either side.
    """
    value = [part.columns_NK @ w for part, w in zip(parts, weights, strict=True)]
    blocks = []
    for index, part in enumerate(parts):
        below, above = (
            likelihood(tuple(v + step * (i == index) for i, v in enumerate(value))) for step in (-STEP, STEP)
        )
        bends = [(low - high) / (2.0 * STEP) for low, high in zip(below.slope_N, above.slope_N, strict=True)]
        weighed = [other.columns_NK.T * bend for other, bend in zip(parts, bends, strict=True)]
        blocks.append([each @ part.columns_NK for each in weighed])
    curve_WW = np.block([list(row) for row in zip(*blocks, strict=True)])
    prior_W = np.sqrt(np.concatenate([part.precision_K for part in parts]))
    told_WW = 0.5 * (curve_WW + curve_WW.T) / (prior_W[:, None] * prior_W)
    size_W, axis_WW = np.linalg.eigh(told_WW)  # In units of the prior, and nothing seen unsays that.
    beside_WW = (axis_WW / (1.0 + np.maximum(size_W, 0.0))) @ axis_WW.T
    return np.asarray(beside_WW / (prior_W[:, None] * prior_W))


def sibling_spread(posterior: Posterior, part: int, tree: Tree, floor: float, most: float) -> Floats:
    """Return the spread between siblings of each level, from steps and their uncertainty.

    The steps are the last weights of the part, one per node. One turn of expectation and
    maximisation: mean of squared step plus its variance.
    """
    nodes = tree.level_J.size
    step_J = posterior.weights[part][len(posterior.weights[part]) - nodes :]
    variance_J = np.diag(posterior.covariance(part))[-nodes:] if nodes else np.zeros(0)
    squared = step_J**2 + variance_J
    spread = [np.sqrt(squared[tree.level_J == level].mean()) for level in range(len(tree.levels))]
    return np.clip(np.array(spread, dtype=np.float64), floor, most)
