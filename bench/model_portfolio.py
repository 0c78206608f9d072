"""Portfolios: how fast an allocation is solved and how honest it is, and what picks and failover orders cost.

Failover orders are learned from the first half of a market and replayed on its second, against the
best list that replaying the first half finds by brute force, and against the pool that hindsight
would have picked for each start (static omniscient).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import permutations

import numpy as np
from harness import Bench
from model_data import Recorded
from model_portfolio_replay import Market, Task, candidates, usd_of_lists

from model.allocation import allocate
from model.allocation_terms import Place, Wish
from model.failover import best_orders
from model.failover_chain import Terms
from model.scenarios import Scenarios
from model.scores import mean_by_day

TASKS = ((24.0, 36.0, 1.078, 1.05), (24.0, 30.0, 1.217, 1.15), (48.0, 72.0, 1.017, 1.015))
START_EVERY_HOURS = 4.0
RECENT_HOURS = 72.0  # A single pool is picked at each start by these and by the last day, half each.
FEWEST_POOLS = 3
BLOCK_HOURS = 48.0
MOST_SECONDS = 2.0
SOLVES = 3


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    allocations(bench)
    simulated(bench)
    for data in sets:
        if data.what == "availability":
            recorded(bench, data)


# Allocation.


def drawn(pools: int, count: int, seed: int) -> Scenarios:
    """Courses of a market whose regions share shocks: useful hours and cost of a node over three days."""
    fixed, rng = np.random.default_rng(7), np.random.default_rng(seed)
    region = np.arange(pools) % max(pools // 4, 1)
    level, price = fixed.normal(1.0, 0.8, pools), fixed.uniform(1.0, 4.0, pools)
    shock = rng.normal(0, 0.8, (count, region.max() + 1))[:, region] + rng.normal(0, 0.5, (count, pools))
    useful = 72.0 * 0.93 / (1 + np.exp(-level - shock))
    return Scenarios.of(useful * price * rng.lognormal(0, 0.05, (count, pools)), useful)


def allocations(bench: Bench) -> None:
    fresh = 2000 if bench.options.quick else 20_000
    sizes = ((12, 1000.0), (60, 3000.0))
    for pools, work in sizes[: 1 if bench.options.quick else 2]:
        regions = max(pools // 4, 1)
        places = [
            Place(name=f"p{j:02}", region=f"r{j % regions}", quota=8, bring_usd=40.0) for j in range(pools)
        ]
        for name, wish in (("", Wish(work=work)), (", 40 % a region", Wish(work=work, region_share=0.4))):
            seeds = range(bench.options.seed, bench.options.seed + SOLVES)
            runs = [
                solved(drawn(pools, 4000, seed), places, wish, drawn(pools, fresh, 1000 + seed))
                for seed in seeds
            ]
            cpu, wall, optimism, gap = (np.array(column) for column in zip(*runs, strict=True))
            what = f"{pools} pools, 500 scenarios{name}"
            bench.figure(
                f"allocation solved, {what}", float(np.median(cpu)), unit="CPU s", better="lower",
                must=MOST_SECONDS, aim=1.0, n=SOLVES,
                interval=[round(float(cpu.min()), 3), round(float(cpu.max()), 3)],
                wall_s=round(float(np.median(wall)), 2), gap=round(float(gap.max()), 5),
            )  # fmt: skip
            bench.figure(
                f"allocation, in-sample optimism, {what}", float(np.abs(optimism).max()), unit="share",
                better="lower", must=0.01, aim=0.005, n=fresh,
                interval=[round(float(optimism.min()), 5), round(float(optimism.max()), 5)],
            )  # fmt: skip


def solved(
    scenarios: Scenarios, places: list[Place], wish: Wish, fresh: Scenarios
) -> tuple[float, float, float, float]:
    """Return CPU and wall seconds of a solve, its optimism on fresh scenarios, and its gap."""
    cpu, wall = time.process_time(), time.perf_counter()
    found = allocate(scenarios, places, wish, fresh=fresh)
    return time.process_time() - cpu, time.perf_counter() - wall, found.optimism, found.gap


# Failover orders.


def order_of(market: Market, task: Task, at: int, longest: int, hours: float | None = None) -> list[int]:
    """Return the best list by the closed form, of what was known by a tick (the last hours of it)."""
    terms = Terms(
        work_hours=task.work,
        value_usd_per_hour=market.on_demand_usd - market.spot_usd,  # What an hour of waiting ends up costing.
        hours_to_deadline=task.deadline,
        move=lambda a, b: (task.move_usd * (a.region != b.region), 0.0),
    )
    best = best_orders(candidates(market, task, at, hours), terms, longest=longest)[0]
    return [market.names.index(name) for name in best.names]


def starts_of(market: Market, task: Task, first: int, last: int) -> np.ndarray:
    every = max(round(START_EVERY_HOURS / market.tick_hours), 1)
    return np.arange(first, last - int(np.ceil(task.deadline / market.tick_hours)), every)


def two_state(seed: int, regions: int = 3, zones: int = 2, days: int = 60) -> Market:
    """Pools that follow their region's two states nine times in ten, and states of their own else."""
    rng, tick = np.random.default_rng(seed), 0.25
    ticks = int(days * 24 / tick)

    def course(up_hours: float, down_hours: float) -> np.ndarray:
        state, found = rng.random() < up_hours / (up_hours + down_hours), np.zeros(ticks, dtype=bool)
        leave = {True: tick / up_hours, False: tick / down_hours}
        for number, turn in enumerate(rng.random(ticks)):
            found[number] = state
            state = (not state) if turn < leave[bool(state)] else state
        return found

    columns, names, places = [], [], []
    for region in range(regions):
        shared = course(rng.uniform(2, 12), rng.uniform(1, 8))
        for zone in range(zones):
            own = course(rng.uniform(2, 12), rng.uniform(1, 8))
            follows = course(18.0, 2.0)
            columns.append(np.where(follows, shared, own))
            names.append(f"r{region}z{zone}")
            places.append(f"r{region}")
    return Market(np.stack(columns, axis=1), tick, tuple(names), tuple(places), ("GPU",) * len(names))


