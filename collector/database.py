"""Opening the store's file, and turning the database's complaints into refusals.

One process may hold the file; a second cannot open it even to read. So a lock names its
holder and what to type. This module knows DuckDB and nothing of the market; it never
retries, repairs or deletes anything.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import duckdb
import pyarrow as pa

from model.errors import EnvironmentTrouble, LowtideError

from .lake import NAME, Lake

Place: TypeAlias = Path | Lake | None  # A file, a lake, or memory.
SQL: Final = Path(__file__).parent / "sql"
TROUBLE: Final = (  # The world around us; anything else the database raises is a fault of ours.
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.FatalException,
    duckdb.SerializationException,
    duckdb.ConnectionException,
    duckdb.TransactionException,  # A commit that could not reach the disk.
)
MEMORY_LIMIT: Final = "500MB"  # A year of 50M rows is added up within it; batches come on top.


class StoreLocked(EnvironmentTrouble):
    """Another process holds the store's file."""

    slug = "store-locked"


class StoreUnreadable(EnvironmentTrouble):
    """The store's file is damaged, foreign, newer than this program, or cannot be reached."""

    slug = "store-unreadable"


class WriteConflict(EnvironmentTrouble):
    """Another process changed the same rows of a lake at the same moment; trying again helps."""

    slug = "write-conflict"


class StoreFull(EnvironmentTrouble):
    """Disk or memory ran out while writing; nothing of that batch was kept."""

    slug = "store-full"


@cache
def sql(name: str) -> str:
    """The text of one file under sql/, e.g. `queries/pool_history`."""
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")


def connect(place: Place) -> duckdb.DuckDBPyConnection:
    """Open the file (None: in memory) or the lake, in UTC, with bounded memory and a place to spill.

    Raises:
        StoreLocked: Another process holds it; the message names it.
        StoreUnreadable: It is no database, is damaged, or its folder is missing.
        LakeUnreachable: The lake's catalogue, data or extensions cannot be had.
    """
    config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": MEMORY_LIMIT}
    if isinstance(place, Path):
        config["temp_directory"] = f"{place}.tmp"
    elif isinstance(place, Lake):
        config["temp_directory"] = str(Path(tempfile.gettempdir()) / f"lowtide-lake-{os.getpid()}")
    try:
        connection = duckdb.connect(str(place) if isinstance(place, Path) else ":memory:", config=config)
        # ICU cannot be configured before it is connected, hence a statement of its own.
        connection.execute("SET GLOBAL TimeZone = 'UTC'")
    except TROUBLE as trouble:
        raise _refusal(trouble, place) from None
    if isinstance(place, Lake):
        place.attach(connection)
    return connection


def use(cursor: duckdb.DuckDBPyConnection, place: Place) -> duckdb.DuckDBPyConnection:
    """Make a cursor speak of the lake where there is one; a file needs nothing said."""
    if isinstance(place, Lake):
        cursor.execute(f"USE {NAME}")
    return cursor


def run(cursor: duckdb.DuckDBPyConnection, script: str, params: dict[str, object]) -> pa.Table:
    """Run every statement of a script with the parameters it names; the last one's rows."""
    rows: Any = None
    for statement in cursor.extract_statements(script):
        named = {name: params[name] for name in statement.named_parameters}
        rows = cursor.execute(statement, named)
    return rows.to_arrow_table()


@contextmanager
def refusing(place: Place) -> Iterator[None]:
    """Turn whatever the database raises inside the block into a refusal a person can act on."""
    try:
        yield
    except TROUBLE as trouble:
        raise _refusal(trouble, place) from trouble


def _refusal(trouble: duckdb.Error, place: Place) -> LowtideError:
    """The refusal that says what this complaint means for the store at that place."""
    text = str(trouble).splitlines()[0]
    where = str(place) if place else "the in-memory store"
    if isinstance(place, Lake) and "conflict" in str(trouble).lower():
        return WriteConflict(
            f"Another process changed the same rows of {where} at the same moment.",
            fix="Nothing of this batch was written; run the same command again.",
        )
    if "set lock on file" in text:
        return _locked(text, where)
    if isinstance(trouble, duckdb.OutOfMemoryException) or re.search(
        r"No space left|File too large|Could not write|disk", text, re.IGNORECASE
    ):
        return StoreFull(
            f"Writing to {where} failed ({text}); the batch was rolled back.",
            fix="Free disk space, or point --store to a disk that has some, and run the same command again.",
        )
    return StoreUnreadable(
        f"{where} cannot be used ({text}).",
        fix="Check the path and its permissions, or make it from a backup: lowtide store restore.",
    )


def _locked(text: str, where: str) -> StoreLocked:
    """Name the holder from the database's message and the process table."""
    found = re.search(r"held in (?P<program>.+?) \(PID (?P<pid>\d+)\)", text)
    if found is None:
        return StoreLocked(
            f"{where} is held by another process, which the system does not name.",
            fix=f"Find it with `fuser {where}`, or ask the running service instead.",
        )
    pid, program = found["pid"], found["program"]
    return StoreLocked(
        f"{where} is held by process {pid} ({_command(pid) or program}); one process at a time may open it.",
        fix=f"Ask that service over HTTP, stop it with `kill {pid}`, or name another file with --store.",
    )


def _command(pid: str) -> str:
    """The command line of a process, where the system shows it."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""
