"""Deciding under a deadline, against published policies: python bench/policy.py --data DIR [--quick]

DIR is laid out like spot-traces/. Every policy plays every window: a start each six hours
(--starts-h) with three days of history before it. A share closed is how much of the way from
Uniform Progress to the omniscient bound is gone, summed over windows. The bound is rounded in its
own favour, so shares are understated. Intervals redraw zones and days, never windows.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import policy_field
from harness import Bench, start
from policy_field import Played, play_all

from model.policy import make_policy
from model.policy_peers import UniformProgress
from model.policy_replay import Terms, replay, replay_one
from model.spot_safety import Promise

UP, BOUND = "uniform progress", "omniscient"
RIVALS = ("greedy", UP, "stay put")
REDRAWS = 2000
GOALS = (  # Pooled, and in the worst variant.
    ("single", (0.45, 0.20), (0.65, 0.40)),
    ("several", (0.40, None), (0.65, None)),
)
ADVERSARIAL = 10_000


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--starts-h", type=float, default=None, help="hours between starts (6; 48 if --quick)"
    )
    parser.add_argument("--prices", type=float, default=policy_field.DEARER, help="step of price by rank")
    parser.add_argument("--workers", type=int, default=2, help="processes")


def main() -> None:
    bench = start("policy", __doc__, options)
    chosen = bench.options
    if chosen.data is not None:
        every = chosen.starts_h or (48.0 if chosen.quick else 6.0)
        parts = list(policy_field.parts_of(policy_field.pools_in(chosen.data)))
        played = list(play_all(parts, every, chosen.prices, chosen.workers))
        for kind, must, aim in GOALS:
            of_kind = [each for each in played if each.part.kind == kind]
            if of_kind:
                shares(bench, kind, of_kind, must, aim)
                against_rivals(bench, kind, of_kind)
        misses(bench, "deadlines missed, all windows", sum(each.missed for each in played), windows(played))
        decisions(bench, played)
    adversarial(bench, 200 if chosen.quick else ADVERSARIAL)
    simulator(bench)
    bench.finish()


def windows(played: Iterable[Played]) -> int:
    return sum(len(each.day) for each in played)


def gained(each: Played, policy: str) -> np.ndarray:
    return each.cost[UP] - each.cost[policy]


def share(played: Sequence[Played]) -> float:
    ours = sum(float(gained(each, "ours").sum()) for each in played)
    return ours / sum(float(gained(each, BOUND).sum()) for each in played)


def by_variant(played: Iterable[Played]) -> Iterator[tuple[tuple[str, str, float, float], list[Played]]]:
    found: dict[tuple[str, str, float, float], list[Played]] = defaultdict(list)
    for each in played:
        found[each.part.variant].append(each)
    yield from sorted(found.items())


def shares(
    bench: Bench,
    kind: str,
    played: Sequence[Played],
    must: tuple[float, float | None],
    aim: tuple[float, float | None],
) -> None:
    low, high = interval(played, bench.options.seed)
    bench.figure(
        f"share of the gap closed, {kind}, pooled", share(played), unit="share", better="higher",
        must=must[0], aim=aim[0], n=windows(played), interval=[round(low, 3), round(high, 3)],
    )  # fmt: skip
    told = {variant: share(those) for variant, those in by_variant(played)}
    for (_, class_, deadline, overhead), closed in told.items():
        bench.figure(
            f"share closed, {kind}, {class_}, {deadline:g} h, overhead {overhead:g} h", closed, unit="share",
            better="higher", must=must[1] or 0.0, aim=aim[1] or 0.0,
            n=windows(dict(by_variant(played))[(kind, class_, deadline, overhead)]),
        )  # fmt: skip


def interval(played: Sequence[Played], seed: int) -> tuple[float, float]:
    """The 90 % interval of the pooled share, zones and days redrawn."""
    rng = np.random.default_rng(seed)
    cells: dict[tuple[str, int], np.ndarray] = defaultdict(lambda: np.zeros(2))
    for each in played:
        pair = np.stack([gained(each, "ours"), gained(each, BOUND)], axis=1)
        for day in np.unique(each.day):
            cells[each.part.name, int(day)] += pair[each.day == day].sum(axis=0)
    zones = sorted({zone for zone, _ in cells})
    days = {zone: np.array([cell for (name, _), cell in cells.items() if name == zone]) for zone in zones}
    drawn = []
    for _ in range(REDRAWS):
        total = np.zeros(2)
        for zone in rng.choice(len(zones), len(zones)):
            rows = days[zones[zone]]
            total += rows[rng.integers(0, len(rows), len(rows))].sum(axis=0)
        drawn.append(total[0] / total[1])
    low, high = np.quantile(drawn, [0.05, 0.95])
    return float(low), float(high)


def against_rivals(bench: Bench, kind: str, played: Sequence[Played]) -> None:
    """Never dearer than the cheapest of the three, in any variant."""
    for (_, class_, deadline, overhead), those in by_variant(played):
        means = {
            name: float(np.concatenate([each.cost[name] for each in those]).mean()) for name in those[0].cost
        }
        best = min(RIVALS, key=means.__getitem__)
        bench.figure(
            f"USD per job, {kind}, {class_}, {deadline:g} h, overhead {overhead:g} h", means["ours"],
            unit="USD", better="lower", must=1.01, aim=1.0, peer=best, theirs=means[best], n=windows(those),
            uniform_progress=round(means[UP], 2), omniscient=round(means[BOUND], 2),
        )  # fmt: skip


def misses(bench: Bench, figure: str, missed: int, n: int) -> None:
    bench.figure(figure, missed, unit="deadlines", better="lower", must=0, aim=0, n=n)


def decisions(bench: Bench, played: Sequence[Played]) -> None:
    taken_s = np.array([seconds for each in played for seconds in each.decide_s])
    made_s = sum(each.solve_s for each in played)
    bench.figure(
        "a decision, p99, working out values anew included", float(np.quantile(taken_s, 0.99)) * 1e3,
        unit="ms", better="lower", must=5.0, aim=0.2, n=len(taken_s),
        longest_ms=round(taken_s.max() * 1e3, 1),
    )  # fmt: skip
    bench.figure(
        "all working out and deciding, by decision", (made_s + taken_s.sum()) / len(taken_s) * 1e3, unit="ms",
        better="lower", must=5.0, aim=1.0, n=len(taken_s),
    )  # fmt: skip


def adversarial(bench: Bench, traces: int) -> None:
    """Short jobs on traces that flicker, vanish, or come back just too late."""
    rng = np.random.default_rng(bench.options.seed)
    missed = 0
    for _ in range(traces):
        tick = float(rng.choice([0.05, 0.1, 0.25]))
        task, overhead = float(rng.uniform(0.5, 3.0)), float(rng.choice([0.0, 0.05, 0.2]))
        least = Promise(task, task, overhead, tick).least_hours()
        job = Promise(task, least + float(rng.uniform(0.0, 2.0)), overhead, tick)
        length = int(rng.integers(1, 15))
        up = np.repeat(rng.uniform(size=(job.ticks // length + 1, 1)) < rng.uniform(), length, axis=0)[
            : job.ticks
        ]
        up ^= rng.uniform(size=up.shape) < rng.choice([0.0, 0.05, 0.5])
        policy = make_policy(
            task, job.deadline_hours, overhead, tick, {"a": 1.0}, 3.0, ["a"], history={"a": [1] * 100}
        )
        missed += bool(replay_one(policy, Terms(job, ("a",), np.array([[1.0]]), 3.0), up).missed_B[0])
    misses(bench, "deadlines missed, adversarial traces", missed, traces)


class PlainLoop:
    """Uniform Progress in a plain loop over ticks, for one job: what the batch is measured against."""

    def __init__(self, terms: Terms) -> None:
        self.promise, self.debt, self.held = terms.promise, 0.0, (None, None)

    def decide(self, now_h, done_h, current, available):
        promise, tick = self.promise, round(now_h / self.promise.tick_hours)
        if current != self.held or current[0] is None:
            self.debt = 0.0
        line = tick * promise.task_hours / promise.ticks
        on_demand = current[0] == "od"
        if available["a"]:
            wait = on_demand and done_h < line + 2.0 * promise.overhead_hours
            chosen = current if wait else ("spot", "a")
        else:
            chosen = ("od", "a") if on_demand or done_h < line - 1e-9 else (None, None)
        left = promise.task_hours - done_h
        owed = self.debt if chosen == current else promise.overhead_hours
        if chosen[0] is None and not promise.safe_to_wait(tick, left):
            chosen = ("od", "a")
        if chosen[0] == "spot" and not promise.safe_on_spot(tick, left, owed):
            chosen = ("od", "a")
        owed = self.debt if chosen == current else promise.overhead_hours
        self.debt, self.held = max(owed - promise.tick_hours, 0.0), chosen
        return chosen


def simulator(bench: Bench) -> None:
    """Steps per CPU-second: Uniform Progress for many jobs at once against a plain loop for each."""
    job = Promise(48.0, 70.0, 0.05, 195.0 / 3600.0)
    terms = Terms(job, ("a",), np.array([[1.0]]), 3.0)
    rng = np.random.default_rng(bench.options.seed)
    up = np.repeat(rng.uniform(size=(job.ticks // 12 + 1, 8000, 1)) < 0.5, 12, axis=0)[: job.ticks]
    began = time.process_time()
    many = replay(UniformProgress(), terms, up)
    batch_s = time.process_time() - began
    few = 10
    began = time.process_time()
    alone = [replay_one(PlainLoop(terms), terms, up[:, k]).cost_usd_B[0] for k in range(few)]
    loop_s = time.process_time() - began
    assert np.allclose(many.cost_usd_B[:few], alone)
    bench.figure(
        "simulator, steps per CPU-second", job.ticks * up.shape[1] / batch_s, unit="1/s", better="higher",
        must=20, aim=100, peer="plain loop over ticks", theirs=job.ticks * few / loop_s, n=up.shape[1],
    )  # fmt: skip


if __name__ == "__main__":
    main()
