"""The entries of a tariff file: whose law, what a route costs, what a commitment binds one to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase

from model.market import CapacityType

from .figures import Figure, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Jurisdiction:
    """Whose data protection law a region lies under. A tag to decide by, not legal advice."""

    tag: str
    regime: str
    policy: str
    regions: Mapping[str, tuple[str, ...]]  # Provider -> patterns.
    source: str
    as_of: date
    confidence: str
    own: bool = False  # From a file of the user's.

    def statement(self, provider: str, region: str) -> Statement:
        """The tag of one region, as a figure an answer lists."""
        return Statement(
            name=f"jurisdiction {provider} {region}",
            value=self.tag,
            unit="tag",
            source=f"{self.source}: {self.regime}",
            as_of=self.as_of,
            confidence=self.confidence,
            own=self.own,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRule:
    """A figure and the routes it holds for; an empty condition holds for all.

    `tiers` are (GB from which, price per GB), rising in GB and after the figure's own price,
    which holds from the first byte. Free allowances are not counted: others may have used them.
    """

    conditions: Mapping[str, tuple[str, ...]]
    figure: Figure
    tiers: tuple[tuple[float, float], ...] = ()

    def holds(self, route: Mapping[str, str]) -> bool:
        """True where every condition is met by the route."""
        return all(
            any(fnmatchcase(route[key], pattern) for pattern in patterns)
            for key, patterns in self.conditions.items()
        )

    def of_volume(self, gigabytes: float) -> Figure:
        """The figure, or its mean over the tiers that so many GB in one month go through."""
        if not self.tiers or gigabytes <= self.tiers[0][0]:
            return self.figure
        starts = [0.0, *(start for start, _ in self.tiers)]
        prices = [self.figure.value, *(price for _, price in self.tiers)]
        ends = [*starts[1:], gigabytes]
        paid = sum(
            max(min(end, gigabytes) - start, 0.0) * price
            for start, end, price in zip(starts, ends, prices, strict=True)
        )
        told = f"{self.figure.source}; mean over the tiers of {gigabytes:,.0f} GB in one month"
        return replace(self.figure, value=paid / gigabytes, source=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Commitment:
    """A way to buy capacity or a discount that binds the buyer, as its provider sells it.

    Durations are of the commitment; None where the provider states none.
    """

    name: str
    provider: str
    buys: CapacityType | None  # None: a discount on what is bought otherwise.
    applies_to: tuple[CapacityType, ...]  # Prices it governs or lowers.
    durations_days: tuple[float, ...]  # Those on sale, or the shortest and the longest.
    between: bool  # True where any duration between the two is on sale.
    paid: str  # upfront | hourly | used
    cancellable: bool
    billed_idle: bool  # Paid for whether used or not.
    preemptible: bool  # May be taken back before its end.
    ends_early_s: float  # Paid for, and machines are gone already.
    statement: str  # The rest, in words.
    source: str
    as_of: date
    confidence: str
    own: bool = False

    def governs(self, provider: str, capacity: CapacityType) -> bool:
        """True where a pool of this kind is bought through it."""
        return self.provider == provider and self.buys is capacity

    def figure(self) -> Statement:
        """The commitment in one line, as a figure an answer lists."""
        return Statement(
            name=f"commitment {self.name}",
            value=self.words(),
            unit="terms",
            source=self.source,
            as_of=self.as_of,
            confidence=self.confidence,
            own=self.own,
        )

    def words(self) -> str:
        """Its terms in one line."""
        told = [
            f"paid {self.paid}",
            "cancellable" if self.cancellable else "not cancellable",
            *(["billed when idle"] if self.billed_idle else []),
            "may be taken back" if self.preemptible else "not taken back",
            *([f"ends {self.ends_early_s / 60:g} min early"] if self.ends_early_s else []),
            self.statement,
        ]
        return "; ".join(told)
