"""Statistics kept as they were added up last, for whoever screens every pool at once.

A kept answer says as of when and over which window it is. It is derived like the day ledger:
dropped with it, kept only where a store has grown large, and never part of a lake.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import pyarrow as pa

from .asof import AsOfReads
from .lake import Lake
from .ledger import FROM_ROWS
from .tables import INSTANT

WINDOW: Final = timedelta(days=30)


class KeptStatistics(AsOfReads):
    """The part of the store that keeps answers."""

    def tend(self) -> bool:
        """Add up days and keep the statistics of the last 30, where there is enough to make it worth it.

        Returns:
            True where it was worth it. A small store and a lake are left as they are.
        """
        if isinstance(self.place, Lake):
            return False
        if not self.keeps_days and self._ledger("size")["rows"][0].as_py() < FROM_ROWS:
            return False
        self.add_up_days()
        self.keep_statistics(as_of=self.now(), window=WINDOW)
        return True

    def keep_statistics(self, *, as_of: datetime, window: timedelta) -> None:
        """Keep the answer of `history_rows` for all pools, in the place of the one kept before."""
        told = self.history_rows(as_of=as_of, window=window)
        told = told.append_column("as_of", pa.repeat(pa.scalar(as_of, INSTANT), len(told)))
        told = told.append_column("window_s", pa.repeat(window.total_seconds(), len(told)))
        with self._given({"incoming": told}, lock="statistics"):
            self._ledger("keep_statistics")

    def kept_statistics(self) -> pa.Table | None:
        """Every row that was kept last, None where nothing is kept."""
        if not self.keeps_days or not self._ledger("keeps_statistics").num_rows:
            return None
        found: pa.Table = self._ledger("kept_statistics")
        return found
