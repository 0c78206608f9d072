"""What the chosen checkpoint interval costs over the best there is.

Nothing recorded is needed: lives are exponential, as the interval's own rule assumes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from harness import Bench
from model_data import Recorded
from model_simulator import a_job

from model.course import run
from model.course_markets import Renewing
from model.goodput import Cadence, async_billed_per_useful, expected
from model.interval import choose_interval
from model.job import SECONDS_PER_HOUR

LONG_HOURS = 2000.0
GRID = 12  # Of intervals from half to twice the chosen one, which is not among them.
SIMULATED = ((24.0, 6.0, 60.0, 0.0), (24.0, 1.5, 180.0, 0.0), (48.0, 6.0, 10.0, 180.0))


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    exactly(bench)
    by_simulation(bench, 40_000 if bench.options.quick else 400_000)


def exactly(bench: Bench) -> None:
    """What the chosen interval costs over the best of a fine grid, by the exact forms."""
    long_run, whole, where = 0.0, 0.0, ""
    for life in (24.0, 6.0, 1.5):
        for pause_s, lag_s in ((10.0, 0.0), (60.0, 0.0), (180.0, 0.0), (10.0, 180.0)):
            chosen, grid = tried(LONG_HOURS, life, pause_s, lag_s)
            rates = [float(async_billed_per_useful(each, 1 / life)) for each in (chosen, *grid)]
            long_run = max(long_run, rates[0] / min(rates) - 1)
            for hours in (1.0, 3.0, 12.0, 24.0, 100.0):
                chosen, grid = tried(hours, life, pause_s, lag_s)
                bills = [float(expected(hours, each, 1 / life).billed_hours) for each in (chosen, *grid)]
                name = name_of(hours, life, pause_s, lag_s)
                whole, where = max((whole, where), (bills[0] / min(bills) - 1, name))
    bench.figure(
        "chosen interval over brute force, per hour of a long job", 100 * long_run, unit="%",
        better="lower", must=0.1, aim=0.01,
    )  # fmt: skip
    bench.figure(
        "chosen interval over brute force, whole jobs of 1 to 100 h", 100 * whole, unit="%",
        better="lower", must=0.1, aim=0.1, where=where,
    )  # fmt: skip


def tried(hours: float, life: float, pause_s: float, lag_s: float) -> tuple[Cadence, list[Cadence]]:
    """Return the chosen cadence and a grid about it, with all even cuts of the work near it."""
    job = a_job(hours, pause_s=pause_s, save_lag_s=lag_s)
    chosen = Cadence(
        interval_hours=choose_interval(job, 1 / life).interval_s / SECONDS_PER_HOUR,
        pause_hours=pause_s / SECONDS_PER_HOUR,
        restart_hours=job.overheads.restart_s / SECONDS_PER_HOUR,
        save_lag_hours=lag_s / SECONDS_PER_HOUR,
    )
    segments = hours / chosen.interval_hours
    cuts = np.arange(max(1, int(segments / 1.5)), 2 + int(1.5 * segments))
    longest = min(3 * chosen.interval_hours, hours)
    lengths = [*np.geomspace(chosen.interval_hours / 3, longest, 100), *(hours / cuts)]
    return chosen, [replace(chosen, interval_hours=float(each)) for each in lengths]


def by_simulation(bench: Bench, paths: int) -> None:
    """The same under common luck: the best of a grid on one half of the paths, scored on the other."""
    half, worst = paths // 2, (-1.0, 0.0, "")
    for hours, life, pause_s, lag_s in SIMULATED:
        chosen, _ = tried(hours, life, pause_s, lag_s)
        lengths = chosen.interval_hours * np.geomspace(0.5, 2.0, GRID)
        grid = [replace(chosen, interval_hours=float(each)) for each in lengths]
        billed = [on_common_luck(hours, each, life, paths, bench.options.seed) for each in grid]
        best = min(billed, key=lambda each: float(each[:half].mean()))[half:]
        mine = on_common_luck(hours, chosen, life, paths, bench.options.seed)[half:]
        more = (mine - best) / best.mean()
        noise = 100 * 1.96 * float(more.std()) / np.sqrt(half)
        worst = max(worst, (100 * float(more.mean()), noise, name_of(hours, life, pause_s, lag_s)))
    bench.figure(
        f"chosen interval over the best of {GRID} simulated", worst[0], unit="%", better="lower",
        must=0.1, aim=0.05, n=half, noise=round(worst[1], 3), where=worst[2],
    )  # fmt: skip


def on_common_luck(hours: float, cadence: Cadence, life: float, paths: int, seed: int) -> np.ndarray:
    """Return billed hours."""
    return run(hours, cadence, Renewing(1 / life, paths=paths, seed=seed)).billed_hours


def name_of(hours: float, life: float, pause_s: float, lag_s: float) -> str:
    return f"{hours:g} h, mean life {life:g} h, pause {pause_s:g} s, lag {lag_s:g} s"
