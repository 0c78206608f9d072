"""What an allocation of nodes to pools is asked for and judged by.

Shapes: S = scenarios, J = pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import ImpossibleInput
from .scenarios import Scenarios, tail_mean
from .validity import Floats, quantity, share


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A pool as an allocation sees it; it has passed residency before (`failover.feasible`)."""

    name: str  # The pool's key.
    region: str  # With its provider.
    quota: int  # Most nodes.
    bring_usd: float = 0.0  # Once, where any node of its region runs.
    size: float = 1.0  # What a node counts for in `Wish.units` and in its region's share, such as its GPUs.


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What an allocation has to reach, and how much its tail counts."""

    work: float  # Useful node-hours, or what `useful_SJ` counts.
    caution: float = 0.5  # k: weight of the tail; 0 is the mean alone.
    alpha: float = 0.9  # The tail is the worst 1 - alpha.
    short: float = 0.05  # eps: how often the work may fall short.
    region_share: float = 1.0  # Most nodes in one region, as a share.
    units: float | None = None  # Exactly so many, up to one whole node; None: as many as the work takes.
    noun: str = "nodes"  # What is dealt out, in words, and
    unit: str = "node-hours"  # what its work is counted in.

    def __post_init__(self) -> None:
        quantity("Work", self.work, self.unit, above_zero=True)
        if self.units is not None:
            quantity("Units", self.units, self.noun, above_zero=True)
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


def impossible(scenarios: Scenarios, places: Sequence[Place], wish: Wish) -> ImpossibleInput:
    """Return the refusal of a wish that no whole nodes fulfil; with units, what the surest pool would do."""
    held = sum(place.quota for place in places) if wish.units is None else wish.units
    return ImpossibleInput(
        f"No whole {wish.noun} on {len(places)} pools, {held:g} in all, reach {wish.work:,.4g} {wish.unit} "
        f"with at most {wish.region_share:.0%} in one region{_surest(scenarios, places, wish)}.",
        fix="Raise quotas, loosen the region share, or accept a larger chance of falling short.",
    )


def _surest(scenarios: Scenarios, places: Sequence[Place], wish: Wish) -> str:
    if wish.units is None:
        return ""
    done = {
        place.name: -wish.units * tail_mean(-useful_S / place.size, scenarios.weight_S, 1 - wish.short)
        for place, useful_S in zip(places, scenarios.useful_SJ.T, strict=True)
    }
    best = max(sorted(done), key=lambda name: done[name])
    rare = f"in the worst {wish.short:.0%} of scenarios"
    return f"; all of them on the surest, {best}, do {done[best]:,.4g} {rare}"
