"""What can be done in a tick, and what it is expected to cost."""

from __future__ import annotations

from dataclasses import dataclass

SPOT, ON_DEMAND = "spot", "od"
Action = tuple[str | None, str | None]  # How capacity is held, and in which pool.
NOTHING: Action = (None, None)


@dataclass(frozen=True, slots=True)
class Mix:
    """Nodes of a gang that is not whole on spot, or not whole at all."""

    spot_nodes: int
    on_demand_nodes: int

    @property
    def nodes(self) -> int:
        """How many work."""
        return self.spot_nodes + self.on_demand_nodes


@dataclass(frozen=True, slots=True)
class Considered:
    """One thing that could be done now, and the expected cost to the end if it is."""

    action: Action
    cost_usd: float
    safe: bool  # Whatever capacity does next, on-demand still ends in time.
    may_be_late: bool = False  # The deadline is soft: an end after it is a matter of money.
    barred: bool = False  # On-demand that the budget does not pay for to the end.
    mix: Mix | None = None  # Of which nodes, where a pool is not used as a whole.
    over_budget_usd: float = 0.0  # Expected beyond the budget; at least that, where time is worth money.

    @property
    def allowed(self) -> bool:
        """Whether it may be chosen."""
        return (self.safe or self.may_be_late) and not self.barred


def cheapest(considered: list[Considered]) -> Considered:
    """Return the cheapest of those that are allowed; the first of equals."""
    return min((each for each in considered if each.allowed), key=lambda each: each.cost_usd)
