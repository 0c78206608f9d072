"""How long capacity lasts: likelihood, CRPS and coverage, in and out of zone.

Lives begun in the first half of a series are learned from, cut where the half ends; lives begun in
the second are scored. A life counts as covered by the share of its interval of age that the 80 %
interval holds, since a recorder that looks once a tick knows no better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from harness import Bench
from model_data import Recorded

from model.hierarchy import tree_of
from model.lifetime import predictive_survival, sibling_belief, updated
from model.lives import LifeLaw, fit_lives
from model.lognormal import Components, fit_single
from model.observed import Lives, joined, lives_of
from model.scores import mean_by_day
from model.watched import Place

CRPS_HOURS = 24.0
LEAST_LIVES = 20  # Below, a score of a set is noise.
NEW_POOL_HOURS = 24.0  # Up-hours of own history a new pool has.
MOST_LOST = 0.1  # Nats per run such a pool may lose.
BAND = 0.03  # Coverage from .77 to .83.


def figures(bench: Bench, sets: Sequence[Recorded]) -> None:
    held: list[np.ndarray] = []
    for number, data in enumerate(sets):
        for up in (True, False):
            halves = [own_halves(data, index, up) for index in range(len(data.pools))]
            early, late = joined([a for a, _ in halves]), joined([b for _, b in halves])
            if min(early.endings, late.endings) >= LEAST_LIVES:
                inside = learned_here(bench, data, early, late, up)
                if up:
                    new_pool(bench, data, early, late)
                    held.append(inside + np.array([[0.0], [1e6 * number]]))  # Days of two sets are not one.
    if held:
        coverage(bench, "lives, all sets", np.concatenate(held, axis=1))


def own_halves(data: Recorded, index: int, up: bool) -> tuple[Lives, Lives]:
    """Return a pool's lives known by the split, and those begun later."""
    runs = lives_of(data.slots[index], up=up)
    lives = Lives(
        pool_N=np.full(runs.count, index), after_hours_N=runs.after_hours_N, until_hours_N=runs.until_hours_N,
        began_hour_N=runs.began_hour_N, recent_NL=runs.recent_NL,
    )  # fmt: skip
    split = float(data.pools[index].hour_T[data.split_ticks(index)])
    return lives.seen_by(split), lives.chosen(lives.began_hour_N >= split)


def places(data: Recorded) -> list[Place]:
    return [pool.place for pool in data.pools]


