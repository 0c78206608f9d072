"""Prices of the parts of Google's machines, picked out of the price catalogue by exact names.

What a SKU's description must be equal to stands in gcp_patterns.toml. A GPU SKU that no
pattern explains is reported, since it may be a new machine; a part with two prices in one
region has none, since guessing would price every machine made of it wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from model.market import CapacityType

from ..figures import read_toml
from .findings import Findings

PATTERNS: Final = Path(__file__).with_name("gcp_patterns.toml")
USAGE: Final = {"OnDemand": CapacityType.ON_DEMAND, "Preemptible": CapacityType.SPOT}
NANO: Final = Decimal("1e-9")
ABOUT: Final = ("source", "as_of", "confidence")  # Keys of a table that describe it.


@dataclass(frozen=True, slots=True, kw_only=True)
class Patterns:
    """The table of names and shapes."""

    parts: Mapping[tuple[str, CapacityType], str]  # Stem and capacity type -> part.
    units: Mapping[str, str]  # Part -> usage unit.
    machines: Mapping[str, Mapping[str, int]]  # Machine -> how much of each part.
    other_products: tuple[str, ...]
    attachable: frozenset[str]
    hours_per_month: int


@dataclass(frozen=True, slots=True)
class PartPrice:
    """USD per hour of one core, GPU or GiB, and since when."""

    usd: Decimal
    since: datetime


Priced = dict[tuple[str, str, CapacityType], PartPrice | None]  # By part, region, capacity; None: two prices.


@cache
def load_patterns(path: Path = PATTERNS) -> Patterns:
    """Read the table."""
    tables = read_toml(path)
    parts = {name: part for name, part in tables["parts"].items() if name not in ABOUT}
    return Patterns(
        parts={
            (stem, capacity): name
            for name, part in parts.items()
            for capacity in USAGE.values()
            for stem in part[capacity.value]
        },
        units={name: part["unit"] for name, part in parts.items()},
        machines={name: shape for name, shape in tables["machines"].items() if name not in ABOUT},
        other_products=tuple(tables["other_products"]),
        attachable=frozenset(tables["attachable"]),
        hours_per_month=tables["hours_per_month"],
    )


def stem_of(description: str) -> str:
    """A description without its region, which is prose: `A2 Instance Core running in Iowa`."""
    return re.split(r" (?:running )?in ", description, maxsplit=1)[0].strip()


@dataclass(slots=True, kw_only=True)
class PartPrices:
    """Part prices of all regions, filled SKU by SKU; `found` gets what is turned away."""

    patterns: Patterns
    found: Findings
    prices: Priced = field(default_factory=dict)

    def add(self, sku: Any) -> None:
        """Take a `google.cloud.billing_v1.Sku` in, if it is a part of a machine."""
        capacity = USAGE.get(sku.category.usage_type)
        if capacity is None:
            return
        part = self.patterns.parts.get((stem_of(sku.description), capacity))
        if part is None:
            self._report_stranger(sku)
            return
        price = self._price(sku, part)
        if price is not None:
            for region in sku.service_regions:
                self._set(part, region, capacity, price)

    def _set(self, part: str, region: str, capacity: CapacityType, price: PartPrice) -> None:
        """Keep a price; a second one that differs leaves the part without any."""
        key = (part, region, capacity)
        known = self.prices.get(key, price)
        if known is None or known.usd != price.usd:
            content = {"part": part, "region": region, "capacity": capacity.value, "usd": price.usd}
            self.found.reject("two SKUs state different prices of one part", content)
            self.prices[key] = None
        else:
            self.prices[key] = min(known, price, key=lambda p: p.since)

    def _report_stranger(self, sku: Any) -> None:
        """Report a GPU that no pattern names, unless it is known to be something else."""
        known = stem_of(sku.description) in self.patterns.attachable
        if sku.category.resource_group == "GPU" and not known and not self._other_product(sku):
            self.found.reject("GPU SKU matches no pattern", _content(sku))

    def _other_product(self, sku: Any) -> bool:
        """True for commitments, reservations and the like."""
        return any(word in sku.description for word in self.patterns.other_products)

    def _price(self, sku: Any, part: str) -> PartPrice | None:
        """The newest price in force: of its last tier, per hour. None, and a reason, where it is none."""
        try:
            return self._read(sku, part)
        except _NoPrice as why:
            self.found.reject(str(why), _content(sku))
            return None

    def _read(self, sku: Any, part: str) -> PartPrice:
        """The same, raising the reason."""
        in_force = [info for info in sku.pricing_info if info.effective_time <= self.found.at]
        if not in_force:
            raise _NoPrice("SKU has no price in force")
        newest = max(in_force, key=lambda info: info.effective_time)
        expression = newest.pricing_expression
        divisor = _hours(expression.usage_unit, self.patterns.units[part], self.patterns.hours_per_month)
        if divisor is None or not expression.tiered_rates:
            raise _NoPrice("usage unit of the SKU is not that of its part")
        money = expression.tiered_rates[-1].unit_price  # What is paid beyond any free or dearer start.
        if money.currency_code != "USD":
            raise _NoPrice("currency is not USD")
        usd = (money.units + money.nanos * NANO) / divisor
        if usd <= 0:
            raise _NoPrice("price of a part is not positive")
        return PartPrice(usd, newest.effective_time)


class _NoPrice(Exception):
    """Why a SKU gives its part no price."""


def _hours(unit: str, wanted: str, hours_per_month: int) -> int | None:
    """What a price per `unit` is divided by to be per hour; None where the unit is another."""
    if unit == "GiBy.mo" == wanted:
        return hours_per_month
    return 1 if unit == wanted or (unit, wanted) == ("GiBy.h", "GiBy.mo") else None


def _content(sku: Any) -> dict[str, Any]:
    """What names a SKU in the quarantine."""
    return {
        "sku_id": sku.sku_id,
        "description": sku.description,
        "usage_type": sku.category.usage_type,
        "regions": sorted(sku.service_regions),
    }
