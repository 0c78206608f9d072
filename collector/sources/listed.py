"""The catalogue's list prices, as a source: for pools that were watched and never priced.

A list price is given only to the provider, region and SKU it is stated for. It is stored
with kind `list`, so that no screen can show it as recorded, and a price recorded later takes
its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pandas as pd

from model.market import CapacityType, Pool

from ..catalog import Catalog, ListPrice
from .base import Batch


@dataclass(frozen=True, slots=True)
class ListPrices:
    """List prices of watched pools, and of on-demand wherever a machine of the kind is known.

    A pool of which only prices were recorded gets no list price of its own: an old recorded
    price is to look old.
    """

    catalog: Catalog
    watched: tuple[Pool, ...]
    known: tuple[Pool, ...]
    source_id: str = "catalog"
    kind: str = "list"
    licence: str = "facts, each with its source in catalog.toml"
    note: str = "list prices, not recorded"
    origin: str = "catalog.toml"

    def batches(self) -> Iterator[Batch]:
        """One batch with every list price that applies."""
        rows = [
            {
                "pool_id": pool.key,
                "kind": "list",
                "effective_at": pd.Timestamp(price.effective_from),
                "observed_at": pd.Timestamp(price.effective_from),
                "price_usd_per_hour": str(price.price_usd_per_hour),
            }
            for pool, price in self._applying()
        ]
        if rows:
            yield Batch(prices=pd.DataFrame(rows))

    def _applying(self) -> Iterable[tuple[Pool, ListPrice]]:
        """Each pool with a list price, once, in order."""
        wanted = set(self.watched) | {_on_demand(pool) for pool in self.known}
        for pool in sorted(wanted, key=lambda p: p.key):
            price = self.catalog.list_price(pool.provider, pool.region, pool.sku, pool.capacity_type)
            if price is not None:
                yield pool, price


def _on_demand(pool: Pool) -> Pool:
    """The regional on-demand pool of the same machine."""
    return Pool(
        provider=pool.provider,
        region=pool.region,
        zone=None,
        sku=pool.sku,
        capacity_type=CapacityType.ON_DEMAND,
    )
