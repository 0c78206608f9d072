"""A market that plays recorded history again, in blocks, all pools at the same clock time.

A path begins at an instant that looked as now does, plays what followed for a week or until
history ends, then another block. Pools that were played from the same instants keep the
correlation they had: path p of each of them is the same course wherever their candidates allow.

Legend: P = paths, N = paths asked about, B = bins of the clock, I = candidates, S = sources.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .alike import FOLLOWED_HOURS, Candidates
from .errors import ImpossibleInput, InsufficientHistory
from .luck import uniforms
from .runs import SAME_HOURS, Runs
from .validity import Floats
from .watched import Bools, Ints

BLOCK_HOURS = 168.0
BINS = 128  # Of the clock, within which pools share the instant they begin at.
LOOK_AHEAD_HOURS = 2190.0  # A quarter of a year without a change counts as never.
NEVER_HOURS = 1e6


@dataclass(frozen=True, slots=True)
class Sources:
    """Where blocks after the first come from: pools and how likely each is."""

    pool_S: Ints
    weight_S: Floats


@dataclass(slots=True)
class _Blocks:
    """The block each path is in."""

    turn_N: Ints
    pool_N: Ints
    hour_N: Floats  # On the clock of history, where the block begins.
    begin_N: Floats  # Hours from now.
    end_N: Floats

    def of(self, which: Ints | Bools) -> _Blocks:
        return _Blocks(*(getattr(self, field.name)[which] for field in fields(self)))

    def put(self, which: Ints | Bools, other: _Blocks) -> None:
        for field in fields(self):
            getattr(self, field.name)[which] = getattr(other, field.name)


class Replayed:
    """A market of recorded blocks."""

    def __init__(self, runs: Runs, first: Candidates, then: Sources, *, paths: int, seed: int) -> None:
        """Draw the first block of every path.

        Args:
            runs: All pools' history until now; pools given the same runs and seed share courses.
            first: Instants to begin at.
            then: Pools to go on with.
            paths: How many courses, 1 or more.
            seed: Of all draws.

        Raises:
            ImpossibleInput: There are no paths.
            InsufficientHistory: There is no candidate, or no pool to go on with.
        """
        if paths < 1:
            raise ImpossibleInput(f"{paths} paths.", fix="Ask for at least 1 path.")
        if not first.pool_I.size or not then.pool_S.size:
            raise InsufficientHistory(
                "No instant of history was followed for a day.", fix="Use a renewed market until one was."
            )
        self._runs, self._then, self._seed = runs, then, seed
        self._cumulative_S = np.cumsum(then.weight_S / then.weight_S.sum())
        self._oldest, self._now = float(runs.first_hour_P.min()), float(runs.end_hour_P.max())
        place_P = coupled(first, self._oldest, self._now, paths, seed)
        pool_P, hour_P = first.pool_I[place_P], first.hour_I[place_P]
        begin_P = np.zeros(paths)
        self._blocks = _Blocks(
            np.zeros(paths, dtype=np.int64), pool_P, hour_P, begin_P, begin_P + self._length(pool_P, hour_P)
        )

    @property
    def paths(self) -> int:
        """How many paths there are."""
        return self._blocks.turn_N.size

    def spell(self, path_N: Ints, at_hours_N: Floats) -> tuple[Floats, Floats]:
        """Return from when on there is capacity and until when; see `model.spells.Market`.

        Where none came within a quarter of a year it never comes: `from` is a million hours.
        """
        self._catch_up(path_N, at_hours_N)
        block = self._blocks.of(path_N)
        from_N, until_N = self._look(block, at_hours_N)
        late_N = np.isinf(from_N)
        while late_N.any():
            block.put(late_N, self._next(path_N[late_N], block.of(late_N)))
            here = block.of(late_N)
            from_N[late_N], until_N[late_N] = self._look(here, here.begin_N)
            late_N &= np.isinf(from_N) & (block.begin_N < at_hours_N + LOOK_AHEAD_HOURS)
        never_N = np.isinf(from_N)
        from_N[never_N] = np.maximum(at_hours_N[never_N], NEVER_HOURS)
        self._extend(path_N, block, until_N)
        return from_N, until_N

    def _extend(self, path_N: Ints, block: _Blocks, until_N: Floats) -> None:
        """Move `until` on where capacity outlasts its block and the next begins with it."""
        last_N = until_N + LOOK_AHEAD_HOURS
        on_N = np.isfinite(until_N) & (until_N >= block.end_N - SAME_HOURS)
        while on_N.any():
            block.put(on_N, self._next(path_N[on_N], block.of(on_N)))
            here = block.of(on_N)
            from_N, longer_N = self._look(here, here.begin_N)
            joined_N = from_N <= here.begin_N + SAME_HOURS
            place = np.flatnonzero(on_N)
            until_N[place[joined_N]] = longer_N[joined_N]
            on_N[place] = joined_N & (longer_N >= here.end_N - SAME_HOURS)
            endless_N = on_N & (until_N > last_N)
            until_N[endless_N] = np.inf
            on_N &= ~endless_N

    def _catch_up(self, path_N: Ints, at_hours_N: Floats) -> None:
        past_N = self._blocks.end_N[path_N] <= at_hours_N + SAME_HOURS
        while past_N.any():
            path = path_N[past_N]
            self._blocks.put(path, self._next(path, self._blocks.of(path)))
            past_N = self._blocks.end_N[path_N] <= at_hours_N + SAME_HOURS

    def _look(self, block: _Blocks, at_hours_N: Floats) -> tuple[Floats, Floats]:
        """Return the first run in a block from an instant on, in hours from now."""
        moved_N = block.hour_N - block.begin_N
        from_N, until_N = self._runs.next_up(block.pool_N, at_hours_N + moved_N, block.end_N + moved_N)
        there_N = from_N <= at_hours_N + moved_N  # Exactly `at` then: adding and taking away rounds.
        return np.where(there_N, at_hours_N, from_N - moved_N), until_N - moved_N

    def _next(self, path_N: Ints, block: _Blocks) -> _Blocks:
        """Return the block after one: the same instant for every pool that was on record at it."""
        turn_N = block.turn_N + 1
        source_N = np.searchsorted(self._cumulative_S, uniforms(self._seed, "source", path_N, turn_N))
        pool_N = self._then.pool_S[np.minimum(source_N, self._then.pool_S.size - 1)]
        first_N = self._runs.first_hour_P[pool_N]
        last_N = np.maximum(self._runs.end_hour_P[pool_N] - FOLLOWED_HOURS, first_N)
        back_N = uniforms(self._seed, "instant", path_N, turn_N) * (self._now - FOLLOWED_HOURS - self._oldest)
        back_N = np.mod(last_N - (self._oldest + back_N), np.maximum(last_N - first_N, SAME_HOURS))
        hour_N = np.maximum(last_N - back_N, first_N)
        return _Blocks(turn_N, pool_N, hour_N, block.end_N, block.end_N + self._length(pool_N, hour_N))

    def _length(self, pool_N: Ints, hour_N: Floats) -> Floats:
        return np.maximum(np.minimum(self._runs.end_hour_P[pool_N] - hour_N, BLOCK_HOURS), SAME_HOURS * 10)


def coupled(first: Candidates, oldest: float, now: float, paths: int, seed: int) -> Ints:
    """Return a candidate per path, each by its weight, at the same hour for two pools if it can be.

    Every path runs a race between bins of the clock, the same race for all pools: the bin wins
    whose exponential time over weight is least. Weights of a pool alone decide how often.

    Source: exponential races; two laws agree about as often as they overlap.
    """
    width = max(now - oldest, SAME_HOURS) / BINS
    bin_I = np.clip((first.hour_I - oldest) / width, 0, BINS - 1).astype(np.int64)
    weight_B = np.bincount(bin_I, first.weight_I, BINS)
    race_PB = np.random.default_rng([abs(seed), 1]).standard_exponential((paths, BINS), dtype=np.float32)
    used_B = np.flatnonzero(weight_B > 0)
    won_P = used_B[np.argmin(race_PB[:, used_B] / weight_B[used_B].astype(np.float32), axis=1)]
    cumulative_I = np.cumsum(first.weight_I)
    before_B = np.cumsum(weight_B) - weight_B
    u_P = uniforms(seed, "instant in its bin", np.arange(paths, dtype=np.int64))
    place_P = np.searchsorted(cumulative_I, before_B[won_P] + u_P * weight_B[won_P])
    return np.asarray(np.minimum(place_P, first.pool_I.size - 1), dtype=np.int64)
