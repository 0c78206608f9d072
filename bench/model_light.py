"""Jobs with light saves between full ones: the closed form beside simulated courses of the same plan.

Nothing recorded is needed; markets are of the belief that both methods hold. The noise of the paths
stands beside each difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import Bench
from model_data import Recorded
from model_simulator import AT, NOTHING, a_job, a_pool, off, simulate_one, value

from model.cost import estimate
from model.estimate import PoolStatistics
from model.job import Job
from model.placement import placed
from model.simulated import estimated

FULL_S, LIGHT_S = 60.0, 5.0
WORTH = (
    {"light_survives_share": 0.5},
    {"light_survives_share": 0.9},
    {"light_warmup_s": 120.0},
    {"light_warmup_s": 900.0},
)


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    paths = 8_000 if bench.options.quick else 64_000
    worst: dict[str, tuple[float, float, str]] = {}
    cases = list(planned())
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
            f"light saves, closed form off the simulator, {what}, worst of {len(cases)} jobs", error,
            unit="%", better="lower", must=3.0, aim=1.0, n=paths, p90_noise=round(noise, 3), where=name,
        )  # fmt: skip


def planned() -> Iterator[tuple[str, Job, PoolStatistics]]:
    """Jobs of a day to a week whose best plan has light saves, on calm and wild pools."""
    for hours, life in ((24.0, 6.0), (72.0, 8.0), (168.0, 24.0), (48.0, 2.0)):
        for worth in WORTH:
            job, pool = (
                a_job(hours, pause_s=FULL_S, light_pause_s=LIGHT_S, **worth),
                a_pool(1 / life, 200, 0.5),
            )
            if placed(job, pool, NOTHING, 1 / life).chosen.full_every > 1:
                yield f"{hours:g} h, mean life {life:g} h, {worth}", job, pool
