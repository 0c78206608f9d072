"""Reading a tariff file, and refusing it by file, line and field where it is not one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

from model.errors import ImpossibleInput
from model.market import CapacityType

from .figures import Figure, figure, read_toml
from .tariff_entries import Commitment, EgressRule, Jurisdiction

PLACES: Final = ("provider", "path", "from_region", "to_region", "from_area", "to_area")
TABLES: Final = ("areas", "egress", "storage", "notice", "refund", "jurisdiction", "commitment", "signals")
PATHS: Final = ("same_region", "between_zones", "inter_region", "internet")
SOURCED: Final[Mapping[str, type]] = {"source": str, "as_of": date, "confidence": str}
COMMITMENT: Final[Mapping[str, type | tuple[type, ...]]] = {
    "name": str, "provider": str, "buys": str, "applies_to": list, "durations_days": list, "between": bool,
    "paid": str, "cancellable": bool, "billed_idle": bool, "preemptible": bool, "ends_early_s": (int, float),
    "statement": str, **SOURCED,
}  # fmt: skip
JURISDICTION: Final[Mapping[str, type]] = {"tag": str, "regime": str, "policy": str, **SOURCED}


class TariffFile:
    """One file, read; every table of it may be missing.

    Raises:
        EnvironmentTrouble: It cannot be read.
        ImpossibleInput: It is not TOML, or an entry of it is impossible; line and field are named.
    """

    def __init__(self, path: Path, *, own: bool) -> None:
        self.path, self.own = path, own
        self.tables = read_toml(path)
        self._lines = path.read_text(encoding="utf-8").splitlines()
        if strange := set(self.tables) - set(TABLES):
            raise ImpossibleInput(
                f"{path.name} has the unknown table {', '.join(sorted(strange))}.",
                fix=f"Use {', '.join(TABLES)}.",
            )

    def areas(self) -> dict[str, dict[str, list[str]]]:
        """Patterns of regions by provider and part of the world."""
        areas: dict[str, dict[str, list[str]]] = self._table("areas")
        for provider, places in areas.items():
            if not isinstance(places, dict) or not all(_texts(patterns) for patterns in places.values()):
                raise self._wrong(
                    f"[areas.{provider}]", 0, "a part of the world", places, "a list of patterns"
                )
        return areas

    def figures(self, table: str) -> dict[str, Figure]:
        """The figures of [storage.*], [notice.*], [refund.*] or [signals.*], none of them negative."""
        return {
            name: self._figure(f"{table} {name}", entry, f"[{table}.{name}]")
            for name, entry in self._table(table).items()
        }

    def egress(self) -> tuple[EgressRule, ...]:
        """The rules of [[egress]], in order."""
        return tuple(self._rule(entry, nth) for nth, entry in enumerate(self._list("egress")))

    def jurisdictions(self) -> tuple[Jurisdiction, ...]:
        """The entries of [[jurisdiction]]; what is no word of ours is a provider with patterns."""
        return tuple(self._jurisdiction(entry, nth) for nth, entry in enumerate(self._list("jurisdiction")))

    def commitments(self) -> dict[str, Commitment]:
        """The entries of [[commitment]], by name."""
        found = [self._commitment(entry, nth) for nth, entry in enumerate(self._list("commitment"))]
        return {each.name: each for each in found}

    def _table(self, name: str) -> dict[str, Any]:
        table = self.tables.get(name, {})
        if not isinstance(table, dict):
            raise self._wrong(f"[{name}]", 0, name, table, f"tables [{name}.…]")
        return table

    def _list(self, name: str) -> list[dict[str, Any]]:
        entries = self.tables.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._wrong(f"[{name}]", 0, name, entries, f"entries [[{name}]]")
        return entries

    def _figure(self, name: str, entry: Any, header: str, nth: int = 0) -> Figure:
        where = self._where(header, nth)
        found = figure(name, entry if isinstance(entry, dict) else {}, where, own=self.own)
        if not 0 <= found.value < float("inf"):
            raise ImpossibleInput(
                f"{where} sets {name} to {found.value:g} {found.unit}.", fix="Give 0 or more in value."
            )
        return found

    def _rule(self, entry: Mapping[str, Any], nth: int) -> EgressRule:
        header = "[[egress]]"
        known = {*PLACES, "tiers", "value", "unit", *SOURCED}
        if unknown := set(entry) - known:
            raise ImpossibleInput(
                f"An {header} in {self._where(header, nth)} has {', '.join(sorted(unknown))}.",
                fix=f"Conditions are {', '.join(PLACES)}.",
            )
        conditions = {key: _as_texts(entry[key]) for key in PLACES if key in entry}
        for key, patterns in conditions.items():
            if not _texts(patterns) or (key == "path" and not set(patterns) <= set(PATHS)):
                told = f"one of {', '.join(PATHS)}" if key == "path" else "a pattern or a list of them"
                raise self._wrong(header, nth, key, entry[key], told)
        return EgressRule(
            conditions=conditions,
            figure=self._figure("egress", entry, header, nth),
            tiers=self._tiers(entry.get("tiers", []), nth),
        )

    def _tiers(self, written: Any, nth: int) -> tuple[tuple[float, float], ...]:
        good = isinstance(written, list) and all(
            isinstance(tier, list) and len(tier) == 2 and all(_number(part) for part in tier)
            for tier in written
        )
        starts = [tier[0] for tier in written] if good else []
        if not good or starts != sorted(set(starts)) or (starts and starts[0] <= 0):
            raise self._wrong("[[egress]]", nth, "tiers", written, "[[GB, price], …] with rising GB above 0")
        return tuple((float(start), float(price)) for start, price in written)

    def _jurisdiction(self, entry: Mapping[str, Any], nth: int) -> Jurisdiction:
        self._typed(entry, nth, "[[jurisdiction]]", JURISDICTION)
        regions = {key: _as_texts(value) for key, value in entry.items() if key not in JURISDICTION}
        for key, patterns in regions.items():
            if not _texts(patterns):
                raise self._wrong("[[jurisdiction]]", nth, key, entry[key], "a list of patterns of regions")
        return Jurisdiction(**{word: entry[word] for word in JURISDICTION}, regions=regions, own=self.own)

    def _commitment(self, entry: Mapping[str, Any], nth: int) -> Commitment:
        header = "[[commitment]]"
        self._typed(entry, nth, header, COMMITMENT)
        if unknown := set(entry) - set(COMMITMENT):
            raise self._wrong(header, nth, min(unknown), entry[min(unknown)], f"only {', '.join(COMMITMENT)}")
        kinds = [kind.value for kind in CapacityType]
        for key, given in (("buys", [entry["buys"]]), ("applies_to", entry["applies_to"])):
            if not set(given) <= {*kinds, *(["discount"] if key == "buys" else [])}:
                raise self._wrong(header, nth, key, entry[key], f"{', '.join(kinds)} (buys: or discount)")
        if not all(_number(days) for days in entry["durations_days"]) or not _number(entry["ends_early_s"]):
            raise self._wrong(
                header, nth, "durations_days or ends_early_s", entry["durations_days"], "0 or more"
            )
        return Commitment(
            **{
                **entry,
                "buys": None if entry["buys"] == "discount" else CapacityType(entry["buys"]),
                "applies_to": tuple(CapacityType(kind) for kind in entry["applies_to"]),
                "durations_days": tuple(float(days) for days in entry["durations_days"]),
                "ends_early_s": float(entry["ends_early_s"]),
            },
            own=self.own,
        )

    def _typed(
        self, entry: Mapping[str, Any], nth: int, header: str, kinds: Mapping[str, type | tuple[type, ...]]
    ) -> None:
        if missing := [key for key in kinds if key not in entry]:
            raise ImpossibleInput(
                f"A {header} in {self._where(header, nth)} lacks {', '.join(missing)}.",
                fix="State all of them.",
            )
        for key, kind in kinds.items():
            if not isinstance(entry[key], kind) or (isinstance(entry[key], bool) and kind is not bool):
                raise self._wrong(header, nth, key, entry[key], "another type, as in the built-in file")

    def _wrong(self, header: str, nth: int, key: str, seen: Any, wanted: str) -> ImpossibleInput:
        return ImpossibleInput(
            f"{self._where(header, nth)}: {header} has {key} = {seen!r}.", fix=f"Give {key} {wanted}."
        )

    def _where(self, header: str, nth: int = 0) -> str:
        """File and line of the nth header like this one; the file alone where it is written otherwise."""
        at = [number for number, line in enumerate(self._lines, start=1) if line.strip().startswith(header)]
        return f"{self.path.name} line {at[nth]}" if nth < len(at) else self.path.name


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


def _texts(values: Any) -> bool:
    return isinstance(values, Sequence) and all(isinstance(value, str) for value in values)


def _as_texts(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list) else (value,)
