"""A figure with its source, and reading such figures from TOML. A figure without a source is refused."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from model.errors import EnvironmentTrouble, ImpossibleInput

FIELDS: Final[Mapping[str, type | tuple[type, ...]]] = {
    "value": (int, float),
    "unit": str,
    "source": str,
    "as_of": date,
    "confidence": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A number we did not measure: who says so, and when."""

    name: str
    value: float
    unit: str
    source: str
    as_of: date
    confidence: str
    own: bool = False  # From a file of the user's, not from ours.


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a figure is, for something that is said and not counted: a tag, the terms of a purchase."""

    name: str
    value: str
    unit: str
    source: str
    as_of: date
    confidence: str
    own: bool = False


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        EnvironmentTrouble: The file cannot be read.
        ImpossibleInput: It is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as trouble:
        raise EnvironmentTrouble(
            f"{path} cannot be read ({trouble.strerror}).", fix="Check the path and its permissions."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as trouble:
        raise ImpossibleInput(f"{path} is not TOML ({trouble}).", fix="Correct that line.") from None


def figure(name: str, table: Mapping[str, Any], where: Path | str, *, own: bool = False) -> Figure:
    """One figure from its table.

    Args:
        name: What it is of.
        table: The TOML table.
        where: The file, or the file and line, for the refusal.
        own: Whether the file is the user's.

    Raises:
        ImpossibleInput: value, unit, source, as_of or confidence is missing or of another type.
    """
    place = where.name if isinstance(where, Path) else where
    for key, kind in FIELDS.items():
        if not isinstance(table.get(key), kind) or isinstance(table[key], bool):
            raise ImpossibleInput(
                f"Figure {name!r} in {place} has {key} = {table.get(key)!r}.",
                fix="Give each figure a value, unit, source, as_of (a date) and confidence.",
            )
    return Figure(
        name=name,
        value=float(table["value"]),
        unit=table["unit"],
        source=table["source"],
        as_of=table["as_of"],
        confidence=table["confidence"],
        own=own,
    )
