"""What is for sale, what it costs, and how long it lasts: the nouns of the market.

Two clocks stand on every fact: `effective_at` is the provider's, `observed_at` is ours. A
backtest may use a fact only once it had been observed. Money is Decimal here and in the
store; `model` turns it into floats where arithmetic starts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from .errors import ImpossibleInput


class CapacityType(StrEnum):
    """How a machine is bought."""

    SPOT = "spot"
    ON_DEMAND = "on_demand"
    RESERVED = "reserved"
    CAPACITY_BLOCK = "capacity_block"
    FLEX_START = "flex_start"
    BID = "bid"


class EndCause(StrEnum):
    """Why a tenure ended. Only `preempted` counts for a hazard."""

    PREEMPTED = "preempted"
    STOPPED = "stopped"
    FAILED = "failed"
    UNKNOWN = "unknown"


class PriceKind(StrEnum):
    """Where a price comes from; a list price is never shown as a recorded one."""

    RECORDED = "recorded"
    LIST = "list"
    SYNTHETIC = "synthetic"


class Evidence(StrEnum):
    """What a hazard rests on, best first."""

    TENURES = "tenures"  # Instances that ran, with how each ended.
    PROBES = "probes"  # Availability that vanished: a proxy, exposure is time seen available.
    BORROWED = "borrowed"  # Sibling pools stand in; the interval is theirs.
    PUBLISHED = "published"  # Only a band that a provider publishes; an interval, never a point.
    CONTRACT = "contract"  # On-demand and reserved: the provider does not take it back.
    NONE = "none"  # Unknown, which is never zero.


@dataclass(frozen=True, slots=True, kw_only=True)
class Sku:
    """A purchasable machine shape."""

    provider: str
    name: str  # As the provider spells it, e.g. a3-highgpu-8g.
    gpu_model: str  # Normalised, e.g. H100-80GB.
    gpu_count: int
    gpu_memory_bytes: int | None = None  # Of one GPU.


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Pool:
    """Provider, region, zone, SKU and capacity type: the thing with a price and a hazard.

    `zone` is a zone ID (`use1-az4`), or `name:us-east-1a` where only an account's own name
    is known, or None for a regional pool. The key joins the five with slashes, `-` for None.
    """

    provider: str
    region: str
    zone: str | None
    sku: str
    capacity_type: CapacityType

    @property
    def key(self) -> str:
        """The pool's name in the store, the API and plans: `aws/us-east-1/use1-az4/p5.48xlarge/spot`."""
        return "/".join((self.provider, self.region, self.zone or "-", self.sku, self.capacity_type.value))

    @classmethod
    def parse(cls, key: str) -> Pool:
        """Read a key back.

        Raises:
            ImpossibleInput: The key does not have five parts or names no capacity type.
        """
        parts = key.split("/")
        if len(parts) != 5 or not all(parts):
            raise ImpossibleInput(
                f"Pool key {key!r} has {len(parts)} parts; it needs 5.",
                fix="Write provider/region/zone/sku/capacity_type, with - for no zone.",
            )
        provider, region, zone, sku, capacity = parts
        try:
            kind = CapacityType(capacity)
        except ValueError:
            known = ", ".join(CapacityType)
            raise ImpossibleInput(
                f"Pool key {key!r} names capacity type {capacity!r}.", fix=f"Use one of {known}."
            ) from None
        return cls(
            provider=provider,
            region=region,
            zone=None if zone == "-" else zone,
            sku=sku,
            capacity_type=kind,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePoint:
    """A price that came into force, and when we learnt of it."""

    pool: Pool
    price_usd_per_hour: Decimal  # Per instance-hour.
    kind: PriceKind
    effective_at: datetime
    observed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """One instance's life in a pool. An open end is censored, not endless."""

    pool: Pool
    instance_ref: str
    began_at: datetime
    ended_at: datetime | None
    end_cause: EndCause | None
    observed_at: datetime
    began_before: bool = False  # True where it was running when observation began.


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One observation that capacity was or was not obtainable, and how many instances.

    `holds_s` is how long the observation stands for: the recorder's tick.
    """

    pool: Pool
    effective_at: datetime
    observed_at: datetime
    wanted: int
    obtainable: int
    holds_s: float

    @property
    def available(self) -> bool:
        """True where at least as many as wanted were obtainable."""
        return self.obtainable >= self.wanted


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolHistory:
    """What the store saw of one pool in a window, as of an instant: one row of `pool_history.sql`.

    Prices are per instance-hour. Counts are of the window; `*_hours` are instance-hours of
    tenures, and clock hours of probes.
    """

    pool: Pool
    sku: Sku
    as_of: datetime
    window: timedelta
    price_usd_per_hour: Decimal | None  # In force at as_of.
    price_kind: PriceKind | None
    price_effective_at: datetime | None
    price_observed_at: datetime | None
    price_mean_usd_per_hour: float | None  # Time-weighted over the window.
    price_log_sd: float | None  # Time-weighted standard deviation of log price.
    price_changes: int
    on_demand_usd_per_hour: Decimal | None  # Same provider, region and SKU.
    tenure_preemptions: int
    tenure_exposure_hours: float
    probe_drops: int  # Available, then not.
    probe_up_hours: float
    probe_observed_hours: float
    probe_gaps: int  # Completed waits: not available, then available.
    probe_gap_hours: float  # Clock hours not available.
    available_now: bool | None
    up_hours: float | None = None  # Clock hours since capacity came back; None where it is not there.
    observed_from: datetime | None
    observed_until: datetime | None
    sources: tuple[str, ...]
    synthetic: bool
