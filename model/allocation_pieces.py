"""A job that splits, as an allocation sees it: pieces, what each costs and takes on a pool, by scenario.

A piece is a node of an elastic job or a copy of a sweep, each with an equal share of the work. A scenario
is one course of all pools: those of one region and GPU model share their luck, for they go down
together; those of other regions or models have luck of their own. Pieces in one pool share its
course to the end, which errs on the safe side.

Shapes: S = scenarios.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from math import ceil

from .allocation_terms import Place
from .cost import drawn_courses
from .estimate import PoolStatistics
from .job import Job
from .placement import Outcome, SideCosts, nodes_of
from .validity import Floats

Courses = Callable[[Job, PoolStatistics, SideCosts, int, int], Outcome | None]  # Seed and paths last.


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One piece of a job on one pool."""

    job: Job  # Of the piece alone.
    statistics: PoolStatistics
    side: SideCosts  # Of the piece; the data set that is brought once is `place.bring_usd`.
    place: Place

    @property
    def kind(self) -> tuple[str, str]:
        """Region, with its provider, and GPU model: what it goes down with."""
        return self.place.region, self.statistics.sku.gpu_model


@dataclass(frozen=True, slots=True)
class PieceCourses:
    """Money of a piece, with the stated value of its waits, and when it is done; by scenario."""

    cost_usd_S: Floats
    wall_hours_S: Floats
    simulated: bool


def units_of(job: Job) -> int:
    """Return how much is dealt out: GPUs of an elastic job, copies of a sweep."""
    return job.gpus if job.elastic else job.copies


def piece_of(job: Job, seen: PoolStatistics, side: SideCosts, *, read_afar: bool) -> Piece:
    """Return a piece of a job on a pool.

    A sweep's copy is the whole job; an elastic job's node does the work of its own GPUs and carries
    its share of what is kept and moved for all. Data is brought once for all pieces of a region, unless
    it is read from afar, which each copy does for itself.

    Args:
        job: That splits.
        seen: What is believed of the pool.
        side: Of the whole elastic job, or of one copy.
        read_afar: Whether data is read across regions and not brought.
    """
    pool, nodes = seen.pool, nodes_of(job, seen)
    share = 1.0 / nodes if job.elastic else 1.0
    own = replace(
        side,
        egress_usd=side.egress_usd * share if read_afar else 0.0,
        storage_usd_per_hour=side.storage_usd_per_hour * share,
        save_usd=side.save_usd * share,
        restore_usd=side.restore_usd * share,
    )
    gpus = min(seen.sku.gpu_count, job.gpus) if job.elastic else job.gpus
    return Piece(
        job=replace(job, gpus=gpus, copies=1, budget_usd=None),
        statistics=seen,
        side=own,
        place=Place(
            name=pool.key,
            region=f"{pool.provider}/{pool.region}",
            quota=_quota(job, seen, nodes),
            bring_usd=0.0 if read_afar else side.egress_usd,
            size=float(gpus) if job.elastic else 1.0,
        ),
    )


def _quota(job: Job, seen: PoolStatistics, nodes: int) -> int:
    """Return the most pieces in a pool: as many as the job has where no limit is known."""
    stated = job.constraints.quota_of(seen.pool.key)
    if job.elastic:
        return nodes if stated is None else min(stated, nodes)
    return job.copies if stated is None else min(stated // nodes, job.copies)


def courses_of(
    piece: Piece, *, scenarios: int, seed: int, from_at: datetime, courses: Courses | None = None
) -> PieceCourses:
    """Return the courses of a piece: simulated where `courses` has any, else drawn from the closed form.

    Args:
        piece: On its pool.
        scenarios: How many, at least 100.
        seed: Of the luck; pools of one region and GPU model are given the same luck.
        from_at: When the job would start.
        courses: Simulates courses on markets that pools share; None where none are to be had.

    Raises:
        ImpossibleInput: As `model.cost.estimate`.
        InsufficientHistory: The pool's hazard is unknown.
    """
    found = None
    if courses is not None:
        found = courses(piece.job, piece.statistics, piece.side, seed, scenarios)
    if found is None:
        drawn = drawn_courses(
            piece.job, piece.statistics, piece.side,
            draws=scenarios, seed=_luck(seed, piece.kind), from_at=from_at,
        )  # fmt: skip
        return PieceCourses(_valued(piece, drawn.drawn), drawn.drawn.wall_hours, simulated=False)
    return PieceCourses(_valued(piece, found), found.wall_hours, simulated=True)


def _valued(piece: Piece, found: Outcome) -> Floats:
    return found.effective_usd_per_gpu_hour * float(piece.job.gpus * piece.job.useful_hours)


def _luck(seed: int, kind: tuple[str, str]) -> int:
    """Return the seed of a region and GPU model."""
    return int.from_bytes(hashlib.sha256(repr((seed, *kind)).encode()).digest()[:8])


def nodes_in(piece: Piece, pieces: int) -> int:
    """Return how many machines so many pieces take."""
    return pieces * nodes_of(piece.job, piece.statistics)


def needed(piece: Piece, units: float) -> int:
    """Return how many pieces of a pool hold all units."""
    return ceil(units / piece.place.size - 1e-9)
