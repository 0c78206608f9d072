"""What a fact must satisfy before it is stored; the rest is turned away with a reason.

Rules look at one frame of one source and answer with the rows that break them. They judge
possibility, not taste: a spot price equal to on-demand is a signal and stays. Nothing here
repairs a value, and a rule that lacks its yardstick (an unknown on-demand price) is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import pandas as pd

from model.errors import ImpossibleInput
from model.market import CapacityType, EndCause, Pool, PriceKind, Sku

from .catalog import Catalog
from .sources.base import Batch, reject

CLOCK_SKEW: Final = timedelta(minutes=5)  # How far a provider's clock may run ahead of ours.
SPOT_CEILING: Final = 10.0  # Times on-demand. Auctions of 2015 reached exactly this.
DEAREST_USD_PER_HOUR: Final = 10_000.0  # No machine costs this; a price in cents or per month would.
SMALLEST_USD_PER_HOUR: Final = 1e-9  # The store's last digit; less would be stored as zero.
OVERHEADS: Final = ("restart", "pause", "upload", "restore", "wait")
LONGEST_OVERHEAD_S: Final = 366 * 86_400.0  # Nobody waits a year; a clock that was set back may say so.

Rule = Callable[[pd.DataFrame, "Yardsticks"], Iterator[tuple[str, pd.Series]]]


@dataclass(frozen=True, slots=True)
class Yardsticks:
    """What rules measure against."""

    now: datetime
    catalog: Catalog
    pools: Mapping[str, Pool | None]  # By key; None where the key is malformed.
    skus: Mapping[tuple[str, str], Sku]  # Those of the catalogue and of the batch.


def check(
    name: str, frame: pd.DataFrame, batch: Batch, *, now: datetime, catalog: Catalog
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Split a frame of a batch into what may be stored and what was turned away.

    Args:
        name: prices, probes, tenures or another name of `sources.base.FACTS`.
        frame: The rows.
        batch: Where they come from; its SKUs count as known.
        now: The store's clock; later facts are turned away.
        catalog: SKUs and list prices.
    """
    frame = _in_utc(frame)
    pools = {key: _pool(key) for key in frame["pool_id"].unique()} if "pool_id" in frame else {}
    skus = {**catalog.skus, **{(sku.provider, sku.name): sku for sku in batch.skus}}
    yardsticks = Yardsticks(now, catalog, pools, skus)
    rejected = []
    for rule in RULES.get(name, ()):
        for reason, broken in rule(frame, yardsticks):
            broken = broken.reindex(frame.index, fill_value=False)
            if broken.any():
                rejected.append(reject(frame[broken], reason))
                frame = frame[~broken]
    return frame, pd.concat(rejected, ignore_index=True) if rejected else None


def _in_utc(frame: pd.DataFrame) -> pd.DataFrame:
    """Clocks as UTC instants; a column without any instant comes without a time zone."""
    clocks = {"effective_at", "observed_at", "began_at", "ended_at"} & set(frame.columns)
    plain = [clock for clock in clocks if not isinstance(frame[clock].dtype, pd.DatetimeTZDtype)]
    return frame.assign(**{clock: pd.to_datetime(frame[clock], utc=True) for clock in plain})


def _pool(key: str) -> Pool | None:
    try:
        return Pool.parse(key)
    except (ImpossibleInput, AttributeError):
        return None


def _where(frame: pd.DataFrame, keys: set[str]) -> pd.Series:
    return frame["pool_id"].isin(keys)


def known_pool(frame: pd.DataFrame, y: Yardsticks) -> Iterator[tuple[str, pd.Series]]:
    """A pool key must parse and name a SKU whose GPUs are known."""
    yield "malformed pool key", _where(frame, {key for key, pool in y.pools.items() if pool is None})
    strangers = {key for key, pool in y.pools.items() if pool and (pool.provider, pool.sku) not in y.skus}
    yield "SKU is in no catalogue", _where(frame, strangers)


