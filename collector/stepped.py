"""Prices of several pools as steps in arrays, for forecasts; by two questions whatever their number.

What is in force is decided as in price_steps.sql: the last that took effect, of whatever kind; of one
instant recorded before synthetic before list. Where a list price competes, repeats of a recorded
one count, and such a pool is asked for by itself.

Legend: K = steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .asof import RANK
from .core import StoreCore

US_PER_S: Final = 1e6
LIST: Final = "list"


@dataclass(frozen=True, slots=True)
class Steps:
    """Prices in force of one pool; the first may have come into force before the span."""

    effective_s_K: NDArray[np.float64]  # Seconds since 1970, rising.
    usd_per_hour_K: NDArray[np.float64]


class SteppedReads(StoreCore):
    """The part of the store that reads prices as arrays."""

    def steps_of(self, pool_keys: Sequence[str], *, from_at: datetime, as_of: datetime) -> dict[str, Steps]:
        """Prices in force from an instant until `as_of`, by pool key; pools without a price are left out."""
        told = self.rows("series_of_pools", pool_ids=sorted(set(pool_keys)))
        listed = {row["pool_id"] for row in told if row["kind"] == LIST}
        plain = [row for row in told if row["pool_id"] not in listed]
        found = self._changes(plain, from_at.timestamp(), as_of) if plain else {}
        for key in sorted(listed):
            rows = self.rows("price_steps", pool_id=key, from_at=from_at, until_at=as_of, as_of=as_of)
            if rows:
                found[key] = Steps(
                    np.array([row["effective_at"].timestamp() for row in rows]),
                    np.array([float(row["price_usd_per_hour"]) for row in rows]),
                )
        return found

    def _changes(self, told: Sequence[Mapping[str, Any]], from_s: float, as_of: datetime) -> dict[str, Steps]:
        numbers = np.array([row["series_no"] for row in told])
        found = self.read("price_changes", series_nos=numbers.tolist(), as_of=as_of)
        column = {name: np.asarray(found[name].to_numpy()) for name in found.column_names}
        pools = list(dict.fromkeys(row["pool_id"] for row in told))
        place = {key: number for number, key in enumerate(pools)}
        sources = sorted({row["source_id"] for row in told})
        by_number = np.argsort(numbers)
        row_N = by_number[np.searchsorted(numbers[by_number], column["series_no"])]
        pool_N = np.array([place[row["pool_id"]] for row in told])[row_N]
        rank_N = np.array([RANK[row["kind"]] for row in told])[row_N]
        source_N = np.array([sources.index(row["source_id"]) for row in told])[row_N]
        order = np.lexsort(
            (source_N, column["usd_per_hour"], column["observed_us"], rank_N, column["effective_us"], pool_N)
        )
        effective_s, usd = column["effective_us"][order] / US_PER_S, column["usd_per_hour"][order]
        edges = np.searchsorted(pool_N[order], np.arange(len(pools) + 1))
        return {
            key: _steps(effective_s[a:b], usd[a:b], from_s)
            for key, a, b in zip(pools, edges[:-1], edges[1:], strict=True)
            if b > a
        }


def _steps(effective_s: NDArray[np.float64], usd: NDArray[np.float64], from_s: float) -> Steps:
    """Return what stands: the last of each instant, what changes nothing left out."""
    last = np.append(np.diff(effective_s) > 0, True)
    effective_s, usd = effective_s[last], usd[last]
    changed = np.append(True, np.diff(usd) != 0)
    effective_s, usd = effective_s[changed], usd[changed]
    first = max(int(np.searchsorted(effective_s, from_s, side="right")) - 1, 0)
    return Steps(effective_s[first:], usd[first:])
