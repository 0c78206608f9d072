"""Screening of 20,000 generated pools: how long it takes, and how far it is from the estimate.

Nothing here needs recorded data: prices, hazards, gaps and jobs are drawn from a seed, over the
ranges that providers' GPU pools span. Columns are in memory, as a service keeps them; each repeat
is another job.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from harness import Bench
from model_data import Recorded

from model.cost import estimate
from model.errors import LowtideError
from model.estimate import PoolStatistics
from model.job import Job, Overheads
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku
from model.placement import SideCosts
from model.screen import screen
from model.screen_columns import Columns, SideColumns

AT = datetime(2027, 1, 1, tzinfo=UTC)
POOLS = 20_000
REPEATS, QUICK_REPEATS = 200, 10
COMPARED, QUICK_COMPARED = 60, 4
DRAWS, QUICK_DRAWS = 20_000, 2_000
FEWEST = 3.0  # Preemptions expected, from which on the quantiles are meant to be good.
GPUS = ("H100-80GB", "A100-80GB", "L40S-48GB")


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    rng = np.random.default_rng(bench.options.seed)
    speed(bench, rng)
    agreement(bench, rng)


def speed(bench: Bench, rng: np.random.Generator) -> None:
    """Print the 99th percentile of screening all pools for one job after another."""
    pools = [pool_of(rng) for _ in range(POOLS)]
    columns, sides = Columns.of(pools), SideColumns.of([side_of(rng) for _ in pools])
    wall, busy = [], []
    for turn in range((QUICK_REPEATS if bench.options.quick else REPEATS) + 1):
        job = job_of(rng)
        began, worked = time.perf_counter(), time.process_time()
        screen(job, columns, sides, from_at=AT)
        if turn:  # The first fills tables that are kept.
            wall.append(time.perf_counter() - began)
            busy.append(time.process_time() - worked)
    again = rng.choice(wall, (1000, len(wall)))
    bench.figure(
        "screening 20,000 pools, p99", float(np.quantile(wall, 0.99)), unit="s", better="lower", must=0.1,
        aim=0.05, n=len(wall), median=round(float(np.median(wall)), 4),
        cpu_p99=round(float(np.quantile(busy, 0.99)), 4),
        interval=[round(float(q), 4) for q in np.quantile(np.quantile(again, 0.99, axis=1), (0.05, 0.95))],
    )  # fmt: skip


def agreement(bench: Bench, rng: np.random.Generator) -> None:
    """Print how far means and quantiles are from an estimate of many draws, worst of many pools.

    The mean's error holds that of the draws as well: a few parts in a thousand.
    """
    means, quantiles, rare = [], [], []
    wanted = QUICK_COMPARED if bench.options.quick else COMPARED
    while len(means) < wanted:
        job, pool, side = job_of(rng), pool_of(rng), side_of(rng)
        found = screen(job, Columns.of([pool]), SideColumns.of([side]), from_at=AT)
        try:
            drawn = estimate(job, pool, side, draws=QUICK_DRAWS if bench.options.quick else DRAWS, from_at=AT)
        except LowtideError:
            continue
        pairs = ((found.cost_usd, drawn.cost_usd), (found.finish_hours, drawn.finish_hours))
        means.append(max(abs(ours.mean_N[0] / theirs.mean - 1) for ours, theirs in pairs))
        off = [
            abs(ours.quantile_PN[place, 0] / getattr(theirs, name) - 1)
            for ours, theirs in pairs
            for place, name in enumerate(("p10", "p50", "p90"))
        ]
        (quantiles if found.preemptions_N[0] >= FEWEST else rare).append(max(off))
    report(bench, "screened mean, distance from the estimate's", means, must=0.01, aim=0.003)
    for what, those, most in (("three preemptions or more", quantiles, 0.03), ("fewer", rare, 0.2)):
        if those:
            report(
                bench,
                f"screened P10, P50, P90, distance from the estimate's, {what}",
                those,
                most,
                0.5 * most,
            )


def report(bench: Bench, figure: str, off: Sequence[float], must: float, aim: float) -> None:
    """Print the distance that 19 of 20 pools keep, with the median and the worst as its interval."""
    bench.figure(
        figure, float(np.quantile(off, 0.95)), unit="share", better="lower", must=must, aim=aim, n=len(off),
        interval=[round(float(np.median(off)), 5), round(float(np.max(off)), 5)],
    )  # fmt: skip


def job_of(rng: np.random.Generator) -> Job:
    hours = float(np.exp(rng.uniform(np.log(4), np.log(500))))
    return Job(
        name="generated",
        gpus=8 * int(rng.integers(1, 17)),
        useful_hours=hours,
        state_bytes=10**11,
        throughput={GPUS[0]: 1.0, GPUS[1]: 0.45, GPUS[2]: 0.2},
        overheads=Overheads(
            pause_s=float(rng.uniform(1, 300)), save_lag_s=float(rng.choice([0.0, 120.0])),
            boot_s=float(rng.uniform(60, 600)), restore_s=60.0, warmup_s=60.0,
        ),
        deadline_at=AT + timedelta(hours=2 * hours),
        budget_usd=1e4,
        value_of_time_usd_per_hour=float(rng.choice([0.0, 50.0])),
    )  # fmt: skip


def pool_of(rng: np.random.Generator) -> PoolStatistics:
    """Spot nine times in ten; hazards from one in four days to one in an hour, watched 2 to 90 days."""
    spot = rng.uniform() < 0.9
    listed = float(rng.uniform(10, 100))
    hours = float(rng.uniform(48, 2160))
    events = float(rng.poisson(hours * np.exp(rng.uniform(np.log(0.01), 0)))) if spot else 0.0
    gpu = GPUS[int(rng.integers(3))]
    kind = CapacityType.SPOT if spot else CapacityType.ON_DEMAND
    price = listed * float(rng.uniform(0.2, 0.9)) if spot else listed
    return PoolStatistics(
        pool=Pool(provider="any", region="any", zone="any", sku=gpu, capacity_type=kind),
        sku=Sku(provider="any", name=gpu, gpu_model=gpu, gpu_count=8),
        as_of=AT,
        price_usd_per_hour=price,
        price_kind=PriceKind.SYNTHETIC,
        price_age_s=600.0,
        price_mean_usd_per_hour=price * float(rng.uniform(0.8, 1.25)) if spot else price,
        price_log_sd=float(rng.uniform(0, 0.3)) if spot else 0.0,
        price_changes=int(rng.integers(0, 60)) if spot else 0,
        on_demand_usd_per_hour=listed,
        evidence=Evidence.PROBES if spot else Evidence.CONTRACT,
        borrowed_from=None,
        preemptions=int(events),
        exposure_hours=hours if spot else 0.0,
        hazard_shape=events + 0.5 if spot else 0.0,
        hazard_rate_hours=hours if spot else 0.0,
        available_share=float(rng.uniform(0.3, 1.0)) if spot else None,
        available_now=bool(rng.uniform() < 0.7) if spot else None,
        gap_hours=float(rng.exponential(1.5)) if spot else 0.0,
        observed_until=AT,
        sources=("generated",),
        synthetic=True,
    )


def side_of(rng: np.random.Generator) -> SideCosts:
    return SideCosts(
        egress_usd=float(rng.uniform(0, 200)), egress_hours=float(rng.uniform(0, 2)),
        storage_usd_per_hour=float(rng.uniform(0, 1)),
    )  # fmt: skip
