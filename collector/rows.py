"""From rows of the named queries to the nouns of `model.market`, and the store's own answers.

Conversion only: every instant becomes UTC, every price stays Decimal, NULL stays None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from model.market import EndCause, Pool, PoolHistory, PriceKind, PricePoint, Probe, Sku, Tenure

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceQuality:
    """How much one source gave us, how fresh it is, and what was wrong with it."""

    source_id: str
    kind: str
    licence: str
    note: str  # What reading it had to assume.
    rows: int
    last_effective_at: datetime | None
    last_observed_at: datetime | None
    age_s: float | None  # Since last_observed_at; None where the source has no dated fact.
    quarantined: int
    gaps: int  # Holes in its probe series, each more than 3 ticks long.


def utc(instant: datetime | None) -> datetime | None:
    """The same instant in `datetime.UTC`."""
    return None if instant is None else instant.astimezone(UTC)


def instant(row: Row, name: str) -> datetime:
    """A column that is never NULL, in UTC."""
    value: datetime = row[name]
    return value.astimezone(UTC)


def sku(row: Row) -> Sku:
    """The SKU columns of a row."""
    return Sku(
        provider=row["provider"],
        name=row["name"],
        gpu_model=row["gpu_model"],
        gpu_count=row["gpu_count"],
        gpu_memory_bytes=row["gpu_memory_bytes"],
    )


def pool_history(row: Row, *, as_of: datetime, window: timedelta) -> PoolHistory:
    """One row of pool_history.sql."""
    return PoolHistory(
        pool=Pool.parse(row["pool_id"]),
        sku=sku(row),
        as_of=as_of,
        window=window,
        price_usd_per_hour=row["price_usd_per_hour"],
        price_kind=PriceKind(row["price_kind"]) if row["price_kind"] else None,
        price_effective_at=utc(row["price_effective_at"]),
        price_observed_at=utc(row["price_observed_at"]),
        price_mean_usd_per_hour=row["price_mean_usd_per_hour"],
        price_log_sd=row["price_log_sd"],
        price_changes=row["price_changes"],
        on_demand_usd_per_hour=row["on_demand_usd_per_hour"],
        tenure_preemptions=row["tenure_preemptions"],
        tenure_exposure_hours=row["tenure_exposure_hours"],
        probe_drops=row["probe_drops"],
        probe_up_hours=row["probe_up_hours"],
        probe_observed_hours=row["probe_observed_hours"],
        probe_gaps=row["probe_gaps"],
        probe_gap_hours=row["probe_gap_hours"],
        available_now=row["available_now"],
        up_hours=row["up_hours"],
        observed_from=utc(row["observed_from"]),
        observed_until=utc(row["observed_until"]),
        sources=tuple(row["sources"]),
        synthetic=bool(row["synthetic"]),
    )


def price_point(row: Row, pool: Pool) -> PricePoint:
    """One row of price_steps.sql."""
    price: Decimal = row["price_usd_per_hour"]
    return PricePoint(
        pool=pool,
        price_usd_per_hour=price,
        kind=PriceKind(row["kind"]),
        effective_at=instant(row, "effective_at"),
        observed_at=instant(row, "observed_at"),
    )


def probe(row: Row, pool: Pool) -> Probe:
    """One row of probes.sql."""
    return Probe(
        pool=pool,
        effective_at=instant(row, "effective_at"),
        observed_at=instant(row, "observed_at"),
        wanted=row["wanted"],
        obtainable=row["obtainable"],
        holds_s=row["holds_s"],
    )


def tenure(row: Row, pool: Pool) -> Tenure:
    """One row of tenures.sql."""
    return Tenure(
        pool=pool,
        instance_ref=row["instance_ref"],
        began_at=instant(row, "began_at"),
        ended_at=utc(row["ended_at"]),
        end_cause=EndCause(row["end_cause"]) if row["end_cause"] else None,
        observed_at=instant(row, "observed_at"),
        began_before=row["began_before"],
    )


def source_quality(row: Row, *, as_of: datetime) -> SourceQuality:
    """One row of quality.sql."""
    seen = utc(row["last_observed_at"])
    return SourceQuality(
        source_id=row["source_id"],
        kind=row["kind"],
        licence=row["licence"],
        note=row["note"],
        rows=row["rows"],
        last_effective_at=utc(row["last_effective_at"]),
        last_observed_at=seen,
        age_s=None if seen is None else (as_of - seen).total_seconds(),
        quarantined=row["quarantined"],
        gaps=row["gaps"],
    )
