"""The simulator beside the closed forms: do they agree, and how fast is it.

Nothing recorded is needed. Markets are of the belief that both methods hold (exponential lives
and gaps), so whatever they differ by is an error of one of them; the noise of the paths stands
beside each difference.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import numpy as np
from harness import Bench
from model_data import Recorded

from model.billing import BillingRule
from model.cost import SideCosts, estimate
from model.course import run
from model.course_billing import Billing, Notice
from model.course_markets import Renewing, believed
from model.estimate import Estimate, PoolStatistics
from model.goodput import Cadence, excess, expected
from model.job import Job, Overheads
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku
from model.placement import placed
from model.simulated import Simulation, estimated, simulation

Case = tuple[str, Job, PoolStatistics]

AT = datetime(2026, 3, 2, tzinfo=UTC)
SKU = Sku(provider="aws", name="p5.48xlarge", gpu_model="H100-80GB", gpu_count=8)
NOTHING = SideCosts(egress_usd=0.0, egress_hours=0.0, storage_usd_per_hour=0.0)
FIRST_HOUR = Billing(rule=BillingRule(refund_s=3600.0, least_s=60.0))
TWO_MINUTES = Notice(window_hours=1 / 30, saved_share=0.8)
SETTINGS = (  # Work, interval, pause, restart, gap, mean life, all in hours.
    (24.0, 1.0, 0.05, 0.2, 0.5, 6.0),
    (24.0, 0.5, 0.03, 0.1, 1.0, 2.0),
    (48.0, 0.5, 0.02, 0.2, 0.3, 1.5),
    (12.0, 2.0, 0.1, 0.5, 2.0, 24.0),
    (10.3, 0.7, 0.05, 0.25, 0.0, 3.0),
)
TOLERATED = 1.96


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    closed_forms(bench, 100_000 if bench.options.quick else 800_000)
    quantiles(bench, 8_000 if bench.options.quick else 64_000)
    speed(bench, 5_000 if bench.options.quick else 20_000)
    many_pools(bench, 4 if bench.options.quick else 50, 20_000)


def closed_forms(bench: Bench, paths: int) -> None:
    """F4 and F5 against the simulator: the worst of all settings, and the noise there."""
    worst = {"mean wall": (0.0, 0.0), "mean bill": (0.0, 0.0), "sd of wall": (0.0, 0.0)}
    for number, (work, interval, pause, restart, gap, life) in enumerate(SETTINGS):
        cadence = Cadence(interval_hours=interval, pause_hours=pause, restart_hours=restart)
        market = Renewing(1 / life, gap, paths=paths, seed=bench.options.seed + number)
        found = run(work, cadence, market, first_boot=False)
        wall, bill = found.wall_hours, found.billed_hours
        mean = expected(work, cadence, 1 / life, gap)
        spread = float(excess(work, cadence, 1 / life, gap, gap**2).variance) ** 0.5
        for name, error, noise in (
            ("mean wall", off(wall.mean(), mean.wall_hours), noise_of_mean(wall)),
            ("mean bill", off(bill.mean(), mean.billed_hours), noise_of_mean(bill)),
            ("sd of wall", off(wall.std(), spread), noise_of_sd(wall)),
        ):  # fmt: skip
            worst[name] = max(worst[name], (error, noise))
    for name, (error, noise) in worst.items():
        must = 1.0 if name.startswith("sd") else 0.5
        bench.figure(
            f"closed form off the simulator, {name}, worst of {len(SETTINGS)} settings", error, unit="%",
            better="lower", must=must, aim=must, n=paths, noise=round(noise, 3),
        )  # fmt: skip


def off(ours: float, theirs: float) -> float:
    """Percent by which two figures differ."""
    return 100 * abs(float(ours) / float(theirs) - 1)


def noise_of_mean(values: np.ndarray) -> float:
    """Percent within which chance alone puts a mean, 95 %."""
    return float(100 * TOLERATED * values.std() / values.mean() / np.sqrt(values.size))


def noise_of_sd(values: np.ndarray) -> float:
    """Percent within which chance alone puts a standard deviation, 95 %."""
    from_mean = (values - values.mean()) / values.std()
    return float(100 * TOLERATED * np.sqrt((np.mean(from_mean**4) - 1) / values.size) / 2)


def quantiles(bench: Bench, paths: int) -> None:
    """`estimate` against the simulator on the same belief, with doubt about hazard, gap and price."""
    off_the_simulator(bench, "closed form off the simulator", list(bench_set()), paths)


def off_the_simulator(bench: Bench, title: str, cases: Sequence[Case], paths: int) -> None:
    """Print by how much the closed form is off at worst, in each quantile of cost and of finish."""
    worst: dict[str, tuple[float, float, str]] = {}
    for name, job, pool in cases:
        closed = estimate(job, pool, NOTHING, draws=paths, seed=bench.options.seed, from_at=AT)
        simulated = simulate_one(job, pool, paths, bench.options.seed)
        found = estimated(simulated, seed=bench.options.seed, from_at=AT)
        for what in ("cost_usd", "finish_hours"):
            for quantile in ("p10", "p50", "p90", "mean"):
                error = off(value(found, what, quantile), value(closed, what, quantile))
                now = (error, 100 * simulated.paths_error, name)
                worst[f"{quantile} of {what}"] = max(worst.get(f"{quantile} of {what}", now), now)
    for what, (error, noise, name) in worst.items():
        bench.figure(
            f"{title}, {what}, worst of {len(cases)} jobs", error, unit="%",
            better="lower", must=3.0, aim=1.0, n=paths, p90_noise=round(noise, 3), where=name,
        )  # fmt: skip


def value(found: Estimate, what: str, quantile: str) -> float:
    return float(getattr(getattr(found, what), quantile))


def bench_set() -> Iterator[Case]:
    """Jobs of 6 h to a week on calm and wild pools, sure and unsure, waits short and long."""
    for hours, mean_life, count, gap, lag in (
        (24.0, 6.0, 400, 0.5, 0.0), (24.0, 6.0, 5, 0.5, 0.0), (24.0, 40.0, 20, 2.0, 0.0),
        (6.0, 10.0, 50, 1.0, 0.0), (168.0, 24.0, 30, 1.5, 0.0), (48.0, 1.5, 200, 0.3, 0.0),
        (72.0, 8.0, 100, 1.0, 300.0), (24.0, 500.0, 2, 2.0, 0.0),
    ):  # fmt: skip
        name = f"{hours:g} h, mean life {mean_life:g} h from {count} seen, gap {gap:g} h, lag {lag:g} s"
        yield name, a_job(hours, save_lag_s=lag), a_pool(1 / mean_life, count, gap)


def a_job(hours: float, **overheads: float) -> Job:
    plain = {"pause_s": 60.0, "save_lag_s": 0.0, "boot_s": 300.0, "restore_s": 120.0, "warmup_s": 60.0}
    return Job(
        name="bench", gpus=8, useful_hours=hours, state_bytes=10**11, throughput={SKU.gpu_model: 1.0},
        overheads=Overheads(**plain | overheads), value_of_time_usd_per_hour=5.0,
    )  # fmt: skip


def a_pool(hazard: float, count: int, gap: float, zone: int = 1, price: float = 10.0) -> PoolStatistics:
    return PoolStatistics(
        pool=Pool(
            provider="aws", region="r", zone=f"z{zone}", sku=SKU.name, capacity_type=CapacityType.SPOT
        ),
        sku=SKU, as_of=AT, price_usd_per_hour=price, price_kind=PriceKind.SYNTHETIC, price_age_s=0.0,
        price_mean_usd_per_hour=1.1 * price, price_log_sd=0.15, price_changes=20,
        on_demand_usd_per_hour=40.0, evidence=Evidence.TENURES, borrowed_from=None, preemptions=count,
        exposure_hours=count / hazard, hazard_shape=float(count), hazard_rate_hours=count / hazard,
        available_share=0.9, available_now=None, gap_hours=gap, observed_until=AT, sources=("bench",),
        synthetic=True,
    )  # fmt: skip


def simulate_one(
    job: Job, pool: PoolStatistics, paths: int, seed: int, **rules: Billing | Notice
) -> Simulation:
    market = believed(placed(job, pool, NOTHING, pool.hazard_per_hour), paths=paths, seed=seed)
    return simulation(job, pool, NOTHING, market, seed=seed, from_at=AT, **rules)


def whole_model(job: Job, pool: PoolStatistics, paths: int, seed: int) -> Estimate:
    """Market, refund, least billed time, notice, parts: all that an estimate takes."""
    simulated = simulate_one(job, pool, paths, seed, billing=FIRST_HOUR, notice=TWO_MINUTES)
    return estimated(simulated, seed=seed, from_at=AT)


def speed(bench: Bench, paths: int) -> None:
    """Paths per second of one core, the whole model, best of five: a shared machine only slows."""
    for hours, life in ((24.0, 6.0), (24.0, 2.0), (48.0, 1.5)):
        job, pool = a_job(hours), a_pool(1 / life, 10**9, 0.5)
        taken = min(timed(lambda: whole_model(job, pool, paths, 1)) for _ in range(5))  # noqa: B023
        must = 1e5 if life >= 2 else 3e4
        bench.figure(
            f"simulated paths per second and core, {hours:g} h job, mean life {life:g} h", paths / taken,
            unit="paths/s", better="higher", must=must, aim=2 * must, n=paths,
        )  # fmt: skip


def timed(work: object) -> float:
    began = time.process_time()
    work()  # type: ignore[operator]
    return time.process_time() - began


def many_pools(bench: Bench, pools: int, paths: int) -> None:
    """A whole screening: so many pools, each with its own hazard and price, two threads."""
    market = np.random.default_rng(bench.options.seed)
    job = a_job(24.0)
    lives, prices = market.uniform(2, 30, pools), market.uniform(8, 20, pools)
    chosen = [a_pool(1 / lives[n], 100, 0.5, n, float(prices[n])) for n in range(pools)]
    began = time.perf_counter()
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda pool: whole_model(job, pool, paths, 1), chosen))
    taken = time.perf_counter() - began
    most = 15.0 * pools / 50
    bench.figure(
        f"{pools} pools x {paths} paths, two threads", taken, unit="s", better="lower", must=most,
        aim=most / 2, n=len(found),
    )  # fmt: skip
