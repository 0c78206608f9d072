"""What an allocation of nodes to pools is asked for and judged by.

Shapes: S = scenarios, J = pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .scenarios import Scenarios, tail_mean
from .validity import Floats, quantity, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A pool as an allocation sees it; it has passed residency before (`failover.feasible`)."""

    name: str  # The pool's key.
    region: str  # With its provider.
    quota: int  # Most nodes.
    bring_usd: float = 0.0  # Once, where any node of its region runs.


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an allocation has to reach, and how much its tail counts."""

    work: float  # Useful node-hours.
    caution: float = 0.5  # k: weight of the tail; 0 is the mean alone.
    alpha: float = 0.9  # The tail is the worst 1 - alpha.
    short: float = 0.05  # eps: how often the work may fall short.
    region_share: float = 1.0  # Most nodes in one region, as a share.

    def __post_init__(self) -> None:
        quantity("Work", self.work, "node-hours", above_zero=True)
        for name in ("caution", "alpha", "short", "region_share"):
            share(name.replace("_", " ").capitalize(), getattr(self, name))
        quantity("Tail and region share", [1 - self.alpha, self.region_share], "(share)", above_zero=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One allocation on one set of scenarios."""

    mean_usd: float
    tail_usd: float  # CVaR.
    score_usd: float  # (1 - caution) mean + caution tail: what was minimised.
    met_share: float  # Of scenarios in which the work is reached.
    scenarios: int


def judged(scenarios: Scenarios, places: Sequence[Place], nodes_J: Floats, wish: Wish) -> Judged:
    """Return an allocation's mean, tail and score on scenarios, and how often the work is reached."""
    loss = loss_of(scenarios, places, nodes_J)
    mean = float(scenarios.weight_S @ loss)
    tail = tail_mean(loss, scenarios.weight_S, wish.alpha)
    reached = scenarios.useful_SJ @ nodes_J >= wish.work * (1 - 1e-9)
    return Judged(
        mean_usd=mean,
        tail_usd=tail,
        score_usd=(1 - wish.caution) * mean + wish.caution * tail,
        met_share=float(scenarios.weight_S @ reached),
        scenarios=scenarios.count,
    )


def loss_of(scenarios: Scenarios, places: Sequence[Place], nodes_J: Floats) -> Floats:
    """Return USD by scenario: nodes, and bringing the data once to each region that has any."""
    regions = {place.region for place, nodes in zip(places, nodes_J, strict=True) if nodes > 0}
    brought = sum(bring_of(places)[region] for region in regions)
    return np.asarray(scenarios.cost_SJ @ nodes_J + brought)


def bring_of(places: Sequence[Place]) -> dict[str, float]:
    """Return region -> what bringing the data there costs, the dearest any of its pools says."""
    found: dict[str, float] = {}
    for place in places:
        found[place.region] = max(found.get(place.region, 0.0), place.bring_usd)
    return found
