"""The day ledger: sums of whole days, so that a year of fifty million rows is added up in a second.

It is kept where a store has grown large, and is derived: it may be dropped and made anew at any
time. A merge notes the days it touched; before the next question those days are added up
again. A day serves as of any instant by which all of it had been observed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from . import database
from .core import StoreCore
from .lake import Lake

VERSION: Final = 1  # Of what sql/ledger adds up; another one is made anew.
FROM_ROWS: Final = 2_000_000  # Prices and probes from which on days are worth adding up.

MonthDone = Callable[[int, int], None]  # Months done, and of how many.


class Ledger(StoreCore):
    """The part of the store that keeps sums of days."""

    @property
    def keeps_days(self) -> bool:
        """Whether days are added up here; asked of the file once."""
        if self._days is None:
            self._days = self._days_version() == VERSION
            self._dirty = self._days  # Whoever wrote last may have been killed before adding up.
        return self._days

    def add_up_days(self, *, progress: MonthDone | None = None) -> None:
        """Bring the ledger up to date; the first time, make it.

        A month is one transaction, so a killed process loses a month's work and no fact. A lake
        keeps none: its writers would have to agree on every day.
        """
        if isinstance(self.place, Lake):
            return
        if self.keeps_days:
            try:
                self._add_up(everything=False, progress=progress)
            except BaseException:
                self._dirty = True
                raise
            return
        with self.transaction():
            self._ledger("drop")
            self._ledger("make")
        self._days = True  # From here on merges note the days they touch.
        try:
            self._add_up(everything=True, progress=progress)
            with self.transaction():
                self._ledger("done", version=VERSION)
        except BaseException:
            self._days = False
            raise

    def drop_days(self) -> None:
        """Forget the ledger; questions are answered from the rows again."""
        with self.transaction():
            self._ledger("drop")
        self._days = False

    def days_ready(self) -> bool:
        """True where days are kept; they are up to date then."""
        if self.keeps_days and self._dirty:
            self.add_up_days()
        return self.keeps_days

    def note_days(self, name: str) -> None:
        """Inside a merge of `prices` or `probes`, or where `changes` are appended: note the days touched."""
        if self.keeps_days and name in ("prices", "changes", "probes"):
            self._ledger(f"touch_{name}")
            self._dirty = True

    def _add_up(self, *, everything: bool, progress: MonthDone | None) -> None:
        self._dirty = False  # A merge that comes while days are added up sets it again.
        months = self._ledger("months", all=everything).to_pylist()
        for done, month in enumerate(months, start=1):
            with self.transaction():
                for name in ("prices", "probes"):
                    self._ledger(f"add_up_{name}", all=everything, **month)
            if progress:
                progress(done, len(months))
        self._tellers = {}  # There may be prices of series that had none.

    def _days_version(self) -> int | None:
        """The version of the ledger in the file, None where there is none."""
        with database.refusing(self.place):
            if not self._cursor().execute(database.sql("ledger/exists")).fetchall():
                return None
            found = self._ledger("state").to_pylist()
        return int(found[0]["version"]) if found else None

    def _ledger(self, script: str, **params: Any) -> Any:
        """Run one script of sql/ledger."""
        with database.refusing(self.place):
            return database.run(self._cursor(), database.sql(f"ledger/{script}"), params)
