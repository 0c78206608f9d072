"""What a worker does of a backtest: rank a job as it would have been ranked then, and score one origin.

Everything comes in with the task; nothing is read from a store, a clock or a file, so a worker may be
a process of this machine or of another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from model.backtest import score_origin
from model.backtest_jobs import Offer
from model.backtest_record import Record, spells_of
from model.backtest_replay import Spell
from model.backtest_scores import OriginScores
from model.cost import SideCosts, drawn_courses
from model.estimate import PoolStatistics
from model.evidence import NOT_TAKEN_BACK
from model.job import Job
from model.market import Pool, PricePoint

from .recommend import rank


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What all origins of a backtest have in common."""

    records: tuple[Record, ...]  # A pool may have several, one after the other.
    prices: Mapping[str, tuple[PricePoint, ...]]  # By pool key; of pools a job may be put on.
    clock_zero_at: datetime  # A midnight UTC.
    seed: int
    draws: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """A job started at one origin, and the pools that could have been chosen then."""

    job: Job
    as_of: datetime
    allowed: tuple[PoolStatistics, ...]  # As of then.
    sides: Mapping[str, SideCosts]  # By pool key.


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """One origin to score."""

    hour: float
    until_hour: float
    lives_until_hour: float | None = None  # None: lives are not learned anew here.
    start: Start | None = None


def scored(shared: Shared, origin: Origin) -> OriginScores:
    """Return everything that one origin yields."""
    offers = [] if origin.start is None else _offers(shared, origin.start, origin.hour)
    return score_origin(
        shared.records,
        offers,
        origin_hour=origin.hour,
        until_hour=origin.until_hour,
        lives_until_hour=origin.lives_until_hour,
        clock_zero_at=shared.clock_zero_at,
    )


def capacity(records: tuple[Record, ...], pool: Pool, hour: float) -> tuple[tuple[Spell, ...], float] | None:
    """Return a pool's capacity after an hour and where its record ends; None where nobody looked."""
    if pool.capacity_type in NOT_TAKEN_BACK:
        return ((0.0, math.inf),), math.inf
    for record in records:
        if record.place.pool == pool.key and record.covers(hour):
            return tuple(spells_of(record.truth)), record.end_hour
    return None


def _offers(shared: Shared, start: Start, hour: float) -> list[Offer]:
    """Return the pools as the product ranks them, best first."""
    ranked, _ = rank(
        start.job, start.allowed, lambda seen: start.sides[seen.pool.key],
        as_of=start.as_of, seed=shared.seed, draws=shared.draws,
    )  # fmt: skip
    found = []
    for option in ranked:
        there = capacity(shared.records, option.pool, hour)
        if there is None:
            continue
        drawn = drawn_courses(
            start.job, option.estimate.statistics, option.side,
            draws=shared.draws, seed=shared.seed, from_at=start.as_of,
        )  # fmt: skip
        prices = shared.prices.get(option.pool.key, ())
        found.append(Offer(courses=drawn, spells=there[0], record_end_hour=there[1], prices=prices))
    return found
