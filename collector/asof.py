"""The price of one pool at one instant, in milliseconds however much is stored.

Where days are added up, the rows of one day and the ends of a week of days suffice in almost
every case; where they do not, all days or all rows of the pool are asked.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from .statistics import StatisticsReads

DAY: Final = timedelta(days=1)
REACHES: Final = (timedelta(days=8), timedelta(days=36_500))  # Few days are found in a third of the time.
EARLIEST: Final = datetime(1, 1, 2, tzinfo=UTC)
RANK: Final = {"recorded": 3, "synthetic": 2, "list": 1}  # Of one instant, which kind stands.
NANO: Final = Decimal("1e-9")

Found = dict[str, Any]


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
        """The same from the ledger and one day's rows, None where those do not settle it.

        They do not where a list price competes, where something of those days was observed only
        later, or where nothing is in them.
        """
        series = self._series_of(pool_id)
        if not series or any(row["kind"] == "list" for row in series.values()):
            return None
        midnight = datetime.combine(as_of.date(), time(), UTC)
        pool_no = next(iter(series.values()))["pool_no"]
        for reach in REACHES:
            days = self._ledger(
                "days_of_pool",
                pool_no=pool_no,
                from_day=max(midnight - reach, EARLIEST).date(),
                until_day=(midnight + DAY).date(),
            ).to_pylist()
            before = [day for day in days if day["day"] < midnight.date()]
            if any(day["newest_at"] > as_of for day in before):
                return None
            if before:
                break
        today = self._today(days[0], midnight, as_of, series) if len(days) > len(before) else []
        return max((_told(row, series) for row in [*today, *before[:1]]), key=_place, default=None)

    def _series_of(self, pool_id: str) -> dict[int, Found]:
        """The series of a pool by number. Those of all pools are kept in mind until a new one is made."""
        if not self._tellers:
            told: dict[str, dict[int, Found]] = {}
            for row in self.rows("series_of"):
                told.setdefault(row["pool_id"], {})[row["series_no"]] = row
            self._tellers = told
        return self._tellers.get(pool_id, {})

    def _today(
        self, day: Found, midnight: datetime, as_of: datetime, series: dict[int, Found]
    ) -> list[Found]:
        """The rows of the day so far, of whatever series has any."""
        numbers = [day["series_no"]] if day["others"] is None else list(series)
        return [
            row
            for number in numbers  # One after the other: an equality is found several times faster.
            for row in self._ledger(
                "rows_of_series", series_no=number, from_at=midnight, as_of=as_of
            ).to_pylist()
        ]


def _told(row: Found, series: dict[int, Found]) -> Found:
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
