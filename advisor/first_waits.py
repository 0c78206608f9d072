"""The first wait of a pool without capacity now, by a forecast learned from its family's probes."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta
from threading import Lock

from collector.store import Store
from model.errors import InsufficientHistory
from model.estimate import PoolStatistics
from model.first_wait import AHEAD_HOURS, first_wait_hours
from model.forecast import Forecaster, fit_forecast
from model.market import CapacityType
from model.watched import Watched

from .watched import place_of, watched_pools

WINDOW = timedelta(days=30)
KEPT = 16  # Families at an instant.
KEPT_WAITS = 1024  # Pools at an instant.

Learned = tuple[list[Watched], Forecaster | None]


class FirstWaits:
    """Gives the mean first wait of a pool.

    Args:
        store: Where probes are read. Safe for threads.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._families: OrderedDict[tuple[str, str, datetime], Learned] = OrderedDict()
        self._waits: OrderedDict[tuple[str, datetime, float], float | None] = OrderedDict()
        self._lock = Lock()

    def __call__(self, seen: PoolStatistics) -> float | None:
        """Return mean hours until a spot pool without capacity has some; None where nothing better is known.

        Nothing better than its mean gap is known of a pool with capacity, or one that nobody probes now.
        """
        spot = seen.pool.capacity_type is CapacityType.SPOT
        if not spot or seen.available_now is not False or seen.gap_hours <= 0:
            return None
        key = seen.pool.key, seen.as_of, seen.gap_hours
        with self._lock:
            if key in self._waits:
                return self._waits[key]
        found = self._wait(seen)
        with self._lock:
            self._waits[key] = found
            while len(self._waits) > KEPT_WAITS:
                self._waits.popitem(last=False)
        return found

    def _wait(self, seen: PoolStatistics) -> float | None:
        pools, forecaster = self._family(seen.pool.provider, seen.sku.gpu_model, seen.as_of)
        own = next((pool for pool in pools if pool.place == place_of(seen.pool, seen.sku.gpu_model)), None)
        if own is None or forecaster is None:
            return None
        chance = float(forecaster.chances(own, pools, AHEAD_HOURS)[-1])
        return first_wait_hours(seen.gap_hours, chance)

    def _family(self, provider: str, gpu_model: str, as_of: datetime) -> Learned:
        key = provider, gpu_model, as_of
        with self._lock:  # Two that ask at once wait for one learning.
            if key not in self._families:
                self._families[key] = self._learned(provider, gpu_model, as_of)
            self._families.move_to_end(key)
            while len(self._families) > KEPT:
                self._families.popitem(last=False)
            return self._families[key]

    def _learned(self, provider: str, gpu_model: str, as_of: datetime) -> Learned:
        probed = [
            each
            for each in self._store.probed(as_of)
            if (each.pool.provider, each.gpu_model) == (provider, gpu_model)
            and each.pool.capacity_type is CapacityType.SPOT
        ]
        pools = watched_pools(self._store, probed, as_of=as_of, window=WINDOW)
        try:
            return pools, fit_forecast(pools, (AHEAD_HOURS,))
        except InsufficientHistory:
            return pools, None
