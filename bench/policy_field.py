"""Jobs put on recorded pools: which windows, which groups, which prices, and what each policy paid.

One group of pools at one deadline and overhead is a variant's part; every policy plays the same
windows. Ours decides for one job at a time, as a launcher asks it; the others for all at once.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from model.policy import make_policy
from model.policy_peers import PEERS
from model.policy_replay import Terms, omniscient_usd, replay, replay_one
from model.spot_safety import Promise

PLACE = re.compile(r"(availability|preemption)/(\d+)-node/([^/]+)/([^/]+)\.json$")
ON_DEMAND, SPOT, DEARER = 3.06, 0.918, 0.04
HISTORY_HOURS = 72.0
SCARCE = 0.55


@dataclass(frozen=True)
class Pool:
    folder: str
    name: str
    tick_hours: float
    up: np.ndarray

    @property
    def region(self) -> str:
        zone = self.name.split("_")[0]
        head, dash, tail = zone.rpartition("-")
        return head if dash and len(tail) == 1 else zone[:-1]


@dataclass(frozen=True)
class Part:
    """A group of pools under one deadline and overhead."""

    kind: str  # single | several
    pools: tuple[Pool, ...]
    task_hours: float
    deadline_hours: float
    overhead_hours: float

    @property
    def scarce(self) -> bool:
        return float(np.mean([pool.up.mean() for pool in self.pools])) < SCARCE

    @property
    def variant(self) -> tuple[str, str, float, float]:
        return self.kind, "scarce" if self.scarce else "plentiful", self.deadline_hours, self.overhead_hours

    @property
    def name(self) -> str:
        zones = "+".join(pool.name for pool in self.pools)
        return f"{self.pools[0].folder}/{zones}"


@dataclass(frozen=True)
class Played:
    """What was paid in each window, by policy; `ours` and `omniscient` among them."""

    part: Part
    day: np.ndarray
    cost: dict[str, np.ndarray]
    missed: int
    solve_s: float
    decide_s: list[float]


def pools_in(root: Path) -> list[Pool]:
    found = []
    for path in sorted(root.rglob("*.json")):
        match = PLACE.search(path.resolve().as_posix())
        if not match:
            continue
        content = json.loads(path.read_text())
        nodes = int(match[2])
        count = np.array([0 if n is None else n for n in content["data"]], dtype=float)
        tick = float(content["metadata"]["gap_seconds"]) / 3600.0
        found.append(Pool(f"{match[1]}/{match[2]}-node/{match[3]}", match[4], tick, count >= nodes))
    return found


def parts_of(pools: Sequence[Pool], kinds: Sequence[str] = ("single", "several")) -> Iterator[Part]:
    groups = {"single": [(pool,) for pool in pools], "several": list(groups_of(pools))}
    tasks = {"single": (48.0, (52.0, 70.0)), "several": (24.0, (36.0, 48.0))}
    for kind in kinds:
        task, deadlines = tasks[kind]
        for group in groups[kind]:
            for deadline in deadlines:
                for overhead in (0.05, 0.20):
                    yield Part(kind, group, task, deadline, overhead)


def groups_of(pools: Sequence[Pool]) -> Iterator[tuple[Pool, ...]]:
    """All pools of one folder with equal tick, and each region with two or more."""
    by_folder: dict[tuple[str, float], list[Pool]] = {}
    for pool in pools:
        by_folder.setdefault((pool.folder, pool.tick_hours), []).append(pool)
    seen = set()
    for folder in by_folder.values():
        by_region: dict[str, list[Pool]] = {}
        for pool in folder:
            by_region.setdefault(pool.region, []).append(pool)
        for group in [folder, *by_region.values()]:
            key = tuple(sorted(pool.name for pool in group))
            if len(group) > 1 and key not in seen:
                seen.add(key)
                yield tuple(sorted(group, key=lambda pool: pool.name))


def starts_of(part: Part, every_hours: float) -> tuple[list[int], int]:
    """First ticks of the windows, and how many ticks each has."""
    tick = part.pools[0].tick_hours
    ticks = min(pool.up.size for pool in part.pools)
    length = int(part.deadline_hours / tick + 1e-9)
    first = int(np.ceil(HISTORY_HOURS / tick - 1e-9))
    found, number = [], 0
    while (start := first + round(number * every_hours / tick)) <= ticks - length:
        found.append(start)
        number += 1
    return found, length


def prices_of(part: Part, dearer: float = DEARER) -> np.ndarray:
    return SPOT * (1.0 + dearer * np.arange(len(part.pools)))


def play(part: Part, every_hours: float, dearer: float = DEARER) -> Played | None:
    """Every policy on every window of a part; None where no window fits."""
    starts, length = starts_of(part, every_hours)
    if not starts:
        return None
    tick = part.pools[0].tick_hours
    up = np.stack([pool.up[: min(p.up.size for p in part.pools)] for pool in part.pools], axis=1)
    names = tuple(pool.name for pool in part.pools)
    promise = Promise(part.task_hours, part.deadline_hours, part.overhead_hours, tick)
    prices = prices_of(part, dearer)
    terms = Terms(promise, names, prices[None, :], ON_DEMAND)
    windows = np.stack([up[start : start + length] for start in starts], axis=1)
    bills = {name: replay(peer(), terms, windows) for name, peer in PEERS.items()}
    cost = {name: bill.cost_usd_B for name, bill in bills.items()}
    cost["omniscient"] = omniscient_usd(terms, windows)
    paid, missed, solve_s, decide_s = [], 0, 0.0, []
    for start in starts:
        watch = Stopwatch(part, names, prices, up[:start])
        bill = replay_one(watch, terms, up[start : start + length])
        paid.append(float(bill.cost_usd_B[0]))
        missed += bool(bill.missed_B[0])
        solve_s += watch.made_s
        decide_s += watch.decide_s
    cost["ours"] = np.array(paid)
    return Played(part, np.array(starts) * tick // 24, cost, missed, solve_s, decide_s)


class Stopwatch:
    """Our policy with a watch on every call."""

    def __init__(self, part: Part, names: Sequence[str], prices: np.ndarray, history: np.ndarray) -> None:
        began = time.perf_counter()
        self.policy = make_policy(
            part.task_hours, part.deadline_hours, part.overhead_hours, part.pools[0].tick_hours,
            dict(zip(names, prices.tolist(), strict=True)), ON_DEMAND, list(names),
            {name: history[:, i].astype(int).tolist() for i, name in enumerate(names)},
        )  # fmt: skip
        self.made_s = time.perf_counter() - began
        self.decide_s: list[float] = []

    def decide(self, now_h, done_h, current, available):
        began = time.perf_counter()
        chosen = self.policy.decide(now_h, done_h, current, available)
        self.decide_s.append(time.perf_counter() - began)
        return chosen


def play_all(parts: Sequence[Part], every_hours: float, dearer: float, workers: int) -> Iterator[Played]:
    """Parts in order, on some processes; the same answers however many."""
    one = partial(play, every_hours=every_hours, dearer=dearer)
    if workers == 1:
        yield from filter(None, map(one, parts))
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from filter(None, pool.map(one, parts))
