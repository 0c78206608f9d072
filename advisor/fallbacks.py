"""Where a run goes when its pool is gone: the next best pools, in other regions first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from model.market import CapacityType, Pool

if TYPE_CHECKING:
    from .options import Option

MAX_FALLBACKS = 3


def fallbacks(chosen: Option, options: Sequence[Option], listed: Sequence[str] = ()) -> tuple[str, ...]:
    """Return up to three pools to go to next: those of its failover order, then one per region.

    Beyond the order, the next best follow with another region first.
    Preemptions within a region come together, so the next best pool next door is worth less
    than its price says. On-demand is no fallback here: it is where the deadline sends a run.
    """
    others = [
        option
        for option in options
        if option.pool != chosen.pool
        and option.pool.capacity_type is not CapacityType.ON_DEMAND
        and option.commitment is None  # Bought for a time, not looked for when capacity is gone.
    ]
    seen = {_place(chosen.pool)}
    first: list[str] = []
    later: list[str] = []
    for option in sorted(others, key=lambda each: each.rank):
        (later if _place(option.pool) in seen else first).append(option.pool.key)
        seen.add(_place(option.pool))
    return tuple(list(dict.fromkeys([*listed, *first, *later]))[:MAX_FALLBACKS])


def _place(pool: Pool) -> tuple[str, str]:
    return pool.provider, pool.region
