"""The market's clock: where market time runs faster than the wall's, by a stated factor.

A rehearsal lives through days of a market's history in minutes. Plans count in market seconds;
whoever sleeps or measures on this machine asks here for real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from .errors import PlanError
from .fields import parse_json, read


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFile:
    """The content of a clock file."""

    market_origin_at: datetime
    wall_origin_at: datetime
    compression: float  # Market seconds per wall second.


def wall_now() -> datetime:
    """Return the wall's time in UTC."""
    return datetime.now(UTC)


class Clock:
    """Market time as a straight line over wall time; without a file the two are the same."""

    def __init__(self, file: ClockFile | None = None, wall: Callable[[], datetime] = wall_now) -> None:
        self._file, self._wall = file, wall

    @classmethod
    def read(cls, path: Path | str) -> Clock:
        """Read a clock file; raises PlanError where it is absent or not one."""
        try:
            raw = Path(path).read_bytes()
        except OSError as trouble:
            reason = trouble.strerror or trouble
            raise PlanError(f"Clock {path} cannot be read: {reason}.", fix="Pass --clock FILE.") from None
        file = read(ClockFile, parse_json(raw, f"Clock {path}", PlanError), "clock", PlanError)
        if file.compression <= 0:
            raise PlanError(f"Clock {path} has compression {file.compression:g}.", fix="Give more than 0.")
        return cls(file)

    @property
    def compression(self) -> float:
        """Market seconds per wall second."""
        return self._file.compression if self._file else 1.0

    def market_now(self) -> datetime:
        """Return the market's time."""
        if self._file is None:
            return self._wall()
        passed_s = (self._wall() - self._file.wall_origin_at).total_seconds()
        return self._file.market_origin_at + timedelta(seconds=passed_s * self._file.compression)

    def real_s(self, market_s: float) -> float:
        """Return how many wall seconds a stretch of market seconds takes."""
        return market_s / self.compression
