"""What people ask of the market: pools, series of one pool, sources, listings, measured overheads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from model.errors import ImpossibleInput
from model.market import Pool

from .answers import instant
from .market import capped, pool_answer, price_answer, probe_answer
from .missing import Missing

if TYPE_CHECKING:
    from .service import Service


class MarketQuestions:
    """The market as the store of one service knows it; nothing here decides."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def pools(self, as_of: datetime | None, window_hours: float) -> dict[str, Any]:
        """Return every pool with its price, hazard and availability, or why something is unknown."""
        at = as_of or self._service.clock()
        histories = self._service.store.pool_histories(as_of=at, window=timedelta(hours=window_hours))
        known, refused = self._service.believed(histories, at, borrow="provider")
        statistics = {seen.pool: seen for seen in known}
        reasons = {refusal.pool: refusal.reason for refusal in refused}
        told = [pool_answer(h, statistics.get(h.pool), reasons.get(h.pool)) for h in histories]
        return {**self._service.envelope(at, histories), "window_hours": window_hours, "pools": told}

    def pool(self, key: str, as_of: datetime | None, window_hours: float) -> dict[str, Any]:
        """Return one pool as `pools` does."""
        pool = Pool.parse(key)
        answer = self.pools(as_of, window_hours)
        for each in answer.pop("pools"):
            if each["pool_id"] == pool.key:
                return {**answer, **each}
        raise Missing(f"There is no pool {pool.key!r} as of {answer['as_of']}.", fix="See GET /v1/pools.")

    def prices(
        self, key: str, from_at: datetime | None, until_at: datetime | None, as_of: datetime | None
    ) -> dict[str, Any]:
        """Return a pool's price steps, the one in force at `from_at` first."""
        pool, start, end, at = self._span(key, from_at, until_at, as_of)
        points = self._service.store.price_steps(pool, from_at=start, until_at=end, as_of=at)
        return {**self._series(pool, start, end, at), "prices": capped(points, price_answer)}

    def probes(
        self, key: str, from_at: datetime | None, until_at: datetime | None, as_of: datetime | None
    ) -> dict[str, Any]:
        """Return a pool's probes."""
        pool, start, end, at = self._span(key, from_at, until_at, as_of)
        points = self._service.store.probes(pool, from_at=start, until_at=end, as_of=at)
        return {**self._series(pool, start, end, at), "probes": capped(points, probe_answer)}

    def quality(self, as_of: datetime | None) -> dict[str, Any]:
        """Return each source with its rows, age, gaps and quarantined rows."""
        at = as_of or self._service.clock()
        sources = [asdict(source) for source in self._service.store.quality(at)]
        return {**self._service.envelope(at), "sources": sources, "synthetic": any_synthetic(sources)}

    def listings(self, since: datetime | None, as_of: datetime | None) -> dict[str, Any]:
        """Return the machines first seen in a region from `since` on, the newest first."""
        at = as_of or self._service.clock()
        seen = [asdict(each) for each in self._service.store.first_seen(at)]
        lately = [each for each in seen if since is None or each["first_seen_at"] >= since]
        return {**self._service.envelope(at), "since": since, "listings": lately}

    def overheads(self, as_of: datetime | None) -> dict[str, Any]:
        """Return what runs measured of themselves, per machine."""
        at = as_of or self._service.clock()
        measured = [asdict(each) for each in self._service.store.overheads(at)]
        return {**self._service.envelope(at), "overheads": measured, "synthetic": any_synthetic(measured)}

    def _span(
        self, key: str, from_at: datetime | None, until_at: datetime | None, as_of: datetime | None
    ) -> tuple[Pool, datetime, datetime, datetime]:
        pool, at = Pool.parse(key), as_of or self._service.clock()
        end = min(until_at, at) if until_at else at
        start = from_at or end - timedelta(days=30)
        if start >= end:
            raise ImpossibleInput(
                f"The span from {instant(start)} until {instant(end)} is empty.",
                fix="Give from_at before until_at, and neither after as_of.",
            )
        if pool not in {known for known, _ in self._service.store.pools(at)}:
            raise Missing(f"There is no pool {pool.key!r} as of {instant(at)}.", fix="See GET /v1/pools.")
        return pool, start, end, at

    def _series(self, pool: Pool, start: datetime, end: datetime, at: datetime) -> dict[str, Any]:
        histories = self._service.store.pool_histories(as_of=at, window=max(at - start, timedelta(hours=1)))
        own = [history for history in histories if history.pool == pool]
        return {
            **self._service.envelope(at, own),
            "pool_id": pool.key,
            "from_at": instant(start),
            "until_at": instant(end),
        }


def any_synthetic(sources: Iterable[dict[str, Any]]) -> bool:
    """Say whether any of the sources makes its facts up."""
    return any(str(source["kind"]) == "synthetic" for source in sources)
