"""Waiting for a cheaper pool beside a dearer one that is up.

A job may use only the cheapest few of its pools: that is a course it can take, so what it costs
bounds what using all of them costs. The cheapest one, two and four are each taken as one market, with
values of their own, and waiting is weighed as waiting for one of them.

Slack is worth more than values say, for hazards are not known: an hour of such waiting costs a part of
the spot price, in the values as in the tick. In a trial, and where time is worth money, nobody waits so.

Legend: P = pools, T = ticks, N = sets of pools.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Self

import numpy as np

from .spot_action import Action
from .spot_ages import Ages
from .spot_conditions import Given
from .spot_seen import Seen
from .spot_solving import Solving
from .spot_values import HELD, NONE_DOWN, NONE_UP, Values, state_of
from .spot_worked import Few, Worked
from .spot_world import Pooled
from .validity import Floats

IMPATIENCE = 0.05  # Of the spot price, for an hour: at equal cost a job is done sooner.
WAIT_BESIDE = 0.1  # Of the spot price, for an hour of waiting beside a pool that is up.
SIZES = (1, 2, 4)
CLOSE = 1.005  # Prices so near each other are one.


def cheapest_sets(price_P: Floats) -> list[list[int]]:
    """Return sets of the cheapest pools, the dearest of each clearly cheaper than the next pool."""
    order = np.argsort(price_P, kind="stable")
    sizes = [size for size in SIZES if size < price_P.size]
    return [
        sorted(order[:size].tolist())
        for size in sizes
        if price_P[order[size]] > CLOSE * price_P[order[size - 1]]
    ]


class Waiting(Solving):
    """Keeps what is known of the cheapest few, and prices waiting for them."""

    def __init__(self, given: Given) -> None:
        asked = given.conditions
        self._waits = asked.waits_beside and asked.value_of_time_usd_per_hour == 0 and not asked.soft
        super().__init__(given)

    def update_prices(self, now_h: float, spot_usd_per_hour: Mapping[str, float]) -> None:
        """Take new prices; they hold from now on."""
        super().update_prices(now_h, spot_usd_per_hour)
        if self._cheapest_sets() != self._sets:
            self._watch_sets()

    def trial(
        self, prices: Mapping[str, float] | None = None, *, solve: bool = False, turned: str | None = None
    ) -> Self:
        """Return a copy to ask what-if questions of; it waits beside none of several pools that is up."""
        other = super().trial(prices, solve=solve, turned=turned)
        other._waits = False
        return other

    def _look(self, seen: Seen) -> None:
        super()._look(seen)
        self._up_TP: list[np.ndarray] = []  # Since then.
        self._watch_sets()

    def _advance(self, tick: int, current: Action, up_P: np.ndarray) -> None:
        new = tick > self._tick
        super()._advance(tick, current, up_P)
        if new and self._waits:
            self._up_TP.append(up_P)
            self._see_sets(up_P)

    def _begun_anew(self, left_hours: float, tick: int, *, at_once: bool) -> Worked:
        found = super()._begun_anew(left_hours, tick, at_once=at_once)
        return replace(found, few=tuple(self._few_of(found, at_once=at_once)))

    def _cheapest_sets(self) -> list[list[int]]:
        return cheapest_sets(np.array([self.prices[pool] for pool in self.pools])) if self._waits else []

    def _watch_sets(self) -> None:
        """Count how often one of each set was up, over all that was seen."""
        self._sets, seen = self._cheapest_sets(), self._seen
        self._some = Ages(len(self._sets), seen.hours)
        for number, members in enumerate(self._sets):
            self._some.watch_one(number, np.asarray(seen.up_TP[:, members].any(axis=1)))
        self._some.pace(self.promise.tick_hours)
        for up_P in self._up_TP:
            self._see_sets(up_P)

    def _see_sets(self, up_P: np.ndarray) -> None:
        if self._sets:
            self._some.see(np.array([up_P[members].any() for members in self._sets]))

    def _few_of(self, worked: Worked, *, at_once: bool) -> Iterator[Few]:
        if not (self._waits and self._sets):
            return
        hazards_PSB, terms = self._ages.hazards(), worked.values.terms
        for members, some_SB in zip(self._sets, self._some.hazards(), strict=True):
            market = self._market_of(members, hazards_PSB[:, 1], some_SB)
            dearer = replace(terms, waiting_usd_per_hour=WAIT_BESIDE * market.usd_per_hour)
            yield Few(market, Values(dearer, market, *worked.horizon, at_once=at_once))

    def _waited_usd(
        self, best: int, owed: float, tick: int, left: float, burnt: float, up_P: np.ndarray
    ) -> float | None:
        """Return by how much it is dearer to wait for cheaper pools than to hold the best, after this tick.

        None: there are none to wait for.
        """
        few = self._worked.few if self._waits else ()
        if not few:
            return None
        ticks, slack = max(self._worked.end - tick - 1, 0), self._slack(tick, left)
        held, bins_P = state_of(HELD, int(self._ages.bins_P[best])), self._ages.bins_P
        holding = [
            each.values.after(ticks, held, slack - owed) + self._beside_usd(each.market, best, left)
            for each in [*few, Few(self._worked.market, self._worked.values)]
        ]
        waiting = []
        for each, members, some_bin in zip(few, self._sets, self._some.bins_P.tolist(), strict=True):
            up = [pool for pool in members if up_P[pool]]
            if up:
                pool = best if best in up else min(up, key=lambda p: self.prices[self.pools[p]])
                state, beside = (
                    state_of(NONE_UP, int(bins_P[pool])),
                    self._beside_usd(each.market, pool, left),
                )
            else:
                state, beside = state_of(NONE_DOWN, some_bin), 0.0
            waiting.append(each.values.after(ticks, state, slack - burnt) + beside)
        return min(waiting) - min(holding)

    def _beside_usd(self, market: Pooled, pool: int, left: float) -> float:
        """Return what a pool costs beside what a market does, over the stay in it."""
        dearer, age_bin = self.prices[self.pools[pool]] - market.usd_per_hour, int(self._ages.bins_P[pool])
        stay = (self._worked.short_stay_PB if dearer > 0 else self._worked.stay_PB)[pool, age_bin]
        hours = max(min(float(stay), left) - self.promise.tick_hours, 0.0)
        return float(dearer * hours * (1.0 - self.promise.floor_share))
