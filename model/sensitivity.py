"""What would have to go wrong before the first option is no longer the first.

One thing at a time is made worse on the first option: its price, preemption rate, gap or egress.
The pause is the job's, so it changes the runner-up too. The closed forms tell by which
factor the mean and the chance of the deadline change; the estimates that were ranked are moved
by that factor, so at 1 both stand where the ranking put them.

Legend: F = factors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from .estimate import Estimate
from .job import Job
from .placement import SideCosts
from .screen import METHOD, screen
from .screen_columns import Columns, SideColumns
from .validity import Floats

MOST_FACTOR = 64.0  # Where it still is the first at this many times, no limit is told.
ROUNDING = 1e-12  # A chance that meets the mark exactly must still do so once moved there and back.
GRID, ROUNDS = 33, 3  # Factors looked at, and how often the step that holds the limit is cut up again.


@dataclass(frozen=True, slots=True, kw_only=True)
class Lever:
    """One thing made worse, and what it does to the first place."""

    name: str  # price | preemption_rate | gap | pause | egress
    unit: str
    now: float
    factor: float  # By which it was made worse.
    effective_usd_per_gpu_hour: float  # Mean then.
    keeps_first: bool
    loses_above: float | None  # In the unit of `now`; None where the first place holds up to 64 times.


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How the first option stands against the runner-up."""

    levers: tuple[Lever, ...]
    method: str = METHOD


@dataclass(frozen=True, slots=True)
class Ranked:
    """An estimate and the side costs it was made with."""

    estimate: Estimate
    side: SideCosts


@dataclass(frozen=True, slots=True)
class _Mean:
    """Effective price and chance of the deadline at F factors."""

    effective_F: Floats
    late_F: NDArray[np.bool_]


def sensitivity(job: Job, first: Ranked, second: Ranked, *, likely: float, from_at: datetime) -> Sensitivity:
    """Return what each lever does to the first option, where it has that lever at all.

    Args:
        job: What has to be computed.
        first: The option of rank 1.
        second: The option of rank 2.
        likely: The chance of the deadline from which on an option counts as meeting it.
        from_at: When the job would start, aware.

    Raises:
        ImpossibleInput: The job contradicts itself; see `screen`.
    """
    statistics = first.estimate.statistics
    asked = (
        ("price", "USD/h", statistics.price_usd_per_hour, 1.1),
        ("preemption_rate", "per instance-hour", statistics.hazard_per_hour, 2.0),
        ("gap", "h", statistics.gap_hours, 2.0),
        ("pause", "s", job.overheads.pause_s, 2.0),
        ("egress", "USD", first.side.egress_usd, 2.0),
    )
    ours = _Moved(job, first, likely, from_at)
    theirs = _Moved(job, second, likely, from_at)
    if not (ours.known and theirs.known):
        return Sensitivity(levers=())
    return Sensitivity(
        levers=tuple(
            _lever(name, unit, now, factor, ours, theirs) for name, unit, now, factor in asked if now > 0
        )
    )


def _lever(name: str, unit: str, now: float, factor: float, ours: _Moved, theirs: _Moved) -> Lever:
    def loses(factor_F: Floats) -> NDArray[np.bool_]:
        mine = ours.at(name, factor_F)
        other = theirs.at(name, factor_F) if name == "pause" else theirs.still
        dearer_F = (mine.late_F == other.late_F) & ~(mine.effective_F <= other.effective_F)
        lost_F: NDArray[np.bool_] = (mine.late_F & ~other.late_F) | dearer_F
        return lost_F

    at = np.array([factor])
    limit = smallest_true(loses, MOST_FACTOR)
    return Lever(
        name=name,
        unit=unit,
        now=now,
        factor=factor,
        effective_usd_per_gpu_hour=float(ours.at(name, at).effective_F[0]),
        keeps_first=not loses(at)[0],
        loses_above=None if limit is None else now * limit,
    )


def smallest_true(asked: Callable[[Floats], NDArray[np.bool_]], most: float) -> float | None:
    """Return the smallest factor from 1 on at which something holds, within 2e-4; None where never.

    A grid finds the step in which it begins to hold, and that step is cut up again: the root
    search of `model.breakeven` for a condition that is no difference of two numbers.
    """
    low, high = 1.0, most
    for _ in range(ROUNDS):
        factor_F = np.geomspace(low, high, GRID)
        holds_F = asked(factor_F)
        if not holds_F.any():
            return None
        step = int(np.argmax(holds_F))
        if step == 0:
            return low
        low, high = float(factor_F[step - 1]), float(factor_F[step])
    return float(np.sqrt(low * high))


class _Moved:
    """An estimate as a function of the factor by which one thing is worse."""

    def __init__(self, job: Job, ranked: Ranked, likely: float, from_at: datetime) -> None:
        self._job, self._likely, self._from_at = job, likely, from_at
        self._one, self._beside = Columns.of([ranked.estimate.statistics]), SideColumns.of([ranked.side])
        estimate = ranked.estimate
        price, chance = self._screened("nothing", np.ones(1))
        self._scale = estimate.effective_usd_per_gpu_hour.mean / price[0]
        self._shift = 0.0 if estimate.p_deadline is None else estimate.p_deadline - chance[0]
        self.known = bool(np.isfinite(price[0]))  # The closed form may call endless what draws just end.
        self.still = self._mean(price, chance)

    def at(self, lever: str, factor_F: Floats) -> _Mean:
        """Return effective price and lateness; a price is unknown where the job would never end."""
        return self._mean(*self._screened(lever, factor_F))

    def _mean(self, price_F: Floats, chance_F: Floats) -> _Mean:
        return _Mean(self._scale * price_F, ~(chance_F + self._shift >= self._likely - ROUNDING))

    def _screened(self, lever: str, factor_F: Floats) -> tuple[Floats, Floats]:
        columns, sides = _worse(self._one, self._beside, lever, factor_F)
        pause_s_F = self._job.overheads.pause_s * (factor_F if lever == "pause" else np.ones_like(factor_F))
        found = screen(self._job, columns, sides, from_at=self._from_at, pause_s_N=pause_s_F)
        chance_F = np.ones_like(factor_F) if found.p_deadline_N is None else found.p_deadline_N
        return found.effective_usd_per_gpu_hour_N, chance_F


def _worse(one: Columns, beside: SideColumns, lever: str, factor_F: Floats) -> tuple[Columns, SideColumns]:
    """Return F rows of one pool, each with one thing worse by its factor."""
    rows = np.zeros(len(factor_F), dtype=np.int64)
    columns, sides = one.take(rows), beside.take(rows)
    if lever == "price":
        columns = replace(
            columns,
            price_usd_per_hour_N=columns.price_usd_per_hour_N * factor_F,
            price_mean_usd_per_hour_N=columns.price_mean_usd_per_hour_N * factor_F,
        )
    elif lever == "preemption_rate":
        columns = replace(columns, hazard_rate_hours_N=columns.hazard_rate_hours_N / factor_F)
    elif lever == "gap":
        columns = replace(columns, gap_hours_N=columns.gap_hours_N * factor_F)
    elif lever == "egress":
        sides = replace(sides, egress_usd_N=sides.egress_usd_N * factor_F)
    return columns, sides
