"""Availability in h hours: Brier score, calibration, and transfer to a zone nobody learned from.

All of a set's pools are learned from in their first half; forecasts are made every 15 minutes of
the second. Differences carry the 90 % interval of a day-block bootstrap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from harness import Bench
from model_data import Recorded

from model.forecast import HORIZONS, fit_forecast, outcomes
from model.naive import BASELINES, Forecast
from model.scores import brier, calibration_error, log_loss, mean_by_day
from model.watched import Watched

Learner = Callable[[Sequence[Watched]], Forecast]
LOGIT = "pooled logit"
NEW_POOL_HOURS = 72.0  # Own history of a pool that was not learned from.
CALIBRATION = {0.25: 0.02, 1.0: 0.02, 6.0: 0.02, 24.0: 0.05}


@dataclass
class Scored:
    """Forecasts of one model at one horizon, all pools after one another."""

    chance: np.ndarray
    came: np.ndarray
    day: np.ndarray


def ours(learned: Sequence[Watched]) -> Forecast:
    return fit_forecast(learned).chances


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    for data in sets:
        if data.what == "availability":
            learned_here(bench, data)
            unseen_zone(bench, data)


def learned_here(bench: Bench, data: Recorded) -> None:
    """Ours against each baseline, all learned from the first half of the same pools."""
    early = [pool.until(data.split_ticks(i)) for i, pool in enumerate(data.pools)]
    models = {name: learn(early) for name, learn in {"ours": ours, **BASELINES}.items()}
    for hours in HORIZONS:
        scored = {
            name: second_half(data, data.pools, [f] * len(data.pools), hours) for name, f in models.items()
        }
        for peer in BASELINES:
            compare(bench, f"Brier {hours:g} h, {data.name}", brier, scored["ours"], scored[peer], peer)
        compare(bench, f"log-loss {hours:g} h, {data.name}", log_loss, scored["ours"], scored[LOGIT], LOGIT)
        mine, goal = scored["ours"], CALIBRATION[hours]
        bench.figure(
            f"calibration error {hours:g} h, {data.name}", calibration_error(mine.chance, mine.came),
            unit="share", better="lower", must=goal, aim=goal, n=len(mine.came),
            interval=calibration_interval(mine, bench.options.seed),
            by_luck=by_luck(mine, hours, bench.options.seed),
        )  # fmt: skip


def unseen_zone(bench: Bench, data: Recorded) -> None:
    """A pool with three days of own history, learned from the first half of the others alone."""
    if len(data.pools) < 2:
        return
    early = [pool.until(data.split_ticks(i)) for i, pool in enumerate(data.pools)]
    young = [cut_before(pool, data.split_ticks(i)) for i, pool in enumerate(data.pools)]
    models = {"ours": ours, LOGIT: BASELINES[LOGIT]}
    held = {
        name: [learn([e for j, e in enumerate(early) if j != i]) for i in range(len(early))]
        for name, learn in models.items()
    }
    for hours in HORIZONS:
        scored = {name: second_half(data, young, forecasts, hours) for name, forecasts in held.items()}
        what = f"Brier {hours:g} h, unseen zone with 3 d, {data.name}"
        compare(bench, what, brier, scored["ours"], scored[LOGIT], LOGIT)


def second_half(
    data: Recorded, pools: Sequence[Watched], forecasts: Sequence[Forecast], hours: float
) -> Scored:
    """Score each pool with its forecast; others show their whole past."""
    chance, came, day = [], [], []
    for index, (pool, forecast) in enumerate(zip(pools, forecasts, strict=True)):
        others = [pool if i == index else other for i, other in enumerate(data.pools)]
        split_hour = data.pools[index].hour_T[data.split_ticks(index)]
        start, up = outcomes(pool, hours)
        late = pool.hour_T[start] >= split_hour - 1e-9
        chance.append(forecast(pool, others, hours)[start[late]])
        came.append(up[late])
        day.append(pool.hour_T[start[late]] // 24)
    return Scored(np.concatenate(chance), np.concatenate(came), np.concatenate(day))


def cut_before(pool: Watched, split: int) -> Watched:
    """Return a pool as if it had been watched from three days before its second half on."""
    first = max(0, split - round(NEW_POOL_HOURS / pool.tick_hours))
    return Watched(
        place=pool.place,
        up_T=pool.up_T[first:],
        tick_hours=pool.tick_hours,
        first_hour=float(pool.hour_T[first]),
    )


def compare(
    bench: Bench, figure: str, loss: Callable[..., np.ndarray], mine: Scored, theirs: Scored, peer: str
) -> None:
    """Print a mean loss against a peer's, with the interval of their difference."""
    a, b = loss(mine.chance, mine.came), loss(theirs.chance, theirs.came)
    apart = mean_by_day(a - b, mine.day, seed=bench.options.seed)
    bench.figure(
        figure, float(a.mean()), unit="per forecast", better="lower", must=1.0,
        aim=0.97 if peer == LOGIT else 1.0, peer=peer, theirs=float(b.mean()), n=len(a),
        difference=round(apart.value, 5), interval=[round(apart.low, 5), round(apart.high, 5)],
    )  # fmt: skip


def calibration_interval(scored: Scored, seed: int, redraws: int = 300) -> list[float]:
    """Return the 90 % interval of the calibration error, whole days redrawn."""
    rng = np.random.default_rng(seed)
    by_day = [np.flatnonzero(scored.day == day) for day in np.unique(scored.day)]
    found = []
    for _ in range(redraws):
        rows = np.concatenate([by_day[k] for k in rng.integers(0, len(by_day), len(by_day))])
        found.append(calibration_error(scored.chance[rows], scored.came[rows]))
    return [round(float(q), 4) for q in np.quantile(found, [0.05, 0.95])]


def by_luck(scored: Scored, hours: float, seed: int, redraws: int = 100) -> float:
    """Return the error a perfect forecast would show here, rows within a horizon sharing luck."""
    rng = np.random.default_rng(seed)
    block = np.arange(len(scored.came)) // max(1, round(hours / 0.25))
    luck = rng.uniform(size=(redraws, block[-1] + 1))[:, block]
    came = (luck < scored.chance).astype(float)
    return round(float(np.mean([calibration_error(scored.chance, row) for row in came])), 4)
