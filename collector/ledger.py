"""The day ledger: sums of whole days, so that a year of fifty million rows is added up in a second.

It is kept where a store has grown large, and is derived: it may be dropped and made anew at any
time. A merge notes the days it touched; before the next question those days are added up
again. It holds everything that was ever observed, so a question as of an earlier instant
than the newest observation is answered from the rows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from . import database, rows
from .core import StoreCore

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
        return self._days

    def add_up_days(self, *, progress: MonthDone | None = None) -> None:
        """Bring the ledger up to date; the first time, make it.

        A month is one transaction, so a killed process loses a month's work and no fact.
        """
        if self.keeps_days:
            self._add_up(everything=False, progress=progress)
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

    def ready_for(self, as_of: datetime) -> bool:
        """True where the ledger, brought up to date, may answer as of that instant."""
        if not self.keeps_days:
            return False
        standing = self._ledger("standing").to_pylist()[0]
        if standing["touched"]:
            self.add_up_days()
        newest = rows.utc(standing["newest"])
        return newest is not None and newest <= as_of

    def note_days(self, name: str) -> None:
        """Inside a merge of `prices` or `probes`: note the days it touched."""
        if self.keeps_days and name in ("prices", "probes"):
            self._ledger(f"touch_{name}")

    def _add_up(self, *, everything: bool, progress: MonthDone | None) -> None:
        months = self._ledger("months", all=everything).to_pylist()
        for done, month in enumerate(months, start=1):
            with self.transaction():
                for name in ("prices", "probes"):
                    self._ledger(f"add_up_{name}", all=everything, **month)
            if progress:
                progress(done, len(months))

    def _days_version(self) -> int | None:
        """The version of the ledger in the file, None where there is none."""
        with database.refusing(self.path):
            if not self._cursor().execute(database.sql("ledger/exists")).fetchall():
                return None
            found = self._ledger("state").to_pylist()
        return int(found[0]["version"]) if found else None

    def _ledger(self, script: str, **params: Any) -> Any:
        """Run one script of sql/ledger."""
        with database.refusing(self.path):
            return database.run(self._cursor(), database.sql(f"ledger/{script}"), params)
