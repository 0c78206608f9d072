"""Price outlooks from the store: each spot pool's own steps, and a law learned from its family.

A law takes half a second to learn and changes slowly, so it is learned from what was known when
the week began and kept; a pool's own steps are read as of the instant asked about. Prices that a
contract fixes have no outlook: on-demand stays what it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from threading import Lock

from collector.stepped import Steps
from collector.store import Store
from model.errors import LowtideError
from model.estimate import PoolStatistics
from model.market import CapacityType, Pool
from model.price_forecast import PriceLaw, learn_prices
from model.price_history import EPOCH, SECONDS_PER_HOUR, PriceHistory, hours_of, price_history
from model.price_outlook import PriceOutlook

PAST = timedelta(days=1096)  # Trends last months; three years hold several.
WEEK = timedelta(days=7)
BEGAN = datetime(2000, 1, 3, tzinfo=UTC)  # A Monday.
TAUGHT_BY = 8  # Pools of a family, evenly by key; regions of one list move together.
KEPT = 64  # Laws.
KEPT_HISTORIES = 1024

Family = tuple[str, str]  # Provider and GPU model.
Known = tuple[str, datetime, int | None]  # Pool key, instant, version of the store's prices.


class PriceOutlooks:
    """Gives the outlook of a pool's price.

    Args:
        store: Where prices are read. Safe for threads.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._laws: OrderedDict[tuple[Family, datetime], PriceLaw] = OrderedDict()
        self._lock = Lock()
        self._known: OrderedDict[Known, PriceHistory | None] = OrderedDict()
        self._reading = Lock()

    def __call__(self, seen: PoolStatistics) -> PriceOutlook | None:
        """Return what is known of a spot pool's price at its `as_of`; None for others and without a price."""
        if seen.pool.capacity_type is not CapacityType.SPOT:
            return None
        known = self._histories([seen.pool], seen.as_of)[0]
        if known is None:
            return None
        return PriceOutlook(known, self._law((seen.pool.provider, seen.sku.gpu_model), seen.as_of))

    def read(self, pools: Sequence[PoolStatistics]) -> None:
        """Read the prices of many pools at once, so that each is at hand when it is asked about."""
        spot = [seen for seen in pools if seen.pool.capacity_type is CapacityType.SPOT]
        for as_of in {seen.as_of for seen in spot}:
            self._histories([seen.pool for seen in spot if seen.as_of == as_of], as_of)

    def _law(self, family: Family, as_of: datetime) -> PriceLaw:
        week = as_of - (as_of - BEGAN) % WEEK
        with self._lock:  # Two that ask at once wait for one learning.
            if (family, week) not in self._laws:
                self._laws[family, week] = self._learned(family, week)
            self._laws.move_to_end((family, week))
            while len(self._laws) > KEPT:
                self._laws.popitem(last=False)
            return self._laws[family, week]

    def _learned(self, family: Family, week: datetime) -> PriceLaw:
        pools = [
            pool
            for pool, sku in self._store.pools(week)
            if (pool.provider, sku.gpu_model) == family and pool.capacity_type is CapacityType.SPOT
        ]
        found = self._histories(evenly(pools, TAUGHT_BY), week)
        histories = [each for each in found if each is not None and each.known_hours > 0]
        return learn_prices(histories) if histories else PriceLaw()

    def _histories(self, pools: Sequence[Pool], as_of: datetime) -> list[PriceHistory | None]:
        """Return the prices of pools as known at an instant; None where there is none, or one of 0."""
        version = self._store.version("prices")
        with self._reading:
            kept = dict(self._known) if version is not None else {}
        names = {pool: (pool.key, as_of, version) for pool in pools}
        asked = [pool.key for pool, name in names.items() if name not in kept]
        if asked:
            steps = self._store.steps_of(asked, from_at=as_of - PAST, as_of=as_of)
            kept.update({(key, as_of, version): _history(steps.get(key), as_of) for key in asked})
            self._keep({name: kept[name] for name in names.values()})
        return [kept[name] for name in names.values()]

    def _keep(self, read: dict[Known, PriceHistory | None]) -> None:
        with self._reading:
            self._known.update(read)
            while len(self._known) > KEPT_HISTORIES:
                self._known.popitem(last=False)


def _history(steps: Steps | None, as_of: datetime) -> PriceHistory | None:
    if steps is None:
        return None
    hour_K = (steps.effective_s_K - EPOCH.timestamp()) / SECONDS_PER_HOUR
    try:
        return price_history(hour_K, steps.usd_per_hour_K, hours_of(as_of))
    except LowtideError:  # A price of 0: the estimate says so itself.
        return None


def evenly(pools: Sequence[Pool], most: int) -> list[Pool]:
    """Return at most so many pools, evenly by key."""
    ordered = sorted(pools, key=lambda pool: pool.key)
    return ordered[:: -(-len(ordered) // most)] if ordered else []
