"""Tariffs: what moving and keeping bytes costs, how long a notice is, whose law a region is under.

Read from tariffs.toml, each figure with source, date and confidence. What is not known is
assumed dear, said to be assumed, and never zero. A file of the user's is asked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any, Final

from model.errors import ImpossibleInput

from .figures import Figure, figure, read_toml

TARIFFS: Final = Path(__file__).with_name("tariffs.toml")
ELSEWHERE: Final = "elsewhere"
PLACES: Final = ("provider", "path", "from_region", "to_region", "from_area", "to_area")


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


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressRule:
    """A figure and the routes it holds for; an empty condition holds for all."""

    conditions: Mapping[str, tuple[str, ...]]
    figure: Figure

    def holds(self, route: Mapping[str, str]) -> bool:
        """True where every condition is met by the route."""
        return all(
            any(fnmatchcase(route[key], pattern) for pattern in patterns)
            for key, patterns in self.conditions.items()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariffs:
    """Egress, storage, notices and jurisdictions."""

    areas: Mapping[str, Mapping[str, list[str]]]
    egress: tuple[EgressRule, ...]
    storage: Mapping[str, Figure]
    notice: Mapping[str, Figure]
    jurisdictions: tuple[Jurisdiction, ...]

    def egress_usd_per_gb(
        self, from_provider: str, from_region: str, to_provider: str, to_region: str
    ) -> Figure:
        """What the first provider charges for bytes leaving for the second place."""
        same = from_provider == to_provider
        route = {
            "provider": from_provider,
            "path": ("same_region" if from_region == to_region else "inter_region") if same else "internet",
            "from_region": from_region,
            "to_region": to_region,
            "from_area": self.area(from_provider, from_region),
            "to_area": self.area(to_provider, to_region),
        }
        rule = next(rule for rule in self.egress if rule.holds(route))
        name = f"egress {from_provider} {from_region} to {to_provider} {to_region}"
        return replace(rule.figure, name=name)

    def storage_usd_per_gb_month(self, provider: str) -> Figure:
        """What keeping checkpoints in the provider's object storage costs."""
        return self.storage.get(provider, self.storage[ELSEWHERE])

    def notice_s(self, provider: str) -> Figure:
        """The longest warning the provider gives before it takes a machine back."""
        return self.notice.get(provider, self.notice[ELSEWHERE])

    def area(self, provider: str, region: str) -> str:
        """The part of the world a region lies in, or `elsewhere`."""
        for area, patterns in self.areas.get(provider, {}).items():
            if any(fnmatchcase(region, pattern) for pattern in patterns):
                return area
        return ELSEWHERE

    def jurisdiction(self, provider: str, region: str) -> Jurisdiction | None:
        """Whose law a region is under; None where the table does not say."""
        for entry in self.jurisdictions:
            if any(fnmatchcase(region, pattern) for pattern in entry.regions.get(provider, ())):
                return entry
        return None


@cache
def load_tariffs(own: Path | None = None) -> Tariffs:
    """Read the built-in tariffs, with a user's file in front where one is given.

    Raises:
        EnvironmentTrouble: The user's file cannot be read.
        ImpossibleInput: A figure is negative or lacks its source, or a rule names an unknown condition.
    """
    base = _read(TARIFFS)
    if own is None:
        return base
    first = _read(own)
    return Tariffs(
        areas={**base.areas, **first.areas},
        egress=(*first.egress, *base.egress),
        storage={**base.storage, **first.storage},
        notice={**base.notice, **first.notice},
        jurisdictions=(*first.jurisdictions, *base.jurisdictions),
    )


def _read(path: Path) -> Tariffs:
    """One file; every table of it may be missing."""
    tables = read_toml(path)
    if strange := set(tables) - {"areas", "egress", "storage", "notice", "jurisdiction"}:
        raise ImpossibleInput(
            f"{path.name} has the unknown table {', '.join(sorted(strange))}.",
            fix="Use areas, egress, storage, notice and jurisdiction.",
        )
    return Tariffs(
        areas=tables.get("areas", {}),
        egress=tuple(_rule(entry, path) for entry in tables.get("egress", [])),
        storage={p: _figure(f"storage {p}", t, path) for p, t in tables.get("storage", {}).items()},
        notice={p: _figure(f"notice {p}", t, path) for p, t in tables.get("notice", {}).items()},
        jurisdictions=tuple(_jurisdiction(entry, path) for entry in tables.get("jurisdiction", [])),
    )


def _figure(name: str, table: Mapping[str, Any], path: Path) -> Figure:
    """A figure that is not negative."""
    found = figure(name, table, path)
    if found.value < 0:
        raise ImpossibleInput(
            f"{path.name} sets {name} to {found.value:g} {found.unit}.", fix="Give 0 or more."
        )
    return found


def _rule(entry: Mapping[str, Any], path: Path) -> EgressRule:
    """One [[egress]] entry."""
    place = {key: entry[key] for key in PLACES if key in entry}
    unknown = set(entry) - set(PLACES) - {"value", "unit", "source", "as_of", "confidence"}
    if unknown:
        raise ImpossibleInput(
            f"An [[egress]] of {path.name} has {', '.join(sorted(unknown))}.",
            fix=f"Conditions are {', '.join(PLACES)}.",
        )
    conditions = {key: (value,) if isinstance(value, str) else tuple(value) for key, value in place.items()}
    return EgressRule(conditions=conditions, figure=_figure("egress", entry, path))


def _jurisdiction(entry: Mapping[str, Any], path: Path) -> Jurisdiction:
    """One [[jurisdiction]] entry; what is no word of ours is a provider with patterns."""
    words = ("tag", "regime", "policy", "source", "as_of", "confidence")
    if missing := [word for word in words if word not in entry]:
        raise ImpossibleInput(
            f"A [[jurisdiction]] of {path.name} lacks {', '.join(missing)}.", fix="State all of them."
        )
    return Jurisdiction(
        **{word: entry[word] for word in words},
        regions={key: tuple(value) for key, value in entry.items() if key not in words},
    )
