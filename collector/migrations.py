"""Bringing a store's schema up to this program's, one numbered file at a time.

Each migration runs in one transaction together with its record, so that a process killed
in the middle leaves a store that the next start completes. A store from a newer program,
with a changed migration, or that is not ours is refused, never guessed at.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from .database import SQL, StoreUnreadable, sql

FOLDER = SQL / "schema"


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered step of the schema."""

    version: int
    name: str
    script: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the script, in hex."""
        return hashlib.sha256(self.script.encode()).hexdigest()


def known_migrations(folder: Path = FOLDER) -> list[Migration]:
    """Every migration this program has, in order."""
    return [
        Migration(int(path.name[:4]), path.stem[5:], path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))
    ]


def migrate(
    connection: duckdb.DuckDBPyConnection, *, clock: Callable[[], datetime], folder: Path = FOLDER
) -> list[Migration]:
    """Apply what is missing and return it.

    Raises:
        StoreUnreadable: The file is not a Lowtide store, was made by a newer program, or
            one of its migrations differs from ours.
    """
    known = known_migrations(folder)
    applied = _applied(connection)
    _check(applied, known)
    missing = [step for step in known if step.version not in applied]
    for step in missing:
        _apply(connection, step, clock)
    return missing


def _applied(connection: duckdb.DuckDBPyConnection) -> dict[int, str]:
    """Version to checksum of what the store has, after making sure that it is ours."""
    tables = {row[0] for row in connection.execute(sql("schema/tables")).fetchall()}
    if tables and "schema_migration" not in tables:
        raise StoreUnreadable(
            f"The file holds {len(tables)} tables ({', '.join(sorted(tables)[:3])}…) but no record of "
            "Lowtide migrations, so it belongs to another program.",
            fix="Name another file with --store.",
        )
    connection.execute(sql("schema/record"))
    return dict(connection.execute(sql("schema/applied")).fetchall())


def _check(applied: dict[int, str], known: list[Migration]) -> None:
    """Refuse a store that this program cannot claim to understand."""
    ours = {step.version: step for step in known}
    for version, checksum in sorted(applied.items()):
        if version not in ours:
            raise StoreUnreadable(
                f"The store has schema version {version}; this program knows versions up to {max(ours)}.",
                fix="Upgrade lowtide, or name another file with --store.",
            )
        if ours[version].checksum != checksum:
            raise StoreUnreadable(
                f"Schema version {version} ({ours[version].name}) of the store differs from this program's: "
                f"checksum {checksum[:12]} against {ours[version].checksum[:12]}.",
                fix="Use the lowtide that made the store, or name another file with --store.",
            )


def _apply(connection: duckdb.DuckDBPyConnection, step: Migration, clock: Callable[[], datetime]) -> None:
    """Run one migration and record it, both or neither."""
    connection.begin()
    try:
        connection.execute(step.script)
        params = {
            "version": step.version,
            "name": step.name,
            "checksum": step.checksum,
            "applied_at": clock(),
        }
        connection.execute(sql("schema/note"), params)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise
