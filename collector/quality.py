"""What a fact must satisfy before it is stored; the rest is turned away with a reason.

Rules look at one table of one source and say which rows break them. They judge possibility,
not taste: a spot price equal to on-demand is a signal and stays. Nothing here repairs a
value, and a rule that lacks its yardstick (an unknown on-demand price) is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from model.errors import ImpossibleInput
from model.market import CapacityType, EndCause, Pool, PriceKind, Sku

from .catalog import Catalog
from .sources.base import Batch, reject
from .tables import INSTANT, Codes, Frame, as_table

CLOCK_SKEW: Final = timedelta(minutes=5)  # How far a provider's clock may run ahead of ours.
SPOT_CEILING: Final = 10.0  # Times on-demand. Auctions of 2015 reached exactly this.
DEAREST_USD_PER_HOUR: Final = 10_000.0  # No machine costs this; a price in cents or per month would.
SMALLEST_USD_PER_HOUR: Final = 1e-9  # The store's last digit; less would be stored as zero.
HOURLY: Final = ("hour", "1 Hour", "h")
OVERHEADS: Final = ("restart", "pause", "upload", "restore", "wait")
LONGEST_OVERHEAD_S: Final = 366 * 86_400.0  # Nobody waits a year; a clock that was set back may say so.

Mask = np.ndarray  # bool, one per row; true where the row breaks the rule.
Rule = Callable[["Judged"], Iterator[tuple[str, Mask]]]


@dataclass(frozen=True)
class Judged:
    """One table under judgement, and what rules measure it against."""

    table: pa.Table
    now: datetime
    catalog: Catalog
    skus: Mapping[tuple[str, str], Sku]  # Those of the catalogue and of the batch.

    @cached_property
    def pools(self) -> Codes:
        """Pool keys by row."""
        return Codes(self.table["pool_id"])

    @cached_property
    def parsed(self) -> list[Pool | None]:
        """A pool per key; None where the key is malformed."""
        return [_pool(key) for key in self.pools.keys]

    def must(self, holds: Any) -> Mask:
        """Where a condition does not hold; what is unknown does not hold."""
        return ~np.asarray(pc.fill_null(holds, False))

    def missing(self, column: str) -> Mask:
        """Where a column has no value."""
        return np.asarray(pc.is_null(self.table[column]))

    def outside(self, column: str, allowed: Iterable[str]) -> Mask:
        """Where a text is none of those allowed."""
        codes, known = Codes(self.table[column]), set(allowed)
        return codes.spread([key not in known for key in codes.keys])


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
                rejected.append(reject(_rows(frame, broken), reason))
                gone |= broken
    if not rejected:
        return judged.table, None
    return judged.table.filter(pa.array(~gone)), pd.concat(rejected, ignore_index=True)


def _rows(frame: Frame, mask: Mask) -> pd.DataFrame:
    """The rows as they came, for the quarantine."""
    rows: pd.DataFrame = (
        frame.filter(pa.array(mask)).to_pandas() if isinstance(frame, pa.Table) else frame[mask]
    )
    return rows


@lru_cache(maxsize=1 << 17)  # Every batch of a feed names the same pools.
def _pool(key: str | None) -> Pool | None:
    try:
        return Pool.parse(key or "")
    except ImpossibleInput:
        return None


def known_pool(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A pool key must parse and name a SKU whose GPUs are known."""
    yield "malformed pool key", j.pools.spread([pool is None for pool in j.parsed])
    strange = [pool is not None and (pool.provider, pool.sku) not in j.skus for pool in j.parsed]
    yield "SKU is in no catalogue", j.pools.spread(strange)


def dated(j: Judged) -> Iterator[tuple[str, Mask]]:
    """Both clocks must be set, and neither may run ahead of ours."""
    latest = pa.scalar(j.now + CLOCK_SKEW, INSTANT)
    for clock in [c for c in ("effective_at", "began_at", "observed_at") if c in j.table.column_names]:
        yield f"no {clock}", j.missing(clock)
        yield f"{clock} lies in the future", ~j.must(pc.greater(j.table[clock], latest))


