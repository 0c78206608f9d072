"""Luck that a path keeps: the same number for the same path and turn, whatever was asked before.

A generator hands out numbers in the order of the questions, so two policies put on one market
would see two worlds. Here a number is a mixed-up count: path p's k-th draw of a stream never
depends on who else drew. Pools of one region share part of it, as they share their regimes.

Legend: N = paths.
"""

from __future__ import annotations

from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from .validity import Floats
from .watched import Ints, Place

FAMILY_SHARE, REGION_SHARE = 0.3, 0.4  # Of the variance of a regime; the rest is the pool's own.
WORD = 1 << 64
Words = NDArray[np.uint64]


def uniforms(seed: int, stream: str, path_N: Ints, turn_N: Ints | int = 0) -> Floats:
    """Return numbers in (0, 1) that depend on seed, stream, path and turn alone, shape (N,).

    Args:
        seed: Any integer.
        stream: What the numbers are for; two streams are independent.
        path_N: Paths, 0 or more.
        turn_N: How many were drawn before on the path, one for all or per path.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood 2014), applied once per coordinate.
    """
    start = (seed * 0x9E3779B97F4A7C15 + crc32(stream.encode()) * 0xD1B54A32D192ED03) % WORD
    path = np.atleast_1d(np.asarray(path_N, dtype=np.uint64))
    mixed = _mixed(path * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start))
    turn = np.atleast_1d(np.asarray(turn_N, dtype=np.uint64))  # Arrays wrap round; scalars would warn.
    mixed = _mixed(mixed + (turn + np.uint64(1)) * np.uint64(0xA0761D6478BD642F))
    return np.asarray(
        ((mixed >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52
    )  # 53 bits may round to 1.


def normals(seed: int, stream: str, path_N: Ints, turn_N: Ints | int = 0) -> Floats:
    """Return standard normals, as `uniforms`."""
    return np.asarray(ndtri(uniforms(seed, stream, path_N, turn_N)))


def regimes(seed: int, stream: str, place: Place, path_N: Ints, turn_N: Ints | int = 0) -> Floats:
    """Return standard normals that pools of one region, and less so of one family, have in common.

    Two pools of a region correlate by .7, of a family by .3: as the daily means of recorded
    zones do, .71 within a region and .31 across.
    """
    names = (place.family, f"{place.family}/{place.region}", f"{place.family}/{place.region}/{place.pool}")
    shares = (FAMILY_SHARE, REGION_SHARE, 1.0 - FAMILY_SHARE - REGION_SHARE)
    parts = [
        np.sqrt(share) * normals(seed, f"{stream}/{name}", path_N, turn_N)
        for share, name in zip(shares, names, strict=True)
    ]
    return np.asarray(sum(parts))


def _mixed(word: Words) -> Words:
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
