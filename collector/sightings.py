"""Probes as arrays, pool by pool, from the rows of several series at once.

Legend: N = sightings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

US_PER_S: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """Probes of one pool with the instants at which they were learnt; arrays of one length."""

    effective_s: NDArray[np.float64]  # Seconds since 1970.
    observed_s: NDArray[np.float64]
    wanted: NDArray[np.float64]  # Instances asked for.
    share: NDArray[np.float64]  # Of what was wanted that could be had.
    holds_s: NDArray[np.float64]
    sources: tuple[str, ...]
    synthetic: bool


_NONE: Final = np.empty(0)
NO_SIGHTINGS: Final = Sightings(
    effective_s=_NONE, observed_s=_NONE, wanted=_NONE, share=_NONE, holds_s=_NONE, sources=(), synthetic=False
)


def in_order(told: Sequence[dict[str, Any]], found: pa.Table) -> dict[str, Sightings]:
    """Return sightings by pool key, each in the order of effect, then learning, then size asked for.

    Args:
        told: Rows of series_of_pools.sql, by pool.
        found: Rows of sightings.sql, in any order.
    """
    column = {name: np.asarray(found[name].to_numpy()) for name in found.column_names}
    pools = list(dict.fromkeys(row["pool_id"] for row in told))
    place = {key: number for number, key in enumerate(pools)}
    series_S = np.array([row["series_no"] for row in told])
    pool_S = np.array([place[row["pool_id"]] for row in told])
    by_number = np.argsort(series_S)
    pool_N = pool_S[by_number][np.searchsorted(series_S[by_number], column["series_no"])]
    order = np.lexsort((column["wanted"], column["observed_us"], column["effective_us"], pool_N))
    column = {name: values[order] for name, values in column.items()}
    edges = np.searchsorted(pool_N[order], np.arange(len(pools) + 1))
    names = {row["series_no"]: row for row in told}
    return {
        key: _of_pool({name: values[a:b] for name, values in column.items()}, names)
        for key, a, b in zip(pools, edges[:-1], edges[1:], strict=True)
        if b > a
    }


def _of_pool(column: dict[str, NDArray[Any]], names: dict[int, dict[str, Any]]) -> Sightings:
    wanted, obtainable = column["wanted"].astype(np.float64), column["obtainable"].astype(np.float64)
    tellers = [names[int(number)] for number in np.unique(column["series_no"])]
    return Sightings(
        effective_s=column["effective_us"] / US_PER_S,
        observed_s=column["observed_us"] / US_PER_S,
        wanted=wanted,
        share=np.minimum(obtainable / np.maximum(wanted, 1.0), 1.0),
        holds_s=column["holds_s"].astype(np.float64),
        sources=tuple(sorted({str(row["source_id"]) for row in tellers})),
        synthetic=any(row["synthetic"] for row in tellers),
    )


def joined(old: Mapping[str, Sightings], new: Mapping[str, Sightings]) -> dict[str, Sightings]:
    """Return sightings with those learnt since, by pool key, in the order of `in_order`."""
    return {**old, **{key: _after(old[key], each) if key in old else each for key, each in new.items()}}


def _after(old: Sightings, new: Sightings) -> Sightings:
    columns = [
        np.concatenate([getattr(old, name), getattr(new, name)])
        for name in ("effective_s", "observed_s", "wanted", "share", "holds_s")
    ]
    if old.effective_s.size and new.effective_s[0] <= old.effective_s[-1]:  # A later word on an instant.
        order = np.lexsort((columns[2], columns[1], columns[0]))
        columns = [column[order] for column in columns]
    effective_s, observed_s, wanted, share, holds_s = columns
    return Sightings(
        effective_s=effective_s, observed_s=observed_s, wanted=wanted, share=share, holds_s=holds_s,
        sources=tuple(sorted({*old.sources, *new.sources})), synthetic=old.synthetic or new.synthetic,
    )  # fmt: skip
