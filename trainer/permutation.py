"""A seeded permutation of N numbers that needs no memory: where each number goes is computed, not stored.

A number is written as (left, right) with left < A, right < B, A·B just over N. Each round adds to one
half a keyed hash of the other, which can be undone, so the rounds are a bijection of A·B; a result of N
or more is put through again until it is below N (cycle walking), which keeps it one.

Source: Black and Rogaway (2002), ciphers with arbitrary finite domains, the generalized Feistel
construction; the round hash is the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import hashlib
from math import isqrt

import numpy as np
from numpy.typing import NDArray

ROUNDS = 8  # Four made permutations of ten numbers visibly uneven; six did not.
MOST = 1 << 62


class Permutation:
    """A bijection of 0 … size - 1; every (size, key) has its own.

    Args:
        size: How many numbers, from 1 to 2**62.
        key: Words that name the permutation, such as seed and epoch.
    """

    def __init__(self, size: int, *key: int) -> None:
        if not 1 <= size <= MOST:
            raise ValueError(f"A permutation of {size} numbers: give 1 to {MOST}.")
        self.size = size
        self._a = isqrt(size - 1) + 1
        self._b = -(-size // self._a)
        words = " ".join(map(str, key)).encode()
        raw = hashlib.blake2b(words, digest_size=8 * ROUNDS, person=b"lowtide order").digest()
        self._keys = np.frombuffer(raw, dtype="<u8")

    def __call__(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return what stands at these places, all of them in 0 … size - 1."""
        if len(places) and not 0 <= places.min() <= places.max() < self.size:
            raise ValueError(f"Places {places.min()} to {places.max()} of a permutation of {self.size}.")
        found = self._rounds(places.astype(np.uint64))
        while (outside := found >= self.size).any():
            found[outside] = self._rounds(found[outside])
        return found.astype(np.int64)

    def _rounds(self, numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
        a, b = np.uint64(self._a), np.uint64(self._b)
        left, right = numbers // b, numbers % b
        for number, key in enumerate(self._keys):
            if number % 2:
                right = (right + _mix(left, key) % b) % b
            else:
                left = (left + _mix(right, key) % a) % a
        return left * b + right


def _mix(numbers: NDArray[np.uint64], key: np.uint64) -> NDArray[np.uint64]:
    mixed = (numbers + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) ^ key  # Wraps round, as it should.
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
