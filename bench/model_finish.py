"""When a 12-hour job ends: does the 80 % interval of its finish cover 80 %, and what is its CRPS.

A job is started every few hours of the second half of each series and put on a market made of what
had been seen by then; laws are fitted anew once a day. Rules fixed in advance: a start is scored
if the record goes on for 120 h, or half of the scored half where that is shorter, but 18 h at least;
CRPS is taken to that horizon; a job whose end the record does not show counts as covered by the share of
the interval above what was seen, as the predicted law itself divides it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from harness import Bench
from model_data import Recorded
from model_finish_peers import PEERS

from model.markets import Past, market_of, past_of
from model.runs import Runs, runs_of
from model.scores import mean_by_day
from model.spells import Market

WORK_HOURS, SEGMENT_HOURS, RESTART_HOURS = 12.0, 0.5, 0.2
FOLLOWED_HOURS, LEAST_HOURS = 120.0, 18.0
STEP_HOURS, REFIT_HOURS = 4.0, 24.0
PATHS = 400
REPEATS = 5
SEED_STEP = 1009
BAND, ZONE_BAND = 0.03, 0.10  # .77 to .83 over all zones, .70 to .90 in each.
GRID_HOURS = 0.25
CUT = 1e-6  # Two finishes closer than this are one.
OURS = "ours"


@dataclass
class Finished:
    """Starts of one set: what came, and what each market made of it."""

    pool: np.ndarray
    start_hour: np.ndarray
    covered: dict[str, np.ndarray]
    crps: dict[str, np.ndarray]
    unfinished: int = 0  # Jobs whose end the record does not show.
    left_out: int = 0  # Starts the record does not follow for long enough.


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    scored: dict[str, Finished] = {}
    for data in sets:
        found = scored_set(data, bench)
        if found.pool.size:
            scored[data.name] = found
            of_set(bench, data, found)
    if scored:
        coverage(bench, "all sets", *everything(list(scored.values()), "covered", OURS), BAND)
        for peer in PEERS:
            compare(bench, "all sets", list(scored.values()), peer)
    if sets:
        speed(bench, sets[0])


def scored_set(data: Recorded, bench: Bench) -> Finished:
    step = STEP_HOURS * (3.0 if bench.options.quick else 1.0)
    found = Finished(np.zeros(0, dtype=int), np.zeros(0), {}, {})
    runs, laws = runs_of(data.pools), {}
    asked: list[tuple[float, int, float]] = []
    for index, pool in enumerate(data.pools):
        begin, end = float(pool.hour_T[data.split_ticks(index)]), float(runs.end_hour_P[index])
        horizon = min(FOLLOWED_HOURS, max(LEAST_HOURS, 0.5 * (end - begin)))
        starts = np.arange(begin, end, step)
        kept = starts[starts <= end - horizon]
        found.left_out += starts.size - kept.size
        asked += [(float(start), index, horizon) for start in kept]
    for start, index, horizon in sorted(asked):  # By the clock, so that a day's laws know nothing later.
        score(data, runs, index, start, horizon, laws, found, seed=bench.options.seed)
    return found


def score(
    data: Recorded,
    runs: Runs,
    index: int,
    start: float,
    horizon: float,
    laws: dict,
    found: Finished,
    *,
    seed: int,
) -> None:
    """Add one start: what really came, and every predictor's verdict on it."""
    past = known_by(data, start, laws)
    tick = past.pools[index].ticks - 1
    hour = float(data.pools[index].hour_T[tick])
    seen = float(runs.end_hour_P[index]) - hour
    finish = float(job(Really(runs, index, hour))[0])
    found.unfinished += finish > seen
    found.pool = np.append(found.pool, index)
    found.start_hour = np.append(found.start_hour, hour)
    luck = seed + SEED_STEP * found.pool.size  # Another course for every start.
    markets: dict[str, Callable[[], Market]] = {
        OURS: lambda: market_of(past, past.places[index], paths=PATHS, seed=luck).market
    }
    markets |= {name: lambda make=make: make(past, index, PATHS, luck) for name, make in PEERS.items()}
    for name, make in markets.items():
        drawn = np.sort(job(make()))
        held, off = covered(drawn, finish, seen), crps(drawn, finish, horizon)
        found.covered[name] = np.append(found.covered.get(name, np.zeros(0)), held)
        found.crps[name] = np.append(found.crps.get(name, np.zeros(0)), off)


def known_by(data: Recorded, start: float, laws: dict) -> Past:
    """Return what had been seen at a start, that instant's look included; laws are a day old at most."""
    if laws.get("start") == start:
        return laws["past"]
    pools = [
        pool.until(max(1, min(pool.ticks, int((start - pool.first_hour) / pool.tick_hours + 1e-6) + 1)))
        for pool in data.pools
    ]
    day = start // REFIT_HOURS  # The first start of a day learns for all of it.
    if day not in laws:
        laws[day] = past_of(pools)
    fresh = past_of(pools, learned=(laws[day].up, laws[day].gap))
    laws["start"], laws["past"] = start, fresh
    return fresh


