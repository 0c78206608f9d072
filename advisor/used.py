"""Every shipped figure that an answer rests on: who says so, since when, and whether it is the user's own.

Egress and storage are gathered where costs are worked out (`sides`); here are the rest: the
notice and the law of each option's place, the terms of what is bought, the on-demand price it is
compared with, and what a published band needs assumed. Nothing is looked up that no option uses.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

from collector.catalog import Catalog
from collector.figures import Figure, Statement
from collector.tariffs import Tariffs
from model.estimate import PoolStatistics
from model.job import Job
from model.market import CapacityType, Evidence, Pool, PriceKind

Shipped = Figure | Statement

KINDS = {
    PriceKind.RECORDED: "recorded by this store",
    PriceKind.LIST: "list price, not recorded",
    PriceKind.SYNTHETIC: "synthetic, from a generated market",
}


def figures_used(
    job: Job,
    used: Sequence[PoolStatistics],
    known: Sequence[PoolStatistics],
    tariffs: Tariffs,
    catalog: Catalog | None = None,
) -> list[Shipped]:
    """Return the figures behind options, each once, by name.

    Args:
        job: Where its data lies is a place whose law counts.
        used: What is believed of the options' pools.
        known: The same of every pool, for the on-demand ones among them.
        tariffs: Notices, jurisdictions, commitments, assumptions.
        catalog: Whose list price a list price is; None where none is at hand.
    """
    found: dict[str, Shipped] = {}
    on_demand = {_place(s.pool): s for s in known if s.pool.capacity_type is CapacityType.ON_DEMAND}
    for seen in used:
        for each in (*_of_place(seen.pool, tariffs), *_of_price(seen, on_demand, catalog)):
            found[each.name] = each
        refund = tariffs.refund_s(seen.pool.provider) if seen.billing.refund_s else None
        if refund:
            found[refund.name] = refund
        if seen.evidence is Evidence.PUBLISHED:
            found.update({figure.name: figure for figure in tariffs.signals.values()})
    for each in _law(job.data_provider, job.data_region, tariffs):
        found[each.name] = each
    return [found[name] for name in sorted(found)]


def _of_place(pool: Pool, tariffs: Tariffs) -> Iterator[Shipped]:
    """Yield notice, law and commitments of a pool; what is not taken back needs no notice."""
    if pool.capacity_type is not CapacityType.ON_DEMAND:
        yield tariffs.notice_s(pool.provider)
    yield from _law(pool.provider, pool.region, tariffs)
    yield from (each.figure() for each in tariffs.commitments_of(pool.provider, pool.capacity_type))


def _law(provider: str | None, region: str | None, tariffs: Tariffs) -> Iterable[Shipped]:
    if provider is None or region is None:
        return []
    law = tariffs.jurisdiction(provider, region)
    return [] if law is None else [law.statement(provider, region)]


def _of_price(
    seen: PoolStatistics, on_demand: dict[tuple[str, str, str], PoolStatistics], catalog: Catalog | None
) -> Iterator[Shipped]:
    """Yield the on-demand price an option is compared with, where one is known."""
    if seen.on_demand_usd_per_hour is None:
        return
    pool, usd = seen.pool, seen.on_demand_usd_per_hour
    name = f"on-demand price {pool.provider} {pool.region} {pool.sku}"
    listed = catalog and catalog.list_price(pool.provider, pool.region, pool.sku, CapacityType.ON_DEMAND)
    there = on_demand.get(_place(pool))
    recorded = there is not None and there.price_kind is not PriceKind.LIST
    if listed and not recorded and abs(float(listed.price_usd_per_hour) - usd) < 1e-9:
        source, as_of, confidence = listed.source, listed.as_of, listed.confidence
    else:
        origin = there or seen
        source = ", ".join(origin.sources)
        as_of = (origin.as_of - timedelta(seconds=origin.price_age_s if there else 0.0)).date()
        confidence = KINDS[there.price_kind] if there else "from the store; its pool could not be estimated"
    yield Figure(name=name, value=usd, unit="USD/h", source=source, as_of=as_of, confidence=confidence)


def _place(pool: Pool) -> tuple[str, str, str]:
    return pool.provider, pool.region, pool.sku
