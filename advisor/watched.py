"""Pools as they were watched, from the store: what forecasts, simulations and backtests look at.

Every sighting comes with the instant it was learnt, so a pool can be seen as it was known at any
instant. All pools share one clock that counts hours from a midnight UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

from collector.backtests import ProbedPool
from collector.sightings import Sightings
from collector.store import Store
from model.backtest_record import Record, records_of
from model.job import SECONDS_PER_HOUR
from model.market import Pool
from model.watched import Place, Watched


def place_of(pool: Pool, gpu_model: str) -> Place:
    """Return where a pool stands in the hierarchy: family, region, zone, pool."""
    region = f"{pool.provider}/{pool.region}"
    zone = f"{region}/{pool.zone or '-'}"
    return Place(family=f"{pool.provider}/{gpu_model}", region=region, zone=zone, pool=pool.key)


def midnight(at: datetime) -> datetime:
    """Return the midnight UTC before an instant: where a clock may begin."""
    return datetime.combine(at.astimezone(UTC).date(), time(), UTC)


def records_from(probed: ProbedPool, seen: Sightings, zero_at: datetime) -> list[Record]:
    """Return a pool's sightings as records on the clock that begins at `zero_at`."""
    return records_at(place_of(probed.pool, probed.gpu_model), seen, zero_at)


def records_at(place: Place, seen: Sightings, zero_at: datetime) -> list[Record]:
    """The same, of a pool that stands at a place of the hierarchy."""
    zero_s = zero_at.timestamp()
    return records_of(
        place,
        (seen.effective_s - zero_s) / SECONDS_PER_HOUR,
        (seen.observed_s - zero_s).clip(0.0) / SECONDS_PER_HOUR,
        seen.share,
        seen.holds_s / SECONDS_PER_HOUR,
    )


def watched_pools(
    store: Store, probed: Sequence[ProbedPool], *, as_of: datetime, window: timedelta
) -> list[Watched]:
    """Return pools as known at an instant, over the window before it; the newest stretch of each.

    A pool that was not probed in the window, or is no longer, is left out: how it stood long
    ago says nothing of how it stands.
    """
    fresh = {each.pool.key: each for each in probed if each.last_at >= as_of - STALE}
    if not fresh:
        return []
    seen = store.sightings_of(list(fresh), from_at=midnight(as_of - window), as_of=as_of)
    places = {key: place_of(each.pool, each.gpu_model) for key, each in fresh.items()}
    return watched_from(seen, places, as_of=as_of, window=window)


def watched_from(
    seen: Mapping[str, Sightings], places: Mapping[str, Place], *, as_of: datetime, window: timedelta
) -> list[Watched]:
    """Return the pools of sightings since the window's midnight, in the order of `places`; see above."""
    zero_at = midnight(as_of - window)
    now_hour = (as_of - zero_at) / timedelta(hours=1)
    stale_s = (as_of - STALE).timestamp()
    found: list[Watched] = []
    for key, place in places.items():
        own = seen.get(key)
        if own is None or own.effective_s[-1] < stale_s:
            continue
        records = records_at(place, own, zero_at)
        pool = records[-1].watched(now_hour) if records else None
        if pool is not None:
            found.append(pool)
    return found


STALE = timedelta(hours=6)  # Of the newest probe: what stood then is no state to begin from.
