"""When a save is due: after so many useful seconds since the last one.

Useful seconds are those of steps; saving, restoring and waiting do not count. The plan counts
in market seconds, steps are measured in real ones, and the clock's compression stands between.
Where a full and a light save fall on the same step, the full one is made and counts as both.
"""

from __future__ import annotations

from typing import Literal

from .plan import PlanCheckpoint


class Cadence:
    """Counts useful seconds towards the next save.

    Args:
        plan: Useful market seconds between two saves of each tier, and the most a preemption may cost.
        compression: Market seconds per real second.
    """

    def __init__(self, plan: PlanCheckpoint, *, compression: float) -> None:
        self._max_lost_work_s, self._compression = plan.max_lost_work_s, compression
        self._since_full_s = self._since_any_s = 0.0  # Real useful seconds.
        self.full_every_s: float = plan.full_every_s
        self.light_every_s: float | None = plan.light_every_s

    @property
    def full_interval_s(self) -> float:
        """The interval between full saves now in force, in real seconds."""
        return self._real_s(self.full_every_s)

    def _real_s(self, market_s: float) -> float:
        cap = self._max_lost_work_s
        return (market_s if cap is None else min(market_s, cap)) / self._compression

    def worked(self, seconds: float) -> None:
        """Count a step's real seconds."""
        self._since_full_s += seconds
        self._since_any_s += seconds

    def due(self) -> Literal["W", "F"] | None:
        """Return the tier of the save that is due, None for none."""
        if self._since_full_s >= self.full_interval_s:
            return "F"
        light_s = self.light_every_s
        return "W" if light_s is not None and self._since_any_s >= self._real_s(light_s) else None

    def follow(self, full_every_s: float | None, light_every_s: float | None) -> None:
        """Take intervals over; None leaves one as it is. A plan without light saves gets none."""
        self.full_every_s = full_every_s or self.full_every_s
        if self.light_every_s is not None:
            self.light_every_s = light_every_s or self.light_every_s

    def saved(self, tier: str) -> None:
        """Start counting anew."""
        self._since_any_s = 0.0
        if tier != "W":
            self._since_full_s = 0.0
