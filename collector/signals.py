"""Published interruption signals of all clouds, read from their one table as what each of them is.

A share of running machines per month, one per hour, and a share of stopped machines stand side
by side with horizon, window and denominator; what they say of a hazard is `model.signals`' work.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from model.signals import Denominator, Signal

from . import rows
from .core import StoreCore


class SignalReads(StoreCore):
    """The question about published signals; part of the store."""

    def interruption_signals(self, as_of: datetime) -> list[Signal]:
        """The newest signal of each place, SKU and source that was visible at `as_of`."""
        return [_signal(row) for row in self.rows("interruption_signals", as_of=as_of)]


def _signal(row: Mapping[str, Any]) -> Signal:
    """One row of interruption_signals.sql."""
    return Signal(
        provider=row["provider"],
        region=row["region"],
        zone=row["zone"],
        sku=row["sku"],
        source_id=row["source_id"],
        what=row["what"],
        label=row["label"],
        denominator=Denominator(row["denominator"]),
        horizon_s=row["horizon_s"],
        window_s=row["window_s"],
        rate_low=row["rate_low"],
        rate_high=row["rate_high"],
        effective_at=rows.instant(row, "effective_at"),
        observed_at=rows.instant(row, "observed_at"),
        age_s=row["age_s"],
        synthetic=row["synthetic"],
    )
