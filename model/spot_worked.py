"""Values as they were worked out at one instant, with the market and the horizon that they are of.

Working out takes tens of milliseconds, a decision a tenth of one: the next values are worked out a part at
each decision, while those before still serve.

Legend: P = pools, B = age bins.
"""

from __future__ import annotations

from dataclasses import dataclass

from .spot_values import Values
from .spot_world import Pooled
from .validity import Floats


@dataclass(frozen=True, slots=True)
class Few:
    """The cheapest few of the pools, and what it costs to finish with these alone."""

    market: Pooled
    values: Values


@dataclass(slots=True, kw_only=True)
class Worked:
    """What decisions rest on."""

    tick: int  # At which it was begun.
    end: int  # Tick at which the horizon ends.
    may_be_late: bool
    horizon: tuple[
        int, float, int | None
    ]  # Ticks left, slack in hours, ticks of these after a soft deadline.
    market: Pooled
    values: Values
    stay_PB: Floats  # Mean hours a machine lives; of several pools.
    short_stay_PB: Floats
    outlasts_PB: Floats  # Chance to outlast the usual stay.
    free: Values | None = None  # Were time worth nothing; worked out where it is asked for.
    steeper: Values | None = None  # Were it worth a little more; as well.
    few: tuple[Few, ...] = ()

    @property
    def steps(self) -> int:
        """How many steps all its values take."""
        return sum(len(each.kept) for each in self._all())

    def advance(self, steps: int) -> bool:
        """Work some steps, and say whether all is worked out."""
        for each in self._all():
            before = each.steps_left
            if not each.advance(steps):
                return False
            steps -= before
        return True

    def _all(self) -> list[Values]:
        return [self.values, *(each.values for each in self.few)]
