"""What our own runs measured: the seconds that saving, restoring, restarting and waiting really took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from . import rows
from .core import StoreCore


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredOverhead:
    """One kind of overhead on one machine shape, over all runs that measured it."""

    provider: str
    sku: str
    kind: str  # recorded or synthetic: of the source.
    what: str  # restart, pause, upload, restore or wait.
    count: int
    median_s: float
    p90_s: float
    bytes: int | None  # Median moved; None where nothing was, or it is not known.
    newest_at: datetime


class OverheadReads(StoreCore):
    """The part of the store that answers about measured overheads."""

    def overheads(self, as_of: datetime) -> list[MeasuredOverhead]:
        """Every overhead that was measured by `as_of`."""
        return [
            MeasuredOverhead(**{**row, "newest_at": rows.instant(row, "newest_at")})
            for row in self.rows("overheads", as_of=as_of)
        ]
