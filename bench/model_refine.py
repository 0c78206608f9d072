"""How long the second look at ten pools takes, first and once more: a generated market, nothing recorded.

Two families of five pools, each probed for thirty days, one of them with instances that ran. The
first look learns lives and runs courses; the second is the same question, answered from memory.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from harness import Bench
from model_data import Recorded

from advisor.refine import Refine, Remembered
from advisor.simulating import Simulating
from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store
from model.estimate import Estimate, PoolStatistics
from model.job import Job, Overheads
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku
from model.placement import SideCosts

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, TICK_S = 30, 600
POOLS = 10  # As many as a recommendation looks at twice.
SKUS = (
    Sku(provider="aws", name="p5.48xlarge", gpu_model="H100-80GB", gpu_count=8),
    Sku(provider="gcp", name="a3-highgpu-8g", gpu_model="H100-80GB", gpu_count=8),
)
NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
MUST_S, AIM_S = 5.0, 2.0
MUST_CACHED_S, AIM_CACHED_S = 0.1, 0.01


class Generated:
    """Probes of every pool; in those of the first SKU an instance ran whenever there was capacity."""

    source_id, kind, licence, note, origin = "generated", "synthetic", "none", "made up", "memory"

    def __init__(self, pools: Sequence[Pool], seed: int) -> None:
        self._pools, self._rng = pools, np.random.default_rng(seed)

    def batches(self) -> Iterator[Batch]:
        for pool in self._pools:
            up_T = flapping(self._rng, DAYS * 86_400 // TICK_S)
            ran = tenures(pool, up_T) if pool.sku == SKUS[0].name else None
            yield Batch(probes=probes(pool, up_T), tenures=ran)


def flapping(rng: np.random.Generator, ticks: int) -> np.ndarray:
    """Lives of a median of four hours and gaps of one, lognormal; whether there was capacity, by tick."""
    count = ticks
    hours = np.where(np.arange(count) % 2 == 0, 4.0, 1.0) * np.exp(rng.standard_normal(count))
    ends = np.cumsum(np.maximum(hours * 3600 / TICK_S, 1.0))
    return np.searchsorted(ends, np.arange(ticks), side="right") % 2 == 0


def clock(ticks: np.ndarray) -> pd.Series:
    first = pd.Timestamp(NOW - timedelta(days=DAYS))
    return pd.Series(first + pd.to_timedelta(ticks * TICK_S, unit="s"))


def probes(pool: Pool, up_T: np.ndarray) -> pd.DataFrame:
    at = clock(np.arange(up_T.size))
    return pd.DataFrame(
        {
            "pool_id": pool.key, "effective_at": at, "observed_at": at, "wanted": 1,
            "obtainable": up_T.astype(int), "holds_s": float(TICK_S),
        }
    )  # fmt: skip


def tenures(pool: Pool, up_T: np.ndarray) -> pd.DataFrame:
    turns = np.flatnonzero(np.diff(np.concatenate([[False], up_T, [False]]).astype(int)))
    began, ended = turns[::2], turns[1::2]
    over = ended < up_T.size
    seen = clock(np.minimum(ended, up_T.size - 1))
    return pd.DataFrame(
        {
            "pool_id": pool.key, "instance_ref": [f"i-{n}" for n in range(began.size)],
            "began_at": clock(began), "ended_at": seen.where(over),
            "end_cause": pd.Series("preempted", index=seen.index, dtype="str").where(over),
            "began_before": began == 0, "observed_at": seen,
        }
    )  # fmt: skip


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    pools = [a_pool(number) for number in range(POOLS)]
    with Store.open(None, clock=lambda: NOW) as store:
        ingest(store, Generated(pools, bench.options.seed))
        refine = Remembered(Simulating(store))
        found, first_s = timed(refine, pools, bench.options.seed)
        _, again_s = timed(refine, pools, bench.options.seed)
    simulated = [each for each in found if each is not None]
    errors = [each.paths_error for each in simulated if each.paths_error is not None]
    bench.figure(
        f"seconds to refine {POOLS} pools of {len(SKUS)} families, first time", first_s, unit="s",
        better="lower", must=MUST_S, aim=AIM_S, n=POOLS, simulated=len(simulated),
        worst_paths_error=round(max(errors, default=0.0), 4),
    )  # fmt: skip
    bench.figure(
        f"seconds to refine {POOLS} pools of {len(SKUS)} families, asked again", again_s, unit="s",
        better="lower", must=MUST_CACHED_S, aim=AIM_CACHED_S, n=POOLS,
    )  # fmt: skip


def timed(refine: Refine, pools: Sequence[Pool], seed: int) -> tuple[list[Estimate | None], float]:
    """Return the refined estimates of a day on eight machines, and the seconds they took together."""
    overheads = Overheads(pause_s=20.0, save_lag_s=100.0, boot_s=300.0, restore_s=150.0, warmup_s=90.0)
    job = Job(
        name="a-day", gpus=64, useful_hours=24.0, state_bytes=360_000_000_000,
        throughput={"H100-80GB": 1.0}, overheads=overheads, gang_share=0.9,
    )  # fmt: skip
    began = time.perf_counter()
    found = [refine(job, believed(pool), NOTHING, seed) for pool in pools]
    return found, time.perf_counter() - began


def a_pool(number: int) -> Pool:
    sku = SKUS[number % len(SKUS)]
    region = f"region-{number // 4}"
    return Pool(
        provider=sku.provider, region=region, zone=f"{region}-{number}", sku=sku.name,
        capacity_type=CapacityType.SPOT,
    )  # fmt: skip


def believed(pool: Pool) -> PoolStatistics:
    """What a count of a month says of such a pool: about a loss in seven hours."""
    sku = next(each for each in SKUS if each.name == pool.sku)
    ran = sku is SKUS[0]
    return PoolStatistics(
        pool=pool, sku=sku, as_of=NOW, price_usd_per_hour=30.0, price_kind=PriceKind.RECORDED,
        price_age_s=600.0, price_mean_usd_per_hour=30.0, price_log_sd=0.0, price_changes=0,
        on_demand_usd_per_hour=60.0, evidence=Evidence.TENURES if ran else Evidence.PROBES,
        borrowed_from=None, preemptions=85, exposure_hours=580.0, hazard_shape=85.0,
        hazard_rate_hours=580.0, available_share=0.8, available_now=True, gap_hours=1.6,
        observed_until=NOW, sources=("generated",), synthetic=True,
    )  # fmt: skip
