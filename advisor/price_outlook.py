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

from collector.store import Store
from model.errors import LowtideError
from model.estimate import PoolStatistics
from model.market import CapacityType, Pool
from model.price_forecast import PriceLaw, learn_prices
from model.price_history import PriceHistory, history_of
from model.price_outlook import PriceOutlook

PAST = timedelta(days=1096)  # Trends last months; three years hold several.
WEEK = timedelta(days=7)
BEGAN = datetime(2000, 1, 3, tzinfo=UTC)  # A Monday.
TAUGHT_BY = 8  # Pools of a family, evenly by key; regions of one list move together.
KEPT = 64  # Laws.

Family = tuple[str, str]  # Provider and GPU model.


class PriceOutlooks:
    """Gives the outlook of a pool's price.

    Args:
        store: Where prices are read. Safe for threads.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._laws: OrderedDict[tuple[Family, datetime], PriceLaw] = OrderedDict()
        self._lock = Lock()

    def __call__(self, seen: PoolStatistics) -> PriceOutlook | None:
        """Return what is known of a spot pool's price at its `as_of`; None for others and without a price."""
        if seen.pool.capacity_type is not CapacityType.SPOT:
            return None
        known = self._history(seen.pool, seen.as_of)
        if known is None:
            return None
        return PriceOutlook(known, self._law((seen.pool.provider, seen.sku.gpu_model), seen.as_of))

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
        found = [self._history(pool, week) for pool in evenly(pools, TAUGHT_BY)]
        histories = [each for each in found if each is not None and each.known_hours > 0]
        return learn_prices(histories) if histories else PriceLaw()

    def _history(self, pool: Pool, as_of: datetime) -> PriceHistory | None:
        steps = self._store.price_steps(pool, from_at=as_of - PAST, until_at=as_of, as_of=as_of)
        try:
            return history_of(steps, as_of)
        except LowtideError:  # No price, or one of 0: the estimate says so itself.
            return None


def evenly(pools: Sequence[Pool], most: int) -> list[Pool]:
    """Return at most so many pools, evenly by key."""
    ordered = sorted(pools, key=lambda pool: pool.key)
    return ordered[:: -(-len(ordered) // most)] if ordered else []
