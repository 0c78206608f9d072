"""Which failover order is best: hard filters first, then a Pareto filter, then every list up to three pools.

A gang job cannot be split, so a mix of pools is an order of them; `failover_chain` prices one.
Pools of one region and GPU model go down together, so lists are diversified by region and
family, never by zone alone; that comes out of the price of a list and is no rule beside it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from .errors import ImpossibleInput, InsufficientHistory
from .estimate import PoolStatistics
from .failover_chain import Candidate, FailoverOrder, Move, Terms, score
from .job import Job
from .market import Evidence
from .placement import SideCosts, gang_hazard, nodes_of, placed
from .siting import Place, Rates
from .siting_cost import carried

LONGEST_LIST = 3
MOST_POOLS = 12  # More are cut down before lists are enumerated: 12 give 1,464 lists.


@dataclass(frozen=True, slots=True, kw_only=True)
class Barred:
    """A pool that no list may hold, and why."""

    name: str
    reason: str


def feasible(
    job: Job, pools: Iterable[PoolStatistics], *, quota: dict[str, int], barred: dict[str, str]
) -> tuple[list[PoolStatistics], list[Barred]]:
    """Return the pools that may hold the whole gang, and the others with the reason: before any price.

    Args:
        job: Its GPUs; a gang is never split, so a pool must hold all of them.
        pools: What is believed of each.
        quota: Most nodes by pool key; a pool without an entry has no known limit.
        barred: Why residency forbids a pool, by pool key (`siting.NoSiting`).
    """
    kept, out = [], []
    for seen in pools:
        key, needed = seen.pool.key, nodes_of(job, seen)
        if key in barred:
            out.append(Barred(name=key, reason=barred[key]))
        elif quota.get(key, needed) < needed:
            reason = f"Its quota is {quota[key]} of the {needed} nodes that the gang needs."
            out.append(Barred(name=key, reason=reason))
        else:
            kept.append(seen)
    return kept, out


def candidate_of(job: Job, seen: PoolStatistics, side: SideCosts) -> Candidate:
    """Return a pool as a list of pools sees it: F4 at its mean hazard, saving as it should there.

    Where nobody looked for capacity the share of time with it is 1 / (1 + hazard x gap).

    Raises:
        InsufficientHistory: The pool's hazard is unknown.
        ImpossibleInput: The job would never end there.
    """
    if seen.evidence is not Evidence.CONTRACT and seen.hazard_rate_hours <= 0:
        raise InsufficientHistory(
            f"{seen.pool.key} has 0 instance-hours of exposure, so how often it is lost is unknown.",
            fix="Widen the window, or allow borrowing from its region.",
        )
    placement = placed(job, seen, side, seen.hazard_per_hour)
    hazard = gang_hazard(job, seen, [seen.hazard_per_hour])
    case = placement.mean_case(hazard, np.zeros(1))
    found = placement.outcome(case, np.asarray([seen.price_usd_per_hour]), np.zeros(1))
    money = float(found.cost_usd[0]) - side.egress_usd
    return Candidate(
        name=seen.pool.key,
        region=f"{seen.pool.provider}/{seen.pool.region}",
        family=seen.sku.gpu_model,
        usd_per_useful_hour=money / job.useful_hours,
        hours_per_useful_hour=float(found.wall_hours[0] - side.egress_hours) / job.useful_hours,
        losses_per_useful_hour=float(case.preemptions[0]) / job.useful_hours,
        available_share=_available(seen),
        gap_hours=seen.gap_hours,
        bring_usd=side.egress_usd,
        bring_hours=side.egress_hours,
        here_now=True if seen.evidence is Evidence.CONTRACT else seen.available_now,
    )


def checkpoint_move(job: Job, rates: Rates) -> Move:
    """Return what taking a full checkpoint from one pool to another costs: nothing within a region.

    The data set is not in it: each pool brings that once (`bring_usd`), from where it lies.
    """
    known: dict[tuple[str, str], tuple[float, float]] = {}

    def move(start: Candidate, end: Candidate) -> tuple[float, float]:
        route = start.region, end.region
        if route not in known:
            places = (Place(provider=p, region=r) for p, _, r in (name.partition("/") for name in route))
            found = carried(rates, next(places), next(places), float(job.state_bytes))
            known[route] = found.usd, found.hours
        return known[route]

    return move


def _available(seen: PoolStatistics) -> float:
    if seen.evidence is Evidence.CONTRACT:
        return 1.0
    if seen.available_share is not None:
        return seen.available_share
    return 1.0 / (1.0 + seen.hazard_per_hour * seen.gap_hours)


def best_orders(
    candidates: Sequence[Candidate], terms: Terms, *, longest: int = LONGEST_LIST
) -> list[FailoverOrder]:
    """Return every failover order up to a length, best first: in time at the mean, then by valued cost.

    Beyond `MOST_POOLS` after the Pareto filter, the best of each region and family are kept first.
    The answer does not depend on the order of the candidates.

    Args:
        candidates: Pools that passed every hard filter (`feasible`).
        terms: Work, value of time, deadline, cost of a move.
        longest: Pools in a list, at least 1.

    Raises:
        ImpossibleInput: No candidate, two of one name, or a length below 1.
    """
    names = {each.name for each in candidates}
    if not candidates or len(names) < len(candidates) or longest < 1:
        raise ImpossibleInput(
            f"{len(candidates)} pools of {len(names)} names cannot be put in lists of {longest}.",
            fix="Give at least 1 pool, each with a name of its own, and lists of at least 1.",
        )
    known = sorted(candidates, key=lambda each: each.name)
    kept = shortlist(pareto(known, dominators=longest), terms)
    orders = [
        score([kept[i] for i in chosen], terms)
        for length in range(1, min(longest, len(kept)) + 1)
        for chosen in permutations(range(len(kept)), length)
    ]
    return sorted(orders, key=lambda order: _rank(order, terms))


def _rank(order: FailoverOrder, terms: Terms) -> tuple[bool, float, int, tuple[str, ...]]:
    late = terms.hard_hours is not None and order.wall_hours > terms.hard_hours
    # Costs are compared to a billionth: the same list in other floats is the same list.
    return late, float(f"{order.valued_usd:.9e}"), len(order.names), order.names


def pareto(candidates: Sequence[Candidate], *, dominators: int = 1) -> list[Candidate]:
    """Return the candidates that fewer than so many others of their region and family beat in everything.

    Only pools that go down together and are reached at one price may beat each other: a dearer pool
    elsewhere is what a fallback is. A list of three can use three of one kind, so three must beat it.
    """
    return [
        each
        for each in candidates
        if sum(_beats(other, each) for other in candidates if other is not each) < dominators
    ]


def _beats(one: Candidate, other: Candidate) -> bool:
    if (one.region, one.family) != (other.region, other.family):
        return False
    mine, theirs = _merits(one), _merits(other)
    return mine <= theirs and all(a <= b for a, b in zip(mine, theirs, strict=True)) and mine != theirs


def _merits(each: Candidate) -> tuple[float, ...]:
    return (
        each.usd_per_useful_hour, each.hours_per_useful_hour, each.losses_per_useful_hour,
        1 - each.available_share, each.gap_hours, each.bring_usd, each.bring_hours,
    )  # fmt: skip


def shortlist(candidates: Sequence[Candidate], terms: Terms, most: int = MOST_POOLS) -> list[Candidate]:
    """Return at most so many candidates: the best of each region and family first, then the next best."""
    if len(candidates) <= most:
        return list(candidates)
    ranked = sorted(candidates, key=lambda each: _rank(score([each], terms), terms))
    turns: dict[tuple[str, str], int] = {}
    keyed = []
    for place, each in enumerate(ranked):
        turn = turns.setdefault((each.region, each.family), 0)
        turns[each.region, each.family] += 1
        keyed.append((turn, place, each))
    return sorted((each for _, _, each in sorted(keyed, key=lambda k: k[:2])[:most]), key=lambda e: e.name)
