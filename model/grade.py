"""How good the data behind one pool's estimate is: counts, the prior's share, age, and a letter.

The letter is a stated rule on what was seen of the pool itself, never on how the answer looks.
What a contract keeps from being taken back needs no sightings, so only its price is graded.

    A   prior's share <= .10, 20 events or 500 h of its own, newest row <= 1 day old
    B   prior's share <= .50,  5 events or 168 h of its own, newest row <= 7 days old
    C   prior's share <= .90,  1 event  or  48 h of its own, newest row <= 30 days old
    D   the rest: borrowed, published, or old

A list price is nobody's observation: B at best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .estimate import PoolStatistics
from .market import Evidence, PriceKind

Letter = Literal["A", "B", "C", "D"]
SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Rung:
    """What a letter asks for at least."""

    letter: Letter
    most_prior_share: float
    least_events: int
    least_exposure_hours: float
    most_age_days: float


RUNGS = (Rung("A", 0.1, 20, 500.0, 1.0), Rung("B", 0.5, 5, 168.0, 7.0), Rung("C", 0.9, 1, 48.0, 30.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """What an estimate of a pool rests on."""

    letter: Letter
    events: int  # Preemptions or drops seen of the pool itself.
    exposure_hours: float  # Hours at risk in which they were seen.
    prior_share: float  # Weight of the prior in the believed hazard, 0 to 1.
    newest_age_s: float  # Of the newest row about the pool.
    words: str


def grade(seen: PoolStatistics) -> Grade:
    """Return how good the data behind one pool is.

    The prior's share is its rate over the belief's rate, both in instance-hours: the weight with
    which a gamma belief mixes the prior's mean with what was counted. A belief borrowed or
    published counts as prior but for the pool's own hours in it.
    """
    events, exposure_hours = own_counts(seen)
    rate_hours = seen.hazard_rate_hours
    prior = 0.0 if rate_hours <= 0 else min(max(1.0 - exposure_hours / rate_hours, 0.0), 1.0)
    age_s = newest_age_s(seen)
    contract = seen.evidence is Evidence.CONTRACT
    letter: Letter = "D"
    for rung in RUNGS:
        counted = contract or _counted(rung, events, exposure_hours, prior)
        listed = seen.price_kind is PriceKind.LIST and rung.letter == "A"
        if counted and not listed and age_s <= rung.most_age_days * SECONDS_PER_DAY:
            letter = rung.letter
            break
    words = _words(seen, events, exposure_hours, prior, age_s)
    return Grade(
        letter=letter,
        events=events,
        exposure_hours=exposure_hours,
        prior_share=prior,
        newest_age_s=age_s,
        words=words,
    )


def own_counts(seen: PoolStatistics) -> tuple[int, float]:
    """Return events and hours at risk of the pool itself; what siblings showed is none of its own."""
    if seen.evidence is Evidence.BORROWED:
        return seen.own_preemptions, seen.own_exposure_hours
    return seen.preemptions, seen.exposure_hours


def newest_age_s(seen: PoolStatistics) -> float:
    """Return the age of the newest row about a pool: a price, a probe or a tenure."""
    if seen.observed_until is None:
        return max(seen.price_age_s, 0.0)
    return max(min(seen.price_age_s, (seen.as_of - seen.observed_until).total_seconds()), 0.0)


def _counted(rung: Rung, events: int, exposure_hours: float, prior: float) -> bool:
    enough = events >= rung.least_events or exposure_hours >= rung.least_exposure_hours
    return enough and prior <= rung.most_prior_share


def _words(seen: PoolStatistics, events: int, exposure_hours: float, prior: float, age_s: float) -> str:
    age = f"newest row {_age(age_s)} old"
    if seen.evidence is Evidence.CONTRACT:
        what = "a list price" if seen.price_kind is PriceKind.LIST else "its price"
        return f"not taken back by contract, so {what} alone is graded; {age}"
    kind = "drop" if seen.evidence is Evidence.PROBES else "preemption"
    return (
        f"{events} {kind}{'' if events == 1 else 's'} of its own in {exposure_hours:,.0f} h at risk; "
        f"{_source(seen)} weighs {100 * prior:.0f} %; {age}"
    )


def _source(seen: PoolStatistics) -> str:
    if seen.evidence is Evidence.PUBLISHED:
        return "the published band"
    return "what siblings showed" if seen.evidence is Evidence.BORROWED else "the prior"


def _age(seconds: float) -> str:
    if seconds < 2 * SECONDS_PER_DAY:
        return f"{seconds / 3600.0:.1f} h"
    return f"{seconds / SECONDS_PER_DAY:.0f} d"
