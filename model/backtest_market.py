"""Scoring what was forecast of a market at one origin: availability, and how long capacity lasts.

Everything is learned from what was known at the origin. Until the next origin a forecast is made
every quarter of an hour from what had been seen by then, and every life that begins is scored
against what was believed of its pool. Beliefs about lives change slowly and take long to fit, so
they are learned at fewer origins than forecasts.

Legend: N = forecasts or lives, T = ticks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .backtest_record import EARLY, Record
from .backtest_scores import DAY_HOURS, NOMINAL, OURS, Forecasts, Names, Scores
from .forecast import HORIZONS, fit_forecast, origins
from .lifetime import Belief, predictive_survival, sibling_belief, updated
from .lives import LifeLaw, fit_lives
from .naive import Forecast, climatology, markov
from .observed import Lives, lives_of
from .validity import Floats
from .watched import Bools, Ints, Watched

CRPS_HOURS = 24.0  # Lives are scored until this age.
AGES = np.geomspace(0.005, CRPS_HOURS, 200)
CONSTANT = "constant hazard"


def forecasts_at(
    records: Sequence[Record],
    origin_hour: float,
    until_hour: float,
    horizons: Sequence[float] = HORIZONS,
) -> list[Forecasts]:
    """Return forecasts made from an origin on, beside climatology and a two-state Markov chain.

    Args:
        records: One per pool, those of which nothing was known at the origin left out.
        origin_hour: Everything is learned from what was known at this instant.
        until_hour: The next origin; no forecast is made from there on.
        horizons: Hours ahead.

    Raises:
        InsufficientHistory: Too little was known at the origin to learn from.
    """
    learned = [seen for record in records if (seen := record.watched(origin_hour)) is not None]
    forecaster = fit_forecast(learned, horizons)
    models: dict[str, Forecast] = {
        OURS: forecaster.chances, "climatology": climatology(learned), "2-state Markov": markov(learned),
    }  # fmt: skip
    live = [_until(record.live, until_hour) for record in records]
    now = [pool for pool in live if pool is not None]
    found = []
    for hours in forecaster.horizon_H:
        parts = [
            _of_pool(record, pool, now, models, hours, origin_hour, until_hour)
            for record, pool in zip(records, live, strict=True)
            if pool is not None
        ]
        found += [_together(hours, parts, list(models))] if any(len(came) for _, came, _, _ in parts) else []
    return found


Part = tuple[dict[str, Floats], Floats, Floats, str]


def _of_pool(
    record: Record, pool: Watched, pools: Sequence[Watched], models: dict[str, Forecast], hours: float,
    origin_hour: float, until_hour: float,
) -> Part:  # fmt: skip
    """Return chances by model, what came, and the days, of one pool and horizon."""
    start = origins(pool)
    begun = pool.hour_T[start]
    start = start[(begun >= origin_hour - EARLY) & (begun < until_hour - EARLY)]
    came = _came(record.truth, pool.hour_T[start] + hours)
    start, came = start[np.isfinite(came)], came[np.isfinite(came)]
    chances = {
        name: forecast(pool, pools, hours)[start] if start.size else np.zeros(0)
        for name, forecast in models.items()
    }
    return chances, came, pool.hour_T[start] // DAY_HOURS, pool.place.pool


def _came(truth: Watched, hour_N: Floats) -> Floats:
    """Return what was seen at the tick nearest to each hour; NaN where nobody looked."""
    index = np.round((hour_N - truth.first_hour) / truth.tick_hours).astype(np.int64)
    inside = (index >= 0) & (index < truth.ticks)
    return np.where(inside, truth.up_T[np.clip(index, 0, truth.ticks - 1)], np.nan)


def _together(hours: float, parts: Sequence[Part], names: Sequence[str]) -> Forecasts:
    return Forecasts(
        horizon_hours=hours,
        chances={name: np.concatenate([chances[name] for chances, _, _, _ in parts]) for name in names},
        came_N=np.concatenate([came for _, came, _, _ in parts]),
        pool_N=np.concatenate([np.full(len(came), pool) for _, came, _, pool in parts]),
        day_N=np.concatenate([day for _, _, day, _ in parts]),
    )


def _until(pool: Watched | None, hour: float) -> Watched | None:
    """Return a pool as watched before an hour; None where it was not."""
    if pool is None:
        return None
    ticks = int(np.ceil((hour - pool.first_hour) / pool.tick_hours - EARLY))
    return pool.until(min(ticks, pool.ticks)) if ticks > 0 else None


def life_scores_at(records: Sequence[Record], origin_hour: float, until_hour: float) -> list[Scores]:
    """Return how well the lives that began from an origin on had been foreseen.

    Coverage of the 80 % interval counts a life by the share of its interval of age that lies
    inside, for a recorder that looks once a tick knows no better. Baseline: a constant hazard per
    pool, shrunk to its siblings.

    Args:
        records: One per pool.
        origin_hour: Lives are learned from what was known at this instant.
        until_hour: When lives are learned anew; those that begin later are scored then.

    Raises:
        InsufficientHistory: Not one life was known at the origin.
    """
    known = [(record, seen) for record in records if (seen := record.watched(origin_hour)) is not None]
    early = lives_of([seen for _, seen in known], up=True) if known else None
    live = [record.live for record, _ in known]
    if early is None or not early.count or any(pool is None for pool in live):
        return []
    places = [seen.place for _, seen in known]
    later = lives_of([pool for pool in live if pool is not None], up=True)
    late = later.chosen((later.began_hour_N >= origin_hour) & (later.began_hour_N < until_hour))
    if not late.count:
        return []
    ours = fit_lives(places, early).law(late.pool_N, late.recent_NL)
    names = np.array([place.pool for place in places])
    return _life_rows(ours, _Constant(early, late.pool_N, len(places)), late, names[late.pool_N])


class _Constant:
    """A constant hazard per pool, shrunk to its siblings, of rows of lives."""

    def __init__(self, early: Lives, pool_N: Ints, pools: int) -> None:
        ended = np.isfinite(early.until_hours_N)
        middle = 0.5 * (early.after_hours_N + np.where(ended, early.until_hours_N, 0.0))
        lived = np.where(ended, middle, early.after_hours_N)
        events = np.bincount(early.pool_N, ended.astype(float), pools)
        hours = np.bincount(early.pool_N, lived, pools)
        prior = sibling_belief(list(events), list(hours)) if hours.any() else Belief(0.5, 1.0)
        self._beliefs = [updated(prior, k, h) for k, h in zip(events, hours, strict=True)]
        self._pool_N = pool_N

    def log_survival(self, age_hours_NT: Floats) -> Floats:
        ages = np.broadcast_to(age_hours_NT, (len(self._pool_N), age_hours_NT.shape[-1]))
        rows = [
            predictive_survival(self._beliefs[int(p)], row) for p, row in zip(self._pool_N, ages, strict=True)
        ]
        return np.log(np.array(rows))


Law = LifeLaw | _Constant
Score = Callable[[Law, Lives], Floats]


def _life_rows(ours: Law, theirs: Law, late: Lives, pool_N: Names) -> list[Scores]:
    ended_N, all_N = np.isfinite(late.until_hours_N), np.ones(late.count, dtype=bool)

    def row(
        figure: str, unit: str, better: str, score: Callable[[Law, Lives], Floats], of_N: Bools
    ) -> Scores:
        return Scores(
            figure=figure, unit=unit, better=better, baseline=CONSTANT, ours_N=score(ours, late)[of_N],
            theirs_N=score(theirs, late)[of_N], pool_N=pool_N[of_N],
            day_N=late.began_hour_N[of_N] // DAY_HOURS,
        )  # fmt: skip

    rows = [
        row("life_coverage_80", "share", "nominal", _covered, ended_N),
        row("life_crps_24h", "h", "lower", _crps, all_N),
        row("life_log_likelihood", "nats per life", "higher", _likelihood, all_N),
    ]
    return [each for each in rows if each.ours_N.size]


def _covered(law: Law, lives: Lives) -> Floats:
    """Return the share of each life's interval, by chance, between its 10 % and 90 % quantiles."""
    tail = (1.0 - NOMINAL) / 2.0
    low = 1.0 - np.exp(law.log_survival(lives.after_hours_N[:, None])[:, 0])
    high = 1.0 - np.exp(law.log_survival(_until_or_later(lives)[:, None])[:, 0])
    inside = np.clip(np.minimum(high, 1.0 - tail) - np.maximum(low, tail), 0.0, None)
    return np.asarray(inside / np.maximum(high - low, 1e-12))


