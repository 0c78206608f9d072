"""What the store knows of listings: since when each machine is sold where.

A machine is told by its provider's name for it. What it is called here may change: a new GPU
is listed under a derived name until a table has it, and its first sight stays what it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from . import rows
from .core import StoreCore


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSeen:
    """The first sight of a machine in a region."""

    provider: str
    gpu_model: str
    sku: str
    region: str
    gpu_count: int
    first_seen_at: datetime
    note: str | None  # E.g. that the model name is derived; None where there is nothing to say.


class ListingReads(StoreCore):
    """The half of the store that answers about listings."""

    def first_seen(self, as_of: datetime) -> list[FirstSeen]:
        """Every machine listed by `as_of`, once per region, the newest sight first."""
        return [
            FirstSeen(**{**row, "first_seen_at": rows.instant(row, "first_seen_at")})
            for row in self.rows("first_seen", as_of=as_of)
        ]