class Really:
    """What the record shows from an hour on, as a market of one path; its last run goes on forever."""

    paths = 1

    def __init__(self, runs: Runs, index: int, hour: float) -> None:
        self.runs, self.index, self.hour, self.end = runs, index, hour, float(runs.end_hour_P[index])

    def spell(self, path_N: np.ndarray, at_hours_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pool_N = np.full(path_N.size, self.index)
        from_N, until_N = self.runs.next_up(pool_N, at_hours_N + self.hour, np.full(path_N.size, self.end))
        return from_N - self.hour, np.where(until_N >= self.end - CUT, np.inf, until_N - self.hour)


def job(market: Market) -> np.ndarray:
    """Return when a job of 12 useful hours ends on each path, in hours from now; infinite for never."""
    need, at = np.full(market.paths, WORK_HOURS), np.zeros(market.paths)
    finish = np.full(market.paths, np.inf)
    path = np.arange(market.paths, dtype=np.int64)
    while path.size:
        begin, lost = market.spell(path, at[path])
        comes = np.isfinite(begin)
        worked = np.full(path.size, -np.inf)
        worked[comes] = lost[comes] - begin[comes] - RESTART_HOURS
        done = worked >= need[path] - CUT
        finish[path[done]] = begin[done] + RESTART_HOURS + need[path[done]]
        kept = SEGMENT_HOURS * np.maximum(np.floor(worked[~done] / SEGMENT_HOURS + CUT), 0.0)
        need[path[~done]] -= kept
        at[path[~done]] = lost[~done]
        path = path[~done & np.isfinite(lost)]
    return finish


def covered(drawn: np.ndarray, finish: float, seen: float) -> float:
    """Return the share of what is known of a finish that lies between the 10 % and 90 % quantiles.

    Where the law holds one value for likely, what came equals many draws: it is then known only to
    lie among them, and counts by the share of them inside. So does one that ends after the record.
    """
    known = finish <= seen
    low = np.searchsorted(drawn, finish - CUT if known else seen) / drawn.size
    high = np.searchsorted(drawn, finish + CUT, side="right") / drawn.size if known else 1.0
    if high - low < 1.0 / drawn.size:
        return float(0.1 <= low <= 0.9)
    return float(max(0.0, min(high, 0.9) - max(low, 0.1)) / (high - low))


def crps(drawn: np.ndarray, finish: float, horizon: float) -> float:
    """Return the integral to the horizon of (P(finish <= t) - ended by t) squared."""
    grid = np.arange(0.5 * GRID_HOURS, horizon, GRID_HOURS)
    share = np.searchsorted(drawn, grid, side="right") / drawn.size
    return float((((share - (grid >= finish)) ** 2) * GRID_HOURS).sum())


def of_set(bench: Bench, data: Recorded, found: Finished) -> None:
    day = found.start_hour // 24
    more = {"unfinished": int(found.unfinished), "left_out": int(found.left_out)}
    coverage(bench, data.name, found.covered[OURS], day, BAND, **more)
    for index in np.unique(found.pool):
        mine = found.pool == index
        place = data.pools[index].place
        coverage(bench, f"{data.name} {place.pool}", found.covered[OURS][mine], day[mine], ZONE_BAND)
    for peer in PEERS:
        compare(bench, data.name, [found], peer)


def coverage(bench: Bench, what: str, held: np.ndarray, day: np.ndarray, band: float, **more: object) -> None:
    by_day = mean_by_day(held, day, seed=bench.options.seed)
    bench.figure(
        f"finish of 12 h, 80 % interval, distance from .80: {what}", abs(by_day.value - 0.8), unit="share",
        better="lower", must=band, aim=band, n=held.size, covers=round(by_day.value, 3),
        interval=[round(by_day.low, 3), round(by_day.high, 3)], **more,
    )  # fmt: skip


def compare(bench: Bench, what: str, found: Sequence[Finished], peer: str) -> None:
    mine, day = everything(found, "crps", OURS)
    theirs, _ = everything(found, "crps", peer)
    held, _ = everything(found, "covered", peer)
    apart = mean_by_day(mine - theirs, day, seed=bench.options.seed)
    bench.figure(
        f"finish of 12 h, CRPS: {what}", float(mine.mean()), unit="h", better="lower", must=1.0, aim=1.0,
        peer=peer, theirs=float(theirs.mean()), n=mine.size, difference=round(apart.value, 3),
        interval=[round(apart.low, 3), round(apart.high, 3)], peer_covers=round(float(held.mean()), 3),
    )  # fmt: skip


def everything(found: Sequence[Finished], what: str, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return one number per start of all sets, and its day; days of two sets are not one."""
    value = np.concatenate([getattr(one, what)[name] for one in found])
    day = np.concatenate([one.start_hour // 24 + 1e6 * number for number, one in enumerate(found)])
    return value, day


def speed(bench: Bench, data: Recorded) -> None:
    """Processor time to make a market of 20 000 paths, and spells answered per second of it."""
    began = time.process_time()
    past = past_of(data.pools)
    learned = time.process_time() - began
    made, wall = [], time.perf_counter()
    for _ in range(REPEATS):
        began = time.process_time()
        market = market_of(past, past.places[0], paths=20_000, seed=bench.options.seed).market
        made.append(time.process_time() - began)
    wall = (time.perf_counter() - wall) / REPEATS
    at, path, asked = np.zeros(market.paths), np.arange(market.paths), 0
    began = time.process_time()
    for _ in range(10):
        at[path] = market.spell(path, at[path])[1]
        asked += path.size
        path = path[np.isfinite(at[path])]
    spells = asked / (time.process_time() - began)
    bench.figure(
        f"market of 20 000 paths made, {data.name}", float(np.median(made)), unit="processor s",
        better="lower", must=0.2, aim=0.2, n=REPEATS, interval=[round(min(made), 3), round(max(made), 3)],
        wall_s=round(wall, 2), learned_once_s=round(learned, 2), spells_per_s=round(spells),
    )  # fmt: skip
