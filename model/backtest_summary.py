"""From the scores of many origins to figures: each with its interval, its n and a baseline's value.

Every interval is that of a day-block bootstrap, all pools of a day drawn together. A figure that
rests on too few days is left out, with the number that is missing in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from .backtest_scores import OURS, Forecasts, OriginScores, Scores, joined_forecasts, joined_scores
from .errors import InsufficientHistory
from .scores import Bin, brier, calibration_bins, calibration_error_by_day, log_loss, mean_by_day
from .validity import Floats
from .watched import Bools

LEAST_ORIGINS = 5
LEAST_DAYS = 5  # Fewer blocks than this have no interval.
TOLD = (  # In this order, each with its horizons and baselines.
    "brier", "log_loss", "calibration_error", "life_coverage_80", "life_crps_24h", "life_log_likelihood",
    "finish_coverage_80", "finish_crps", "cost_coverage_80", "cost_crps",
    "regret_usd", "regret_share", "saving_share",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of a backtest, with its interval and a baseline's number on the same things."""

    figure: str
    unit: str
    better: str  # lower | higher | nominal: as near as can be to the baseline.
    pool: str | None  # None: all pools together.
    horizon_hours: float | None
    baseline: str | None
    value: float
    low: float
    high: float
    n: int
    days: int
    baseline_value: float | None
    apart_low: float | None  # 90 % interval of value less baseline, the same days redrawn.
    apart_high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bins:
    """Calibration of one forecast at one horizon, all pools together."""

    horizon_hours: float
    forecast: str  # ours, or a baseline's name.
    bins: tuple[Bin, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a backtest found, and in words what it could not."""

    origins: int
    figures: tuple[Figure, ...]
    bins: tuple[Bins, ...]
    left_out: tuple[str, ...]


def summarised(origins: Sequence[OriginScores], *, seed: int) -> Summary:
    """Return the figures of a backtest.

    Args:
        origins: What each origin yielded, in any order.
        seed: Of the redraws behind the intervals.

    Raises:
        InsufficientHistory: Fewer than 5 origins, or not one figure rests on 5 days.
    """
    if len(origins) < LEAST_ORIGINS:
        raise InsufficientHistory(
            f"{len(origins)} origins were scored; a backtest needs {LEAST_ORIGINS}, so "
            f"{LEAST_ORIGINS - len(origins)} are missing.",
            fix="Widen the span.",
        )
    ordered = sorted(origins, key=lambda each: each.origin_hour)
    forecasts = _by_horizon([one for origin in ordered for one in origin.forecasts])
    rows = [_forecast_rows(one) for one in forecasts]
    scores = [*(row for part in rows for row in part), *_by_figure([s for o in ordered for s in o.scores])]
    enough = [one for one in forecasts if _days(one.day_N) >= LEAST_DAYS]
    figures = [figure for one in enough for figure in _calibration_errors(one, seed)]
    figures += [figure for one in scores for figure in _figures(one, seed)]
    left_out = [*_repeated([why for o in ordered for why in o.left_out]), *_too_few(scores)]
    if not figures:
        raise InsufficientHistory(
            f"None of the {len(origins)} origins led to a figure that rests on {LEAST_DAYS} days. "
            + " ".join(left_out[:2]),
            fix="Widen the span, or collect probes for longer.",
        )
    figures.sort(key=_told)  # Stable: baselines keep their order.
    bins = [part for one in enough for part in _bins(one, seed)]
    return Summary(origins=len(origins), figures=tuple(figures), bins=tuple(bins), left_out=tuple(left_out))


def _told(figure: Figure) -> tuple[bool, str, int, float]:
    """Return where a figure is told: all pools together first, then pool by pool."""
    return figure.pool is not None, figure.pool or "", TOLD.index(figure.figure), figure.horizon_hours or 0.0


def _by_horizon(parts: Sequence[Forecasts]) -> list[Forecasts]:
    hours = sorted({part.horizon_hours for part in parts})
    return [joined_forecasts([part for part in parts if part.horizon_hours == each]) for each in hours]


def _by_figure(parts: Sequence[Scores]) -> list[Scores]:
    ordered = sorted(parts, key=_place)  # A stable sort, so origins keep their order.
    return [joined_scores(list(group)) for _, group in groupby(ordered, key=_place)]


def _place(scores: Scores) -> tuple[str, float, str]:
    return scores.figure, scores.horizon_hours or 0.0, scores.baseline or ""


def _forecast_rows(one: Forecasts) -> list[Scores]:
    """Return Brier and log-loss of our chances beside each baseline's."""
    rows = []
    for name, loss, unit in (("brier", brier, "per forecast"), ("log_loss", log_loss, "nats per forecast")):
        ours = loss(one.chances[OURS], one.came_N)
        rows += [
            Scores(figure=name, unit=unit, better="lower", baseline=baseline, ours_N=ours,
                   theirs_N=loss(one.chances[baseline], one.came_N), pool_N=one.pool_N, day_N=one.day_N,
                   horizon_hours=one.horizon_hours)
            for baseline in _baselines(one)
        ]  # fmt: skip
    return rows


def _baselines(one: Forecasts) -> list[str]:
    return [name for name in one.chances if name != OURS]


def _calibration_errors(one: Forecasts, seed: int) -> list[Figure]:
    ours = calibration_error_by_day(one.chances[OURS], one.came_N, one.day_N, seed=seed)
    return [
        Figure(
            figure="calibration_error", unit="share", better="lower", pool=None,
            horizon_hours=one.horizon_hours, baseline=name, value=ours.value, low=ours.low, high=ours.high,
            n=one.came_N.size, days=_days(one.day_N), apart_low=None, apart_high=None,
            baseline_value=calibration_error_by_day(
                one.chances[name], one.came_N, one.day_N, seed=seed
            ).value,
        )
        for name in _baselines(one)
    ]  # fmt: skip


def _bins(one: Forecasts, seed: int) -> list[Bins]:
    return [
        Bins(
            horizon_hours=one.horizon_hours,
            forecast=name,
            bins=tuple(calibration_bins(chance_N, one.came_N, one.day_N, seed=seed)),
        )
        for name, chance_N in one.chances.items()
    ]


def _figures(one: Scores, seed: int) -> list[Figure]:
    """Return a figure of all pools, and one of each pool, that rest on enough days."""
    everything = np.ones(one.ours_N.size, dtype=bool)
    chosen: list[tuple[str | None, Bools]] = [(None, everything)]
    if not one.figure.startswith(("regret", "saving")):  # Those are of a choice, not of a pool.
        chosen += [(str(pool), np.asarray(one.pool_N == pool)) for pool in np.unique(one.pool_N).tolist()]
    return [
        _figure(one, pool, which, seed) for pool, which in chosen if _days(one.day_N[which]) >= LEAST_DAYS
    ]


def _figure(one: Scores, pool: str | None, which: Bools, seed: int) -> Figure:
    day_N, ours_N = one.day_N[which], one.ours_N[which]
    mine = mean_by_day(ours_N, day_N, seed=seed)
    theirs = None if one.theirs_N is None else one.theirs_N[which]
    apart = None if theirs is None else mean_by_day(ours_N - theirs, day_N, seed=seed)
    return Figure(
        figure=one.figure, unit=one.unit, better=one.better, pool=pool, horizon_hours=one.horizon_hours,
        baseline=one.baseline, value=mine.value, low=mine.low, high=mine.high, n=ours_N.size,
        days=_days(day_N), baseline_value=None if theirs is None else float(theirs.mean()),
        apart_low=apart.low if apart else None, apart_high=apart.high if apart else None,
    )  # fmt: skip


def _days(day_N: Floats) -> int:
    return int(np.unique(day_N).size)


def _too_few(scores: Sequence[Scores]) -> list[str]:
    """Return in words which figures rest on too few days, and how many are missing."""
    short = {
        f"{one.figure}{'' if one.horizon_hours is None else f' at {one.horizon_hours:g} h'} rests on "
        f"{_days(one.day_N)} days; an interval needs {LEAST_DAYS}, so {LEAST_DAYS - _days(one.day_N)} "
        "are missing."
        for one in scores
        if _days(one.day_N) < LEAST_DAYS
    }
    return sorted(short)


def _repeated(reasons: Sequence[str]) -> list[str]:
    """Return each reason once, with how often it was given."""
    counts = {why: reasons.count(why) for why in dict.fromkeys(reasons)}
    return [why if count == 1 else f"{why} ({count} origins)" for why, count in counts.items()]
