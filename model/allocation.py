"""How many nodes to rent where, for work that can be split: mean cost against its tail (mean-CVaR).

A mixed-integer programme over scenarios: whole nodes within quotas, enough useful work in nearly
all scenarios, no region with too many nodes, and what bringing the data costs where any node runs.
It is solved on few scenarios and judged on all of them, and both are reported, for a solution
looks best on the scenarios that made it. A gang is never split: see `gang_allocation`.

Shapes: S = scenarios, J = pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from .allocation_milp import Solved, relaxed_nodes, solve
from .allocation_terms import Judged, Place, Wish, judged, loss_of
from .errors import ImpossibleInput, InsufficientHistory
from .scenarios import Scenarios, reduced, tail_mean
from .validity import Floats, quantity

KEPT_SCENARIOS = 500
FEWEST_SCENARIOS = 20  # Fewer have no tail to speak of.
ROUNDS = 3  # Times the wish is raised where few scenarios were kinder than all.


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Nodes by pool; judged on the scenarios it was made from, on all of them, and on fresh ones if given."""

    nodes: dict[str, int]  # Pools without a node are left out.
    in_sample: Judged
    on_all: Judged
    on_fresh: Judged | None
    gap: float  # Relative distance to the best bound; 0 where proven best.

    @property
    def optimism(self) -> float:
        """How much dearer it is than where it was made: judged on fresh scenarios, else on all."""
        return (self.on_fresh or self.on_all).score_usd / self.in_sample.score_usd - 1.0


def allocate(
    scenarios: Scenarios, places: Sequence[Place], wish: Wish, *, fresh: Scenarios | None = None,
    most_scenarios: int = KEPT_SCENARIOS, binary: bool = False,
) -> Allocation:  # fmt: skip
    """Return the nodes to rent for elastic work or a sweep.

    Work is reached by CVaR on the shortfall, which is convex and errs on the safe side; with
    `binary` by the exact chance rule, for few scenarios. Where the reduced scenarios were kinder
    than all of them, the wish is raised by what was missing and solved again.

    Args:
        scenarios: Joint, J pools.
        places: The J pools, in the same order.
        wish: Work and how much the tail counts.
        fresh: Scenarios that had no part in it, to judge by.
        most_scenarios: How many are solved on.
        binary: Count scenarios that fall short instead of weighing how far.

    Raises:
        ImpossibleInput: Quotas, the region share or the shortfall rule leave no allocation; the
            missing number is named. Or names repeat, or shapes differ.
        InsufficientHistory: Too few scenarios.
    """
    _refuse(scenarios, places)
    order = sorted(range(len(places)), key=lambda index: places[index].name)
    known, sites = scenarios.chosen(order), [places[index] for index in order]
    _refuse_small(known, sites, wish)
    first = reduced(known, most_scenarios, _plain_score(known, wish))
    nodes_J, raised = relaxed_nodes(first, sites, wish), wish
    for _ in range(ROUNDS):
        few = reduced(known, most_scenarios, loss_of(known, sites, nodes_J))
        solved = solve(few, sites, raised, binary=binary)
        nodes_J = solved.nodes_J
        found = judged(known, sites, solved.nodes_J, wish)
        if found.met_share >= 1 - wish.short - 1e-12:
            break
        missing = _missing(known, solved.nodes_J, wish)
        raised = replace(wish, work=raised.work * (1 + missing))
    return _told(known, few, fresh.chosen(order) if fresh else None, sites, wish, solved)


def gang_allocation(scenarios: Scenarios, places: Sequence[Place], nodes: int, wish: Wish) -> Allocation:
    """Return the one pool that holds the whole gang at the least score; a gang is never split.

    Raises:
        ImpossibleInput: No quota holds the gang; the largest is named. Or none reaches the work.
        InsufficientHistory: Too few scenarios.
    """
    _refuse(scenarios, places)
    needed = int(quantity("Gang", nodes, "nodes", above_zero=True))
    large = [place for place in places if place.quota >= needed]
    if not large:
        most = max(places, key=lambda place: (place.quota, place.name))
        raise ImpossibleInput(
            f"A gang of {needed} nodes is never split, and the largest quota is {most.quota} ({most.name}).",
            fix=f"Raise one quota by {needed - most.quota} nodes, or make the work elastic.",
        )
    found = []
    for place in sorted(large, key=lambda each: each.name):
        nodes_J = np.array([needed if each is place else 0 for each in places])
        found.append((judged(scenarios, places, nodes_J, wish), place))
    reaching = [(each, place) for each, place in found if each.met_share >= 1 - wish.short - 1e-12]
    if not reaching:
        best = max(each.met_share for each, _ in found)
        raise ImpossibleInput(
            f"No pool reaches {wish.work:g} node-hours with {needed} nodes in {1 - wish.short:.0%} of "
            f"scenarios; the best does in {best:.1%}.",
            fix="Allow more time, or more nodes.",
        )
    best_found, place = min(reaching, key=lambda pair: (pair[0].score_usd, pair[1].name))
    return Allocation(
        nodes={place.name: needed}, in_sample=best_found, on_all=best_found, on_fresh=None, gap=0.0
    )


