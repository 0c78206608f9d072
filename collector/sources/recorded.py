"""Recognising archive files by what is in them, and reading each with its own reader.

A folder gives one source per file that looks like data, and one for all run logs in it; a file
that cannot be recognised or opened becomes a source that says so when it is read, so that it
does not stop the others. A single file that is not recognised is refused at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from model.errors import LowtideError

from . import native
from .archives import BY_HEADER, BY_SHAPE, KNOWN
from .base import Batch, Source, UnreadableSource
from .files import head_of
from .recorded_skypilot import is_catalog, open_skypilot
from .recorded_spot_traces import open_spot_trace
from .runlog import is_run_event, open_runlog

SUFFIXES: Final = (".json", ".json.gz", ".csv", ".csv.gz", ".jsonl")


@dataclass(frozen=True, slots=True)
class Unopened:
    """A file of a folder that could not be opened; reading it raises why."""

    origin: str
    trouble: LowtideError
    source_id: str = "unrecognised"
    kind: str = "recorded"
    licence: str = "unknown"
    note: str = ""

    def batches(self) -> Iterator[Batch]:
        """Raise the refusal that opening met."""
        raise self.trouble


def open_recorded(path: Path, *, available_means: int = 1) -> list[Source]:
    """One source per recorded file at or under `path`, in order of name.

    Args:
        path: A file or a folder of any depth.
        available_means: Polarity of availability traces; see `recorded_spot_traces`.

    Raises:
        UnreadableSource: Nothing is there, nothing looks like data, or the one file named
            is not of a known format.
    """
    if path.is_file():
        return [_open(path, available_means)]
    if not path.is_dir():
        raise UnreadableSource(f"{path} does not exist.", fix="Name a recorded file or a folder of them.")
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name.endswith(SUFFIXES))
    sources = [_try(p, available_means) for p in files if p.name != "market.json"]
    if not sources:
        raise UnreadableSource(f"{path} holds no {', '.join(SUFFIXES)} file.", fix=f"Known: {KNOWN}.")
    return list({(source.source_id, source.origin): source for source in sources}.values())


def _try(path: Path, available_means: int) -> Source:
    try:
        return _open(path, available_means)
    except LowtideError as trouble:
        return Unopened(str(path), trouble)


def _open(path: Path, available_means: int) -> Source:
    """Recognise one file by its first lines."""
    head = head_of(path).lstrip("\ufeff")
    first = head.partition("\n")[0].strip()
    if (archive := BY_HEADER.get(first)) is not None:
        return archive.open(path)
    if is_catalog(first):
        return open_skypilot(path)
    if (table := native.TABLES.get(tuple(first.split(",")))) is not None:
        return native.open_native(path, table)
    if is_run_event(first):
        return open_runlog(path)
    if re.match(r'\s*\{\s*"metadata"\s*:\s*\{[^}]*"gap_seconds"', head):
        return open_spot_trace(path, available_means=available_means)
    for shape, archive in BY_SHAPE:
        if re.match(shape, first):
            return archive.open(path)
    raise UnreadableSource(
        f"{path.name} begins with {first[:60]!r}, which is no format this program knows.",
        fix=f"Known: {KNOWN}.",
    )
