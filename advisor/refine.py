"""The second look at the best few options: by whom, and remembered so that it is taken once.

Whoever refines is handed in; without one the closed form stands. A refinement is a function of
job, statistics, side costs and seed alone, so equal questions share one answer.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from threading import Lock
from typing import Protocol, runtime_checkable

from model.allocation_pieces import Courses
from model.errors import LowtideError
from model.estimate import Drawn, Estimate, PoolStatistics
from model.job import Job
from model.placement import SideCosts

from .options import endless

Refine = Callable[[Job, PoolStatistics, SideCosts, int], Estimate | None]
REMEMBERED = 512


@runtime_checkable
class ShowsCourses(Protocol):
    """A `Refine` that also shows the courses behind its estimates, as an allocation needs them."""

    courses: Courses


def refined(refine: Refine, job: Job, found: Estimate, side: SideCosts, seed: int) -> Estimate:
    """Return the better estimate, or the one at hand where there is none.

    Draws stay those of the closed form where the better one brings none or another number of
    them: they must pair with those of every other pool.
    """
    try:
        better = refine(job, found.statistics, side, seed)
    except LowtideError:
        return found
    if better is None or endless(better):
        return found
    return better if _pairs(better.drawn, found.drawn) else replace(better, drawn=found.drawn)


def _pairs(one: Drawn | None, other: Drawn | None) -> bool:
    if one is None or other is None:
        return one is other
    return len(one.in_time_D) == len(other.in_time_D)


class Remembered:
    """A `Refine` that answers an equal question from memory; the question least lately asked goes first.

    Safe for threads; two that ask the same at once may both work it out, and get the same.

    Args:
        refine: Works an answer out.
        most: How many answers are kept.
    """

    def __init__(self, refine: Refine, most: int = REMEMBERED) -> None:
        self._refine, self._most = refine, most
        self._answers: OrderedDict[str, Estimate | None] = OrderedDict()
        self._lock = Lock()

    def __call__(self, job: Job, statistics: PoolStatistics, side: SideCosts, seed: int) -> Estimate | None:
        """Return the refined estimate; None where there is none. A refusal is not remembered."""
        name = digest(job, statistics, side, seed)
        with self._lock:
            if name in self._answers:
                self._answers.move_to_end(name)
                return self._answers[name]
        found = self._refine(job, statistics, side, seed)
        with self._lock:
            self._answers[name] = found
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)
        return found


def digest(job: Job, statistics: PoolStatistics, side: SideCosts, seed: int) -> str:
    """Return the name of a question: of every field of it, floats to the last digit."""
    return hashlib.sha256(repr((job, statistics, side, seed)).encode()).hexdigest()
