"""The price of one pool at one instant, in milliseconds however much is stored.

Rows lie by series within each batch, so those of one series and one day are found in a block or
two. Where a pool had no price in the last day, the ends of the days before are asked, where those
are added up; and where they do not settle it, all rows of the pool.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from .statistics import StatisticsReads

DAY: Final = timedelta(days=1)
REACHES: Final = (timedelta(days=8), timedelta(days=36_500))  # Few days are found in a third of the time.
EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
RANK: Final = {"recorded": 3, "synthetic": 2, "list": 1}  # Of one instant, which kind stands.
NANO: Final = Decimal("1e-9")

Found = dict[str, Any]
Series = dict[int, Found]  # Of one pool, by number.


class AsOfReads(StatisticsReads):
    """The half of the store that answers for one pool and one instant."""

    def price_row(self, pool_id: str, as_of: datetime) -> Found | None:
        """The price in force: the columns of sql/queries/price_as_of.sql; None without one."""
        near = self._near(pool_id, as_of.astimezone(UTC)) if self.days_ready() else None
        if near is not None:
            return near
        found = self.rows("price_as_of", pool_id=pool_id, as_of=as_of)
        return found[0] if found else None

    def _near(self, pool_id: str, as_of: datetime) -> Found | None:
        """The same from the rows of one day or the ledger, None where those do not settle it.

        They do not where a list price competes, where something of the ledger's days was observed
        only later, or where nothing is in them.
        """
        series = self._series_of(pool_id)
        if not series or any(row["kind"] == "list" for row in series.values()):
            return None
        found = self._lately(series, as_of) or self._last_day(series, as_of)
        return max((_told(row, series) for row in found), key=_place, default=None)

    def _lately(self, series: Series, as_of: datetime) -> list[Found]:
        """The rows of a day until then: whatever comes before them does not matter."""
        return [
            row
            for number in series  # One after the other: an equality is found several times faster.
            for row in self._ledger(
                "rows_of_series", series_no=number, from_at=as_of - DAY, as_of=as_of
            ).to_pylist()
        ]

    def _last_day(self, series: Series, as_of: datetime) -> list[Found]:
        """The last row of the last day before, none where a day was not yet seen whole by then."""
        for reach in REACHES:
            days = self._ledger(
                "days_of_pool",
                pool_no=next(iter(series.values()))["pool_no"],
                from_day=max(as_of - reach, EARLIEST).date(),
                until_day=as_of.date(),
            ).to_pylist()
            if any(day["newest_at"] > as_of for day in days):
                return []
            if days:
                return list(days[:1])
        return []

    def _series_of(self, pool_id: str) -> Series:
        """The series that tell prices of a pool; those of all are kept in mind until days are added up."""
        known = self._tellers  # Filled in place: whoever adds up meanwhile has put another one there.
        if not known:
            told: dict[str, Series] = {}
            for row in self._ledger("series_of").to_pylist():
                told.setdefault(row["pool_id"], {})[row["series_no"]] = row
            known.update(told)
        return known.get(pool_id, {})


def _told(row: Found, series: Series) -> Found:
    """A row with its names, and its price as money."""
    names = series[row["series_no"]]
    usd = (row["nano"] * NANO).quantize(NANO)
    return {**row, "price_usd_per_hour": usd, "kind": names["kind"], "source_id": names["source_id"]}


def _place(row: Found) -> tuple[object, ...]:
    """What decides which of two prices is in force."""
    return (
        row["effective_at"], RANK[row["kind"]], row["observed_at"], row["price_usd_per_hour"],
        row["series_no"],
    )  # fmt: skip