def simulated(bench: Bench) -> None:
    """Ours against brute force: every list replayed on the same first half, both judged on the second."""
    task, markets = Task(work=24.0, deadline=36.0), 1 if bench.options.quick else 8
    days = 15 if bench.options.quick else 60
    mine, theirs, hindsight = [], [], []
    for seed in range(markets):
        market = two_state(bench.options.seed * 100 + seed, days=days)
        half, end = len(market.up_TJ) // 2, len(market.up_TJ)
        early, late = starts_of(market, task, 0, half), starts_of(market, task, half, end)
        pools = range(len(market.names))
        lists = [chosen for k in (1, 2, 3) for chosen in permutations(pools, k)]
        before, after = (usd_of_lists(market, task, when, lists).mean(axis=1) for when in (early, late))
        mine.append(after[lists.index(tuple(order_of(market, task, half, 3)))])
        theirs.append(after[int(np.argmin(before))])
        hindsight.append(after.min())
    bench.figure(
        "failover order, simulated correlated markets", float(np.mean(mine)), unit="USD", better="lower",
        peer="best list by replaying the same half", theirs=float(np.mean(theirs)), must=1.02, aim=1.0,
        n=markets, interval=between(np.subtract(mine, theirs), np.arange(markets), bench),
        over_hindsight=round(float(np.mean(mine) / np.mean(hindsight) - 1), 4),
    )  # fmt: skip


def between(difference_N: np.ndarray, block_N: np.ndarray, bench: Bench) -> list[float]:
    """Return the 90 % interval of a mean difference, whole blocks redrawn."""
    found = mean_by_day(difference_N, block_N, seed=bench.options.seed)
    return [round(found.low, 2), round(found.high, 2)]


def market_of(data: Recorded) -> Market | None:
    """Return the pools of the set's commonest family as one market; None where there are too few."""
    families = [pool.place.family for pool in data.pools]
    common = max(sorted(set(families)), key=families.count)
    pools = [pool for pool in data.pools if pool.place.family == common]
    if len(pools) < FEWEST_POOLS or len({pool.tick_hours for pool in pools}) > 1:
        return None
    ticks = min(pool.ticks for pool in pools)
    return Market(
        np.stack([pool.state_T[:ticks] for pool in pools], axis=1), pools[0].tick_hours,
        tuple(pool.place.pool for pool in pools), tuple(pool.place.region for pool in pools),
        tuple(pool.place.family for pool in pools),
    )  # fmt: skip


def recorded(bench: Bench, data: Recorded) -> None:
    market = market_of(data)
    if market is None:
        return
    half, end = len(market.up_TJ) // 2, len(market.up_TJ)
    for work, deadline, must, aim in TASKS:
        task = Task(work=work, deadline=deadline)
        free = replace(task, move_usd=0.0)
        starts = starts_of(market, task, half, end)
        if len(starts) < 2:
            continue
        single = usd_of_lists(market, task, starts, [[pool] for pool in range(len(market.names))])
        omniscient = float(single.min(axis=0).mean())
        share_J = market.up_TJ[:half].mean(axis=0)
        order = order_of(market, task, half, 3)
        picked = [order_of(market, task, int(at), 1, RECENT_HOURS)[0] for at in starts]
        what = f"{work:.0f} h in {deadline:.0f} h, {data.name}"
        more = {
            "best_in_hindsight": round(float(single.mean(axis=1).min()), 2),
            "best_by_share": round(float(single[int(np.argmax(share_J))].mean()), 2),
            "on_demand": round(work * market.on_demand_usd, 2),
            "random": round(float(np.mean(single)), 2),
        }
        usd_N = single[picked, range(len(starts))]
        block_N = starts * market.tick_hours // BLOCK_HOURS  # Starts overlap, so days are not independent.
        bench.figure(
            f"single pool, {what}", float(usd_N.mean()), unit="USD", better="lower",
            peer="static omniscient", theirs=omniscient, must=must, aim=aim, n=len(starts),
            interval=between(usd_N - single.min(axis=0), block_N, bench), **more,
        )  # fmt: skip
        moved_N = usd_of_lists(market, task, starts, [order])[0]
        moving = float(moved_N.mean())
        bench.figure(
            f"failover order, {what}", moving, unit="USD", better="lower", peer="static omniscient",
            theirs=omniscient, must=1.05, aim=1.0, n=len(starts),
            interval=between(moved_N - single.min(axis=0), block_N, bench),
            saved=round(1 - moving / (work * market.on_demand_usd), 4),
            moves_usd=round(moving - float(usd_of_lists(market, free, starts, [order]).mean()), 2),
        )  # fmt: skip