def priced(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A price must be a positive number of USD per hour that somebody could have paid."""
    if "currency" in j.table.column_names:
        yield "currency is not USD", j.outside("currency", ["USD"])
    if "unit" in j.table.column_names:
        yield "unit is not an hour", j.outside("unit", HOURLY)
    usd = _usd(j.table["price_usd_per_hour"])
    with np.errstate(invalid="ignore"):
        yield "price is not a number", np.isnan(usd)
        yield "price is not positive", usd < SMALLEST_USD_PER_HOUR
        yield f"price above {DEAREST_USD_PER_HOUR:g} USD per hour", usd > DEAREST_USD_PER_HOUR
        yield "unknown kind of price", j.outside("kind", list(PriceKind))
        ceilings = j.pools.spread(_ceilings(j))
        yield f"spot price above {SPOT_CEILING:g} times on-demand", usd > ceilings


def _usd(column: pa.ChunkedArray) -> np.ndarray:
    """Prices as floats to judge by, NaN where there is no number."""
    if pa.types.is_decimal(column.type):
        return np.asarray(pc.fill_null(column.cast(pa.float64()), float("nan")))
    usd: np.ndarray = pd.to_numeric(column.to_pandas(), errors="coerce").to_numpy("float64", na_value=np.nan)
    return usd


def _ceilings(j: Judged) -> np.ndarray:
    """The highest believable price of each pool: of spot where on-demand is known, else infinite."""
    spot = {(p.provider, p.sku) for p in j.parsed if p and p.capacity_type is CapacityType.SPOT}
    listed = {machine: j.catalog.highest_on_demand(*machine) for machine in spot}
    ceilings = {m: SPOT_CEILING * float(usd) for m, usd in listed.items() if usd is not None}
    unlimited = float("inf")
    return np.array(
        [
            ceilings.get((p.provider, p.sku), unlimited)
            if p and p.capacity_type is CapacityType.SPOT
            else unlimited
            for p in j.parsed
        ],
        dtype="float64",
    )


def counted(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A probe asks for something and gets no less than nothing and no more than that."""
    wanted, obtainable = j.table["wanted"], j.table["obtainable"]
    yield "probe asks for no instance", j.must(pc.greater_equal(wanted, 1))
    possible = pc.and_(pc.greater_equal(obtainable, 0), pc.less_equal(obtainable, wanted))
    yield "impossible count of instances", j.must(possible)
    holds_s = np.asarray(pc.fill_null(j.table["holds_s"], float("nan")))
    yield "probe holds for no time", ~(holds_s > 0)


def lived(j: Judged) -> Iterator[tuple[str, Mask]]:
    """A tenure ends after it began, with a cause, and is seen no earlier than that."""
    began, end, seen = j.table["began_at"], j.table["ended_at"], j.table["observed_at"]
    ended, caused = ~j.missing("ended_at"), ~j.missing("end_cause")
    yield "tenure ends before it begins", ~j.must(pc.less(end, began))
    yield "tenure ends without a cause", ended & ~caused
    yield "tenure has a cause but no end", ~ended & caused
    yield "unknown end cause", ended & j.outside("end_cause", list(EndCause))
    yield "tenure seen before it happened", ~j.must(pc.less(seen, pc.coalesce(end, began)))


def spent(j: Judged) -> Iterator[tuple[str, Mask]]:
    """An overhead is of a known kind and took some time, or none; bytes may be unknown."""
    yield "unknown kind of overhead", j.outside("what", OVERHEADS)
    seconds = j.table["seconds"]
    possible = pc.and_(pc.greater_equal(seconds, 0), pc.less_equal(seconds, LONGEST_OVERHEAD_S))
    yield "seconds are no time", j.must(possible)
    yield "negative bytes", ~j.must(pc.less(j.table["bytes"], 0))


RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "prices": (known_pool, dated, priced),
    "probes": (known_pool, dated, counted),
    "tenures": (known_pool, dated, lived),
    "bands": (dated,),
    "tariffs": (dated,),
    "scores": (dated,),
    "interruptions": (dated,),
    "offers": (dated,),
    "listings": (dated,),
    "overheads": (known_pool, dated, spent),
}
