"""What the facts of each pool add up to in a window, as of an instant.

The sums are whole numbers (1e-9 USD and microseconds), so that rows added in any order, or
day by day, give the very same answer. A fraction appears only in the last division.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pyarrow as pa

from model.errors import ImpossibleInput

from . import database
from .ledger import Ledger

FROM_ROWS = ("chosen", "prices_from_rows", "probes_from_rows", "tenures")
FROM_DAYS = ("chosen", "prices_from_rows", "prices_from_days", "probes_from_days", "tenures")


class StatisticsReads(Ledger):
    """The half of the store that adds facts up."""

    def history_rows(
        self, *, as_of: datetime, window: timedelta, pool_id: str | None = None, from_rows: bool = False
    ) -> pa.Table:
        """One row per pool: the columns of sql/queries/pool_history.sql.

        Args:
            as_of: Nothing effective or observed later is seen.
            window: How far back to look.
            pool_id: One pool, answered with the on-demand pools of its machine; None: every pool.
            from_rows: Leave the day ledger aside; the answer is the same.

        Raises:
            ImpossibleInput: The window is not longer than zero.
        """
        if window <= timedelta(0):
            raise ImpossibleInput(f"The window is {window}.", fix="Give a window longer than zero.")
        by_days = not from_rows and self.days_ready()
        params: dict[str, object] = {"as_of": as_of, "window": window, "pool_id": pool_id, "ledger": by_days}
        with database.refusing(self.place):
            for stage in FROM_DAYS if by_days else FROM_ROWS:
                database.run(self._cursor(), database.sql(f"statistics/{stage}"), params)
            return database.run(self._cursor(), database.sql("queries/pool_history"), params)
