"""One owner of one connection: a cursor per thread to read, one lock to write.

Everything the store does goes through `read` and `write` here, so that threads, transactions
and the database's complaints are handled once. No question about the market is asked here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from . import database
from .migrations import migrate


class StoreCore:
    """The connection, its lock and its clock. Build it with `open`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: Path | None, clock: Callable[[], datetime]
    ) -> None:
        self._connection = connection
        self._path = path
        self._clock = clock
        self._cursors: dict[int, duckdb.DuckDBPyConnection] = {}  # By thread.
        self._writing = threading.RLock()
        self._depth = 0  # Guarded by `_writing`: how many transactions of ours are nested.
        self._days: bool | None = None  # Whether days are added up here; None: not asked yet.
        self._tellers: dict[str, dict[int, dict[str, Any]]] = {}  # Pool key -> its series by number.
        self._dirty = False  # Whether days wait to be added up.
        self._series: dict[tuple[str, str, str], int] = {}  # Source, pool key and kind -> series number.

    @classmethod
    def open(cls, path: Path | None, *, clock: Callable[[], datetime]) -> Self:
        """Open or make a store; None keeps it in memory. `clock` gives aware UTC instants.

        Raises:
            StoreLocked: Another process holds the file; the message names it.
            StoreUnreadable: The file is damaged, foreign, or from a newer program.
        """
        connection = database.connect(path)
        try:
            with database.refusing(path):
                migrate(connection, clock=clock)
        except BaseException:
            connection.close()
            raise
        return cls(connection, path, clock)

    def close(self) -> None:
        """Give the file back. Cursors of other threads stop working.

        Each holds the database open: one that was left to the end of the interpreter would be
        taken down with DuckDB's own threads still running, which aborts the process.
        """
        for cursor in self._cursors.values():
            cursor.close()
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def path(self) -> Path | None:
        """The file, None in memory."""
        return self._path

    def now(self) -> datetime:
        """The store's clock."""
        return self._clock()

    def _cursor(self) -> duckdb.DuckDBPyConnection:
        """This thread's cursor; made on first use."""
        me = threading.get_ident()
        if me not in self._cursors:
            alive = {thread.ident for thread in threading.enumerate()}
            for gone in [thread for thread in list(self._cursors) if thread not in alive]:
                self._cursors.pop(gone, None)
            self._cursors[me] = self._connection.cursor()
        return self._cursors[me]

    def read(self, query: str, **params: object) -> pa.Table:
        """The rows of sql/queries/<query>.sql."""
        with database.refusing(self._path):
            return database.run(self._cursor(), database.sql(f"queries/{query}"), params)

    def rows(self, query: str, **params: object) -> list[dict[str, Any]]:
        """The same, as dictionaries with Python values."""
        return list(self.read(query, **params).to_pylist())

    def write(
        self, script: str, incoming: Mapping[str, pa.Table] | None = None, **params: object
    ) -> pa.Table:
        """Run sql/writes/<script>.sql in a transaction, with `incoming` tables by name."""
        with self._given(incoming or {}):
            return self._script(script, **params)

    @contextmanager
    def _given(self, tables: Mapping[str, pa.Table]) -> Iterator[None]:
        """A transaction in which scripts find these tables by name."""
        with self.transaction() as cursor:
            for name, table in tables.items():
                cursor.register(name, table)
            try:
                yield
            finally:
                for name in tables:
                    cursor.unregister(name)

    def _script(self, script: str, **params: object) -> pa.Table:
        """Run sql/writes/<script>.sql inside the transaction that is open."""
        return database.run(self._cursor(), database.sql(f"writes/{script}"), params)

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold the write lock; commit at the outermost end, or roll everything back."""
        with self._writing, database.refusing(self._path):
            cursor = self._cursor()
            if self._depth == 0:
                cursor.begin()
            self._depth += 1
            try:
                yield cursor
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._series.clear()  # Numbers given in it were not kept.
                    _roll_back(cursor)
                raise
            self._depth -= 1
            if self._depth == 0:
                cursor.commit()


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    """Roll back; a transaction that the database has already aborted is fine."""
    try:
        cursor.rollback()
    except duckdb.TransactionException:
        return
