"""Hours after a soft deadline, course by course, and what they add to an effective price.

A mean of lateness is no lateness of the mean: half the courses may be late where the mean is in time. So
it is taken of drawn courses, also where the other means are conditional ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .estimate import Parts
from .placement import Outcome
from .validity import Floats


@dataclass(frozen=True, slots=True)
class Lateness:
    """Hours late of D courses, and what one of them adds to the effective price."""

    hours: Floats
    usd_per_gpu_hour: float  # USD per useful GPU-hour, for each hour late.

    def counted(self, mean: Outcome, drawn: Outcome, parts: Parts) -> tuple[Outcome, Outcome, Parts]:
        """Return means, draws and parts of an effective price with lateness; cost is left alone."""
        added = self.usd_per_gpu_hour * self.hours
        expected = float(added.mean())
        return (
            replace(mean, effective_usd_per_gpu_hour=mean.effective_usd_per_gpu_hour + expected),
            replace(drawn, effective_usd_per_gpu_hour=drawn.effective_usd_per_gpu_hour + added),
            replace(parts, late=expected),
        )