def _told(
    known: Scenarios, few: Scenarios, fresh: Scenarios | None, sites: Sequence[Place], wish: Wish,
    solved: Solved,
) -> Allocation:  # fmt: skip
    return Allocation(
        nodes={site.name: int(nodes) for site, nodes in zip(sites, solved.nodes_J, strict=True) if nodes > 0},
        in_sample=judged(few, sites, solved.nodes_J, wish),
        on_all=judged(known, sites, solved.nodes_J, wish),
        on_fresh=judged(fresh, sites, solved.nodes_J, wish) if fresh else None,
        gap=solved.gap,
    )


def _plain_score(known: Scenarios, wish: Wish) -> Floats:
    """Return USD per useful node-hour with a node on every pool: the strata of the first solve."""
    useful = known.useful_SJ.sum(axis=1)
    return np.asarray(known.cost_SJ.sum(axis=1) / np.maximum(useful, 1e-9 * wish.work))


def _missing(known: Scenarios, nodes_J: Floats, wish: Wish) -> float:
    """Return by what share more work must be aimed at for the wish to hold on all scenarios."""
    done = known.useful_SJ @ nodes_J
    reached = float(np.quantile(done, wish.short, method="lower"))
    return max(wish.work / max(reached, 1e-9) - 1.0, 1e-4)


def _refuse(scenarios: Scenarios, places: Sequence[Place]) -> None:
    if len({place.name for place in places}) < len(places) or len(places) != scenarios.cost_SJ.shape[1]:
        raise ImpossibleInput(
            f"{len(places)} pools, some of one name, against {scenarios.cost_SJ.shape[1]} columns.",
            fix="Give one pool of its own name for each column.",
        )
    if scenarios.count < FEWEST_SCENARIOS:
        raise InsufficientHistory(
            f"{scenarios.count} scenarios have no tail; an allocation needs {FEWEST_SCENARIOS}.",
            fix="Simulate more paths.",
        )
    for place in places:
        quantity(f"Quota of {place.name}", place.quota, "nodes")
        quantity(f"Bringing data to {place.name}", place.bring_usd, "USD")


def _refuse_small(known: Scenarios, sites: Sequence[Place], wish: Wish) -> None:
    """Refuse what no allocation can reach, with the number of nodes that are missing."""
    quota_J = np.array([site.quota for site in sites], dtype=float)
    if wish.units is not None:
        _refuse_few(sites, wish)
        return
    most = _most_nodes(sites, wish.region_share)
    short = -tail_mean(-(known.useful_SJ @ quota_J), known.weight_S, 1 - wish.short)
    done = short * most / max(quota_J.sum(), 1.0)
    if done >= wish.work:
        return
    pace = short / quota_J.sum() if quota_J.sum() else float(known.useful_SJ.mean())
    needed = f"about {ceil(wish.work / pace)}" if pace > 0 else "more than any number of"
    spread = "" if wish.region_share == 1 else f" with at most {wish.region_share:.0%} in one region"
    raise ImpossibleInput(
        f"Quotas allow {most} nodes{spread} of {needed} nodes needed: all of them do {done:,.4g} of "
        f"{wish.work:,.4g} node-hours in the worst {wish.short:.0%} of scenarios.",
        fix="Raise quotas, add pools, allow more time, or accept a larger chance of falling short.",
    )


def _refuse_few(sites: Sequence[Place], wish: Wish) -> None:
    """Refuse units that quotas and the region share do not hold, with the number that is missing."""
    units = wish.units or 0.0
    largest = max(site.size for site in sites)
    limit = wish.region_share * ceil(units / largest) * largest + 1e-9
    held: dict[str, float] = {}
    least: dict[str, float] = {}
    for site in sites:
        held[site.region] = held.get(site.region, 0.0) + site.quota * site.size
        least[site.region] = min(least.get(site.region, site.size), site.size)
    if wish.region_share < 1:  # In whole nodes: a share of less than one is none.
        held = {name: min(most, least[name] * (limit // least[name])) for name, most in held.items()}
    most = sum(held.values())
    if most >= units:
        return
    spread = "" if wish.region_share == 1 else f" with at most {wish.region_share:.0%} of them in one region"
    raise ImpossibleInput(
        f"Quotas of {len(sites)} pools in {len(held)} regions hold {most:g} of {units:g} {wish.noun}"
        f"{spread}.",
        fix=f"Raise quotas by {units - most:g}, add pools in other regions, or allow a larger region_share.",
    )


def _most_nodes(sites: Sequence[Place], region_share: float) -> int:
    """Return the most nodes that quotas and the region share allow together."""
    quotas: dict[str, int] = {}
    for site in sites:
        quotas[site.region] = quotas.get(site.region, 0) + site.quota
    total = sum(quotas.values())
    while total and sum(min(quota, int(region_share * total + 1e-9)) for quota in quotas.values()) < total:
        total -= 1
    return total
