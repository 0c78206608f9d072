"""Tariffs: what moving and keeping bytes costs, how long a notice is, whose law a region is under.

Read from tariffs.toml, each figure with source, date and confidence. What is not known is
assumed dear, said to be assumed, and never zero. A file of the user's is asked first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Final

from model.errors import ImpossibleInput
from model.market import CapacityType
from model.signals import Assumptions

from .figures import Figure
from .tariff_entries import Commitment, EgressRule, Jurisdiction
from .tariff_reading import TariffFile

TARIFFS: Final = Path(__file__).with_name("tariffs.toml")
ELSEWHERE: Final = "elsewhere"
BYTES_PER_GB: Final = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariffs:
    """Egress, storage, notices, jurisdictions, commitments, and what published bands need assumed."""

    areas: Mapping[str, Mapping[str, list[str]]]
    egress: tuple[EgressRule, ...]
    storage: Mapping[str, Figure]
    notice: Mapping[str, Figure]
    jurisdictions: tuple[Jurisdiction, ...]
    commitments: Mapping[str, Commitment]  # By name.
    signals: Mapping[str, Figure]  # By field of `model.signals.Assumptions`.
    refund: Mapping[str, Figure] = field(default_factory=dict)  # By provider, where one is documented.

    def egress_usd_per_gb(
        self, from_provider: str, from_region: str, to_provider: str, to_region: str, moved_bytes: float = 0.0
    ) -> Figure:
        """What the first provider charges for bytes leaving for the second place.

        Args:
            from_provider: Whose tariff.
            from_region: Where the bytes lie.
            to_provider: Whose region they go to; another provider's is reached over the internet.
            to_region: Where they go.
            moved_bytes: How many in one month; a tariff in tiers falls with them.
        """
        same = from_provider == to_provider
        route = {
            "provider": from_provider,
            "path": ("same_region" if from_region == to_region else "inter_region") if same else "internet",
            "from_region": from_region,
            "to_region": to_region,
            "from_area": self.area(from_provider, from_region),
            "to_area": self.area(to_provider, to_region),
        }
        found = self._rule(route).of_volume(moved_bytes / BYTES_PER_GB)
        name = f"egress {from_provider} {from_region} to {to_provider} {to_region}"
        return replace(found, name=name)

    def between_zones_usd_per_gb(self, provider: str, region: str) -> Figure:
        """What bytes cost that go from one zone of a region to another, each way."""
        area = self.area(provider, region)
        route = {
            "provider": provider,
            "path": "between_zones",
            "from_region": region,
            "to_region": region,
            "from_area": area,
            "to_area": area,
        }
        return replace(self._rule(route).figure, name=f"egress between zones {provider} {region}")

    def _rule(self, route: Mapping[str, str]) -> EgressRule:
        return next(rule for rule in self.egress if rule.holds(route))

    def storage_usd_per_gb_month(self, provider: str) -> Figure:
        """What keeping checkpoints in the provider's object storage costs."""
        return self.storage[provider] if provider in self.storage else _assumed(self.storage, provider)

    def notice_s(self, provider: str) -> Figure:
        """The longest warning the provider gives before it takes a machine back."""
        return self.notice[provider] if provider in self.notice else _assumed(self.notice, provider)

    def refund_s(self, provider: str) -> Figure | None:
        """Lives that the provider ends sooner are not charged; None where no such rule is documented."""
        return self.refund.get(provider)

    def no_notice(self, provider: str) -> bool:
        """True where a plan must reckon with no warning at all: none is given, or none is known."""
        return self.notice_s(provider).value == 0

    def commitments_of(self, provider: str, capacity: CapacityType) -> list[Commitment]:
        """Through which commitments a pool of this kind is bought; none for spot and on-demand."""
        return [each for each in self.commitments.values() if each.governs(provider, capacity)]

    @property
    def assumed(self) -> Assumptions:
        """What a published band does not state and a hazard needs."""
        return Assumptions(**{name: found.value for name, found in self.signals.items()})

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


def _assumed(table: Mapping[str, Figure], provider: str) -> Figure:
    """The figure for providers that the table does not know, in this one's name."""
    kind = table[ELSEWHERE].name.split()[0]
    return replace(table[ELSEWHERE], name=f"{kind} {provider}")


@cache
def load_tariffs(own: Path | None = None) -> Tariffs:
    """Read the built-in tariffs, with a user's file in front where one is given.

    Raises:
        EnvironmentTrouble: The user's file cannot be read.
        ImpossibleInput: An entry of it is impossible; file, line and field are named.
    """
    base = _read(TARIFFS, own=False)
    if own is None:
        return base
    first = _read(own, own=True)
    if strange := set(first.signals) - set(base.signals):
        raise ImpossibleInput(
            f"{own.name} has the unknown figure signals.{min(strange)}.",
            fix=f"Use {', '.join(base.signals)}.",
        )
    both = Tariffs(
        areas={**base.areas, **first.areas},
        egress=(*first.egress, *base.egress),
        storage={**base.storage, **first.storage},
        notice={**base.notice, **first.notice},
        refund={**base.refund, **first.refund},
        jurisdictions=(*first.jurisdictions, *base.jurisdictions),
        commitments={**base.commitments, **first.commitments},
        signals={**base.signals, **first.signals},
    )
    _ = both.assumed  # Refused here, and not where the first band is read.
    return both


def _read(path: Path, *, own: bool) -> Tariffs:
    """One file; every table of it may be missing."""
    file = TariffFile(path, own=own)
    return Tariffs(
        areas=file.areas(),
        egress=file.egress(),
        storage=file.figures("storage"),
        notice=file.figures("notice"),
        refund=file.figures("refund"),
        jurisdictions=file.jurisdictions(),
        commitments=file.commitments(),
        signals=file.figures("signals"),
    )
