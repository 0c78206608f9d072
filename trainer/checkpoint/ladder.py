"""The emergency ladder: the best save that still fits into what is left of a notice.

From the top: the whole state exactly; weights exactly with moments in bf16; weights in bf16 alone. A rung
fits when its bytes, at the slow end of the speeds measured so far, are written and committed before the
deadline less a safety margin. A save that does not come through in time is never committed, so trying one
loses nothing but the chance of a smaller one. Pure arithmetic.

Source: notices are 0 to 120 s long; the full state of a 7B model takes 34 s at 2.5 GB/s, bf16 weights 6 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .capture import Rung

SAFETY_S = 2.0  # Never more than a quarter of what is left.
SLOW_SHARE = 0.1  # Of the measured speeds a tenth is slower than what we count on.
LONG_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """What saves have taken so far: stored bytes per second, and seconds from the last byte to the commit."""

    bytes_per_s: tuple[float, ...] = ()
    commit_s: tuple[float, ...] = ()

    @property
    def slow_bytes_per_s(self) -> float | None:
        """The speed that nine of ten saves reached; None where none was measured."""
        return quantile(self.bytes_per_s, SLOW_SHARE) if self.bytes_per_s else None

    @property
    def long_commit_s(self) -> float:
        """The seconds that nineteen of twenty commits stayed within."""
        return quantile(self.commit_s, LONG_SHARE) if self.commit_s else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A rung, or none, and why."""

    rung: Rung | None
    reason: str


def choose(left_s: float, rungs: Sequence[tuple[Rung, int]], speeds: Speeds) -> Choice:
    """Return the first rung that fits.

    Args:
        left_s: Seconds until the machine is taken.
        rungs: With their bytes, the best first.
        speeds: Measured in this run, on this machine. Without any the best rung is tried.
    """
    if not rungs:
        return Choice(rung=None, reason="There is nothing to save.")
    slow = speeds.slow_bytes_per_s
    if slow is None:
        return Choice(rung=rungs[0][0], reason="No save was measured yet, so the best is tried.")
    budget_s = left_s - min(SAFETY_S, left_s / 4) - speeds.long_commit_s
    for rung, size in rungs:
        if size <= budget_s * slow:
            return Choice(rung=rung, reason=_fits(rung, size, slow, left_s))
    return Choice(
        rung=None,
        reason=f"{rungs[-1][1]} bytes take {rungs[-1][1] / slow:.1f} s at {slow / 1e6:.0f} MB/s; "
        f"{max(0.0, budget_s):.1f} s are left for them.",
    )


def _fits(rung: Rung, size: int, slow: float, left_s: float) -> str:
    return f"{rung}: {size} bytes take {size / slow:.1f} s at {slow / 1e6:.0f} MB/s; {left_s:.1f} s are left."


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the values lie, the next one down or up on the safe side."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    return ordered[int(place) if share < 0.5 else -int(-place // 1)]
