"""What a fact must satisfy before it is stored; the rest is turned away with a reason.

Rules look at one table of one source and say which rows break them. They judge possibility,
not taste: a spot price equal to on-demand is a signal and stays. Nothing here repairs a
value, and a rule that lacks its yardstick (an unknown on-demand price) is silent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from model.market import CapacityType, EndCause, Pool, PriceKind

from .catalog import Catalog
from .judged import Judged, Mask, Rule
from .signal_rules import charged, listed, named, offered, scored, shared, spent, warned
from .sources.base import UNRECORDED, Batch
from .tables import INSTANT, Frame, as_table

CLOCK_SKEW: Final = timedelta(minutes=5)  # How far a provider's clock may run ahead of ours.
CEILING: Final = 10.0  # Times on-demand by list. Auctions of 2015 reached exactly this.
DEAREST_USD_PER_HOUR: Final = 10_000.0  # No machine costs this; a price in cents or per month would.
SMALLEST_USD_PER_HOUR: Final = 1e-9  # The store's last digit; less would be stored as zero.
LONGEST_HOLD_S: Final = 366 * 86_400.0  # A tick is minutes or hours; sums of days count it in microseconds.
HOURLY: Final = ("hour", "1 Hour", "h")
FIRST_CLOUD: Final = datetime(
    2006, 1, 1, tzinfo=UTC
)  # Nobody rented by the hour before; clocks start at 1970.
CLOCKS: Final = ("effective_at", "began_at", "observed_at", "starts_at")
NULLABLE: Final = {  # Columns that stay whole numbers where some are missing.
    pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype(),
}  # fmt: skip


def check(
    name: str, frame: Frame, batch: Batch, *, now: datetime, catalog: Catalog
) -> tuple[pa.Table, pd.DataFrame | None]:
    """Split a frame of a batch into what may be stored and what was turned away.

    Args:
        name: prices, probes, tenures or another name of `sources.base.FACTS`.
        frame: The rows.
        batch: Where they come from; its SKUs count as known.
        now: The store's clock; later facts are turned away.
        catalog: SKUs and list prices.

    Returns:
        The rows kept, and the others as reason and content; each for its first reason.
    """
    skus = {**catalog.skus, **{(sku.provider, sku.name): sku for sku in batch.skus}}
    judged = Judged(as_table(name, frame), now, catalog, skus)
    gone, rejected = np.zeros(len(frame), dtype=bool), []
    for rule in RULES.get(name, ()):
        for reason, broken in rule(judged):
            broken = broken & ~gone
            if broken.any():
                rejected.append(_turned_away(judged.table, broken, reason))
                gone |= broken
    if not rejected:
        return judged.table, None
    return judged.table.filter(pa.array(~gone)), pd.concat(rejected, ignore_index=True)


def _turned_away(table: pa.Table, broken: Mask, reason: str) -> pd.DataFrame:
    """Rows for the quarantine, as reason and content.

    They are written from their exact types: in a frame a whole number reads 1 or 1.0 by
    whether another row lacks it, and the same row in other company would be kept twice.
    """
    rows = table.filter(pa.array(broken)).to_pandas(types_mapper=NULLABLE.get)
    lines = rows.to_json(orient="records", lines=True, date_format="iso", date_unit="us")
    return pd.DataFrame({"reason": reason, "content": pd.Series(lines.splitlines(), dtype="str")})


def known_pool(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A pool key must parse and name a SKU whose GPUs are known."""
    yield "malformed pool key", j.pools.spread([pool is None for pool in j.parsed])
    strange = j.machines.each(lambda pool: pool is not None and (pool.provider, pool.sku) not in j.skus)
    yield "SKU is in no catalogue", j.pools.spread(strange)


def dated(j: Judged) -> Iterator[tuple[str, Mask]]:
    """Clocks must be set to a time of clouds, and neither of ours may run ahead.

    Traces of an unrecorded place are counted from 1970, since nobody wrote down their day.
    """
    latest = pa.scalar(j.now + CLOCK_SKEW, INSTANT)
    placed = ~_unrecorded(j)
    for clock in [c for c in CLOCKS if c in j.table.column_names]:
        yield f"no {clock}", j.missing(clock)
        if clock != "starts_at":  # What is offered may start later.
            yield f"{clock} lies in the future", ~j.must(pc.greater(j.table[clock], latest))
        too_early = ~j.must(pc.less(j.table[clock], pa.scalar(FIRST_CLOUD, INSTANT)))
        yield f"{clock} lies before there were clouds", too_early & placed


