"""How firmly a pool stands where it stands: its chance to be first, what moves it, what unseats it.

Pools are compared path by path under common luck, so a lead is the pools' own and not the
dice's. Whoever calls brings the simulation as a function; nothing here draws.

Legend: K = pools, P = paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from .errors import ImpossibleInput
from .estimate import PoolStatistics
from .job import Job
from .placement import SideCosts
from .validity import Floats, quantity


def first_chances(price_KP: Floats, meets_KP: NDArray[np.bool_] | None = None) -> Floats:
    """Return each pool's chance to be the best choice, shape (K,).

    On a path, pools that meet the deadline come before those that miss it, then the cheaper;
    equals share the path. A pool that never ends (an infinite price) is never first, so where
    all are, nobody is and the chances sum to less than 1.

    Args:
        price_KP: Effective price of each pool on each path, under common luck.
        meets_KP: Which of them meet the deadline; None where there is none.

    Raises:
        ImpossibleInput: A price is NaN or negative, or shapes do not agree.
    """
    if price_KP.ndim != 2 or not price_KP.size or not (price_KP >= 0).all():
        raise ImpossibleInput(
            f"Prices of shape {price_KP.shape} with NaN, negatives or nothing in them rank no pools.",
            fix="Give one price of 0 or more for each pool and path.",
        )
    meets = np.ones(price_KP.shape, dtype=bool) if meets_KP is None else meets_KP
    if meets.shape != price_KP.shape:
        raise ImpossibleInput(
            f"Deadlines of shape {meets.shape} do not match prices of shape {price_KP.shape}.",
            fix="Say for each pool and path whether it meets the deadline.",
        )
    running_KP = np.where(meets | ~meets.any(axis=0), price_KP, np.inf)
    best_P = running_KP.min(axis=0)
    first_KP = (running_KP == best_P) & np.isfinite(best_P)
    return np.asarray((first_KP / np.maximum(first_KP.sum(axis=0), 1)).mean(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """By how much each of the things that are believed is multiplied."""

    price: float = 1.0
    hazard: float = 1.0
    gap: float = 1.0
    saving: float = 1.0  # Pause, save lag and restore: 2 is half the bandwidth.
    egress: float = 1.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            quantity(f"Factor of {name}", getattr(self, name), "times", above_zero=True)

    def on(
        self, job: Job, statistics: PoolStatistics, side: SideCosts
    ) -> tuple[Job, PoolStatistics, SideCosts]:
        """Return job, statistics and side costs as they would be. The market is the caller's to change."""
        times = job.overheads
        slower = replace(
            times,
            pause_s=times.pause_s * self.saving,
            save_lag_s=times.save_lag_s * self.saving,
            restore_s=times.restore_s * self.saving,
        )
        believed = replace(
            statistics,
            price_usd_per_hour=statistics.price_usd_per_hour * self.price,
            price_mean_usd_per_hour=statistics.price_mean_usd_per_hour * self.price,
            hazard_rate_hours=statistics.hazard_rate_hours / self.hazard,
            gap_hours=statistics.gap_hours * self.gap,
        )
        return (
            replace(job, overheads=slower),
            believed,
            replace(side, egress_usd=side.egress_usd * self.egress),
        )


CHANGES = (
    ("price +10 %", Factors(price=1.1)),
    ("hazard x 2", Factors(hazard=2.0)),
    ("gaps x 2", Factors(gap=2.0)),
    ("bandwidth / 2", Factors(saving=2.0)),
    ("egress x 2", Factors(egress=2.0)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """What one change does to the mean effective price."""

    change: str
    before: float
    after: float

    @property
    def relative(self) -> float:
        """The change of the price as a share of it."""
        return self.after / self.before - 1.0


def sensitivities(
    mean_price: Callable[[Factors], float], changes: tuple[tuple[str, Factors], ...] = CHANGES
) -> tuple[Sensitivity, ...]:
    """Return what each change, one at a time, does to the mean effective price.

    Args:
        mean_price: The mean effective price under given factors, with the same luck each time.
        changes: What to change, in words and in factors.

    Raises:
        ImpossibleInput: The price as believed is not above 0.
    """
    before = float(quantity("Mean price", mean_price(Factors()), "USD per useful GPU-hour", above_zero=True))
    return tuple(Sensitivity(change=words, before=before, after=mean_price(each)) for words, each in changes)


def break_even(
    lead: Callable[[float], float], low: float, high: float, *, relative: float = 1e-6
) -> float | None:
    """Return where a lead ends: "loses rank 1 if it exceeds this". None where it holds up to `high`.

    Args:
        lead: The next-best pool's price less ours at a value of the thing that is varied, with
            the same luck each time. Positive while we are first.
        low: The value believed, where the lead is positive.
        high: As far as one cares to look; the lead is taken to fall once between the two.
        relative: How exactly the value is wanted.

    Raises:
        ImpossibleInput: The range is empty, or there is no lead at its low end.
    """
    if not low < high:
        raise ImpossibleInput(f"The range from {low:g} to {high:g} is empty.", fix="Give a higher end.")
    if not lead(low) > 0:
        raise ImpossibleInput(
            f"There is no lead at {low:g} to lose.", fix="Ask for a pool that is first as believed."
        )
    if lead(high) > 0:
        return None
    scale = max(abs(low), abs(high))
    return float(optimize.brentq(lead, low, high, xtol=relative * scale, rtol=max(relative, 1e-15)))
