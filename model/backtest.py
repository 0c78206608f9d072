"""Were we right: forecasts, estimates and choices against what the record went on to show.

Rolling origin: at each instant everything is learned anew from what was known then, and scored
against what came until the next one. `model.backtest_summary` makes figures of the scores.

Nothing here reads a clock or a store: `score_origin` takes what the composition read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from .backtest_jobs import Offer, job_scores_at
from .backtest_market import forecasts_at, life_scores_at
from .backtest_record import Record
from .backtest_scores import Forecasts, OriginScores, Scores
from .backtest_summary import LEAST_ORIGINS
from .errors import ImpossibleInput, InsufficientHistory
from .validity import aware, quantity

MOST_ORIGINS = 5000
LIVES_EVERY_HOURS = 168.0  # Beliefs about lives are learned anew this often, and at no fewer origins.


def hours_of_origins(from_at: datetime, until_at: datetime, every_hours: float) -> list[float]:
    """Return hours after `from_at` at which everything is learned anew; the last span ends at `until_at`.

    Raises:
        ImpossibleInput: The span is empty or a step is not above 0.
        InsufficientHistory: There are fewer than 5 origins; the message names how many are missing.
    """
    span_hours = (aware("Until", until_at) - aware("From", from_at)).total_seconds() / 3600.0
    step = float(quantity("Step between origins", every_hours, "h", above_zero=True))
    if span_hours <= 0:
        raise ImpossibleInput(
            f"The span from {from_at.isoformat()} until {until_at.isoformat()} is empty.",
            fix="Give --from before --until.",
        )
    count = int(np.floor(span_hours / step + 1e-9))
    if count < LEAST_ORIGINS:
        raise InsufficientHistory(
            f"{span_hours:.1f} h hold {count} origins {step:g} h apart; a backtest needs {LEAST_ORIGINS}, "
            f"so {LEAST_ORIGINS - count} are missing.",
            fix="Widen the span (--from, --until), take a shorter --every, or collect probes for longer.",
        )
    if count > MOST_ORIGINS:
        raise ImpossibleInput(
            f"{span_hours:.0f} h hold {count} origins {step:g} h apart; at most {MOST_ORIGINS} are run.",
            fix="Take a longer --every.",
        )
    return [float(k * step) for k in range(count)]


def lives_until(origin_hours: Sequence[float], end_hour: float) -> list[float | None]:
    """Return for each origin until when the lives learned there are scored; None where none are learned.

    Args:
        origin_hours: Rising.
        end_hour: Where the last span ends.
    """
    learned: list[float] = []
    for hour in origin_hours:
        if not learned or hour - learned[-1] >= LIVES_EVERY_HOURS - 1e-9:
            learned.append(hour)
    ends = dict(zip(learned, [*learned[1:], end_hour], strict=True))
    return [ends.get(hour) for hour in origin_hours]


def score_origin(
    records: Sequence[Record],
    offers: Sequence[Offer],
    *,
    origin_hour: float,
    until_hour: float,
    lives_until_hour: float | None,
    clock_zero_at: datetime,
) -> OriginScores:
    """Return everything that is scored at one origin.

    Args:
        records: What was seen of each pool, and when; those that do not reach the origin are passed over.
        offers: Pools a job was ranked on then, best first; none where no job was given.
        origin_hour: Hours after `clock_zero_at`; nothing known later is learned from.
        until_hour: The next origin.
        lives_until_hour: The next origin at which lives are learned anew; None where this is not one.
        clock_zero_at: The midnight from which the records' hours are counted.
    """
    there = [record for record in records if record.covers(origin_hour)]
    forecasts: list[Forecasts] = []
    scores: list[Scores] = []
    left_out: list[str] = []
    try:
        forecasts = forecasts_at(there, origin_hour, until_hour)
        if lives_until_hour is not None:
            scores = life_scores_at(there, origin_hour, lives_until_hour)
    except InsufficientHistory as missing:
        left_out.append(missing.seen)
    if offers:
        found, missing_jobs = job_scores_at(offers, origin_hour, clock_zero_at)
        scores, left_out = scores + found, left_out + missing_jobs
    return OriginScores(
        origin_hour=origin_hour, forecasts=tuple(forecasts), scores=tuple(scores), left_out=tuple(left_out)
    )