def _unrecorded(j: Judged) -> Mask:
    """Where a row's pool lies nobody knows where."""
    if "pool_id" not in j.table.column_names:
        return np.zeros(len(j.table), dtype=bool)
    return j.pools.spread([pool is not None and pool.region == UNRECORDED for pool in j.parsed])


def priced(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A price must be a positive number of USD per hour that somebody could have paid."""
    if "currency" in j.table.column_names:
        yield "currency is not USD", j.outside("currency", ["USD"])
    if "unit" in j.table.column_names:
        yield "unit is not an hour", j.outside("unit", HOURLY)
    usd = j.numbers("price_usd_per_hour")
    with np.errstate(invalid="ignore"):
        yield "price is not a number", np.isnan(usd)
        yield "price is not positive", usd < SMALLEST_USD_PER_HOUR
        yield f"price above {DEAREST_USD_PER_HOUR:g} USD per hour", usd > DEAREST_USD_PER_HOUR
        yield "unknown kind of price", j.outside("kind", list(PriceKind))
        yield f"spot price above {CEILING:g} times on-demand", _too_dear(j, usd, CapacityType.SPOT)
        yield f"on-demand price above {CEILING:g} times list", _too_dear(j, usd, CapacityType.ON_DEMAND)


def _too_dear(j: Judged, usd: np.ndarray, capacity: CapacityType) -> Mask:
    """Where a price lies above the highest believable one; without a list price none is."""

    def ceiling(pool: Pool | None) -> float:
        if pool is None or pool.capacity_type is not capacity:
            return float("inf")
        listed = j.catalog.highest_on_demand(pool.provider, pool.sku)
        return float("inf") if listed is None else CEILING * float(listed)

    ceilings = j.machines.each(ceiling)
    if not np.isfinite(ceilings).any():
        return np.zeros(len(usd), dtype=bool)
    dear: Mask = usd > ceilings[j.pools.codes]
    return dear


def counted(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A probe asks for something and gets no less than nothing and no more than that."""
    wanted, obtainable = j.table["wanted"], j.table["obtainable"]
    yield "probe asks for no instance", j.must(pc.greater_equal(wanted, 1))
    possible = pc.and_(pc.greater_equal(obtainable, 0), pc.less_equal(obtainable, wanted))
    yield "impossible count of instances", j.must(possible)
    holds_s = np.asarray(pc.fill_null(j.table["holds_s"], float("nan")))
    yield "probe holds for no time", ~(holds_s > 0)
    yield "probe holds for more than a year", holds_s > LONGEST_HOLD_S


def lived(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A tenure ends after it began, with a cause, and is seen no earlier than that."""
    began, end, seen = j.table["began_at"], j.table["ended_at"], j.table["observed_at"]
    ended, caused = ~j.missing("ended_at"), ~j.missing("end_cause")
    yield "unknown whether it ran before", j.missing("began_before")
    yield "tenure ends before it begins", ~j.must(pc.less(end, began))
    yield "tenure ends without a cause", ended & ~caused
    yield "tenure has a cause but no end", ~ended & caused
    yield "unknown end cause", ended & j.outside("end_cause", list(EndCause))
    yield "tenure seen before it happened", ~j.must(pc.less(seen, pc.coalesce(end, began)))


RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "prices": (known_pool, dated, priced),
    "probes": (known_pool, dated, counted),
    "tenures": (known_pool, named("instance_ref"), dated, lived),
    "bands": (named("provider", "region", "sku", "what"), dated, shared),
    "tariffs": (named("provider", "region", "kind", "item", "unit"), dated, charged),
    "scores": (named("provider", "region", "query", "scale"), dated, scored),
    "interruptions": (named("provider", "event_id", "region", "instance_ref"), dated, warned),
    "offers": (named("provider", "region", "zone", "sku", "offer_ref"), dated, offered),
    "listings": (named("provider", "region", "sku", "gpu_model"), dated, listed),
    "overheads": (known_pool, named("run_id", "node"), dated, spent),
}