def dated(frame: pd.DataFrame, y: Yardsticks) -> Iterator[tuple[str, pd.Series]]:
    """Both clocks must be set, and neither may run ahead of ours."""
    latest = pd.Timestamp(y.now + CLOCK_SKEW)
    for clock in [c for c in ("effective_at", "began_at", "observed_at") if c in frame]:
        yield f"no {clock}", frame[clock].isna()
        yield f"{clock} lies in the future", frame[clock] > latest


def priced(frame: pd.DataFrame, y: Yardsticks) -> Iterator[tuple[str, pd.Series]]:
    """A price must be a positive number of USD per hour that somebody could have paid."""
    if "currency" in frame:
        yield "currency is not USD", frame["currency"] != "USD"
    if "unit" in frame:
        yield "unit is not an hour", ~frame["unit"].isin(["hour", "1 Hour", "h"])
    usd = pd.to_numeric(frame["price_usd_per_hour"], errors="coerce").astype("float64")
    yield "price is not a number", usd.isna()
    yield "price is not positive", usd < SMALLEST_USD_PER_HOUR
    yield f"price above {DEAREST_USD_PER_HOUR:g} USD per hour", usd > DEAREST_USD_PER_HOUR
    yield "unknown kind of price", ~frame["kind"].isin(list(PriceKind))
    ceiling = frame["pool_id"].map({key: _ceiling(pool, y.catalog) for key, pool in y.pools.items()})
    yield f"spot price above {SPOT_CEILING:g} times on-demand", usd > ceiling.astype("float64")


def _ceiling(pool: Pool | None, catalog: Catalog) -> float | None:
    """The highest believable price of a spot pool, None where on-demand is unknown."""
    if pool is None or pool.capacity_type is not CapacityType.SPOT:
        return None
    on_demand = catalog.highest_on_demand(pool.provider, pool.sku)
    return None if on_demand is None else SPOT_CEILING * float(on_demand)


def counted(frame: pd.DataFrame, _y: Yardsticks) -> Iterator[tuple[str, pd.Series]]:
    """A probe asks for something and gets no less than nothing and no more than that."""
    yield "probe asks for no instance", ~(frame["wanted"] >= 1)
    yield "impossible count of instances", ~frame["obtainable"].between(0, frame["wanted"])
    yield "probe holds for no time", ~(frame["holds_s"] > 0)


def lived(frame: pd.DataFrame, _y: Yardsticks) -> Iterator[tuple[str, pd.Series]]:
    """A tenure ends after it began, with a cause, and is seen no earlier than that."""
    ended = frame["ended_at"].notna()
    yield "tenure ends before it begins", ended & (frame["ended_at"] < frame["began_at"])
    yield "tenure ends without a cause", ended & frame["end_cause"].isna()
    yield "tenure has a cause but no end", ~ended & frame["end_cause"].notna()
    yield "unknown end cause", ended & ~frame["end_cause"].isin(list(EndCause))
    yield "tenure seen before it happened", frame["observed_at"] < frame["ended_at"].fillna(frame["began_at"])


def spent(frame: pd.DataFrame, _y: Yardsticks) -> Iterator[tuple[str, pd.Series]]:
    """An overhead is of a known kind and took some time, or none; bytes may be unknown."""
    yield "unknown kind of overhead", ~frame["what"].isin(OVERHEADS)
    yield "seconds are no time", ~frame["seconds"].between(0, LONGEST_OVERHEAD_S)
    yield "negative bytes", pd.to_numeric(frame["bytes"]).lt(0).fillna(False)


RULES: Final[Mapping[str, tuple[Rule, ...]]] = {
    "prices": (known_pool, dated, priced),
    "probes": (known_pool, dated, counted),
    "tenures": (known_pool, dated, lived),
    "bands": (dated,),
    "tariffs": (dated,),
    "overheads": (known_pool, dated, spent),
}
