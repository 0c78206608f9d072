"""What a live source found on its way through one answer, gathered into a batch.

Rows go in one by one, with money as Decimal and instants in UTC, and come out as the frames
of `base`. A row that is turned away keeps its reason and its content.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from model.market import CapacityType, Pool, Sku
from model.signals import Denominator

from .base import Batch
from .neo_gpus import derived_note

MOST_DIGITS: Final = 18  # Before or after the point; as many as the store keeps.


def pool_key(provider: str, region: str, zone: str | None, sku: str, capacity: CapacityType) -> str:
    """The key of one pool."""
    return Pool(provider=provider, region=region, zone=zone, sku=sku, capacity_type=capacity).key


def instant(text: str) -> datetime:
    """An ISO-8601 instant in UTC; one without a zone is taken for UTC, as these feeds mean it.

    Raises:
        ValueError: The text is no instant.
    """
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class Findings:
    """Rows of one batch in the making; `at` is when we looked, and is their observed_at."""

    at: datetime
    _prices: list[dict[str, Any]] = field(default_factory=list)
    _probes: list[dict[str, Any]] = field(default_factory=list)
    _bands: list[dict[str, Any]] = field(default_factory=list)
    _scores: list[dict[str, Any]] = field(default_factory=list)
    _listings: dict[tuple[str, str, str | None, str], dict[str, Any]] = field(default_factory=dict)
    _rejected: list[dict[str, str]] = field(default_factory=list)
    _skus: dict[tuple[str, str], Sku] = field(default_factory=dict)

    def price(
        self, pool_id: str, usd: Decimal, *, since: datetime | None = None, currency: str = "USD",
        kind: str = "recorded",
    ) -> None:  # fmt: skip
        """A price per instance-hour, in force since then (by default since we looked)."""
        if not usd.is_finite() or abs(usd.adjusted()) > MOST_DIGITS:  # Written out it would fill the memory.
            self.reject("price is beyond any range", {"pool_id": pool_id, "usd": usd})
            return
        self._prices.append(
            {
                "pool_id": pool_id,
                "kind": kind,
                "effective_at": since or self.at,
                "observed_at": self.at,
                "price_usd_per_hour": format(usd, "f"),
                "currency": currency,
            }
        )

    def probe(self, pool_id: str, *, obtainable: bool, holds_s: float) -> None:
        """One instance was, or was not, to be had when we looked."""
        self._probes.append(
            {
                "pool_id": pool_id,
                "effective_at": self.at,
                "observed_at": self.at,
                "wanted": 1,
                "obtainable": int(obtainable),
                "holds_s": holds_s,
            }
        )

    def band(
        self, *, denominator: Denominator = Denominator.UNKNOWN, window_s: float | None = None,
        label: str | None = None, zone: str | None = None, **columns: object,
    ) -> None:  # fmt: skip
        """A published share; the columns of interruption_band but observed_at.

        Args:
            denominator: The machines it is a share of; a share of unknown machines says no hazard.
            window_s: Seconds it was averaged over; None where the publisher does not say.
            label: The band as published; None for a share without one.
            zone: None for a share of the region.
            columns: The rest of the row.
        """
        kept = {"denominator": denominator.value, "window_s": window_s, "label": label, "zone": zone}
        self._bands.append({"saving": None, **columns, **kept, "observed_at": self.at})

    def score(self, **columns: object) -> None:
        """An answer to a placement question; the columns of placement_score but its instants."""
        self._scores.append({**columns, "effective_at": self.at, "observed_at": self.at})

    def sku(self, sku: Sku) -> None:
        """A machine whose GPUs the feed states."""
        self._skus[sku.provider, sku.name] = sku

    def listing(self, region: str, sku: Sku | None, *, zone: str | None = None) -> None:
        """A machine is for sale in a region; one whose GPUs nobody states (None) cannot be listed."""
        if sku is None:
            return
        self._listings[sku.provider, region, zone, sku.name] = {
            "provider": sku.provider, "region": region, "zone": zone, "sku": sku.name,
            "gpu_model": sku.gpu_model, "gpu_count": sku.gpu_count,
            "gpu_memory_bytes": sku.gpu_memory_bytes, "note": derived_note(sku.gpu_model),
            "effective_at": self.at, "observed_at": self.at,
        }  # fmt: skip

    def reject(self, reason: str, content: Mapping[str, Any]) -> None:
        """A row that is no fact, and why."""
        self._rejected.append({"reason": reason, "content": json.dumps(content, default=str, sort_keys=True)})

    def batch(self) -> Batch:
        """Everything gathered so far."""
        return Batch(
            prices=_frame(self._prices),
            probes=_frame(self._probes),
            bands=_frame(self._bands),
            scores=_frame(self._scores),
            listings=_frame(list(self._listings.values())),
            rejected=_frame(self._rejected),
            skus=tuple(self._skus.values()),
        )


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame | None:
    """Rows as a frame, clocks as UTC instants; None where there are none."""
    if not rows:
        return None
    frame = pd.DataFrame(rows)
    clocks = [clock for clock in ("effective_at", "observed_at") if clock in frame]
    return frame.assign(**{clock: pd.to_datetime(frame[clock], utc=True) for clock in clocks})
