"""How fast bytes go to a store: measured for whoever has to plan an upload, and held under a cap."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

WINDOW = 64  # Transfers remembered.
LEAST_BYTES = 64 << 10  # Smaller ones measure the latency.


class Bandwidth:
    """One direction's meter and cap; threads may share it.

    Args:
        cap_bytes_per_s: The most that may flow on average; None for no cap.
        now_s, sleep: The clock, for tests.
    """

    def __init__(
        self,
        cap_bytes_per_s: float | None = None,
        *,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if cap_bytes_per_s is not None and cap_bytes_per_s <= 0:
            raise ValueError(f"a cap of {cap_bytes_per_s:g} bytes per second lets nothing through")
        self._cap, self._now_s, self._sleep = cap_bytes_per_s, now_s, sleep
        self._rates: deque[float] = deque(maxlen=WINDOW)
        self._free_at_s = 0.0
        self._lock = threading.Lock()
        self.total_bytes = 0

    def wait(self, size: int) -> None:
        """Sleep until `size` more bytes may flow: each transfer books its time behind the last."""
        if self._cap is None:
            return
        with self._lock:
            begins_s = max(self._now_s(), self._free_at_s)
            self._free_at_s = begins_s + size / self._cap
        pause_s = begins_s - self._now_s()
        if pause_s > 0:
            self._sleep(pause_s)

    def record(self, size: int, seconds: float) -> None:
        """Take note of a transfer that is over."""
        with self._lock:
            self.total_bytes += size
            if size >= LEAST_BYTES and seconds > 0:
                self._rates.append(size / seconds)

    def bytes_per_s(self, share_slower: float = 0.5) -> float | None:
        """Return the rate that `share_slower` of the last transfers did not reach; None where none is known.

        0.1 is what to count on with a deadline ahead.
        """
        with self._lock:
            rates = sorted(self._rates)
        return rates[min(int(share_slower * len(rates)), len(rates) - 1)] if rates else None
