"""Joint scenarios of what a node costs and does on each pool, and fewer of them that say as much.

Scenario s is one course of the market that all pools share, so that what goes wrong together goes
wrong together here. Rows are per node and pool; weights sum to 1.

Shapes: S = scenarios, J = pools.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .errors import ImpossibleInput
from .validity import Floats, quantity


@dataclass(frozen=True, slots=True)
class Scenarios:
    """Cost in USD and useful node-hours of one node, by scenario and pool, with weights."""

    cost_SJ: Floats
    useful_SJ: Floats
    weight_S: Floats

    @classmethod
    def of(cls, cost_SJ: ArrayLike, useful_SJ: ArrayLike) -> Scenarios:
        """Return equally likely scenarios.

        Raises:
            ImpossibleInput: The two differ in shape, there is no scenario or no pool, or an entry is
                negative or not finite.
        """
        cost = quantity("Cost of a node", cost_SJ, "USD")
        useful = quantity("Useful work of a node", useful_SJ, "node-hours")
        if cost.ndim != 2 or cost.shape != useful.shape or 0 in cost.shape:
            raise ImpossibleInput(
                f"Costs are of shape {cost.shape} and useful work of shape {useful.shape}.",
                fix="Give both as scenarios x pools, at least one of each.",
            )
        return cls(cost, useful, np.full(len(cost), 1.0 / len(cost)))

    @property
    def count(self) -> int:
        """How many scenarios there are."""
        return len(self.weight_S)

    def chosen(self, pools: ArrayLike) -> Scenarios:
        """Return the same scenarios of some pools, in another order."""
        index = np.asarray(pools, dtype=int)
        return Scenarios(self.cost_SJ[:, index], self.useful_SJ[:, index], self.weight_S)


def reduced(scenarios: Scenarios, most: int, score_S: Floats) -> Scenarios:
    """Return at most so many scenarios, stratified by a score: from each stratum the one in its middle.

    Strata hold the same weight, so a rare bad scenario keeps its share. Which scenario stands for a
    stratum depends on the score and then on the scenario's own numbers, never on where it stood.

    Args:
        scenarios: Of one weight each.
        most: How many to keep.
        score_S: What the strata are of, such as the loss of a first allocation.

    Raises:
        ImpossibleInput: Fewer than 1 is asked for.
    """
    quantity("Scenarios to keep", most, "scenarios", above_zero=True)
    if scenarios.count <= most:
        return scenarios
    keys = (*scenarios.useful_SJ.T[::-1], *scenarios.cost_SJ.T[::-1], score_S)
    order = np.lexsort(keys)
    edges = np.linspace(0, scenarios.count, most + 1).round().astype(int)
    middle = order[(edges[:-1] + edges[1:] - 1) // 2]
    weight = np.diff(edges) / scenarios.count
    return Scenarios(scenarios.cost_SJ[middle], scenarios.useful_SJ[middle], weight)


def tail_weights(loss_S: Floats, weight_S: Floats, alpha: float) -> Floats:
    """Return the weights, summing to 1, that the worst 1 - alpha of a loss gives each scenario.

    A scenario on the edge counts in part.
    """
    tail = max(1.0 - alpha, 1e-12)
    order = np.argsort(-loss_S, kind="stable")
    before = np.cumsum(weight_S[order]) - weight_S[order]
    part = np.zeros_like(weight_S)
    part[order] = np.clip(tail - before, 0.0, weight_S[order])
    return np.asarray(part / part.sum())


def tail_mean(loss_S: Floats, weight_S: Floats, alpha: float) -> float:
    """Return CVaR: the mean of the worst 1 - alpha of a loss."""
    return float(tail_weights(loss_S, weight_S, alpha) @ loss_S)
