"""Taking a backup of an open store, while its service runs.

All tables are read in one transaction of a cursor of its own, so the backup is the store as it
was at one instant and nobody who writes has to wait. The day ledger is derived and left out.
It is written whole or not: a killed process leaves a `.part`, which the next backup takes away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

import duckdb

from model.errors import EnvironmentTrouble

from . import database
from .backup_file import BackupWriter, Manifest
from .ledger import Ledger
from .migrations import known_migrations, migrate
from .whole_file import publish, taken

ONE_AT_A_TIME: Final = threading.Lock()  # Two of one name would write into the same half.


class BackupWrites(Ledger):
    """The part of the store that backs it up."""

    def backup(self, path: Path, *, program: str) -> Manifest:
        """Write a backup of a file or a lake to a new file.

        Args:
            path: The file.
            program: The version of this program, for the manifest.

        Raises:
            ImpossibleInput: The file exists already.
            EnvironmentTrouble: It cannot be written.
        """
        with ONE_AT_A_TIME:
            if path.exists():
                raise taken(path)
            half = path.with_name(f"{path.name}.part")
            with _scratch(half) as piece, database.refusing(half):
                manifest = self._write_backup(half, piece, program)
                publish(half, path)
        return manifest

    def _write_backup(self, half: Path, piece: Path, program: str) -> Manifest:
        """Write every table through one scratch file, then the manifest."""
        migrations = {step.version: step.checksum for step in known_migrations()}
        as_of, keeps_days = self.now(), self.keeps_days
        with half.open("wb") as file, self._at_one_instant() as cursor:
            archive = BackupWriter(file, as_of)
            for table in stored_tables(self.now):
                rows = run_on_table(cursor, "put", table, piece)
                archive.add_table(table, rows, piece)
            manifest = Manifest(
                program=program, store=str(self.place or ":memory:"), as_of=as_of, migrations=migrations,
                keeps_days=keeps_days, pieces=tuple(archive.pieces),
            )  # fmt: skip
            archive.close(manifest)
        return manifest

    @contextmanager
    def _at_one_instant(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor that sees the store as it is when it first reads, whoever writes meanwhile."""
        cursor = database.use(self._connection.cursor(), self._place)
        try:
            cursor.begin()
            yield cursor
        finally:
            cursor.close()  # Nothing was written; this ends the transaction too.


def stored_tables(clock: Callable[[], datetime]) -> list[str]:
    """The tables that the migrations make, hence all but the derived ones."""
    with database.connect(None) as empty:
        migrate(empty, clock=clock)
        return tables_of(empty)


def tables_of(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables of a file, by name."""
    return sorted(row[0] for row in connection.execute(database.sql("schema/tables")).fetchall())


def run_on_table(cursor: duckdb.DuckDBPyConnection, script: str, table: str, path: Path) -> int:
    """Run sql/backup/<script>.sql on a table and a file; how many rows went through."""
    quoted = str(path).replace("'", "''")
    text = database.sql(f"backup/{script}").replace("$table", f'"{table}"').replace("$path", f"'{quoted}'")
    return int(cursor.execute(text).fetchall()[0][0])


@contextmanager
def _scratch(half: Path) -> Iterator[Path]:
    """A name for one table's file beside the half; both are gone when something went wrong.

    Raises:
        EnvironmentTrouble: The disk said no.
    """
    piece = half.with_name(f"{half.name}.parquet")
    try:
        for old in (half, piece):  # Left by a process that was killed.
            old.unlink(missing_ok=True)
        yield piece
    except OSError as trouble:
        half.unlink(missing_ok=True)
        raise EnvironmentTrouble(
            f"The backup {half} cannot be written: {trouble.strerror or trouble}.",
            fix="Name a file in a folder that exists and has room.",
        ) from None
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    finally:
        piece.unlink(missing_ok=True)
