"""What was seen of a pool and when it was learnt, so that a backtest cannot peek.

A `Record` keeps every sighting with the instant at which it was observed. `watched` is the pool as
it was known at an instant; `live` is what somebody who looked at every tick would have known then;
`truth` is what is known by now, and serves only to say what came. Hours are counted on the clock
that all pools share, from a midnight UTC.

Legend: N = sightings, T = ticks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .errors import ImpossibleInput
from .validity import Floats, quantity
from .watched import Bools, Ints, Place, Watched, watch

LONGEST_HOLE_HOURS = 24.0  # A record with a longer hole is two.
LEAST_TICK_HOURS = 1.0 / 60.0  # Probes that come thicker are one tick.
EARLY = 1e-9  # Hours by which a rounding may place an instant too late.


@dataclass(frozen=True, kw_only=True)
class Record:
    """One pool's sightings at regular ticks, without a hole of more than a day; made by `records_of`."""

    place: Place
    tick_hours: float
    first_hour: float
    tick_N: Ints  # Rising with the instant observed, so that the last of a tick is the newest word.
    up_N: Floats  # Share of what was asked for that could be had.
    known_hour_N: Floats  # When it was learnt.

    @property
    def end_hour(self) -> float:
        """The end of the last tick."""
        return self.first_hour + (int(self.tick_N.max()) + 1) * self.tick_hours

    def covers(self, hour: float) -> bool:
        """Say whether an instant lies within the record."""
        return self.first_hour <= hour + EARLY and hour < self.end_hour - EARLY

    def watched(self, as_of_hour: float) -> Watched | None:
        """Return the pool as known at an instant: nothing effective or observed later; None where nothing."""
        begun_N = self.first_hour + self.tick_N * self.tick_hours <= as_of_hour + EARLY
        return self._watched(begun_N & (self.known_hour_N <= as_of_hour + EARLY))

    @cached_property
    def live(self) -> Watched | None:
        """Each tick as known before the next one began; what was learnt later is a tick nobody saw."""
        ends_N = self.first_hour + (self.tick_N + 1) * self.tick_hours
        return self._watched(self.known_hour_N <= ends_N + EARLY)

    @cached_property
    def truth(self) -> Watched:
        """Every tick as it is known by now."""
        found = self._watched(np.ones(len(self.tick_N), dtype=bool))
        assert found is not None  # A record has at least one sighting.
        return found

    def _watched(self, seen_N: Bools) -> Watched | None:
        if not seen_N.any():
            return None
        up_T = np.full(int(self.tick_N[seen_N].max()) + 1, np.nan)
        up_T[self.tick_N[seen_N]] = self.up_N[seen_N]  # Of one tick the last assignment stands.
        return watch(self.place, up_T, self.tick_hours, self.first_hour)


def records_of(
    place: Place, hour_N: ArrayLike, known_hour_N: ArrayLike, up_N: ArrayLike, holds_hours_N: ArrayLike
) -> list[Record]:
    """Return a pool's sightings as records, one for each stretch without a hole of more than a day.

    The tick is the median of what the recorder says a sighting stands for, at least a minute.

    Args:
        place: Where the pool stands.
        hour_N: When each sighting was made, hours on the shared clock; any order.
        known_hour_N: When it was learnt. A later word on the same tick supersedes the earlier one.
        up_N: Share of what was asked for that could be had, 0 to 1.
        holds_hours_N: How long each stands for.

    Raises:
        ImpossibleInput: The arrays differ in length, or a number is negative or not finite.
    """
    hour, known = quantity("Hour", hour_N, "h"), quantity("Hour observed", known_hour_N, "h")
    up, holds = quantity("Availability", up_N, "(share)"), quantity("Tick", holds_hours_N, "h")
    if len({hour.size, known.size, up.size, holds.size}) > 1:
        raise ImpossibleInput(
            f"There are {hour.size} hours and {known.size}, {up.size}, {holds.size} of what belongs to them.",
            fix="Give every sighting its four numbers.",
        )
    if not hour.size:
        return []
    order = np.lexsort((known, hour))
    columns = [column[order] for column in (hour, known, up, holds)]
    edges = np.flatnonzero(np.diff(columns[0]) > LONGEST_HOLE_HOURS) + 1
    pieces = zip(*(np.split(column, edges) for column in columns), strict=True)
    return [_record(place, *piece) for piece in pieces]


def _record(place: Place, hour: Floats, known: Floats, up: Floats, holds: Floats) -> Record:
    tick_hours = max(float(np.median(holds)), LEAST_TICK_HOURS)
    tick = np.round((hour - hour[0]) / tick_hours).astype(np.int64)
    newest_last = np.argsort(known, kind="stable")
    return Record(
        place=place,
        tick_hours=tick_hours,
        first_hour=float(hour[0]),
        tick_N=tick[newest_last],
        up_N=up[newest_last],
        known_hour_N=known[newest_last],
    )


def spells_of(pool: Watched) -> list[tuple[float, float]]:
    """Return from when until when there was capacity, in hours on the shared clock, in order."""
    edge = np.flatnonzero(np.diff(pool.state_T.astype(np.int8), prepend=0, append=0))
    hours = pool.first_hour + edge * pool.tick_hours
    return [(float(a), float(b)) for a, b in hours.reshape(-1, 2)]
