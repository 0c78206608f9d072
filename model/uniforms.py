"""Luck that can be looked up: the n-th uniform of a path is the same whoever asks, and when.

Two pools, two cadences or two policies that are put on the same path meet the same luck, so
what they differ by is theirs (common random numbers). Nothing is stored and nothing is drawn
in vain: a uniform is computed from seed, purpose, path and number.

Legend: P = paths, N = uniforms asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from .validity import Floats, quantity
from .watched import Ints

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # The step of SplitMix64.
MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
LAST_SHIFT, TO_52_BITS = np.uint64(31), np.uint64(12)  # With 53 bits the last would round to 1.


@dataclass(frozen=True, slots=True)
class Uniforms:
    """One endless row of uniforms in (0, 1) for each of P paths."""

    start_P: NDArray[np.uint64]

    @classmethod
    def of(cls, paths: int, seed: int, purpose: str) -> Uniforms:
        """Return the rows of a seed for one purpose ("lives", "gaps"); purposes are independent.

        Path p's row does not depend on how many paths there are.

        Raises:
            ImpossibleInput: Fewer than 1 path.
        """
        quantity("Path count", paths, "paths", above_zero=True)
        words = np.random.SeedSequence([seed, crc32(purpose.encode())]).generate_state(1, np.uint64)
        return cls(_mixed(words[0] ^ _mixed(np.arange(1, paths + 1, dtype=np.uint64) * GOLDEN)))

    def at(self, path_N: Ints, number_N: Ints) -> Floats:
        """Return uniform `number` (0, 1, …) of each path's row, shape (N,).

        Source: SplitMix64 (Steele, Lea and Flood 2014), each path at a start of its own.
        """
        step_N = (number_N + 1).astype(np.uint64) * GOLDEN
        bits_N = _mixed(self.start_P[path_N] + step_N) >> TO_52_BITS
        return np.asarray((bits_N + 0.5) * 2.0**-52)


def _mixed(bits: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the bits well stirred; the products are meant to overflow."""
    for shift, factor in MIX:
        bits = (bits ^ (bits >> shift)) * factor
    return bits ^ (bits >> LAST_SHIFT)
