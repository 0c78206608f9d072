"""What a job was billed so far, as its policy counts it: whole ticks of what was held, and moves."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Purse:
    """A tally beside a budget. Ticks that nobody asked about are billed as what was held before them."""

    budget_usd: float | None = None
    _before_usd: float = 0.0  # Until the tick that has begun.
    _begun_usd: float = 0.0  # Of that tick, and of the move it began with.
    _running_usd: float = 0.0  # Of each further tick of the same.
    _tick: int | None = None

    @property
    def spent_usd(self) -> float:
        """What is billed by now, the whole tick that has begun included."""
        return self._before_usd + self._begun_usd

    def before(self, tick: int) -> float:
        """Return what is billed of the ticks before one; a clock that goes back has begun another tick."""
        if self._tick is None or tick == self._tick:
            return self._before_usd
        return self.spent_usd + max(tick - self._tick - 1, 0) * self._running_usd

    def bill(self, tick: int, tick_usd: float, moving_usd: float) -> None:
        """Begin a tick; to decide once more about the same tick is billed once."""
        self._before_usd = self.before(tick)
        self._begun_usd, self._running_usd, self._tick = tick_usd + moving_usd, tick_usd, tick

    def put(self, tick: int, spent_usd: float) -> None:
        """Take what was billed before a tick from who knows it."""
        self._before_usd, self._begun_usd, self._running_usd, self._tick = spent_usd, 0.0, 0.0, tick
