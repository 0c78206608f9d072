"""Probes of several pools at once, with the instants at which they were learnt.

Live runs ask about the same pools again and again, a little later each time. What was read last is
kept, and only what was learnt since is read anew; it is read whole again once probes were written,
for those may have been learnt before. A lake has other writers, so nothing is kept of it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final

from model.market import Pool

from .core import StoreCore
from .sightings import NO_SIGHTINGS, Sightings, in_order, joined

NEVER: Final = datetime(1, 1, 2, tzinfo=UTC)
PROBES: Final = "probes"
KEPT: Final = 8  # Sets of pools, of some megabytes each.

Key = tuple[tuple[str, ...], datetime]  # Pool keys, and from when on.


@dataclass(frozen=True, slots=True)
class _Kept:
    version: int  # Of the store's probes.
    as_of: datetime
    told: list[dict[str, Any]]
    seen: dict[str, Sightings]


class SightingReads(StoreCore):
    """The part of the store that reads probes as arrays."""

    _sets: OrderedDict[Key, _Kept]
    _sets_lock: Lock

    def sightings(self, pool: Pool, *, from_at: datetime, until_at: datetime, as_of: datetime) -> Sightings:
        """Probes between two instants, every word on each that was learnt by `as_of`, in order."""
        found = self._sighted([pool.key], from_at, until_at, as_of)
        return found[1].get(pool.key, NO_SIGHTINGS)

    def sightings_of(
        self, pool_keys: Sequence[str], *, from_at: datetime, as_of: datetime
    ) -> dict[str, Sightings]:
        """Probes from an instant until `as_of`, by pool key; pools that nobody probed then are left out."""
        key: Key = tuple(sorted(set(pool_keys))), from_at
        version = self.version(PROBES)
        kept = self._kept_set(key, version)
        if kept is None or kept.as_of > as_of:
            told, seen = self._sighted(key[0], from_at, as_of, as_of)
        else:
            told = kept.told
            new = self._read(told, from_at, as_of, as_of, known_at=kept.as_of)
            seen = joined(kept.seen, new) if new else kept.seen
        if version is not None and (kept is None or kept.as_of <= as_of):
            self._keep_set(key, _Kept(version, as_of, told, seen))
        return seen

    def _sighted(
        self, pool_keys: Sequence[str], from_at: datetime, until_at: datetime, as_of: datetime
    ) -> tuple[list[dict[str, Any]], dict[str, Sightings]]:
        told = self.rows("series_of_pools", pool_ids=list(pool_keys))
        return told, self._read(told, from_at, until_at, as_of, known_at=NEVER)

    def _read(
        self, told: list[dict[str, Any]], from_at: datetime, until_at: datetime, as_of: datetime, *,
        known_at: datetime,
    ) -> dict[str, Sightings]:  # fmt: skip
        if not told:
            return {}
        numbers = [row["series_no"] for row in told]
        when = {"from_at": from_at, "until_at": until_at, "as_of": as_of, "known_at": known_at}
        return in_order(told, self.read("sightings", series_nos=numbers, **when))

    def _kept_set(self, key: Key, version: int | None) -> _Kept | None:
        with self._sets_lock:
            kept = self._sets.get(key)
            if kept is None or kept.version != version:
                return None
            self._sets.move_to_end(key)
            return kept

    def _keep_set(self, key: Key, kept: _Kept) -> None:
        if kept.version != self.version(PROBES):  # Some were written meanwhile.
            return
        with self._sets_lock:
            self._sets[key] = kept
            self._sets.move_to_end(key)
            while len(self._sets) > KEPT:
                self._sets.popitem(last=False)
