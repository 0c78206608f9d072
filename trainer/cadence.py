"""When a full save is due: after so many useful seconds since the last one.

Useful seconds are those of steps; saving, restoring and waiting do not count. The plan counts
in market seconds, steps are measured in real ones, and the clock's compression stands between.
"""

from __future__ import annotations


class Cadence:
    """Counts useful seconds towards the next save.

    Args:
        full_every_s: Useful market seconds between two full saves.
        max_lost_work_s: Most useful market seconds a preemption may cost; caps the interval.
        compression: Market seconds per real second.
    """

    def __init__(self, *, full_every_s: float, max_lost_work_s: float | None, compression: float) -> None:
        self._max_lost_work_s, self._compression = max_lost_work_s, compression
        self._useful_s = 0.0  # Real seconds since the last save.
        self.full_every_s = full_every_s

    @property
    def interval_s(self) -> float:
        """The interval now in force, in real seconds."""
        cap = self._max_lost_work_s
        market_s = self.full_every_s if cap is None else min(self.full_every_s, cap)
        return market_s / self._compression

    def worked(self, seconds: float) -> None:
        """Count a step's real seconds."""
        self._useful_s += seconds

    def due(self) -> bool:
        """Tell whether a save is due."""
        return self._useful_s >= self.interval_s

    def saved(self) -> None:
        """Start counting anew."""
        self._useful_s = 0.0
