"""Availability as neoclouds publish it: a list of what can be had now.

Being listed is a probe that succeeded. Not being listed is a probe that failed only for a
pool that was listed before: for any other it may never have been sold there, which is
unknown and not zero. Prices of such feeds are the same in every region where the machine is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from model.market import CapacityType, Pool, Sku

from .findings import Findings


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One machine, bought in one way, at one price wherever it is sold."""

    sku: Sku
    capacity: CapacityType
    usd: Decimal  # Per instance-hour.
    currency: str = "USD"


def note_offer(
    found: Findings, offer: Offer, *, listed: Iterable[str], watched: frozenset[Pool], holds_s: float
) -> bool:
    """Add the price and the probes of an offer in every region where it is or was listed.

    Returns:
        False where there is no such region, so that nothing could be noted.

    Args:
        found: Gets the rows.
        offer: What is sold.
        listed: Regions where it can be had now.
        watched: Pools that were known before, of any provider.
        holds_s: How long one look stands for: the collector's cadence.
    """
    now = {_pool(offer, region) for region in listed}
    before = {
        pool
        for pool in watched
        if (pool.provider, pool.sku, pool.capacity_type)
        == (offer.sku.provider, offer.sku.name, offer.capacity)
    }
    found.sku(offer.sku)
    for pool in sorted(now):
        found.listing(pool.region, offer.sku)
    for pool in sorted(now | before):
        found.price(pool.key, offer.usd, currency=offer.currency)
        found.probe(pool.key, obtainable=pool in now, holds_s=holds_s)
    return bool(now | before)


def reject_homeless(found: Findings, offer: Offer) -> None:
    """A price that holds in every region, of a machine that was never seen in any."""
    content = {"sku": offer.sku.name, "capacity": offer.capacity.value, "usd": offer.usd}
    found.reject("price without a region: sold out everywhere, and never seen before", content)


def _pool(offer: Offer, region: str) -> Pool:
    """The regional pool of an offer."""
    return Pool(
        provider=offer.sku.provider, region=region, zone=None, sku=offer.sku.name,
        capacity_type=offer.capacity,
    )  # fmt: skip
