"""What is struck when in a drill: named points of a save, any moment, and with notice, in turn."""

from __future__ import annotations

import random
from itertools import cycle

from .crash import POINTS
from .drill_verdict import Kind, Strike

ORDER: tuple[Kind, ...] = ("point", "moment", "point", "notice")
ONCE = ("lease", "restore", "retention")  # Reached once in an attempt, or late.
MOST_TIMES = 4
BOOT_SHARE = 0.15  # Of strikes without a point that fall before the command says its first word.


class Deck:
    """Strikes without end. Every named point is drawn once before any is drawn again."""

    def __init__(self, chance: random.Random) -> None:
        self._chance, self._kinds = chance, cycle(ORDER)
        self._points: list[str] = []
        self._again: list[str] = []  # Not reached as often as was asked: once more, at its first time.
        self._unreachable: set[str] = set()

    def draw(self, has_checkpoint: bool) -> Strike:
        """Return the next strike; one while restoring only where there is something to restore."""
        kind = next(self._kinds)
        if kind != "point":
            return Strike(kind=kind, share=self._chance.random())
        if self._again:
            return Strike(kind="point", point=f"{self._again.pop()}:1")
        point = self._point(has_checkpoint)
        nth = 1 if point.startswith(ONCE) else self._chance.randint(1, MOST_TIMES)
        return Strike(kind="point", point=f"{point}:{nth}")

    def _point(self, has_checkpoint: bool) -> str:
        fitting = [point for point in self._points if has_checkpoint or not point.startswith("restore")]
        if not fitting:
            reachable = [point for point in POINTS if point not in self._unreachable]
            self._points += self._chance.sample(reachable, len(reachable))
            return self._point(has_checkpoint)
        self._points.remove(fitting[0])
        return fitting[0]

    def missed(self, strike: Strike) -> None:
        """Take note that the command came to its end before the strike."""
        point, _, nth = strike.point.partition(":")
        if point and nth != "1":
            self._again.append(point)
        elif point:
            self._unreachable.add(point)
