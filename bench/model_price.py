"""The mean price over a day, a week, a month and a quarter: CRPS, log-score and coverage.

Families are learned from in the first half of their span; each pool is forecast at evenly spaced
instants of the second, with its own past up to then. Scores are of the mean price over the price in
force, so that dear and cheap machines count alike. Peers: persistence with the spread that the
family's first half showed, and the present estimate's Ornstein-Uhlenbeck forecast over 30 days.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from harness import Bench
from model_data import Recorded
from price_data import PriceSet, generated_set, price_sets

from model.draws import lognormals
from model.price import forecast_log_sd, forecast_mean
from model.price_forecast import HORIZONS, forecast_price, learn_prices
from model.price_history import PriceHistory
from model.scores import mean_by_day

ORIGINS, QUICK_ORIGINS = 12, 4
POINTS = (np.arange(400) + 0.5) / 400
OU = "Ornstein-Uhlenbeck"
PERSISTENCE = "persistence + spread"
WINDOW_HOURS = 720.0
BIN = 0.01  # Log-score: the probability of the bin of log ratio that came.
LEAST = 1e-3
RELEARNT = 4  # Times in the second half, from all that is known by then; peers too.
SHORTEST_BLOCK_DAYS = 30


@dataclass
class Scored:
    crps: list[float] = field(default_factory=list)
    surprise: list[float] = field(default_factory=list)
    covered: list[float] = field(default_factory=list)
    day: list[float] = field(default_factory=list)

    def add(self, ratio_S: np.ndarray, came: float, hour: float) -> None:
        self.crps.append(crps(ratio_S, came))
        self.surprise.append(surprise(ratio_S, came))
        self.covered.append(covered(ratio_S, came))
        self.day.append(hour // 24)


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    made = generated_set(bench.options.seed, pools=3 if bench.options.quick else 8)
    held: dict[float, list[Scored]] = {hours: [] for hours in HORIZONS}
    for data in [*price_sets(bench.options.data), made]:
        scored = score_set(data, QUICK_ORIGINS if bench.options.quick else ORIGINS)
        for hours in HORIZONS:
            if len(scored[hours]["ours"].crps) >= 2 * len(data.pools):
                report(bench, f"{data.name}, {hours / 24:g} d", scored[hours], hours)
                held[hours] += [] if data.generated else [scored[hours]["ours"]]
    for hours, mine in held.items():
        if len(mine) > 1:
            inside = [share for one in mine for share in one.covered]
            block = [day // block_days(hours) + 1e6 * k for k, one in enumerate(mine) for day in one.day]
            coverage(bench, f"all recorded, {hours / 24:g} d", inside, block)


def score_set(data: PriceSet, origins: int) -> dict[float, dict[str, Scored]]:
    first, last = min(p.hour_K[0] for p in data.pools), max(p.until_hour for p in data.pools)
    split = 0.5 * (first + last)
    learnt_at, early, law = -np.inf, [], None
    names = ("ours", PERSISTENCE, OU)
    scored = {hours: {name: Scored() for name in names} for hours in HORIZONS}
    for hour in np.linspace(split, last, origins, endpoint=False):
        if hour - learnt_at >= (last - split) / RELEARNT:
            learnt_at, early = hour, [pool.until(hour) for pool in data.pools if pool.hour_K[0] < hour]
            law = learn_prices(early)
        for pool, listed in zip(data.pools, data.on_demand, strict=True):
            for hours in HORIZONS:
                if pool.hour_K[0] >= hour - 24 or hour + hours > pool.until_hour:
                    continue
                known = pool.until(float(hour))
                came = float(pool.mean_price(hour, hours)) / known.price_usd_per_hour
                ours = forecast_price(known, hours, on_demand_usd_per_hour=listed, law=law)
                points = {
                    "ours": ours.quantile(POINTS) / known.price_usd_per_hour,
                    PERSISTENCE: persistence(early, hours),
                    OU: present(known, hours),
                }
                for name, ratio_S in points.items():
                    scored[hours][name].add(ratio_S, came, float(hour))
    return scored


def persistence(early: Sequence[PriceHistory], hours: float) -> np.ndarray:
    """Today's price, with the spread of all past stretches of that length, median at today's."""
    seen = np.concatenate([pool.mean_ratios(hours, 64) for pool in early])
    if not seen.size:
        return np.ones(POINTS.size)
    return np.quantile(seen / np.median(seen), POINTS)


def present(known: PriceHistory, hours: float) -> np.ndarray:
    """The forecast of the present estimate, from a window of 30 days."""
    begin = max(known.until_hour - WINDOW_HOURS, float(known.hour_K[0]))
    inside = known.hour_K > begin
    hour = np.concatenate([[begin], known.hour_K[inside]])
    price = np.concatenate([[float(known.price_at(begin))], known.price_K[inside]])
    held = np.diff(np.append(hour, known.until_hour))
    mean = float(np.average(price, weights=held))
    log_sd = float(
        np.sqrt(np.average((np.log(price) - np.average(np.log(price), weights=held)) ** 2, weights=held))
    )
    now, changes = known.price_usd_per_hour, int(inside.sum())
    if not changes:
        return np.ones(POINTS.size)
    ahead = float(forecast_mean(now, mean, hours))
    return lognormals(ahead, forecast_log_sd(log_sd, changes, hours), POINTS) / now


def crps(ratio_S: np.ndarray, came: float) -> float:
    rank = (2 * np.arange(1, ratio_S.size + 1) - ratio_S.size - 1) / ratio_S.size**2
    return float(np.abs(ratio_S - came).mean() - np.dot(rank, np.sort(ratio_S)))


def surprise(ratio_S: np.ndarray, came: float) -> float:
    """Minus the log of the probability of what came, to 1 % of the price."""
    here = np.rint(np.log(ratio_S) / BIN) == np.rint(np.log(came) / BIN)
    return float(-np.log(max(here.mean(), LEAST)))


def covered(ratio_S: np.ndarray, came: float) -> float:
    """The share of what came's own chance that lies between the 10 % and the 90 % quantile.

    A price that stays is a certain point: counted whole, any interval that holds it looks too wide.
    """
    below, upto = float((ratio_S < came - 1e-9).mean()), float((ratio_S <= came + 1e-9).mean())
    if upto - below < 1.5 / ratio_S.size:
        return float(0.1 <= below <= 0.9)
    return max(0.0, min(upto, 0.9) - max(below, 0.1)) / (upto - below)


def report(bench: Bench, what: str, scored: dict[str, Scored], hours: float) -> None:
    mine = scored["ours"]
    block = np.asarray(mine.day) // block_days(hours)
    for name, of in (("CRPS of mean price", lambda s: s.crps), ("log-score lost", lambda s: s.surprise)):
        for peer in (PERSISTENCE, OU):
            compare(bench, f"{name}, {what}", of, mine, scored[peer], peer, block)
    theirs = {peer: round(float(np.mean(scored[peer].covered)), 3) for peer in (PERSISTENCE, OU)}
    coverage(bench, what, mine.covered, block, theirs_cover=theirs)


def block_days(hours: float) -> float:
    """What pools do within a month, or within one horizon, is one piece of luck."""
    return max(SHORTEST_BLOCK_DAYS, hours / 24)


def coverage(
    bench: Bench, what: str, inside: Sequence[float], block: Sequence[float], **more: object
) -> None:
    held = mean_by_day(inside, block, seed=bench.options.seed)
    bench.figure(
        f"80 % interval, distance from .80: price, {what}", abs(held.value - 0.8), unit="share",
        better="lower", must=0.05, aim=0.03, n=len(inside), covers=round(held.value, 3),
        interval=[round(held.low, 3), round(held.high, 3)], **more,
    )  # fmt: skip


def compare(
    bench: Bench, figure: str, of: Callable[[Scored], list[float]], mine: Scored, theirs: Scored, peer: str,
    block: np.ndarray,
) -> None:  # fmt: skip
    a, b = np.asarray(of(mine)), np.asarray(of(theirs))
    apart = mean_by_day(a - b, block, seed=bench.options.seed)
    unit = "of the price" if figure.startswith("CRPS") else "nats"
    bench.figure(
        figure, float(a.mean()), unit=unit, better="lower", must=1.0, aim=0.95, peer=peer,
        theirs=float(b.mean()), n=len(a), interval=[round(apart.low, 5), round(apart.high, 5)],
    )  # fmt: skip
