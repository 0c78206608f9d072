"""Making a store from a backup: everything is checked first, then loaded into a file of its own.

The new store gets its name when it is whole; a killed process leaves a `.part`, which the next
restore takes away. Nothing is ever restored over facts. A backup of an older schema is loaded
into that schema and then brought up to this program's, as its store would have been.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from model.errors import EnvironmentTrouble, ImpossibleInput

from . import database
from .backup import run_on_table, stored_tables, tables_of
from .backup_file import BackupReader, BackupUnreadable, Manifest, open_backup
from .migrations import Migration, known_migrations
from .store import Store
from .whole_file import publish, sync

PIECES: Final = ".pieces"
LEFT: Final = ("", ".wal", ".tmp", PIECES)  # What a killed restore may have left of its half.
Clock = Callable[[], datetime]
Publish = Callable[[Path, Path], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore made."""

    manifest: Manifest
    problems: list[str]  # Of the store that was backed up, for nothing is changed on the way.


def restore(backup: Path, path: Path, *, clock: Clock) -> Restored:
    """Make the store at `path` from a backup.

    Raises:
        BackupUnreadable: The backup is damaged, cut short, of another program, or newer than this one.
        ImpossibleInput: There is a store with facts at `path`.
        StoreLocked: Another process holds the store there.
        EnvironmentTrouble: The new store cannot be written.
    """
    with open_backup(backup) as found:
        steps = _steps(found.manifest, backup)
        found.check()
        with _vacant(path, clock) as give_name, _half_of(path) as half:
            _load(found, half, steps)
            problems = _finish(found.manifest, half, clock)
            give_name(half, path)
    return Restored(found.manifest, problems)


def _steps(manifest: Manifest, backup: Path) -> list[Migration]:
    """The migrations that the backup's store had.

    Raises:
        BackupUnreadable: One is unknown here, or another one.
    """
    known = {step.version: step for step in known_migrations()}
    for version, checksum in sorted(manifest.migrations.items()):
        if version not in known:
            raise BackupUnreadable(
                f"{backup} has schema version {version}; this program knows versions up to {max(known)}.",
                fix="Upgrade lowtide, or restore with the version that took the backup.",
            )
        if known[version].checksum != checksum:
            raise BackupUnreadable(
                f"Schema version {version} ({known[version].name}) of {backup} differs from this program's.",
                fix=f"Restore with lowtide {manifest.program}, which took the backup.",
            )
    return [known[version] for version in sorted(manifest.migrations)]


@contextmanager
def _vacant(path: Path, clock: Clock) -> Iterator[Publish]:
    """Make sure that nothing is lost at `path`, and keep others off; yields how the name is given."""
    if not path.exists():
        _make_room(path)
        yield publish
        return
    with Store.open(path, clock=clock) as old:  # Refused here where a service holds it.
        filled = [
            table for table in stored_tables(clock) if table != "schema_migration" and _holds(old, table)
        ]
    if filled:
        raise ImpossibleInput(
            f"{path} is a store that holds {', '.join(filled[:3])}{'…' if len(filled) > 3 else ''}; a backup "
            "is never restored over anything.",
            fix="Name a new file with --store, or move the old one away.",
        )
    held = database.connect(path)  # Until the name is given, so that no service begins to fill the old one.
    try:
        yield _replace
    finally:
        held.close()


def _make_room(path: Path) -> None:
    """Make the folder for a new store; the log of a store that is gone would be replayed into the new one."""
    log = path.with_name(f"{path.name}.wal")
    if log.exists():
        raise ImpossibleInput(
            f"{log} is there, and the store it belongs to is not.",
            fix="Move it away, or name another file with --store.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as trouble:
        raise EnvironmentTrouble(
            f"The folder {path.parent} cannot be made: {trouble.strerror}.", fix="Pass --store FILE."
        ) from None


def _holds(store: Store, table: str) -> bool:
    with store.transaction() as cursor:
        script = database.sql("backup/filled").replace("$table", f'"{table}"')
        return bool(cursor.execute(script).fetchall())


def _replace(half: Path, path: Path) -> None:
    sync(half)
    os.replace(half, path)
    sync(path.parent)


@contextmanager
def _half_of(path: Path) -> Iterator[Path]:
    """A name for the store that is being made; nothing of it stays when something went wrong."""
    half = path.with_name(f"{path.name}.part")
    _clear(half)
    try:
        yield half
    except OSError as trouble:
        raise EnvironmentTrouble(
            f"{half} cannot be written: {trouble.strerror or trouble}.",
            fix="Free disk space, or name a file elsewhere with --store.",
        ) from None
    finally:
        _clear(half)


def _clear(half: Path) -> None:
    for ending in LEFT:
        left = half.with_name(f"{half.name}{ending}")
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink(missing_ok=True)


def _load(found: BackupReader, half: Path, steps: list[Migration]) -> None:
    """Make the schema as it was and fill it, in one transaction."""
    with database.refusing(half), database.connect(half) as connection:
        connection.begin()
        connection.execute(database.sql("schema/record"))
        for step in steps:
            connection.execute(step.script)
        _compare(tables_of(connection), found.manifest)
        _fill(connection, found, half)
        connection.commit()


def _compare(tables: list[str], manifest: Manifest) -> None:
    """Refuse a backup whose tables are not those of its schema."""
    if strange := set(tables) ^ {piece.table for piece in manifest.pieces}:
        raise BackupUnreadable(
            f"The backup and its schema differ by {', '.join(sorted(strange))}.",
            fix=f"Restore with lowtide {manifest.program}, which took the backup.",
        )


def _fill(connection: duckdb.DuckDBPyConnection, found: BackupReader, half: Path) -> None:
    """Load table by table. No two share a name on disk: the database remembers a file it has read."""
    folder = half.with_name(f"{half.name}{PIECES}")
    folder.mkdir()
    for piece in found.manifest.pieces:
        file = folder / f"{piece.table}.parquet"
        found.extract(piece, file)
        rows = run_on_table(connection, "take", piece.table, file)
        file.unlink()
        if rows != piece.rows:
            raise BackupUnreadable(
                f"{rows} of the {piece.rows} rows of {piece.table} could be read.", fix="Try again."
            )


def _finish(manifest: Manifest, half: Path, clock: Clock) -> list[str]:
    """Bring the schema up to date and add days up where they were; what the store's own rules say of it."""
    with Store.open(half, clock=clock) as store:
        if manifest.keeps_days:
            store.add_up_days()
        return store.verify()