def _crps(law: Law, lives: Lives) -> Floats:
    """Return the integral over ages to 24 h of (P(life <= age) - ended by then) squared, until it is cut."""
    width = np.diff(np.concatenate([[0.0], AGES]))
    ended = np.isfinite(lives.until_hours_N)
    middle = 0.5 * (lives.after_hours_N + np.where(ended, lives.until_hours_N, lives.after_hours_N))
    last = np.where(ended, CRPS_HOURS, lives.after_hours_N)
    gone = 1.0 - np.exp(law.log_survival(AGES[None, :]))
    off = (gone - (middle[:, None] <= AGES)) ** 2
    return np.asarray((off * (last[:, None] >= AGES)) @ width)


def _likelihood(law: Law, lives: Lives) -> Floats:
    """Return ln P(after < life <= until), or ln P(life > after) of a life still running."""
    after = law.log_survival(lives.after_hours_N[:, None])[:, 0]
    until = law.log_survival(_until_or_later(lives)[:, None])[:, 0]
    gone = np.log(-np.expm1(np.minimum(until - after, -1e-300)))
    return np.asarray(after + np.where(np.isfinite(lives.until_hours_N), gone, 0.0))


def _until_or_later(lives: Lives) -> Floats:
    ended = np.isfinite(lives.until_hours_N)
    return np.asarray(np.where(ended, lives.until_hours_N, lives.after_hours_N + 1.0))
