"""A made-up market of any size for the benches: pools, machines, and their facts batch by batch.

Facts come in order of time and are made when they are asked for, so that a bench can feed
fifty million rows without holding them. Every price differs from the one before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from collector.sources.base import Batch
from model.market import Sku

BEGINS = datetime(2025, 1, 1, tzinfo=UTC)
ENDS = datetime(2026, 1, 1, tzinfo=UTC)
YEAR_US = int((ENDS - BEGINS) / timedelta(microseconds=1))
INSTANT = pa.timestamp("us", tz="UTC")
BATCH_ROWS = 500_000  # A source chooses; ingest cuts larger ones into parts of this size.


@dataclass(kw_only=True)
class Places:
    """Pools: `regions` x `skus` x four zones on spot, and each machine of a region on demand."""

    regions: int
    machines: int
    skus: tuple[Sku, ...] = field(init=False)
    spot: pa.Array = field(init=False)
    on_demand: pa.Array = field(init=False)

    def __post_init__(self) -> None:
        names = [f"gpu-{i}.8x" for i in range(self.machines)]
        self.skus = tuple(
            Sku(provider="bench", name=name, gpu_model=f"GPU{i % 12}-80GB", gpu_count=8)
            for i, name in enumerate(names)
        )
        regions = [f"region-{i}" for i in range(self.regions)]
        self.spot = pa.array(
            [f"bench/{r}/{r}-az{z}/{n}/spot" for r in regions for n in names for z in range(4)]
        )
        self.on_demand = pa.array([f"bench/{r}/-/{n}/on_demand" for r in regions for n in names])

    @classmethod
    def of(cls, pools: int) -> Places:
        """About so many pools, a fifth of them on demand."""
        return cls(regions=20, machines=max(1, pools // 100))


@dataclass
class Facts:
    """A source of tables that are made as they are read."""

    tables: Iterator[tuple[str, pa.Table]]
    skus: tuple[Sku, ...]
    source_id: str = "bench"
    kind: str = "recorded"
    licence: str = "none"
    note: str = "made up"
    origin: str = "memory"
    reads_ahead: bool = True

    def batches(self) -> Iterator[Batch]:
        for name, table in self.tables:
            yield Batch(**{name: table}, skus=self.skus)


def instants(us: np.ndarray) -> pa.Array:
    """Microseconds since the market began, as instants."""
    return pa.array(us + int(BEGINS.timestamp()) * 1_000_000, INSTANT)


def decimals(nano: np.ndarray) -> pa.Array:
    """1e-9 USD as exact decimals."""
    words = np.stack([nano.astype("int64"), np.zeros(len(nano), "int64")], axis=1)
    return pa.Array.from_buffers(pa.decimal128(18, 9), len(nano), [None, pa.py_buffer(words.tobytes())])


def prices(
    places: Places, rows: int, seed: int, *, from_us: int = 0, until_us: int = YEAR_US
) -> Iterator[pa.Table]:
    """Price changes of the spot pools, `rows` of them, evenly in time and at random over pools."""
    rng = np.random.default_rng(seed)
    for first in range(0, rows, BATCH_ROWS):
        n = min(BATCH_ROWS, rows - first)
        low, high = (from_us + (until_us - from_us) * k // rows for k in (first, first + n))
        yield price_table(
            places.spot, rng.integers(0, len(places.spot), n), np.sort(rng.integers(low, high, n)), rng
        )


def price_table(names: pa.Array, pool: np.ndarray, at_us: np.ndarray, rng: np.random.Generator) -> pa.Table:
    """Prices of these pools at these instants; a pool's level is its own, its last digits are noise."""
    at = instants(at_us)
    nano = 1_000_000_000 + (pool.astype("int64") % 97) * 300_000_000 + rng.integers(0, 900_000_000, len(pool))
    return pa.table(
        {
            "pool_id": names.take(pa.array(pool)),
            "kind": pa.array(["recorded"]).take(pa.array(np.zeros(len(pool), "int8"))),
            "effective_at": at,
            "observed_at": at,
            "price_usd_per_hour": decimals(nano),
        }
    )


def on_demand(places: Places, seed: int) -> pa.Table:
    """One price per on-demand pool, from the beginning."""
    rng, n = np.random.default_rng(seed), len(places.on_demand)
    return price_table(places.on_demand, np.arange(n), np.zeros(n, "int64"), rng)


def probes(places: Places, pools: int, every_s: int, seed: int) -> Iterator[pa.Table]:
    """Probes of some spot pools on one beat for the year, a month a batch; capacity comes and goes."""
    rng = np.random.default_rng(seed)
    beats = np.arange(0, YEAR_US, every_s * 1_000_000)
    for part in np.array_split(beats, 12):
        up = np.cumsum(rng.random((len(part), pools)) < 0.05, axis=0) % 2
        at = instants(np.repeat(part, pools))
        n = len(part) * pools
        yield pa.table(
            {
                "pool_id": places.spot.take(pa.array(np.tile(np.arange(pools), len(part)))),
                "effective_at": at,
                "observed_at": at,
                "wanted": pa.array(np.ones(n, "int32")),
                "obtainable": pa.array(up.reshape(-1).astype("int32")),
                "holds_s": pa.array(np.full(n, float(every_s))),
            }
        )


def tenures(places: Places, rows: int, seed: int) -> pa.Table:
    """Lives of instances in all spot pools, a day long on average, each seen when it was preempted."""
    rng = np.random.default_rng(seed)
    began = np.sort(rng.integers(0, YEAR_US - 1, rows))
    ended = np.minimum(began + rng.exponential(86_400e6, rows).astype("int64") + 1, YEAR_US)
    return pa.table(
        {
            "pool_id": places.spot.take(pa.array(rng.integers(0, len(places.spot), rows))),
            "instance_ref": pa.array([f"i-{k}" for k in range(rows)]),
            "began_at": instants(began),
            "ended_at": instants(ended),
            "end_cause": pa.array(["preempted"]).take(pa.array(np.zeros(rows, "int8"))),
            "began_before": pa.array(np.zeros(rows, bool)),
            "observed_at": instants(ended),
        }
    )
