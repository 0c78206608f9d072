"""What can be done in a tick, and what it is expected to cost."""

from __future__ import annotations

from dataclasses import dataclass

SPOT, ON_DEMAND = "spot", "od"
Action = tuple[str | None, str | None]  # How capacity is held, and in which pool.
NOTHING: Action = (None, None)


@dataclass(frozen=True, slots=True)
class Considered:
    """One thing that could be done now, and the expected cost to the end if it is."""

    action: Action
    cost_usd: float
    safe: bool  # Whatever capacity does next, on-demand still ends in time.


def cheapest(considered: list[Considered]) -> Considered:
    """Return the cheapest of those that are safe; the first of equals."""
    return min((each for each in considered if each.safe), key=lambda each: each.cost_usd)
