"""Reading archive files whole: gzip or plain, JSON or CSV, with a refusal where they are cut short.

A file that ends in the middle of a line is refused rather than read up to there: its last
number may have lost digits, and nobody could tell.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from .base import Batch, UnreadableSource

AGAIN = "Fetch the file again; nothing of it was stored."
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile:
    """A `Source` that is one file of a known format."""

    path: Path
    source_id: str
    licence: str
    read: Callable[[Path], Iterator[Batch]] = field(repr=False)
    note: str = ""
    kind: str = "recorded"
    reading: str = ""  # How it is read, where that can be chosen; part of its fingerprint.
    beside: tuple[Path, ...] = ()  # Files that say how to read it.
    reads_ahead: bool = True  # A file does not mind being read on before what it gave is stored.

    @property
    def origin(self) -> str:
        """The file's path, as it was given."""
        return str(self.path)

    def batches(self) -> Iterator[Batch]:
        """Read the file; see `base.Source`.

        Raises:
            UnreadableSource: Also where a reader meets a shape that the format does not have.
        """
        try:
            yield from self.read(self.path)
        except (LookupError, TypeError, ValueError, AttributeError) as trouble:
            raise UnreadableSource(
                f"{self.path.name} does not keep to its format ({type(trouble).__name__}: {trouble}).",
                fix=AGAIN,
            ) from trouble


def digest_into(path: Path, update: Callable[[bytes], None]) -> None:
    """Hand the bytes of a file to a digest, piece by piece.

    Raises:
        UnreadableSource: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                update(piece)
    except OSError as trouble:
        raise UnreadableSource(
            f"{path} cannot be read ({trouble.strerror}).", fix="Check the path and its permissions."
        ) from None


def text_of(path: Path) -> str:
    """The whole text of a plain or gzip file.

    Raises:
        UnreadableSource: It is cut short, not gzip, not UTF-8, or cannot be read.
    """
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    except (EOFError, zlib.error, gzip.BadGzipFile) as trouble:
        raise UnreadableSource(f"{path.name} is damaged or cut short ({trouble}).", fix=AGAIN) from None
    except UnicodeDecodeError as trouble:
        raise UnreadableSource(
            f"{path.name} is not text: byte {trouble.start} is not UTF-8.",
            fix="Name a file of a known format.",
        ) from None
    except OSError as trouble:
        raise UnreadableSource(
            f"{path} cannot be read ({trouble.strerror}).", fix="Check the path and its permissions."
        ) from None


def head_of(path: Path, size: int = 4096) -> str:
    """The first characters, to recognise a format by; what cannot be decoded is replaced."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return file.read(size).decode(errors="replace")
    except (OSError, EOFError, zlib.error) as trouble:
        raise UnreadableSource(f"{path.name} is damaged or cut short ({trouble}).", fix=AGAIN) from None


def json_of(path: Path) -> Any:
    """The value of a JSON file."""
    return parse_json(text_of(path), path)


def parse_json(text: str, path: Path) -> Any:
    """The value of a JSON text of that file."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as trouble:
        raise UnreadableSource(
            f"{path.name} stops being JSON at character {trouble.pos} of {len(text)}: cut short or damaged.",
            fix=AGAIN,
        ) from None


def csv_of(path: Path, names: list[str] | None = None) -> pd.DataFrame:
    """A CSV file as text columns; `names` where it has no header. Blanks stay empty text.

    Raises:
        UnreadableSource: A line has too few or too many fields, or the last one is cut.
    """
    text = text_of(path)
    if not text.endswith("\n"):
        raise UnreadableSource(
            f"{path.name} ends in the middle of a line ({text[-40:].splitlines()[-1]!r}): cut short.",
            fix=AGAIN,
        )
    try:
        frame = pd.read_csv(
            io.StringIO(text), dtype="str", keep_default_na=False, names=names, skipinitialspace=True
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as trouble:
        raise UnreadableSource(f"{path.name} is not a regular table ({trouble}).", fix=AGAIN) from None
    _check_width(text, len(frame.columns), path)
    return frame


def _check_width(text: str, columns: int, path: Path) -> None:
    """Refuse a line with a field too few, which pandas would fill up. No archive quotes a comma."""
    lines = [line for line in text.splitlines() if line]
    if text.count(",") == (columns - 1) * len(lines):
        return
    line = next(i for i, line in enumerate(lines, start=1) if line.count(",") != columns - 1)
    raise UnreadableSource(
        f"{path.name} line {line} does not have {columns} fields: cut short or damaged.", fix=AGAIN
    )


def instants(column: pd.Series) -> pd.Series:
    """ISO-8601 text as UTC instants; what is not an instant becomes NaT and is turned away later."""
    return pd.to_datetime(column, utc=True, format="ISO8601", errors="coerce")


def date_in(path: Path) -> datetime:
    """The ISO date in a file's name, as midnight UTC.

    Raises:
        UnreadableSource: The name holds no date, so the facts would have none.
    """
    found = re.search(r"\d{4}-\d{2}-\d{2}", path.name)
    if found is None:
        raise UnreadableSource(
            f"{path.name} states no date inside, and none in its name.",
            fix="Put the day of the snapshot into the name, as in prices-2025-03-27.csv.",
        )
    return datetime.fromisoformat(found[0]).replace(tzinfo=UTC)
