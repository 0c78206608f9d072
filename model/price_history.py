"""One pool's prices as a step function of hours, known up to an instant and not beyond.

Any spacing will do: several changes a day, one a month, one price seen once. Nothing after the
instant is kept, and a price learnt of later than the instant never was known at it.

Legend: K = steps, N = stretches of time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .errors import ImpossibleInput, InsufficientHistory
from .market import PricePoint
from .validity import Floats, aware, quantity

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # Hours are counted from here.
SECONDS_PER_HOUR = 3600.0
OVERLAP = 8.0  # Past stretches may overlap until an hour is in this many.


@dataclass(frozen=True, eq=False)
class PriceHistory:
    """Steps of price, each holding until the next; the last one holds at `until_hour`."""

    hour_K: Floats  # When each price came into force, rising; equal neighbours in price are merged.
    price_K: Floats  # USD/h, above 0.
    until_hour: float  # Known up to here.

    @property
    def price_usd_per_hour(self) -> float:
        """The price in force where knowledge ends."""
        return float(self.price_K[-1])

    @property
    def known_hours(self) -> float:
        """Hours over which changes would have been seen."""
        return self.until_hour - float(self.hour_K[0])

    @property
    def changes(self) -> int:
        """How often the price changed."""
        return self.price_K.size - 1

    @cached_property
    def log_change_K(self) -> Floats:
        """Log of each price over the one before; one fewer than steps."""
        return np.asarray(np.diff(np.log(self.price_K)))

    @cached_property
    def _paid_K(self) -> Floats:
        """USD paid from the first step to each step."""
        return np.concatenate([[0.0], np.cumsum(np.diff(self.hour_K) * self.price_K[:-1])])

    def until(self, hour: float) -> PriceHistory:
        """Return what was known at an earlier hour.

        Raises:
            InsufficientHistory: No price was in force then.
        """
        seen = int(np.searchsorted(self.hour_K, hour, side="right"))
        if not seen:
            raise InsufficientHistory(
                f"0 prices are known {self.hour_K[0] - hour:g} h before the first one.",
                fix="Ask for a later instant, or collect earlier prices.",
            )
        return PriceHistory(self.hour_K[:seen], self.price_K[:seen], min(hour, self.until_hour))

    def price_at(self, hour_N: ArrayLike) -> Floats:
        """Return the price in force at each hour; the first price before the first step."""
        place_N = np.searchsorted(self.hour_K, np.asarray(hour_N, dtype=np.float64), side="right") - 1
        return np.asarray(self.price_K[np.maximum(place_N, 0)])

    def mean_price(self, from_hour_N: ArrayLike, hours: float) -> Floats:
        """Return the time-weighted mean price over [from, from + hours), as if the last price held on."""
        begin_N = np.asarray(from_hour_N, dtype=np.float64)
        return (self._paid(begin_N + hours) - self._paid(begin_N)) / hours

    def mean_ratios(self, hours: float, stretches: int) -> Floats:
        """Return past means over `hours`, each over the price at its beginning, evenly spread over time.

        Empty where less than that is known.
        """
        room = self.known_hours - hours
        if room <= 0:
            return np.empty(0)
        count = int(min(stretches, 1 + room / hours * OVERLAP))
        begin_N = self.hour_K[0] + room * (np.arange(count) + 1.0) / count
        return self.mean_price(begin_N, hours) / self.price_at(begin_N)

    def _paid(self, hour_N: Floats) -> Floats:
        place_N = np.maximum(np.searchsorted(self.hour_K, hour_N, side="right") - 1, 0)
        return self._paid_K[place_N] + (hour_N - self.hour_K[place_N]) * self.price_K[place_N]


def price_history(hour_K: ArrayLike, price_K: ArrayLike, until_hour: float) -> PriceHistory:
    """Return a history of steps in any order, cut where knowledge ends.

    Args:
        hour_K: When each price came into force, hours on any clock.
        price_K: USD/h. Of two prices for one hour the later in the list holds.
        until_hour: Knowledge ends here; later steps are not looked at.

    Raises:
        ImpossibleInput: A price is not above 0 or not finite, an hour is not finite, or lengths differ.
        InsufficientHistory: No price is in force by then.
    """
    hours = np.asarray(hour_K, dtype=np.float64).reshape(-1)
    prices = quantity("Price", price_K, "USD/h", above_zero=True).reshape(-1)
    if hours.size != prices.size or not (np.isfinite(hours).all() and np.isfinite(until_hour)):
        raise ImpossibleInput(
            f"{prices.size} prices come with {int(np.isfinite(hours).sum())} finite hours.",
            fix="Give one finite hour for each price, and a finite end.",
        )
    order = np.argsort(hours, kind="stable")
    hours, prices = hours[order], prices[order]
    last = np.append(np.diff(hours) > 0, True) if hours.size else np.empty(0, bool)
    kept = last & (hours <= until_hour)
    hours, prices = hours[kept], prices[kept]
    if not hours.size:
        raise InsufficientHistory(
            "0 prices are in force at that instant; a forecast needs at least 1.",
            fix="Collect prices of this pool, or ask for a later instant.",
        )
    changed = np.append(True, np.diff(prices) != 0)
    return PriceHistory(hours[changed], prices[changed], float(until_hour))


def history_of(points: Sequence[PricePoint], as_of: datetime) -> PriceHistory:
    """Return one pool's history as it was known at an instant: by both clocks.

    Raises:
        ImpossibleInput: Pools are mixed, an instant is naive, or a price is not above 0.
        InsufficientHistory: No price was known and in force.
    """
    instant = aware("As of", as_of)
    if len({point.pool for point in points}) > 1:
        raise ImpossibleInput(
            f"Prices of {len({point.pool for point in points})} pools were joined.",
            fix="Forecast each pool by its own prices.",
        )
    known = sorted((p for p in points if p.observed_at <= instant), key=lambda p: p.observed_at)
    return price_history(
        [hours_of(point.effective_at) for point in known],
        [float(point.price_usd_per_hour) for point in known],
        hours_of(instant),
    )


def hours_of(instant: datetime) -> float:
    """Return hours since 2000, UTC."""
    return (aware("Instant", instant) - EPOCH).total_seconds() / SECONDS_PER_HOUR
