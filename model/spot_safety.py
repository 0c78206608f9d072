"""The promise of a hard deadline, in whole ticks: what may be done now so that on-demand still fits.

Outside any optimiser, and exact: on-demand is always obtainable, takes the overhead once, and
then works without end. An action is safe where, whatever capacity does next, starting on-demand
at the next tick still ends in time.

A floor of nodes that stay on on-demand works while all else waits, at its share of the speed. Every
change of what runs begins with the overhead for all nodes, the floor alone included.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

ROUNDING = 1e-9  # Of a tick.


@dataclass(frozen=True, slots=True)
class Promise:
    """A job's work, deadline and overhead, on a clock of ticks."""

    task_hours: float
    deadline_hours: float
    overhead_hours: float
    tick_hours: float
    lag_hours: float = 0.0  # Work a preemption loses at most.
    floor_share: float = 0.0  # Of full speed, kept up by nodes that stay on on-demand.

    @property
    def ticks(self) -> int:
        """Whole ticks until the deadline."""
        return floor(self.deadline_hours / self.tick_hours + ROUNDING)

    def ticks_on_demand(self, left_hours: float, debt_hours: float) -> int:
        """Return how many ticks on-demand needs for some work and what is owed of a launch."""
        if left_hours <= ROUNDING * self.tick_hours:
            return 0
        return ceil((left_hours + debt_hours) / self.tick_hours - ROUNDING)

    def safe_to_wait(self, tick: int, left_hours: float, debt_hours: float = 0.0) -> bool:
        """Say whether on-demand still fits if only the floor, where there is one, works for this tick.

        Args:
            tick: Ticks passed since the start.
            left_hours: Useful work left now.
            debt_hours: What the floor owes of its last launch.
        """
        after = left_hours - self.waited_hours(debt_hours)
        return self.ticks_on_demand(after, self.overhead_hours) <= self.ticks - tick - 1

    def waited_hours(self, debt_hours: float) -> float:
        """Return the useful work that the floor does in a tick of waiting."""
        return self.floor_share * (self.tick_hours - min(debt_hours, self.tick_hours))

    def safe_on_spot(self, tick: int, left_hours: float, debt_hours: float, speed: float = 1.0) -> bool:
        """Say whether on-demand still fits if spot works for this tick and is lost at its end.

        Args:
            tick: Ticks passed since the start.
            left_hours: Useful work left now.
            debt_hours: Owed of the launch, the whole overhead for a new one.
            speed: Of the whole gang's.
        """
        worked = speed * (self.tick_hours - min(debt_hours, self.tick_hours))
        if left_hours - worked <= ROUNDING * self.tick_hours:
            return tick < self.ticks
        after = left_hours - worked + min(self.lag_hours, self.task_hours)
        return self.ticks_on_demand(after, self.overhead_hours) <= self.ticks - tick - 1

    def least_hours(self) -> float:
        """Return the shortest deadline that on-demand from the start can keep."""
        return self.ticks_on_demand(self.task_hours, self.overhead_hours) * self.tick_hours
