"""Which published signal speaks for a pool, what it lets us believe, and how that is told.

The nearest signal counts: of the pool's zone before its region, the newer before the older.
Bands are of spot machines; nothing is said of other ways to buy. A band that is too old, or of
machines nobody names, is not used, and the refusal says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from .lifetime import Belief
from .market import CapacityType, Pool
from .signals import (
    ASSUMED,
    SECONDS_PER_HOUR,
    Assumptions,
    Bounds,
    Denominator,
    Signal,
    hazard_bounds,
    published_belief,
)

SECONDS_PER_DAY = 86_400.0

Place = tuple[str, str, str]  # Provider, region, SKU.
Signals = Mapping[Place, tuple[Signal, ...]]
NO_SIGNALS: Final[Signals] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A signal with the hazards it leaves possible and the belief made of them."""

    signal: Signal
    bounds: Bounds
    belief: Belief
    words: str  # Band, source, window, age, interval, and why it is so wide.


def by_place(signals: Iterable[Signal]) -> Signals:
    """Return signals by provider, region and SKU, each in input order."""
    found: dict[Place, tuple[Signal, ...]] = {}
    for signal in signals:
        place = (signal.provider, signal.region, signal.sku)
        found[place] = (*found.get(place, ()), signal)
    return found


def published_of(pool: Pool, signals: Signals, assumed: Assumptions = ASSUMED) -> Published | None:
    """Return what is published of a pool; None where nothing is that says a hazard.

    Raises:
        ImpossibleInput: The signal that speaks for it states an impossible share or span.
    """
    usable = [signal for signal in _of(pool, signals) if _unused(signal, assumed) is None]
    if not usable:
        return None
    signal = max(usable, key=_nearness)
    bounds = hazard_bounds(signal, assumed)
    return Published(
        signal=signal,
        bounds=bounds,
        belief=published_belief(signal, assumed),
        words=f"{band_words(signal)}; 80 % between {_rate(bounds.low_per_hour)} and "
        f"{_rate(bounds.high_per_hour)} per hour, {_why(signal, assumed)}",
    )


def why_unused(pool: Pool, signals: Signals, assumed: Assumptions = ASSUMED) -> str | None:
    """Return why the signal that is published of a pool says nothing; None where none is published."""
    of_pool = _of(pool, signals)
    return _unused(max(of_pool, key=_nearness), assumed) if of_pool else None


def band_words(signal: Signal) -> str:
    """Return a signal as a sentence says it: band, denominator, horizon, window, source, age."""
    window = "" if signal.window_s is None else f" averaged over {_span(signal.window_s)}"
    return (
        f"published band {_label(signal)} of {signal.denominator} machines per "
        f"{_span(signal.horizon_s)}{window} ({signal.source_id}, {_span(signal.age_s)} old)"
    )


def _of(pool: Pool, signals: Signals) -> list[Signal]:
    if pool.capacity_type is not CapacityType.SPOT:
        return []
    place = (pool.provider, pool.region, pool.sku)
    return [signal for signal in signals.get(place, ()) if signal.zone in (None, pool.zone)]


def _nearness(signal: Signal) -> tuple[bool, float, str]:
    return signal.zone is not None, -signal.age_s, signal.source_id


def _unused(signal: Signal, assumed: Assumptions) -> str | None:
    if signal.denominator is Denominator.UNKNOWN:
        return f"a share of unknown machines is published ({signal.source_id}), which is no hazard"
    if signal.age_s > assumed.most_age_days * SECONDS_PER_DAY:
        return (
            f"the {band_words(signal)} is older than {assumed.most_age_days:g} days and says nothing of today"
        )
    return None


def _why(signal: Signal, assumed: Assumptions) -> str:
    if signal.denominator is not Denominator.RUNNING:
        return (
            f"so wide because a share of {signal.denominator} machines is no hazard without their mean life, "
            f"assumed {assumed.shortest_life_hours:g} to {assumed.longest_life_hours:g} h"
        )
    shortest = min(signal.horizon_s, assumed.shortest_exposure_hours * SECONDS_PER_HOUR)
    longest = max(signal.horizon_s, signal.window_s or 0.0)
    return f"as a machine counted in it may have run from {_span(shortest)} to {_span(longest)}"


def _label(signal: Signal) -> str:
    if signal.label is not None:
        return signal.label if signal.label.endswith("%") else f"{signal.label} %"
    top = signal.rate_high
    low = f"{100 * signal.rate_low:.3g}"
    return (
        f"{low} % or more"
        if top is None
        else f"{low} %"
        if top == signal.rate_low
        else f"{low}-{100 * top:.3g} %"
    )


def _span(seconds: float) -> str:
    """A span of time in the largest of day, hour, minute that it fills twice, or in that one."""
    for size, unit in ((SECONDS_PER_DAY, "d"), (SECONDS_PER_HOUR, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def _rate(per_hour: float) -> str:
    return f"{per_hour:.2g}"