def learned_here(bench: Bench, data: Recorded, early: Lives, late: Lives, up: bool) -> np.ndarray:
    """Ours against lognormal EB-MAP and the constant hazard, learned from the same lives."""
    what = f"{'lives' if up else 'gaps'}, {data.name}"
    mine = fit_lives(places(data), early).law(late.pool_N, late.recent_NL)
    laws = {
        "lognormal EB-MAP": lognormal_eb(data, early, late),
        "gamma-Poisson EB": gamma_poisson(data, early, late),
    }
    for peer, law in laws.items():
        lost = -likelihood(mine, late), -likelihood(law, late)
        compare(bench, f"log-likelihood lost, {what}", *lost, late, peer, "nats per run")
        compare(bench, f"CRPS to 24 h, {what}", crps(mine, late), crps(law, late), late, peer, "h")
    ended = np.isfinite(late.until_hours_N)
    inside = np.stack([covered(mine, late)[ended], late.began_hour_N[ended] // 24])
    coverage(bench, what, inside)
    return inside


def coverage(bench: Bench, what: str, inside: np.ndarray) -> None:
    """Print how far the 80 % interval is from covering 80 %: shares covered, and the day of each."""
    held = mean_by_day(inside[0], inside[1], seed=bench.options.seed)
    bench.figure(
        f"80 % interval, distance from .80: {what}", abs(held.value - 0.8), unit="share", better="lower",
        must=BAND, aim=BAND, n=inside.shape[1], covers=round(held.value, 3),
        interval=[round(held.low, 3), round(held.high, 3)],
    )  # fmt: skip


def new_pool(bench: Bench, data: Recorded, early: Lives, late: Lives) -> None:
    """Each pool in turn with its last 24 up-hours alone, and with nothing, beside the full history."""
    full = likelihood(fit_lives(places(data), early).law(late.pool_N, late.recent_NL), late)
    for hours, what in ((NEW_POOL_HOURS, "24 up-hours of own history"), (0.0, "no own history")):
        found = np.empty(late.count)
        for index in np.unique(late.pool_N):
            mine = late.pool_N == index
            kept = early.chosen((early.pool_N != index) | last_hours(early, int(index), hours))
            law = fit_lives(places(data), kept).law(late.pool_N[mine], late.recent_NL[mine])
            found[mine] = likelihood(law, late.chosen(mine))
        lost = mean_by_day(full - found, late.began_hour_N // 24, seed=bench.options.seed)
        bench.figure(
            f"log-likelihood lost with {what}, {data.name}", lost.value, unit="nats per run", better="lower",
            must=MOST_LOST if hours else 2 * MOST_LOST, aim=MOST_LOST, n=late.count,
            interval=[round(lost.low, 4), round(lost.high, 4)],
        )  # fmt: skip


def last_hours(lives: Lives, index: int, hours: float) -> np.ndarray:
    """Return which of a pool's lives hold its last hours."""
    own = np.flatnonzero(lives.pool_N == index)
    newest = own[np.argsort(-lives.began_hour_N[own], kind="stable")]
    before = np.cumsum(lives.after_hours_N[newest]) - lives.after_hours_N[newest]
    chosen = np.zeros(lives.count, dtype=bool)
    chosen[newest[before < hours]] = True
    return chosen


def lognormal_eb(data: Recorded, early: Lives, late: Lives) -> LifeLaw:
    """One lognormal per pool, most probable under the hierarchy; no regime, no covariates."""
    parts = fit_single(tree_of(places(data)), early, covariates=False).components(late.pool_N, late.recent_NL)
    sure = Components(parts.share_NC, parts.location_NC, parts.scale_NC, np.zeros_like(parts.unsure_NC))
    return LifeLaw(sure, 0.0)


class GammaPoisson:
    """A constant hazard per pool, shrunk to its siblings."""

    def __init__(self, beliefs: list, pool_N: np.ndarray) -> None:
        self.beliefs, self.pool_N = beliefs, pool_N

    def log_survival(self, age_hours_NT: np.ndarray) -> np.ndarray:
        ages = np.broadcast_to(age_hours_NT, (len(self.pool_N), age_hours_NT.shape[-1]))
        rows = [predictive_survival(self.beliefs[p], row) for p, row in zip(self.pool_N, ages, strict=True)]
        return np.log(np.array(rows))


def gamma_poisson(data: Recorded, early: Lives, late: Lives) -> GammaPoisson:
    ended = np.isfinite(early.until_hours_N)
    lived = np.where(
        ended, 0.5 * (early.after_hours_N + np.where(ended, early.until_hours_N, 0)), early.after_hours_N
    )
    count = len(data.pools)
    events, hours = np.bincount(early.pool_N, ended, count), np.bincount(early.pool_N, lived, count)
    prior = sibling_belief(list(events), list(hours))
    return GammaPoisson([updated(prior, k, h) for k, h in zip(events, hours, strict=True)], late.pool_N)


def likelihood(law: LifeLaw | GammaPoisson, lives: Lives) -> np.ndarray:
    after = law.log_survival(lives.after_hours_N[:, None])[:, 0]
    ended = np.isfinite(lives.until_hours_N)
    until = law.log_survival(np.where(ended, lives.until_hours_N, lives.after_hours_N + 1.0)[:, None])[:, 0]
    return after + np.where(ended, np.log(-np.expm1(np.minimum(until - after, -1e-300))), 0.0)


def covered(law: LifeLaw, lives: Lives) -> np.ndarray:
    """Return the share of each life's interval, by chance, between the 10 % and 90 % quantiles."""
    ended = np.isfinite(lives.until_hours_N)
    until = np.where(ended, lives.until_hours_N, lives.after_hours_N + 1.0)
    low = 1.0 - np.exp(law.log_survival(lives.after_hours_N[:, None])[:, 0])
    high = 1.0 - np.exp(law.log_survival(until[:, None])[:, 0])
    inside = np.clip(np.minimum(high, 0.9) - np.maximum(low, 0.1), 0.0, None)
    return inside / np.maximum(high - low, 1e-12)


def crps(law: LifeLaw | GammaPoisson, lives: Lives) -> np.ndarray:
    """Return the integral over ages to 24 h of (P(life <= age) - ended by then) squared, until it is cut."""
    ages = np.geomspace(0.005, CRPS_HOURS, 200)
    width = np.diff(np.concatenate([[0.0], ages]))
    ended = np.isfinite(lives.until_hours_N)
    middle = 0.5 * (lives.after_hours_N + np.where(ended, lives.until_hours_N, lives.after_hours_N))
    last = np.where(ended, CRPS_HOURS, lives.after_hours_N)
    gone = 1.0 - np.exp(law.log_survival(ages))
    off = (gone - (ages >= middle[:, None])) ** 2
    return (off * (ages <= last[:, None])) @ width


def compare(
    bench: Bench, figure: str, mine: np.ndarray, theirs: np.ndarray, late: Lives, peer: str, unit: str
) -> None:
    apart = mean_by_day(mine - theirs, late.began_hour_N // 24, seed=bench.options.seed)
    bench.figure(
        figure, float(mine.mean()), unit=unit, better="lower", must=1.0, aim=1.0, peer=peer,
        theirs=float(theirs.mean()), n=late.count, difference=round(apart.value, 4),
        interval=[round(apart.low, 4), round(apart.high, 4)],
    )  # fmt: skip
