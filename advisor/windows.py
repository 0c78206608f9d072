"""Which stretch of recorded history a demo replays, by a rule that is stated wherever it is shown.

A demo has to show recoveries, so its start is not drawn from all of history but from its stormy
windows: those in which a rehearsal (a ranking against the record that followed) is struck often
enough while at work. That makes what is realised worse than what was predicted, on average, and
is therefore said on screen and in the report, with the share of windows that are as stormy. The
advisor never sees the rehearsal: it knows what had been observed at the start and nothing else.

Pure: instants and records in, a choice out.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from model.market import CapacityType, Pool

from .replay import PoolRecord
from .steering import SETTLED_HOURS

EVERY = timedelta(hours=2)  # Between two starts that are considered.
POOLS = 3  # Recorded at a start, or a loss would lead nowhere.
HISTORY = timedelta(days=7)  # Seen before a start; half the record where that is shorter.
SPREAD = 2  # How many more interruptions than the fewest still count as calm.
LONGEST = 4.0  # A rehearsal gives up after this many times the useful time.
RETRY = timedelta(minutes=10)  # Between two looks for capacity.


@dataclass(frozen=True, slots=True, kw_only=True)
class Toll:
    """What the job pays in a rehearsal, in market time."""

    useful: timedelta
    restart: timedelta  # Machine to first new step.
    interval: timedelta  # Between saves; half of it is lost at a strike without notice.


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """What would have happened from one start."""

    start_at: datetime
    hits: int  # Machines lost after their restart: work was interrupted.
    took: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The chosen start, and how unusual it is."""

    rehearsal: Rehearsal
    hits_wanted: int
    stormy: int  # Windows with as many hits and short enough.
    considered: int
    seed: int

    @property
    def start_at(self) -> datetime:
        """The job's start, market time."""
        return self.rehearsal.start_at

    def sentence(self) -> str:
        """How the window was chosen, in words."""
        rule = (
            f"{self.considered} starts, every {EVERY / timedelta(hours=1):.0f} h of recorded history "
            "with enough before and after it"
        )
        if not self.stormy:
            return (
                f"The start is the stormiest of {rule}. None is rehearsed with {self.hits_wanted} "
                f"interruptions at work; this one has {self.rehearsal.hits}."
            )
        return (
            f"Of {rule}, {self.stormy} are interrupted at work at least {self.hits_wanted} times in a "
            f"rehearsal. To show recoveries, this one with {self.rehearsal.hits} was drawn from the calmest "
            f"of those (seed {self.seed}). A typical start is calmer still, so expect realised figures to be "
            "worse than predicted ones."
        )


def candidates(records: Iterable[PoolRecord], horizon: timedelta) -> list[datetime]:
    """Return starts, in order, with history before and `horizon` of record after, in `POOLS` pools."""
    seen: Counter[datetime] = Counter()
    for record in records:
        for from_at, until_at in record.stretches():
            first = from_at + min(HISTORY, (until_at - from_at) / 2)
            seen.update(_grid(first, until_at - horizon))
    return sorted(at for at, pools in seen.items() if pools >= POOLS)


def _grid(first: datetime, last: datetime) -> list[datetime]:
    midnight = first.replace(hour=0, minute=0, second=0, microsecond=0)
    skipped = -(-(first - midnight) // EVERY)  # Rounded up.
    start = midnight + skipped * EVERY
    return [start + index * EVERY for index in range(max(0, (last - start) // EVERY + 1))]


def rehearse(
    start_at: datetime, order: Sequence[str], record_of: Callable[[str], PoolRecord], toll: Toll
) -> Rehearsal:
    """Follow a ranking through the record: the best pool with capacity, until its drop, and again.

    As the service does, it passes over capacity that has just come back while there is other. Only
    pools that rank above on-demand are taken; while none has capacity, it is waited for.

    Args:
        start_at: When the job starts.
        order: Pool keys, best first.
        record_of: What the probes of a pool saw.
        toll: What restarts and losses cost.
    """
    at, left, hits = start_at, toll.useful, 0
    worth = [record_of(key) for key in takewhile(_is_spot, order)]
    while left > timedelta(0) and at - start_at < LONGEST * toll.useful:
        there = [record for record in worth if record.available_at(at)]
        record = next((each for each in there if _settled(each, at)), there[0] if there else None)
        if record is None:
            at += RETRY
            continue
        drop = record.next_drop(at)
        if drop is None or drop >= at + toll.restart + left:
            return Rehearsal(start_at=start_at, hits=hits, took=at + toll.restart + left - start_at)
        worked = drop - at - toll.restart
        if worked > timedelta(0):
            hits += 1
            left -= max(worked - toll.interval / 2, timedelta(0))
        at = drop
    return Rehearsal(start_at=start_at, hits=hits, took=at - start_at)


def _settled(record: PoolRecord, at: datetime) -> bool:
    since = record.up_since(at)
    return since is not None and at - since >= timedelta(hours=SETTLED_HOURS)


def _is_spot(key: str) -> bool:
    return Pool.parse(key).capacity_type is CapacityType.SPOT


def choose(
    starts: Sequence[datetime], rehearsal_of: Callable[[datetime], Rehearsal], *,
    hits_wanted: int, longest: timedelta, seed: int,
) -> Window | None:  # fmt: skip
    """Draw a start among the calmest of the stormy ones.

    Where none is stormy the stormiest is taken; where there is no start, None.

    Args:
        starts: Candidate instants.
        rehearsal_of: Rehearses one start.
        hits_wanted: Interruptions at work that make a window stormy.
        longest: A rehearsal that takes longer does not fit the demo.
        seed: Of the draw.
    """
    rehearsed = [rehearsal_of(start) for start in starts]
    if not rehearsed:
        return None
    stormy = [each for each in rehearsed if each.hits >= hits_wanted and each.took <= longest]
    fewest = min((each.hits for each in stormy), default=0)
    calmest = [each for each in stormy if each.hits <= fewest + SPREAD]
    drawn = random.Random(seed).choice(calmest) if calmest else max(rehearsed, key=lambda each: each.hits)
    return Window(
        rehearsal=drawn,
        hits_wanted=hits_wanted,
        stormy=len(stormy),
        considered=len(rehearsed),
        seed=seed,
    )
