"""The second look at the best options: simulated on markets made of what was watched.

A pool that was probed, or whose siblings were, is put on recorded weeks that began like now and on
lives drawn from what its family showed. Other pools keep the closed form: nothing better is known
of them. What was learned of a family is kept for the instant it was learned for.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Lock

from collector.store import Store
from model.estimate import Estimate, PoolStatistics
from model.job import Job
from model.market import CapacityType, Evidence
from model.markets import Past, market_of, past_of
from model.placement import SideCosts
from model.simulated import converged_estimate
from model.watched import Place

from .watched import place_of, watched_pools

MOST_PATHS = 16_000  # Ten pools within seconds; the error reached is told.
WINDOW = timedelta(days=30)
KEPT = 16  # Families at an instant, each learned in about a second.
WATCHED = frozenset({Evidence.PROBES, Evidence.BORROWED})


@dataclass(frozen=True, slots=True)
class Family:
    """One provider's pools of one GPU model, as known at an instant."""

    name: str
    past: Past | None  # None where no pool of it is watched.


class Simulating:
    """A `Refine`: estimates an option once more on simulated courses.

    Args:
        store: Where probes are read.
        most_paths: Where to stop adding paths.
    """

    def __init__(self, store: Store, most_paths: int = MOST_PATHS) -> None:
        self._store, self._most_paths = store, most_paths
        self._families: OrderedDict[tuple[str, datetime], Family] = OrderedDict()
        self._lock = Lock()

    def __call__(self, job: Job, statistics: PoolStatistics, side: SideCosts, seed: int) -> Estimate | None:
        """Return the simulated estimate; None where neither the pool nor a sibling was watched."""
        if statistics.evidence not in WATCHED:
            return None
        place = place_of(statistics.pool, statistics.sku.gpu_model)
        past = self._family(place, statistics.as_of).past
        if past is None or place not in past.places:
            return None
        chosen = market_of(past, place, paths=1, seed=seed)
        found = converged_estimate(
            job,
            statistics,
            side,
            lambda paths: market_of(past, place, paths=paths, seed=seed).market,
            seed=seed,
            from_at=statistics.as_of,
            most_paths=self._most_paths,
        )
        return replace(found, market=chosen.why, drawn=None)  # Its luck is not that of the other pools.

    def _family(self, place: Place, as_of: datetime) -> Family:
        """Return a family as known at an instant, learned once."""
        key = place.family, as_of
        with self._lock:  # Two that ask at once wait for one learning, which is the dear part.
            if key not in self._families:
                self._families[key] = self._learned(place.family, as_of)
            self._families.move_to_end(key)
            while len(self._families) > KEPT:
                self._families.popitem(last=False)
            return self._families[key]

    def _learned(self, name: str, as_of: datetime) -> Family:
        probed = [
            each
            for each in self._store.probed(as_of)
            if place_of(each.pool, each.gpu_model).family == name
            and each.pool.capacity_type is CapacityType.SPOT
        ]
        pools = watched_pools(self._store, probed, as_of=as_of, window=WINDOW)
        if not pools:
            return Family(name, None)
        seen = {pool.place for pool in pools}
        rest = [
            place
            for pool, sku in self._store.pools(as_of)
            if pool.capacity_type is CapacityType.SPOT
            and (place := place_of(pool, sku.gpu_model)).family == name
            and place not in seen
        ]
        return Family(name, past_of(pools, rest))
