"""One owner of one connection: a cursor per thread to read, one lock to write.

Everything the store does goes through `read` and `write` here, so that threads, transactions
and the database's complaints are handled once. No question about the market is asked here.
"""

from __future__ import annotations

import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import duckdb
import pyarrow as pa

from . import database
from .database import Place
from .lake import Lake
from .migrations import migrate

PAUSES_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)  # Before a conflicting write is tried again.
T = TypeVar("T")


class StoreCore:
    """The connection, its lock and its clock. Build it with `open`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, place: Place, clock: Callable[[], datetime]
    ) -> None:
        self._connection = connection
        self._place = place
        self._clock = clock
        self._cursors: dict[int, duckdb.DuckDBPyConnection] = {}  # By thread.
        self._writing = threading.RLock()
        self._depth = 0  # Guarded by `_writing`: how many transactions of ours are nested.
        self._holder: int | None = None  # The thread that is inside one.
        self._days: bool | None = None  # Whether days are added up here; None: not asked yet.
        self._tellers: dict[str, dict[int, dict[str, Any]]] = {}  # Pool key -> its series with prices.
        self._dirty = False  # Whether days wait to be added up.
        self._sets: OrderedDict[Any, Any] = OrderedDict()  # What `collector.sighted` keeps in mind.
        self._sets_lock = threading.Lock()
        self._versions: dict[str, int] = {}  # Of facts by kind: they move when writing begins and ends.
        self._being_written: set[str] = set()  # Kinds of facts in the transaction that is open.
        self._series: dict[str, dict[str, dict[str | None, int]]] = {}  # By source, kind, pool key.

    @classmethod
    def open(cls, place: Place, *, clock: Callable[[], datetime]) -> Self:
        """Open or make a store; None keeps it in memory. `clock` gives aware UTC instants.

        Raises:
            StoreLocked: Another process holds the file; the message names it.
            StoreUnreadable: The file is damaged, foreign, or from a newer program.
            LakeUnreachable: The lake's catalogue, data or extensions cannot be had.
        """
        with _locked(place, "schema"):  # Making a lake is no less a race than writing to it.
            connection = database.connect(place)
            try:
                with database.refusing(place):
                    migrate(database.use(connection, place), clock=clock)
            except BaseException:
                connection.close()
                raise
        return cls(connection, place, clock)

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
    def place(self) -> Place:
        """The file or the lake, None in memory."""
        return self._place

    @property
    def path(self) -> Path | None:
        """The file, None in memory and of a lake."""
        return self._place if isinstance(self._place, Path) else None

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
            self._cursors[me] = database.use(self._connection.cursor(), self._place)
        return self._cursors[me]

    def read(self, query: str, **params: object) -> pa.Table:
        """The rows of sql/queries/<query>.sql."""
        with database.refusing(self._place):
            return database.run(self._cursor(), database.sql(f"queries/{query}"), params)

    def rows(self, query: str, **params: object) -> list[dict[str, Any]]:
        """The same, as dictionaries with Python values."""
        return list(self.read(query, **params).to_pylist())

    def write(
        self, script: str, incoming: Mapping[str, pa.Table] | None = None, **params: object
    ) -> pa.Table:
        """Run sql/writes/<script>.sql in a transaction, with `incoming` tables by name."""

        def once() -> pa.Table:
            with self._found(incoming or {}):
                return self._script(script, **params)

        return self.settle(script, once)

    @contextmanager
    def _given(self, tables: Mapping[str, pa.Table], *, lock: str) -> Iterator[None]:
        """A transaction in which scripts find these tables by name."""
        with self.transaction(lock), self._found(tables):
            yield

    @contextmanager
    def _found(self, tables: Mapping[str, pa.Table]) -> Iterator[None]:
        """Inside a transaction: scripts find these tables by name."""
        cursor = self._cursor()
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

    def settle(self, lock: str, write: Callable[[], T]) -> T:
        """What `write` gives, inside one transaction; again where another writer of a lake came between.

        Inside a transaction of this thread's it runs once: what conflicts then is the whole of it.
        """
        for pause_s in () if self._holder == threading.get_ident() else PAUSES_S:
            try:
                with self.transaction(lock):
                    return write()
            except database.WriteConflict:
                time.sleep(pause_s * random.uniform(0.5, 1.5))  # So that two writers part.
        with self.transaction(lock):
            return write()

    def _outermost(self, lock: str) -> AbstractContextManager[None]:
        """The lake's lock for a transaction that is not inside another of ours."""
        return _locked(self._place, lock) if self._depth == 0 else nullcontext()

    @contextmanager
    def transaction(self, lock: str = "store") -> Iterator[duckdb.DuckDBPyConnection]:
        """Hold the write lock; commit at the outermost end, or roll everything back.

        Args:
            lock: What is written. In a lake, processes that write the same wait for one another,
                and a transaction begins only then, so that it sees what the other wrote.
        """
        with self._writing, self._outermost(lock), database.refusing(self._place):
            cursor = self._cursor()
            if self._depth == 0:
                cursor.begin()
                self._holder = threading.get_ident()
            self._depth += 1
            try:
                yield cursor
            except BaseException:
                self._leave()
                if self._depth == 0:
                    self._series.clear()  # Numbers given in it were not kept.
                    self._tellers = {}
                    _roll_back(cursor)
                    self._settled()
                raise
            self._leave()
            if self._depth == 0:
                try:
                    cursor.commit()
                finally:
                    self._settled()

    def version(self, name: str) -> int | None:
        """What `prices` or `probes` read at two moments were the same by; None of a lake, which others write.

        Whoever keeps what was read asks before reading, and drops it once the version is another.
        """
        return None if isinstance(self._place, Lake) else self._versions.get(name, 0)

    def note_facts(self, name: str) -> None:
        """Say, inside a transaction, that it writes such facts: what was kept of them is void from now on."""
        self._being_written.add(name)
        self._versions[name] = self._versions.get(name, 0) + 1

    def _settled(self) -> None:
        """Void what was kept while facts were being written: it may lack them."""
        for name in self._being_written:
            self._versions[name] += 1
        self._being_written.clear()

    def _leave(self) -> None:
        """One transaction less; the last one that ends leaves the store to any thread."""
        self._depth -= 1
        if self._depth == 0:
            self._holder = None


@contextmanager
def _locked(place: Place, key: str) -> Iterator[None]:
    """Hold a lake's lock; a file has but one process to lock out."""
    if isinstance(place, Lake):
        with place.locked(key):
            yield
    else:
        yield


def _roll_back(cursor: duckdb.DuckDBPyConnection) -> None:
    """Roll back; a transaction that the database has already aborted is fine."""
    try:
        cursor.rollback()
    except duckdb.TransactionException:
        return
