"""The catalogue: what each machine is, and what it costs by list where nothing was recorded.

Read from catalog.toml, where every figure has its source and date. A list price belongs to
the provider, region and SKU it is stated for and is never carried to another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from model.errors import ImpossibleInput
from model.market import CapacityType, Sku

from .figures import Figure, figure, read_toml

CATALOG: Final = Path(__file__).with_name("catalog.toml")
GIB: Final = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPrice:
    """A published price of one SKU in one region, and from when it is used."""

    provider: str
    region: str
    sku: str
    capacity_type: CapacityType
    price_usd_per_hour: Decimal  # Per instance-hour.
    effective_from: datetime
    source: str
    as_of: date
    confidence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """SKUs, list prices and figures."""

    skus: Mapping[tuple[str, str], Sku]  # By provider and name.
    list_prices: tuple[ListPrice, ...]
    figures: Mapping[str, Figure]

    def list_price(self, provider: str, region: str, sku: str, capacity: CapacityType) -> ListPrice | None:
        """The newest list price of exactly this, or None."""
        key = (provider, region, sku, capacity)
        found = [p for p in self.list_prices if (p.provider, p.region, p.sku, p.capacity_type) == key]
        return max(found, key=lambda price: price.effective_from, default=None)

    def highest_on_demand(self, provider: str, sku: str) -> Decimal | None:
        """The dearest list on-demand price of a SKU in any region; None where none is known."""
        return max(
            (
                p.price_usd_per_hour
                for p in self.list_prices
                if (p.provider, p.sku, p.capacity_type) == (provider, sku, CapacityType.ON_DEMAND)
            ),
            default=None,
        )


@cache
def load_catalog(path: Path = CATALOG) -> Catalog:
    """Read the catalogue.

    Raises:
        ImpossibleInput: A machine names an unknown GPU model, or a figure lacks its source.
    """
    tables = read_toml(path)
    return Catalog(
        skus=_skus(tables, path),
        list_prices=tuple(price for entry in tables["list_price"] for price in _list_prices(entry)),
        figures={name: figure(name, table, path) for name, table in tables["figures"].items()},
    )


def _skus(tables: Mapping[str, Any], path: Path) -> dict[tuple[str, str], Sku]:
    """Every machine of every provider."""
    memory_gib: Mapping[str, int] = tables["gpu_memory_gib"]
    skus = {}
    for provider, models in tables["skus"].items():
        for model, machines in models.items():
            if model in ("source", "as_of"):
                continue
            if model not in memory_gib:
                raise ImpossibleInput(
                    f"{path.name} sells {model!r} at {provider} without saying its memory.",
                    fix="Add it to [gpu_memory_gib].",
                )
            for name, count in machines.items():
                skus[provider, name] = Sku(
                    provider=provider,
                    name=name,
                    gpu_model=model,
                    gpu_count=count,
                    gpu_memory_bytes=memory_gib[model] * GIB,
                )
    return skus


def _list_prices(entry: Mapping[str, Any]) -> list[ListPrice]:
    """One entry of the file is many prices: regions times machines."""
    return [
        ListPrice(
            provider=entry["provider"],
            region=region,
            sku=sku,
            capacity_type=capacity,
            price_usd_per_hour=Decimal(usd),
            effective_from=datetime.combine(entry["effective_from"], time(), UTC),
            source=entry["source"],
            as_of=entry["as_of"],
            confidence=entry["confidence"],
        )
        for capacity in (CapacityType.ON_DEMAND, CapacityType.SPOT)
        for sku, usd in entry.get(capacity.value, {}).items()
        for region in entry["regions"]
    ]
