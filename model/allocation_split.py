"""Where the pieces of a job go: dealt out by mean and tail of cost, beside all of them in one pool.

Solved on one half of the scenarios and told by the other, which had no part in it. An elastic job's
work goes to whichever node is ahead, so its deadline binds all nodes together; copies of a sweep are
jobs of their own, so each has to be in time where it is.

Shapes: S = scenarios, J = pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from .allocation import Allocation, allocate
from .allocation_pieces import Courses, Piece, PieceCourses, courses_of, needed, nodes_in, units_of
from .allocation_terms import Judged, Wish, judged, loss_of
from .allocation_told import Alone, Held, Judgement, Split
from .errors import ImpossibleInput, InsufficientHistory
from .estimate import Spread
from .job import Job
from .report import hours_to_deadline
from .scenarios import Scenarios
from .validity import Floats

SURE = 0.9  # How often the deadline is to be met, as the floor and the failover list ask too.
LOOSER = (0.4, 0.35, 0.3, 0.25, 0.2, 0.15)  # Tails tried before the strict one of 1 - SURE.
FLATTERED = 0.01  # By so much a chance is better on the scenarios that made an allocation than on fresh ones.
FEWEST_POOLS = 2


def split(
    job: Job, pieces: Sequence[Piece], *, scenarios: int, seed: int, from_at: datetime,
    courses: Courses | None = None,
) -> Split:  # fmt: skip
    """Return how a job that splits is dealt out over pools.

    Args:
        job: Elastic, or with copies.
        pieces: A piece of it on each pool in question, which residency and rules let through.
        scenarios: How many courses are drawn, at least 100; one half solves, the other tells.
        seed: Of all luck.
        from_at: When the job would start.
        courses: Simulates courses; None where the closed form has to do.

    Raises:
        ImpossibleInput: The job does not split; or quotas, the region share or the deadline leave no
            allocation; the missing number is named.
        InsufficientHistory: Fewer than two pools are left: there is nothing to spread over.
    """
    if not job.splits:
        raise ImpossibleInput(
            f"Job {job.name!r} is a gang of one copy, which is never split.",
            fix="State elastic = true or copies above 1 under [job], or follow the failover list.",
        )
    left = _some([piece for piece in pieces if piece.place.quota > 0], len(pieces))
    found = [courses_of(p, scenarios=scenarios, seed=seed, from_at=from_at, courses=courses) for p in left]
    hours = hours_to_deadline(job, from_at)
    if not job.elastic and hours is not None:
        left, found = _in_time(left, found, hours)
    return _Split(job, left, found, hours).solved()


def _some(left: list[Piece], of: int) -> list[Piece]:
    if len(left) < FEWEST_POOLS:
        named = f" ({left[0].place.name})" if left else ""
        raise InsufficientHistory(
            f"{len(left)} of {of} pools{named} can take a part, and spreading needs {FEWEST_POOLS}: there is "
            "nothing to spread over.",
            fix="Allow more regions or providers, raise quotas, or collect history of more pools.",
        )
    return left


def _in_time(
    pieces: list[Piece], found: list[PieceCourses], hours: float
) -> tuple[list[Piece], list[PieceCourses]]:
    """Return the pools in which a copy is in time often enough."""
    chance = [float(np.mean(each.wall_hours_S <= hours)) for each in found]
    kept = [place for place, each in enumerate(chance) if each >= SURE]
    if len(kept) < FEWEST_POOLS:
        best = int(np.argmax(chance))
        raise InsufficientHistory(
            f"{len(kept)} of {len(pieces)} pools have a copy done in time in {SURE:.0%} of scenarios, and "
            f"spreading needs {FEWEST_POOLS}; the likeliest, {pieces[best].place.name}, does in "
            f"{chance[best]:.1%}.",
            fix="Allow more time, or more pools.",
        )
    return [pieces[place] for place in kept], [found[place] for place in kept]


class _Split:
    """A job, its pools and their scenarios."""

    def __init__(
        self, job: Job, pieces: Sequence[Piece], found: Sequence[PieceCourses], hours: float | None
    ) -> None:
        self.job, self.pieces, self.found, self.hours = job, pieces, found, hours
        self.places = [piece.place for piece in pieces]
        self.size_J = np.array([place.size for place in self.places])
        cost_SJ = np.stack([each.cost_usd_S for each in found], axis=1)
        self.wall_SJ = np.stack([each.wall_hours_S for each in found], axis=1)
        half = len(cost_SJ) // 2
        useful_SJ = self._useful()
        self.made = Scenarios.of(cost_SJ[:half], useful_SJ[:half])
        self.fresh = Scenarios.of(cost_SJ[half:], useful_SJ[half:])
        self.fresh_wall_SJ = self.wall_SJ[half:]
        told = job.spreading
        units = units_of(job)
        self.wish = Wish(
            work=units * job.useful_hours,
            caution=told.caution,
            alpha=1.0 - told.tail_share,
            short=1.0 - SURE,
            region_share=told.region_share,
            units=float(units),
            noun="GPUs" if job.elastic else "copies",
            unit="GPU-hours by the deadline" if job.elastic and self.hours is not None else "hours of work",
        )

    def _useful(self) -> Floats:
        """Return what a node does: by the deadline at the pace of its course, else its part, however long."""
        whole_J = self.size_J * self.job.useful_hours
        if not self.job.elastic or self.hours is None:
            return np.broadcast_to(whole_J, self.wall_SJ.shape)
        return np.asarray(whole_J * self.hours / self.wall_SJ)

    def solved(self) -> Split:
        """Return the best allocation, told by fresh scenarios."""
        made = self._allocated()
        given_J = np.array([made.nodes.get(place.name, 0) for place in self.places], dtype=float)
        judgement = self._judged(given_J)
        return Split(
            units=units_of(self.job),
            held=self._held(given_J),
            judgement=judgement,
            alone=self._alone(judgement),
            considered=len(self.pieces),
            simulated=sum(each.simulated for each in self.found),
            solved_on=self.made.count,
            told_by=self.fresh.count,
            optimism=made.optimism,
            gap=made.gap,
        )

    def _allocated(self) -> Allocation:
        """Return the cheapest allocation in time 9 times of 10; a tail's mean stands in for that chance.

        The mean of a worst share is convex and a chance is not: the widest tail whose allocation keeps
        the chance is about a quarter of a normal law, and more or less of others.
        """
        if not self.job.elastic or self.hours is None:
            return allocate(self.made, self.places, self.wish, fresh=self.fresh)
        for short in LOOSER:
            try:
                made = allocate(self.made, self.places, replace(self.wish, short=short), fresh=self.fresh)
            except ImpossibleInput:  # Nor is it possible with a narrower tail, which says so below.
                break
            if made.on_all.met_share >= SURE + FLATTERED:
                return made
        return allocate(self.made, self.places, self.wish, fresh=self.fresh)

    def _held(self, given_J: Floats) -> tuple[Held, ...]:
        total = float(given_J @ self.size_J)
        mean_J = self.fresh.weight_S @ self.fresh.cost_SJ
        held = [
            Held(
                piece=piece,
                pieces=int(count),
                nodes=nodes_in(piece, int(count)),
                share=float(count * piece.place.size / total),
                cost_usd=float(count * mean),
            )
            for piece, count, mean in zip(self.pieces, given_J, mean_J, strict=True)
            if count > 0
        ]
        return tuple(sorted(held, key=lambda each: (-each.share, each.piece.place.name)))

    def _alone(self, spread: Judgement) -> Alone | None:
        """Return all pieces in the best pool that holds them: the deadline first, then by mean and tail."""
        found: list[tuple[bool, float, str, int]] = []
        for index, piece in enumerate(self.pieces):
            count = needed(piece, units_of(self.job))
            if count <= piece.place.quota:
                score = self._score(self._only(index, count))
                late = score.met_share < SURE - 1e-12
                found.append((late, score.score_usd, piece.place.name, index))
        if not found:
            return None
        index = min(found)[-1]
        count = needed(self.pieces[index], units_of(self.job))
        judgement = self._judged(self._only(index, count))
        return Alone(
            piece=self.pieces[index],
            nodes=nodes_in(self.pieces[index], count),
            judgement=judgement,
            spreading_usd=spread.cost_usd.mean - judgement.cost_usd.mean,
            tail_saved_usd=judgement.tail_usd - spread.tail_usd,
        )

    def _only(self, index: int, count: int) -> Floats:
        return np.where(np.arange(len(self.places)) == index, float(count), 0.0)

    def _score(self, given_J: Floats) -> Judged:
        return judged(self.fresh, self.places, given_J, self.wish)

    def _judged(self, given_J: Floats) -> Judgement:
        finish_S = self._finish(given_J)
        in_time = None if self.hours is None else float(np.mean(finish_S <= self.hours * (1 + 1e-9)))
        return Judgement(
            cost_usd=_spread(loss_of(self.fresh, self.places, given_J)),
            tail_usd=self._score(given_J).tail_usd,
            finish_hours=_spread(finish_S),
            p_deadline=in_time,
        )

    def _finish(self, given_J: Floats) -> Floats:
        """Return when all is done: the work over the pace of all nodes, or the last copy's end."""
        if not self.job.elastic:
            return np.asarray(self.fresh_wall_SJ[:, given_J > 0].max(axis=1))
        pace_S = (self.job.useful_hours / self.fresh_wall_SJ) @ (given_J * self.size_J)
        return np.asarray(self.wish.work / pace_S)


def _spread(found_S: Floats) -> Spread:
    p10, p50, p90 = (float(q) for q in np.quantile(found_S, (0.1, 0.5, 0.9)))
    return Spread(mean=float(found_S.mean()), p10=p10, p50=p50, p90=p90)
