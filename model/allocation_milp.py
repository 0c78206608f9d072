"""The mixed-integer programme of an allocation, for HiGHS.

Variables, in order: x_J whole nodes, r_R whether a region is used, t the tail's mean cost, and by
the exact chance rule b_S whether a scenario falls short.

    min (1 - k) mean + k t
    t >= sum of q_s (cost x + bring r)_s        q any weighting of a tail of 1 - alpha (CVaR)
    sum of q_s (useful x)_s >= W                q any weighting of a tail of eps; or useful x >= W (1 - b)
    sum of a region <= its quota r,  <= share of all nodes
    units <= sum of size x < units and one node, where units are given

A tail's mean is the largest over its weightings, and only few of them ever bind: each is added when
a solution violates it, so that the programme stays small whatever the number of scenarios.

Shapes: S = scenarios, J = pools, R = regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize

from .allocation_terms import Place, Wish, bring_of, impossible
from .errors import ImpossibleInput
from .scenarios import Scenarios, tail_weights
from .validity import Floats

GAP = 2e-3  # Distance to the best bound that is good enough: 500 scenarios know no mean better than this.
ROUGH = 1e-2  # The same where only regions are to be chosen, which a search then betters.
MOST_NODES = 2000  # Of the search tree: a limit on time would let a slow machine answer differently.
MOST_CUTS = 300
SWEEPS = 3  # Over all regions, each given up or taken on.
MOST_WHOLE = 60  # Pools whose whole nodes are sought; of more, those nearest to what the relaxation uses.
EXACT = 1e-6  # Relative difference that is none.


@dataclass(frozen=True, slots=True)
class Relaxed:
    """Parts of nodes by pool, what a first node of each adds to the score, and the score."""

    score: float
    nodes_J: Floats
    worth_J: Floats


@dataclass(frozen=True, slots=True)
class Solved:
    """Nodes by pool, and the relative distance to the best bound."""

    nodes_J: Floats
    gap: float


def solve(scenarios: Scenarios, places: Sequence[Place], wish: Wish, *, binary: bool = False) -> Solved:
    """Return the best whole nodes by pool; the gap is to what parts of nodes on all pools could reach.

    Raises:
        ImpossibleInput: Nothing satisfies quotas, region share and the shortfall rule together.

    Source: Rockafellar and Uryasev (2000); cuts by Kunzi-Bay and Mayer (2006); HiGHS through
    scipy.optimize.milp.
    """
    programme = _Programme(scenarios, places, wish, binary and wish.short > 0)
    parts = programme.relaxed()
    kept = np.sort(np.argsort(parts.worth_J, kind="stable")[:MOST_WHOLE])
    if len(kept) < len(places):
        few = scenarios.chosen(kept)
        programme = _Programme(few, [places[i] for i in kept], wish, programme.binary, usd=programme.usd)
        programme.relaxed()
    nodes_J = np.zeros(len(places))
    nodes_J[kept], score = programme.whole()
    return Solved(nodes_J=nodes_J, gap=max(score / parts.score - 1.0, 0.0) if parts.score > 0 else 0.0)


def relaxed_nodes(scenarios: Scenarios, places: Sequence[Place], wish: Wish) -> Floats:
    """Return the best parts of nodes by pool: near enough to see which scenarios will hurt.

    Raises:
        ImpossibleInput: Nothing satisfies quotas, region share and the shortfall rule together.
    """
    return _Programme(scenarios, places, wish, binary=False).relaxed().nodes_J


class _Programme:
    """The rows so far, and the cuts that solutions have asked for."""

    def __init__(
        self, scenarios: Scenarios, places: Sequence[Place], wish: Wish, binary: bool, *, usd: float = 0.0
    ) -> None:
        self.s, self.places, self.wish, self.binary = scenarios, places, wish, binary
        self.regions = sorted({place.region for place in places})
        bring = bring_of(places)
        self.quota_J = np.array([place.quota for place in places], dtype=float)
        self.size_J = np.array([place.size for place in places], dtype=float)
        # Costs and work of very different size make a solver's tolerance mean different things.
        self.usd = usd or float(scenarios.cost_SJ.mean() * max(self.quota_J.sum(), 1.0)) or 1.0
        self.bring_R = np.array([bring[region] for region in self.regions]) / self.usd
        self.cost_SJ, self.useful_SJ = scenarios.cost_SJ / self.usd, scenarios.useful_SJ / wish.work
        self.x, self.r = slice(0, len(places)), slice(len(places), len(places) + len(self.regions))
        self.t = self.r.stop
        self.b = slice(self.t + 1, self.t + 1 + (scenarios.count if binary else 0))
        self.high = np.ones(self.b.stop)
        self.high[self.x], self.high[self.t] = self.quota_J, np.inf
        self.rows: list[Floats] = []  # Each row times the variables is at least `least`.
        self.least: list[float] = []
        self._fixed()

    def relaxed(self, used_R: Floats | None = None, above: float = np.inf) -> Relaxed:
        """Return the best parts of nodes.

        With regions given, of exactly those. It stops once the score is `above`, for cuts only raise it.

        Raises:
            ImpossibleInput: Nothing satisfies the rows.
        """
        low, high = np.zeros(self.b.stop), self.high.copy()
        if used_R is not None:
            low[self.r] = high[self.r] = used_R
        for _ in range(MOST_CUTS):
            found = optimize.linprog(
                self._objective(),
                A_ub=-np.array(self.rows),
                b_ub=-np.array(self.least),
                bounds=np.stack([low, high], axis=1),
                method="highs",
            )
            if found.x is None:
                raise impossible(self.s, self.places, self.wish)
            if found.fun >= above or not self._cut(found.x, GAP / 20):
                break
        nodes_J = found.x[self.x]
        worth_J = np.where(nodes_J > EXACT, 0.0, found.lower.marginals[self.x])
        return Relaxed(float(found.fun), nodes_J, worth_J)

    def whole(self) -> tuple[Floats, float]:
        """Return the best whole nodes, and their score.

        The first answer chooses regions on cuts made for parts of nodes everywhere; one region at a
        time is then given up or taken on while that is cheaper, and whole nodes are sought there.

        Raises:
            ImpossibleInput: Nothing satisfies the rows.
        """
        first = self._whole(np.zeros(len(self.regions)), self.high[self.r], ROUGH)
        used_R = self._regions(first[self.r])
        for _ in range(MOST_CUTS):
            best = self._whole(used_R, used_R, GAP)
            if not self._cut(best, GAP):
                break
        return best[self.x], float(self._objective() @ best)

    def _whole(self, least_R: Floats, most_R: Floats, gap: float) -> Floats:
        low, high = np.zeros(self.b.stop), self.high.copy()
        low[self.r], high[self.r] = least_R, most_R
        kinds = np.ones(self.b.stop)
        kinds[self.t] = 0
        found = optimize.milp(
            self._objective(),
            integrality=kinds,
            bounds=optimize.Bounds(low, high),
            constraints=optimize.LinearConstraint(np.array(self.rows), np.array(self.least), np.inf),
            options={"mip_rel_gap": gap, "node_limit": MOST_NODES},
        )
        if found.x is None:
            raise impossible(self.s, self.places, self.wish)
        return np.asarray(np.where(kinds > 0, np.round(found.x), found.x))

    def _regions(self, used_R: Floats) -> Floats:
        """Return regions of which none is better given up or taken on, in parts of nodes."""
        best, score = used_R, self._score(used_R)
        for _ in range(SWEEPS):
            before = score
            for number in range(len(best)):
                other = best.copy()
                other[number] = 1 - other[number]
                if (found := self._score(other, score)) < score * (1 - EXACT):
                    best, score = other, found
            if score == before:
                break
        return best

    def _score(self, used_R: Floats, above: float = np.inf) -> float:
        try:
            return self.relaxed(used_R, above).score
        except ImpossibleInput:  # Too few regions to hold the work.
            return float("inf")

    def _cut(self, found: Floats, within: float) -> bool:
        """Add the worst weighting of each tail where the solution violates it; say whether one was added."""
        before, nodes_J, used_R, tail = len(self.rows), found[self.x], found[self.r], float(found[self.t])
        if self.wish.caution:
            loss_S = self.cost_SJ @ nodes_J + self.bring_R @ used_R
            q_S = tail_weights(loss_S, self.s.weight_S, self.wish.alpha)
            if q_S @ loss_S > tail + within * abs(tail) + EXACT * within:
                self._add(0.0, (self.x, -(q_S @ self.cost_SJ)), (self.r, -self.bring_R), (self.t, 1.0))
        if not self.binary:
            done_S = self.useful_SJ @ nodes_J
            q_S = tail_weights(-done_S, self.s.weight_S, 1 - self.wish.short)
            if q_S @ done_S < 1 - max(EXACT, within / 10):
                self._add(1.0, (self.x, q_S @ self.useful_SJ))
        return len(self.rows) > before

    def _add(self, least: float, *parts: tuple[slice | int, Floats | float]) -> None:
        row = np.zeros(self.b.stop)
        for where, coefficients in parts:
            row[where] = coefficients
        self.rows.append(row)
        self.least.append(least)

    def _fixed(self) -> None:
        """Add the rows that hold from the start: quotas of used regions, region share, chance rule."""
        for number, region in enumerate(self.regions):
            inside_J = np.array([float(place.region == region) for place in self.places])
            for place in np.flatnonzero(inside_J):  # One row a pool binds tighter than one a region.
                self._add(0.0, (int(place), -1.0), (self.r.start + number, float(self.quota_J[place])))
            if self.wish.region_share < 1:
                self._add(0.0, (self.x, (self.wish.region_share - inside_J) * self.size_J))
        if self.wish.units is not None:
            self._add(self.wish.units, (self.x, self.size_J))
            whole = float(self.size_J.max())  # A last node may be larger than what is left of the units.
            self._add(-whole * np.ceil(self.wish.units / whole), (self.x, -self.size_J))
        if self.binary:
            for number, useful_J in enumerate(self.useful_SJ):
                self._add(1.0, (self.x, useful_J), (self.b.start + number, 1.0))
            self._add(-self.wish.short, (self.b, -self.s.weight_S))

    def _objective(self) -> Floats:
        k, cost = self.wish.caution, np.zeros(self.b.stop)
        cost[self.x] = (1 - k) * (self.s.weight_S @ self.cost_SJ)
        cost[self.r] = (1 - k) * self.bring_R
        cost[self.t] = k
        return cost
