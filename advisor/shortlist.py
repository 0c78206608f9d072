"""Which pools are worth an estimate of their own, where there are too many to estimate each.

All are screened at once by the closed form; the best of them, the cheapest on-demand pool and
whichever a person named are kept. The rest are counted, with the best of them and why they
stayed behind, so that nobody takes silence for a judgement.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import numpy as np

from model.errors import LowtideError
from model.estimate import PoolStatistics
from model.job import Job
from model.market import CapacityType, Pool
from model.placement import SideCosts
from model.screen import METHOD, Screened, screen
from model.screen_columns import Columns, SideColumns
from model.siting import NoSiting

from . import format as fmt
from .rules import Rejection

LIKELY = 0.5  # An option that meets the deadline less often than this is ranked after the rest.
MOST = 50  # Pools that are estimated one by one; up to so many are not screened at all.
SHOWN = 5  # Of those left behind.

SidesOf = Callable[[PoolStatistics], SideCosts]


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftBehind:
    """A pool that was screened and not estimated."""

    pool: Pool
    effective_usd_per_gpu_hour: float
    p_deadline: float | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screening:
    """What the screening of many pools came to."""

    screened: int
    estimated: int
    screened_out: int
    best: tuple[LeftBehind, ...]  # Of those screened out, best first.
    method: str = METHOD


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortlist:
    """Pools to estimate, pools that cannot be screened, and what became of the rest."""

    kept: list[PoolStatistics]
    rejected: list[Rejection]
    screening: Screening | None = None  # None where all are kept.


def shortlist(
    job: Job,
    kept: Sequence[PoolStatistics],
    sides: SidesOf,
    *,
    as_of: datetime,
    named: Collection[str] = (),
    most: int = MOST,
) -> Shortlist:
    """Return the pools worth an estimate; all of them where they are no more than `most`.

    Args:
        job: What has to be computed.
        kept: What is believed of each pool that no rule rejected, by pool key.
        sides: Side costs of a pool; asked once for each place.
        as_of: Now, and the job's start.
        named: Keys of pools to keep whatever the screening says.
        most: How many of the best are kept.

    Raises:
        ImpossibleInput: The job contradicts itself; see `model.screen`.
    """
    if len(kept) <= most:
        return Shortlist(kept=list(kept), rejected=[])
    priced, beside, rejected = _priced(kept, sides)
    found = screen(job, Columns.of(priced), SideColumns.of(beside), from_at=as_of)
    for row, seen in enumerate(priced):
        why = found.refusal(row)
        if why is not None:
            rejected.append(Rejection(pool=seen.pool, rule="no_estimate", reason=why))
    order = best_first(found, soft=job.soft)
    chosen = {*order[:most], *_cheapest_on_demand(priced, order)}
    chosen.update(row for row in order if priced[row].pool.key in named)
    left = [row for row in order if row not in chosen]
    bar = found.effective_usd_per_gpu_hour_N[order[:most]].max(initial=0.0)
    return Shortlist(
        kept=[priced[row] for row in sorted(chosen)],
        rejected=rejected,
        screening=Screening(
            screened=len(priced),
            estimated=len(chosen),
            screened_out=len(left),
            best=tuple(_left_behind(job, priced[row], found, row, float(bar)) for row in left[:SHOWN]),
        ),
    )


def best_first(found: Screened, *, soft: bool = False) -> list[int]:
    """Return the rows that were screened in the order of `recommend`: in time first, then by price.

    With a soft deadline by price alone, for lateness is in it.
    """
    late = np.zeros(len(found.refusal_N), dtype=bool)
    if found.p_deadline_N is not None and not soft:
        late = ~(found.p_deadline_N >= LIKELY)
    order = np.lexsort((found.effective_usd_per_gpu_hour_N, late))  # Stable: ties stay by pool key.
    return [int(row) for row in order[found.refusal_N[order] == 0]]


def _priced(
    kept: Sequence[PoolStatistics], sides: SidesOf
) -> tuple[list[PoolStatistics], list[SideCosts], list[Rejection]]:
    """Return the pools whose side costs are known, with them; a place is asked once."""
    places: dict[tuple[str, str, str | None], SideCosts | LowtideError] = {}
    priced: list[PoolStatistics] = []
    beside: list[SideCosts] = []
    rejected: list[Rejection] = []
    for seen in kept:
        place = seen.pool.provider, seen.pool.region, seen.pool.zone
        if place not in places:
            try:
                places[place] = sides(seen)
            except LowtideError as why:
                places[place] = why
        found = places[place]
        if isinstance(found, LowtideError):
            rule = "residency" if isinstance(found, NoSiting) else "no_estimate"
            rejected.append(Rejection(pool=seen.pool, rule=rule, reason=found.seen))
        else:
            priced.append(seen)
            beside.append(found)
    return priced, beside, rejected


def _cheapest_on_demand(priced: Sequence[PoolStatistics], order: Sequence[int]) -> list[int]:
    """Return the first on-demand pool, for a ranking without one compares with nothing."""
    on_demand = (row for row in order if priced[row].pool.capacity_type is CapacityType.ON_DEMAND)
    return list(islice(on_demand, 1))


def _left_behind(job: Job, seen: PoolStatistics, found: Screened, row: int, bar: float) -> LeftBehind:
    effective = float(found.effective_usd_per_gpu_hour_N[row])
    chance = None if found.p_deadline_N is None else float(found.p_deadline_N[row])
    if chance is not None and chance < LIKELY and not job.soft:
        late = f"with a chance of {fmt.percent(chance)} only"
        reason = f"It meets the deadline {fmt.instant(job.deadline_at)} {late}."
    else:
        reason = (
            f"{fmt.price(effective)} per useful GPU-hour, and the dearest that was estimated for its price "
            f"is at {fmt.price(bar)}."
        )
    return LeftBehind(pool=seen.pool, effective_usd_per_gpu_hour=effective, p_deadline=chance, reason=reason)
