"""Two plain markets: lives and gaps that come and go by law, and spells that somebody wrote down.

The first holds the belief of the closed forms (exponential lives and gaps, a hazard and a mean
gap per path), so that the two can be compared; the second makes hand arithmetic possible. What
recorded pools do is neither: markets of renewed lives and of replayed history answer that.

Legend: P = paths, N = paths asked about, S = spells of a path.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from .draws import Luck, first_waits, gap_means, hazards
from .errors import ImpossibleInput
from .lifetime import Belief
from .luck import uniforms
from .placement import Placement, gang_hazard
from .validity import Floats, quantity
from .watched import Ints


class Renewing:
    """Exponential lives and gaps in turn, as they are asked for; a `Market`.

    Spell n of path p is drawn from uniform n of that path whatever the hazard, so a pool twice
    as dangerous has the same lives at half their length.
    """

    def __init__(
        self,
        hazard_per_hour_P: ArrayLike,
        gap_hours_P: ArrayLike = 0.0,
        *,
        first_wait_hours_P: ArrayLike = 0.0,
        paths: int | None = None,
        seed: int = 0,
    ) -> None:
        """Hold the hazards and mean gaps of P paths; scalars stand for all of them.

        Args:
            hazard_per_hour_P: That stops the job, 0 or more; 0 is never lost.
            gap_hours_P: Mean hours from a loss until capacity is there again.
            first_wait_hours_P: Until the first capacity; 0 where it is there now.
            paths: How many, where all three are scalars.
            seed: Of the luck.

        Raises:
            ImpossibleInput: An input is negative or not finite, or shapes do not agree.
        """
        given = (
            quantity("Hazard", hazard_per_hour_P, "per hour"),
            quantity("Gap", gap_hours_P, "h"),
            quantity("First wait", first_wait_hours_P, "h"),
        )
        count = paths or max(each.size for each in given)
        if any(each.ndim > 1 or each.size not in (1, count) for each in given):
            raise ImpossibleInput(
                f"Hazard, gap and first wait of shapes {[each.shape for each in given]} do not describe "
                f"{count} paths.",
                fix="Give one value for all paths, or one for each.",
            )
        self._hazard_P, self._gap_P, first_P = (np.broadcast_to(each, (count,)) for each in given)
        self._seed = seed
        self._number_P = np.zeros(count, dtype=np.int64)
        self._lost_P = np.zeros(count)  # When the last spell ended; what was before is forgotten.
        self._from_P = first_P.copy()
        self._until_P = self._from_P + self._life(np.arange(count))

    @property
    def paths(self) -> int:
        """How many paths there are."""
        return self._from_P.size

    def spell(self, path_N: Ints, at_hours_N: Floats) -> tuple[Floats, Floats]:
        """Return from when on there is capacity and until when, shapes (N,).

        Raises:
            ImpossibleInput: The question is about a spell that is over.
        """
        if (at_hours_N < self._lost_P[path_N]).any():
            raise ImpossibleInput(
                "A market was asked about hours it has already passed; it draws as it goes.",
                fix="Make a new market of the same seed for each job that is put on it.",
            )
        late_N = self._until_P[path_N] <= at_hours_N
        late_K, at_K = path_N[late_N], at_hours_N[late_N]
        while late_K.size:
            self._next(late_K)
            still_K = self._until_P[late_K] <= at_K
            late_K, at_K = late_K[still_K], at_K[still_K]
        return np.maximum(self._from_P[path_N], at_hours_N), self._until_P[path_N]

    def _next(self, path_K: Ints) -> None:
        number_K = self._number_P[path_K]
        gap_K = -np.log(uniforms(self._seed, "gaps", path_K, number_K)) * self._gap_P[path_K]
        self._number_P[path_K] = number_K + 1
        self._lost_P[path_K] = self._until_P[path_K]
        self._from_P[path_K] = self._until_P[path_K] + gap_K
        self._until_P[path_K] = self._from_P[path_K] + self._life(path_K)

    def _life(self, path_K: Ints) -> Floats:
        drawn_K = -np.log(uniforms(self._seed, "lives", path_K, self._number_P[path_K]))
        with np.errstate(divide="ignore", over="ignore"):
            return np.asarray(drawn_K / self._hazard_P[path_K])


class Fixed:
    """Spells written down, path by path; after the last there is never capacity again. A `Market`."""

    def __init__(self, spells: Sequence[Sequence[tuple[float, float]]]) -> None:
        """Hold each path's (from, until) in hours, in order and apart from one another.

        Raises:
            ImpossibleInput: A spell ends before it begins, or begins before the last one ended.
        """
        most = max((len(path) for path in spells), default=0)
        ends_PS2 = np.full((len(spells), most + 1, 2), np.inf)
        for p, path in enumerate(spells):
            flat = [hours for spell in path for hours in spell]
            rising = all(a < b if n % 2 == 0 else a <= b for n, (a, b) in enumerate(pairwise(flat)))
            if not rising or (flat and flat[0] < 0):
                raise ImpossibleInput(
                    f"The spells of path {p} are not in order: {list(path)[:4]}.",
                    fix="Give (from, until) pairs, each until above its from, in order and apart.",
                )
            ends_PS2[p, : len(path)] = np.reshape(flat, (-1, 2))
        self._from_PS, self._until_PS = ends_PS2[..., 0], ends_PS2[..., 1]

    @property
    def paths(self) -> int:
        """How many paths there are."""
        return len(self._from_PS)

    def spell(self, path_N: Ints, at_hours_N: Floats) -> tuple[Floats, Floats]:
        """Return from when on there is capacity and until when, shapes (N,)."""
        next_N = (self._until_PS[path_N] <= at_hours_N[:, None]).sum(axis=1)
        from_N = np.maximum(self._from_PS[path_N, next_N], at_hours_N)
        return from_N, self._until_PS[path_N, next_N]


def believed(placement: Placement, *, paths: int, seed: int = 0) -> Renewing:
    """Return the market of the closed form's belief: what `model.cost.estimate` draws, as spells.

    Each path has a hazard, a mean gap and a first wait of its own, drawn as the closed form
    draws them.

    Raises:
        ImpossibleInput: Fewer than 1 path, or an impossible belief.
    """
    pool, luck = placement.statistics, Luck.of(paths, seed)
    belief = Belief(pool.hazard_shape, pool.hazard_rate_hours)
    gap_P = gap_means(pool.gap_hours, pool.preemptions, luck)
    return Renewing(
        gang_hazard(placement.job, pool, hazards(belief, luck)),
        gap_P,
        first_wait_hours_P=first_waits(placement.first_wait_chance, gap_P, luck),
        seed=seed,
    )
