"""What choosing an interval by formula costs beyond the best one found by trying, for every rule.

Each case states a job and a pool; the chosen interval's billed hours per useful hour are compared
with the least over a dense grid (of intervals, and of light saves to a full one), by the same exact
forms. By age the best plan is found backwards over a fine grid of ages, whatever interval comes next.
Nothing here reads recorded data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from harness import Bench
from model_data import Recorded

from model.errors import ImpossibleInput
from model.goodput import async_billed_per_useful, gang_hazard_per_hour
from model.interval import ChosenInterval, young_hours
from model.interval_choice import Danger, cadence_of, fitting_interval
from model.interval_laws import gang_life
from model.interval_light import light_billed_per_useful
from model.job import Job, Overheads
from model.notice import notice_billed_per_useful, saved_in_time
from model.renewal import Lifetime, bathtub, billed_per_useful, weibull

PENALTY = 0.001
HOUR_S = 3600.0
GRID = np.geomspace(1 / 20, 20, 1500)  # Times the chosen interval.
LIVES = {
    "Weibull .5": weibull(0.5, 3.0),
    "Weibull .7": weibull(0.7, 6.0),
    "Weibull 1.5": weibull(1.5, 6.0),
    "bathtub": bathtub(0.45, 1.0, 0.8, 24.0),
}
Case = tuple[float, float, ChosenInterval]  # Ours and the least billed hours per useful hour.


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    quick = bench.options.quick
    rules = {
        "constant hazard (F3)": constant, "gang with common cause (F10)": gangs,
        "background (F8)": background, "notice (F7o)": notice, "two levels (F9a)": two_levels,
        "weights only (F9b)": weights_only, "any life (F6)": any_life, "by age (F6c)": by_age,
    }  # fmt: skip
    for name, cases in rules.items():
        found = [ours / best - 1.0 for ours, best, _ in cases(quick)]
        bench.figure(
            f"interval's penalty at worst, {name}", max(*found, 0.0), unit="of billed hours", better="lower",
            must=PENALTY, aim=PENALTY, n=len(found), mean=round(float(np.mean(found)), 7),
            interval=[round(min(found), 6), round(max(found), 6)],
        )  # fmt: skip
    compare_naive(bench)


def some(quick: bool, *ranges: Iterable) -> list[tuple]:
    """Return every combination, or each fifth of them."""
    return list(product(*ranges))[:: 5 if quick else 1]


def job(**told: float | int | None) -> Job:
    plain: dict = {"pause_s": 120.0, "save_lag_s": 0.0, "boot_s": 300.0, "restore_s": 120.0, "warmup_s": 60.0}
    return Job(
        name="grid", gpus=8, useful_hours=2000.0, state_bytes=1, throughput={"any": 1.0},
        overheads=Overheads(**plain | told),
    )  # fmt: skip


def least(billed: Callable[[float], float], chosen: ChosenInterval, from_s: float = 1.0) -> float:
    """Return the least of a cost over a grid about the chosen interval."""
    tried = np.unique(np.clip(chosen.interval_s * GRID, from_s, 2000 * HOUR_S))
    return min(billed(float(interval_s)) for interval_s in tried)


def constant(quick: bool) -> Iterable[Case]:
    for pause_s, mean_hours in some(quick, (5.0, 60.0, 600.0), (0.25, 1.0, 6.0, 48.0)):
        yield memoryless(job(pause_s=pause_s), 1 / mean_hours)


def background(quick: bool) -> Iterable[Case]:
    for pause_s, lag_s, mean_hours in some(quick, (2.0, 30.0), (60.0, 900.0), (0.5, 6.0, 48.0)):
        yield memoryless(job(pause_s=pause_s, save_lag_s=lag_s), 1 / mean_hours)


def memoryless(told: Job, hazard: float) -> Case:
    chosen = fitting_interval(told, Danger(hazard_per_hour=hazard))
    soonest_s = max(told.overheads.save_lag_s - told.overheads.pause_s, 1.0)

    def billed(interval_s: float) -> float:
        return float(async_billed_per_useful(cadence_of(told, interval_s), hazard))

    return billed(chosen.interval_s), least(billed, chosen, soonest_s), chosen


def gangs(quick: bool) -> Iterable[Case]:
    for nodes, beta in some(quick, (4, 16, 64), (0.0, 0.9, 1.0)):
        told = replace(job(), gang_share=beta)
        hazard = float(gang_hazard_per_hour(0.02, nodes, beta))
        chosen = fitting_interval(told, Danger(hazard_per_hour=0.02, nodes=nodes))
        alone = memoryless(told, hazard)
        yield float(async_billed_per_useful(cadence_of(told, chosen.interval_s), hazard)), alone[1], chosen


def notice(quick: bool) -> Iterable[Case]:
    for save_s, notice_s, mean_hours in some(quick, (10.0, 60.0, 150.0), (30.0, 120.0), (1.0, 6.0, 48.0)):
        told = job(emergency_save_s=save_s, notice_delivered_share=0.9)
        chance = saved_in_time(save_s, 0.5, notice_s, delivered_share=0.9)
        chosen = fitting_interval(told, Danger(hazard_per_hour=1 / mean_hours, notice_s=notice_s))

        def billed(interval_s: float, told=told, chance=chance, notice_s=notice_s, hours=mean_hours) -> float:
            cadence = cadence_of(told, interval_s)
            return notice_billed_per_useful(cadence, 1 / hours, chance, notice_s / HOUR_S)

        yield billed(chosen.interval_s), least(billed, chosen), chosen


def two_levels(quick: bool) -> Iterable[Case]:
    for light_s, share, mean_hours in some(quick, (5.0, 60.0), (0.5, 0.8, 0.95), (1.0, 6.0, 48.0)):
        told = job(light_pause_s=light_s, light_survives_share=share, light_most=12)
        yield light(told, 1 / mean_hours, quick)


def weights_only(quick: bool) -> Iterable[Case]:
    for light_s, warm_s, mean_hours in some(quick, (5.0, 40.0), (60.0, 900.0), (1.0, 6.0, 48.0)):
        told = job(light_pause_s=light_s, light_warmup_s=warm_s, light_most=8)
        yield light(told, 1 / mean_hours, quick)


def light(told: Job, hazard: float, quick: bool) -> Case:
    """Try every number of light saves, one to the most allowed, and all full ones too."""
    chosen = fitting_interval(told, Danger(hazard_per_hour=hazard))
    grid = (
        chosen.interval_s
        / HOUR_S
        * (np.geomspace(1 / 12, 12, 150) if quick else np.geomspace(1 / 12, 12, 600))
    )
    tried = [
        light_billed_per_useful(told, hazard, every, float(hours))
        for every in range(1, told.overheads.light_most + 1)
        for hours in grid
    ]
    return chosen.billed_per_useful or 0.0, min(*tried, memoryless(told, hazard)[1]), chosen


def any_life(quick: bool) -> Iterable[Case]:
    for life, pause_s, nodes in some(quick, LIVES.values(), (20.0, 300.0), (1, 8)):
        told = job(pause_s=pause_s)
        chosen = fitting_interval(told, Danger(hazard_per_hour=0.1, life=life, nodes=nodes))
        gang = gang_life(life, nodes, told.gang_share)
        grid = chosen.interval_s * np.geomspace(1 / 8, 8, 60 if quick else 400)
        yield chosen.billed_per_useful or 0.0, min(fixed(gang, told, float(tau)) for tau in grid), chosen


def fixed(life: Lifetime, told: Job, interval_s: float) -> float:
    try:
        return billed_per_useful(life, cadence_of(told, interval_s))
    except ImpossibleInput:
        return np.inf


def by_age(quick: bool) -> Iterable[Case]:
    for life, pause_s in some(quick, LIVES.values(), (60.0, 300.0)):
        told = job(pause_s=pause_s)
        chosen = fitting_interval(told, Danger(hazard_per_hour=0.1, life=life, by_age=True))
        yield chosen.billed_per_useful or 0.0, best_by_age(life, told, 4 if quick else 8), chosen


def best_by_age(life: Lifetime, told: Job, fine: int) -> float:
    """Return the least billed hours per useful hour of any plan by age, backwards from old age."""
    step = told.overheads.pause_s / HOUR_S / fine
    ages = np.geomspace(0.1, 1e5, 4000)
    last = float(min(ages[np.argmax(life.at(ages) < 2e-3)], life.longest_hours))
    start = cadence_of(told, 1.0).redo_hours
    count = min(int((last - start) / step), 12_000)
    step = (last - start) / count
    alive = life.at(start + step * np.arange(count + 1))
    pause = told.overheads.pause_s / HOUR_S
    first = int(np.ceil(pause / step)) + 1
    kept = np.full(count + 1, max(tail(life, last, hours, pause) for hours in np.geomspace(0.05, 50, 60)))
    for place in range(count - first, -1, -1):
        ends = np.arange(place + first, min(count, place + first + 12 * int(1 / step)) + 1)
        kept[place] = np.max(alive[ends] * ((ends - place) * step - pause) + kept[ends])
    return life.mean_hours() / float(kept[0])


def tail(life: Lifetime, age: float, interval: float, pause: float) -> float:
    """Return the work kept after an age at one interval, times the chance to get there."""
    return interval * float(life.at(age + (interval + pause) * np.arange(1.0, 4000.0)).sum())


def compare_naive(bench: Bench) -> None:
    """Print what counting each node alone costs, where nine in ten losses are common."""
    told, ours, theirs = replace(job(), gang_share=0.9), [], []
    for nodes in (4, 16, 64):
        hazard = float(gang_hazard_per_hour(0.05, nodes, 0.9))
        chosen = fitting_interval(told, Danger(hazard_per_hour=0.05, nodes=nodes))
        naive_s = float(young_hours(told.overheads.pause_s / HOUR_S, nodes * 0.05)) * HOUR_S
        for taken, into in ((chosen.interval_s, ours), (naive_s, theirs)):
            into.append(float(async_billed_per_useful(cadence_of(told, taken), hazard)))
    apart = np.divide(ours, theirs)
    bench.figure(
        "billed per useful hour, 4 to 64 nodes, beta .9", float(np.mean(ours)), unit="h/h", better="lower",
        must=1.0, aim=0.99, peer="Young with n times the hazard", theirs=float(np.mean(theirs)), n=3,
        interval=[round(float(apart.min()), 4), round(float(apart.max()), 4)],
    )  # fmt: skip
