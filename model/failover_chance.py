"""How likely an ordered list of pools finishes in time, and which list to follow from a given first pool.

Losses cost billed hours at their mean; what scatters is waiting, as waits of exponential length that
come by chance. How sure the pools' hazards are is left out, so a chance here compares lists and is
no calibrated forecast: that is the estimate's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from .failover_chain import Candidate, FailoverOrder, Terms, score

SURE = 0.9  # The cheapest list that is in time this often is preferred to a cheaper and later one.


@dataclass(frozen=True, slots=True, kw_only=True)
class Without:
    """The same list without one of its pools; None throughout where it is the only one."""

    name: str
    cost_usd: float | None
    wall_hours: float | None
    p_deadline: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """A list to follow, its chance, and what each pool is worth to it."""

    order: FailoverOrder
    p_deadline: float | None
    without: tuple[Without, ...]


def chance_in_time(
    order: FailoverOrder, gap_hours: Mapping[str, float], limit_hours: float | None
) -> float | None:
    """Return the chance that a job that follows a list is done within a limit; None without one.

    Waits are Poisson with mean n = W / g, W the mean wait in all and g the shortest mean gap on the list;
    k of them last less than x with chance P(k, x / g), the regularised gamma function.

    Args:
        order: A scored list.
        gap_hours: Mean gap by pool.
        limit_hours: To the deadline.
    """
    if limit_hours is None:
        return None
    least = order.wall_hours - order.waiting_hours
    gap = min(gap_hours[name] for name in order.names)
    if order.waiting_hours <= 0 or gap <= 0:
        return float(order.wall_hours <= limit_hours)
    if least > limit_hours:
        return 0.0
    mean = order.waiting_hours / gap
    count = np.arange(1.0, np.ceil(mean + 10.0 * np.sqrt(mean) + 20.0))
    log_chance = count * np.log(mean) - mean - special.gammaln(count + 1.0)
    within = special.gammainc(count, (limit_hours - least) / gap)
    return float(min(np.exp(-mean) + np.exp(log_chance) @ within, 1.0))


def chosen(orders: Sequence[FailoverOrder], candidates: Sequence[Candidate], terms: Terms) -> Failover:
    """Return the order to follow among some, with what each of its pools is worth.

    The cheapest that is in time 9 times of 10; where none is, the likeliest; without a deadline, or with a
    soft one, the cheapest. Hours of waiting are valued as the terms say.

    Args:
        orders: Scored lists, at least one.
        candidates: The pools on them.
        terms: Work, value of time, deadline, cost of a move.
    """
    known = {each.name: each for each in candidates}
    gaps = {name: each.gap_hours for name, each in known.items()}

    def chance(order: FailoverOrder) -> float | None:
        return chance_in_time(order, gaps, terms.hours_to_deadline)

    told = [(order, chance(order)) for order in orders]
    best, p = min(told, key=lambda each: _preference(*each, soft=terms.late_usd_per_hour is not None))
    return Failover(
        order=best,
        p_deadline=p,
        without=tuple(_without(best, name, known, terms, gaps) for name in best.names),
    )


def _preference(
    order: FailoverOrder, p: float | None, *, soft: bool
) -> tuple[float, float, int, tuple[str, ...]]:
    late = 0.0 if p is None or p >= SURE or soft else 1.0 - p
    return late, float(f"{order.valued_usd:.9e}"), len(order.names), order.names


def _without(
    order: FailoverOrder, name: str, known: Mapping[str, Candidate], terms: Terms, gaps: Mapping[str, float]
) -> Without:
    rest = [known[each] for each in order.names if each != name]
    if not rest:
        return Without(name=name, cost_usd=None, wall_hours=None, p_deadline=None)
    found = score(rest, terms)
    return Without(
        name=name,
        cost_usd=found.cost_usd,
        wall_hours=found.wall_hours,
        p_deadline=chance_in_time(found, gaps, terms.hours_to_deadline),
    )
