"""Ranking the pools for many jobs at once: the same pure functions, fanned out.

Statistics are of one instant and shared by all jobs; jobs go to workers in batches, for a task of
milliseconds would be spent on its way there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import islice

from model.cost import SideCosts
from model.estimate import PoolStatistics
from model.job import Job

from .fanout import Progress, fan_out
from .recommend import Option, rank
from .rules import Rejection, sift

BATCH = 16  # Jobs of one task: half a second of work on some dozens of pools.


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One job, and what its data and checkpoints cost beside each pool, by pool key."""

    job: Job
    sides: Mapping[str, SideCosts]


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What is believed of every pool as of an instant, and how many courses are drawn from it."""

    statistics: tuple[PoolStatistics, ...]
    as_of: datetime
    seed: int = 0
    draws: int = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """The pools for one job, best first, and those left out with why."""

    options: tuple[Option, ...]
    rejected: tuple[Rejection, ...]


def rank_many(
    asks: Sequence[Ask],
    market: Market,
    *,
    workers: int = 1,
    engine: str = "processes",
    on_progress: Progress = lambda done, of: None,
) -> list[Ranked]:
    """Return the ranking of each job, in order; the same for any number of workers.

    Args:
        asks: Jobs that start at the market's instant; each with a side for every pool it may use.
        market: Shared by all.
        workers: As of `fan_out`; so are engine and refusals.
        engine: `processes`, `ray` or `here`.
        on_progress: Called after each batch of 16 jobs.

    Raises:
        WorkerLost: A batch lost its worker too often.
    """
    remaining = iter(asks)
    batches = list(iter(lambda: tuple(islice(remaining, BATCH)), ()))
    found = fan_out(partial(_ranked_batch, market), batches, workers, engine, on_progress)
    return [ranked for batch in found for ranked in batch]


def _ranked_batch(market: Market, asks: Sequence[Ask]) -> list[Ranked]:
    return [_ranked(market, ask) for ask in asks]


def _ranked(market: Market, ask: Ask) -> Ranked:
    kept, rejected = sift(market.statistics, (), ask.job, market.as_of)
    options, failed = rank(
        ask.job, kept, lambda seen: ask.sides[seen.pool.key],
        as_of=market.as_of, seed=market.seed, draws=market.draws,
    )  # fmt: skip
    return Ranked(options=tuple(options), rejected=(*rejected, *failed))
