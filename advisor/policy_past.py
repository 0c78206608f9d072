"""What was seen of capacity, as the policy under a deadline takes it: by pool, on one tick, until now.

A gang is obtainable where the probe found as many machines as it takes. A recorder that asked for
fewer says less: then all that it asked for must have been there, and the answer says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from collector.sightings import Sightings
from collector.store import Store
from model.market import Pool
from model.watched import Bools, Place, Watched

from .watched import midnight, place_of, watched_from

LEAST_TICK_HOURS = 0.05  # A finer history says no more about hours.
UNRECORDED = "unrecorded"  # The region of traces whose recorder did not say where they ran.
ASKED_WITHIN = timedelta(hours=6)  # How far back it is read how many machines a probe asks for.


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What was seen until an instant."""

    up: Mapping[str, Bools]  # By pool key, of any length, the newest last.
    tick_hours: float
    asked_for_fewer: int  # Pools whose probes asked for fewer machines than the job takes.
    fewer: frozenset[str] = frozenset()  # Their keys: what they say of the whole gang is taken, not seen.

    @property
    def hours(self) -> float:
        """The longest history, clock hours."""
        return max((column.size for column in self.up.values()), default=0) * self.tick_hours

    def now(self, pool_key: str) -> bool | None:
        """Return whether there was capacity at the newest sighting; None where nobody looked."""
        column = self.up.get(pool_key)
        return None if column is None else bool(column[-1])


def past_of(store: Store, nodes: Mapping[str, int], *, as_of: datetime, window: timedelta) -> Past:
    """Read what had been seen of pools by an instant.

    Args:
        store: The facts.
        nodes: Pool key -> machines that the job takes of it.
        as_of: Nothing learnt later is told.
        window: How far back.
    """
    from_at = midnight(as_of - window)
    places = {key: _place(key) for key in sorted(nodes) if Pool.parse(key).region != UNRECORDED}
    seen = store.sightings_of(list(places), from_at=from_at, as_of=as_of) if places else {}
    watched = watched_from(seen, places, as_of=as_of, window=window)
    gangs = [each.place.pool for each in watched if nodes[each.place.pool] > 1]
    asked = {key: _asked(seen[key], as_of) for key in gangs}
    return past_from(watched, nodes, asked, (as_of - from_at) / timedelta(hours=1))


def _place(pool_key: str) -> Place:
    """Return where a pool stands; no GPU model is asked, for nothing is learned of families here."""
    return place_of(Pool.parse(pool_key), "-")


def past_from(
    watched: Sequence[Watched], nodes: Mapping[str, int], asked: Mapping[str, int], now_hour: float
) -> Past:
    """Return pools as they were watched, on the finest of their ticks, until an hour of their clock.

    Args:
        watched: The pools.
        nodes: Pool key -> machines that the job takes.
        asked: Pool key -> machines that a probe asks for; 1 where it is not named.
        now_hour: On their clock.
    """
    tick = max(min((each.tick_hours for each in watched), default=1.0), LEAST_TICK_HOURS)
    up = {}
    for each in watched:
        key = each.place.pool
        share = min(nodes[key] / asked.get(key, 1), 1.0) if nodes[key] > 1 else 1e-6  # One is any at all.
        up[key] = _resampled(each, share, tick, now_hour)
    fewer = frozenset(key for key in up if asked.get(key, 1) < nodes[key])
    return Past(up=up, tick_hours=tick, asked_for_fewer=len(fewer), fewer=fewer)


def _resampled(pool: Watched, share: float, tick_hours: float, now_hour: float) -> Bools:
    """Return whether so large a share was there, at ticks that end now; nobody looking, the last known."""
    seen = np.isfinite(pool.up_T)
    known = np.maximum.accumulate(np.where(seen, np.arange(pool.ticks), 0))
    enough_T = pool.up_T[known] >= share - 1e-9
    count = max(int((now_hour - pool.first_hour) / tick_hours), 1)
    hour = now_hour - tick_hours * np.arange(count - 1, -1, -1)
    index = np.floor((hour - pool.first_hour) / pool.tick_hours + 1e-6).astype(np.int64)
    return np.asarray(enough_T[np.clip(index, 0, pool.ticks - 1)])


def _asked(seen: Sightings, as_of: datetime) -> int:
    """Return how many machines the newest probes asked for."""
    recent_N = seen.effective_s >= (as_of - ASKED_WITHIN).timestamp()
    return int(seen.wanted[recent_N].max(initial=1.0))
