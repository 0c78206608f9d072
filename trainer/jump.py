"""Notices that this machine slept: hibernated, stopped or suspended, and woken as if nothing had been.

Meanwhile another attempt may have taken the run over. Three clocks give it away. The monotonic clock
stands still in a sleep of the system while the boot clock counts it; where the whole virtual machine was
stopped both stand still and the wall's clock jumps. What looks like a sleep and is none (somebody set the
wall's clock forward) costs one question to the lease; a sleep unseen could cost a commit over a newer one.

A process that alone was stopped (SIGSTOP) sees no gap between clocks, but a long one between two looks.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

LEAST_S = 5.0  # A machine that slept less than this has not been given away.


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """What three clocks of one machine say at one instant, in seconds."""

    monotonic_s: float  # Stands still while the system sleeps.
    boot_s: float  # Counts sleep too.
    wall_s: float


def read_clocks() -> Clocks:
    """Return the clocks of this machine; where it has no boot clock the monotonic one stands in."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    monotonic_s = time.monotonic()
    return Clocks(
        monotonic_s=monotonic_s,
        boot_s=monotonic_s if boot is None else time.clock_gettime(boot),
        wall_s=time.time(),
    )


class JumpWatch:
    """Compares the clocks from one look to the next.

    Args:
        first: The clocks when watching begins.
        least_s: Gaps below this are drift and the wall's clock being corrected.
        longest_s: Seconds between two looks that are too long for a process that runs; None allows any.
    """

    def __init__(self, first: Clocks, *, least_s: float = LEAST_S, longest_s: float | None = None) -> None:
        self._last, self._least_s, self._longest_s = first, least_s, longest_s

    def slept_s(self, now: Clocks) -> float | None:
        """Return how long this machine was away since the last look; None where it was not.

        After anything but None the lease is to be read again before the next commit.
        """
        last, self._last = self._last, now
        ran_s = now.monotonic_s - last.monotonic_s
        gap_s = max(now.boot_s - last.boot_s, now.wall_s - last.wall_s) - ran_s
        if gap_s >= self._least_s:
            return gap_s
        if self._longest_s is not None and ran_s >= self._longest_s:
            return ran_s
        return None

    def has_slept(self) -> bool:
        """Look at the clocks of this machine; say so where it was away."""
        slept_s = self.slept_s(read_clocks())
        if slept_s is not None:
            print(f"lowtide-run: this machine was away for {slept_s:.0f} s", file=sys.stderr)
        return slept_s is not None
