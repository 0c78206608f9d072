"""The store: named questions in, domain types out. The only holder of a database connection.

Every answer about the market takes `as_of` and uses nothing effective or observed later, so
that yesterday can be reproduced and a backtest cannot peek. Writing facts is in `facts`,
the advisor's records in `records`, the record of collecting in `collection`; what a fact means
is nobody's business here.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

from model.errors import ImpossibleInput
from model.market import Pool, PoolHistory, PricePoint, Probe, Sku, Tenure

from . import database, rows
from .backtests import BacktestRecords
from .backup import BackupWrites
from .collection import CollectionRecords
from .facts import FactWrites
from .kept import KeptStatistics
from .listings import ListingReads
from .overheads import OverheadReads
from .records import AdvisorRecords
from .rows import SourceQuality
from .sighted import SightingReads
from .signals import SignalReads
from .stepped import SteppedReads


class Store(
    FactWrites, KeptStatistics, ListingReads, SignalReads, OverheadReads, AdvisorRecords, CollectionRecords,
    BackupWrites, BacktestRecords, SightingReads, SteppedReads,
):  # fmt: skip
    """Prices, probes, tenures and runs of one file. Open it with `Store.open(path, clock=…)`.

    Reads are safe from any thread; writes take one lock. Instants given must be aware.
    """

    def pool_histories(self, *, as_of: datetime, window: timedelta) -> list[PoolHistory]:
        """What was seen of every pool in the window before `as_of`, by pool key."""
        found = self.history_rows(as_of=as_of, window=window).to_pylist()
        return [rows.pool_history(row, as_of=as_of, window=window) for row in found]

    def pool_history(self, pool: Pool, *, as_of: datetime, window: timedelta) -> PoolHistory | None:
        """What was seen of one pool in the window before `as_of`, None where nothing was."""
        found = self.history_rows(as_of=as_of, window=window, pool_id=pool.key).to_pylist()
        own = [row for row in found if row["pool_id"] == pool.key]
        return rows.pool_history(own[0], as_of=as_of, window=window) if own else None

    def pools(self, as_of: datetime) -> list[tuple[Pool, Sku]]:
        """Every pool of which anything was observed by `as_of`, by pool key."""
        return [(Pool.parse(row["pool_id"]), rows.sku(row)) for row in self.rows("pools", as_of=as_of)]

    def watched_pools(self, as_of: datetime) -> list[Pool]:
        """Every pool that was probed, or held an instance, by `as_of`."""
        return [Pool.parse(row["pool_id"]) for row in self.rows("watched_pools", as_of=as_of)]

    def price_at(self, pool: Pool, as_of: datetime) -> PricePoint | None:
        """The price in force at an instant, by what was known then; None where none was."""
        found = self.price_row(pool.key, as_of)
        return None if found is None else rows.price_point(found, pool)

    def price_steps(
        self, pool: Pool, *, from_at: datetime, until_at: datetime, as_of: datetime
    ) -> list[PricePoint]:
        """Prices in force between two instants; the first may have come into force before."""
        found = self.rows("price_steps", pool_id=pool.key, from_at=from_at, until_at=until_at, as_of=as_of)
        return [rows.price_point(row, pool) for row in found]

    def probes(self, pool: Pool, *, from_at: datetime, until_at: datetime, as_of: datetime) -> list[Probe]:
        """Probes between two instants, in order."""
        found = self.rows("probes", pool_id=pool.key, from_at=from_at, until_at=until_at, as_of=as_of)
        return [rows.probe(row, pool) for row in found]

    def tenures(self, pool: Pool, *, from_at: datetime, until_at: datetime, as_of: datetime) -> list[Tenure]:
        """Instances alive at some time between two instants, each as last seen by `as_of`."""
        found = self.rows("tenures", pool_id=pool.key, from_at=from_at, until_at=until_at, as_of=as_of)
        return [rows.tenure(row, pool) for row in found]

    def tenures_of_kind(
        self, provider: str, gpu_model: str, *, from_at: datetime, as_of: datetime
    ) -> list[Tenure]:
        """Spot instances of a GPU that began between two instants, as last seen, by pool key."""
        asked = {"provider": provider, "gpu_model": gpu_model, "from_at": from_at, "as_of": as_of}
        found = self.rows("tenures_of_kind", **asked)
        return [rows.tenure(row, Pool.parse(row["pool_id"])) for row in found]

    def quality(self, as_of: datetime) -> list[SourceQuality]:
        """Freshness, gaps and quarantine of every source."""
        return [rows.source_quality(row, as_of=as_of) for row in self.rows("quality", as_of=as_of)]

    def newest_observed_at(self, as_of: datetime) -> datetime | None:
        """When the newest fact visible at `as_of` was observed."""
        return rows.utc(self.rows("newest", as_of=as_of)[0]["newest_observed_at"])

    def span(self) -> tuple[datetime, datetime] | None:
        """First and last effective instant of dated facts, list prices left out."""
        row = self.rows("span")[0]
        first, last = rows.utc(row["first"]), rows.utc(row["last"])
        return (first, last) if first and last else None

    def verify(self) -> list[str]:
        """What is wrong with the stored facts, in words; empty when nothing is."""
        return [f"{row['problem']}: {row['rows']} rows" for row in self.rows("verify")]

    def snapshot(self, path: Path) -> None:
        """Write a consistent copy to a new file, for analysts and for safety.

        The copy goes through the database, never through the file: closing a second handle
        on the file would drop this process's lock on it.

        Raises:
            ImpossibleInput: The file exists already.
        """
        if path.exists():
            raise ImpossibleInput(f"{path} exists already.", fix="Name a file that does not exist.")
        half = path.with_name(f"{path.name}.part")
        half.unlink(missing_ok=True)
        quoted = str(half).replace("'", "''")  # ATTACH takes no parameter.
        script = database.sql("writes/snapshot").replace("$path", f"'{quoted}'")
        with self._writing, database.refusing(half):
            name = self._cursor().execute(database.sql("queries/name")).fetchall()[0][0]
            self._cursor().execute(script.replace("$name", f'"{name}"'))
        os.replace(half, path)
