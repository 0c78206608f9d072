"""The mean price of a pool over the next hours, as a distribution: regimes weighed by their past.

Each regime of `model.price_regimes` says how the mean over the horizon may compare with the price
in force. Their mixture carries the weights that would have scored best on earlier instants: the
pool's own, and its siblings' where its own are few. A price below on-demand that was never above it
stays below; one that was above is not held down by a ceiling it has already broken.

Legend: D = draws, R = regimes, S = sample points, P = probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import ArrayLike

from .errors import InsufficientHistory
from .lifetime import sibling_belief
from .price_history import PriceHistory
from .price_regimes import LEVELS, OWN_WEIGHT, REGIMES, PriceFamily, ratios
from .price_weights import Lessons, lesson, likeliest_weights, no_lessons
from .validity import Floats, quantity, share

__all__ = ["PriceForecast", "PriceLaw", "forecast_price", "learn_prices", "price_draws"]

HORIZONS = (24.0, 168.0, 720.0, 2160.0)
INSTANTS = 12  # Past instants at which siblings' regimes are scored.
FIRST_INSTANT = 0.25  # Of the span; before it nothing is known to forecast from.
SCORED_POOLS = 12  # Of a family, at each instant; more say the same, for pools move together.
FAMILY_WORTH = 12.0  # Forecasts that siblings' scores count for, at most.
OWN_INSTANTS = 8
PRIOR_R = np.array([0.05, 0.3, 0.35, 0.05, 0.25])  # Before anybody's past is scored.


@dataclass(frozen=True, eq=False)
class PriceLaw:
    """What a family of pools taught: how prices change, and which regimes foretold them."""

    family: PriceFamily = field(default_factory=PriceFamily)
    lessons: tuple[tuple[float, Lessons], ...] = ()  # (hours, sums), shortest horizon first.

    def lessons_at(self, hours: float) -> Lessons:
        """Return the lessons of the horizon, between two known ones by the log of hours."""
        if not self.lessons:
            return no_lessons(len(REGIMES))
        known = np.log([h for h, _ in self.lessons])
        place = float(np.interp(np.log(hours), known, np.arange(len(known))))
        low, part = int(place), place - int(place)
        near, far = self.lessons[low][1], self.lessons[min(low + 1, len(known) - 1)][1]
        return near.at_most((1.0 - part) * near.worth).plus(far.at_most(part * far.worth))


@dataclass(frozen=True, eq=False)
class PriceForecast:
    """The mean price over `hours` from now, as weighted points, and what that rests on."""

    hours: float
    price_usd_per_hour: float  # In force now.
    weights: dict[str, float]  # By regime, sum 1.
    changes: int  # Seen of this pool.
    known_hours: float
    siblings: int
    value_S: Floats  # Mean prices, rising, USD/h.
    upto_S: Floats  # Weight of all points up to each, the last 1.

    @property
    def mean_usd_per_hour(self) -> float:
        """The expected mean price."""
        return float(np.dot(self.value_S, np.diff(self.upto_S, prepend=0.0)))

    def quantile(self, probability_P: ArrayLike) -> Floats:
        """Return mean prices not exceeded with these probabilities, USD/h.

        Raises:
            ImpossibleInput: A probability lies outside 0 to 1.
        """
        asked = share("Probability", probability_P)
        place = np.searchsorted(self.upto_S, asked - 1e-12, side="left")
        return np.asarray(self.value_S[np.minimum(place, self.value_S.size - 1)])

    def draws(self, uniform_D: ArrayLike) -> Floats:
        """Return D mean prices, rising with the uniforms, so that pools may share their luck."""
        return self.quantile(uniform_D)

    @property
    def words(self) -> str:
        """What the forecast rests on, for a person."""
        own = f"{self.changes} price changes in {self.known_hours:.0f} h"
        if not self.siblings:
            return f"{own} of its own; how often and how far prices move is assumed where that is little"
        return f"{own} of its own, and {self.siblings} siblings"


def learn_prices(histories: Sequence[PriceHistory]) -> PriceLaw:
    """Return what pools of one family teach, all known up to about the same instant.

    The regimes are scored at instants of the past, each with what the family had shown by then. Pools
    of one family move together, so all of them over one horizon count as one forecast.

    Raises:
        InsufficientHistory: No pool has a price.
    """
    if not histories:
        raise InsufficientHistory("0 pools show a price.", fix="Collect prices, or use PriceLaw().")
    first, last = min(h.hour_K[0] for h in histories), max(h.until_hour for h in histories)
    sums = {hours: no_lessons(len(REGIMES)) for hours in HORIZONS}
    for instant in np.linspace(first + FIRST_INSTANT * (last - first), last, INSTANTS, endpoint=False):
        _score(histories, float(instant), sums)
    seen_hours = (1.0 - FIRST_INSTANT) * (last - first)
    learnt = tuple((hours, sums[hours].at_most(seen_hours / hours)) for hours in sums if sums[hours].worth)
    return PriceLaw(_family(histories), learnt)


def _score(histories: Sequence[PriceHistory], instant: float, sums: dict[float, Lessons]) -> None:
    """Add what forecasts made at an instant teach, in place."""
    begun = [h for h in histories if h.hour_K[0] < instant]
    if not begun:
        return
    family = _family([h.until(instant) for h in begun])
    for history in begun[:: -(-len(begun) // SCORED_POOLS)]:
        for hours in sums:
            if instant + hours <= history.until_hour:
                sums[hours] = sums[hours].plus(_lesson(history, instant, family, hours))


def _family(histories: Sequence[PriceHistory]) -> PriceFamily:
    watched = [h for h in histories if h.known_hours > 0]
    assumed = PriceFamily()
    if not watched:
        return assumed
    changes = np.abs(np.concatenate([h.log_change_K for h in watched]))
    size_Q = assumed.size_Q
    if changes.size:
        trust = changes.size / (changes.size + OWN_WEIGHT)
        size_Q = np.quantile(changes, LEVELS) ** trust * assumed.size_Q ** (1.0 - trust)
    echo = []
    for hours in HORIZONS:
        seen = np.concatenate([h.mean_ratios(hours, 64) for h in watched])
        if seen.size:
            echo.append((hours, np.quantile(seen, LEVELS)))
    rate = sibling_belief([h.changes for h in watched], [h.known_hours for h in watched])
    return PriceFamily(rate, size_Q, tuple(echo), len(watched))


def _lesson(history: PriceHistory, instant: float, family: PriceFamily, hours: float) -> Lessons:
    known = history.until(instant)
    came = float(history.mean_price(instant, hours)) / known.price_usd_per_hour
    return lesson(ratios(known, family, hours, inf), came)


def forecast_price(
    known: PriceHistory,
    hours: float,
    *,
    on_demand_usd_per_hour: float | None = None,
    law: PriceLaw | None = None,
) -> PriceForecast:
    """Return the distribution of the mean price over the next hours.

    Args:
        known: The pool's steps up to now; one price seen once is enough, and the answer is then wide.
        hours: Horizon, above 0.
        on_demand_usd_per_hour: The ceiling, where the pool was never above it. None: no ceiling.
        law: What siblings taught (`learn_prices`); assumptions where None.

    Raises:
        ImpossibleInput: The horizon or the on-demand price is not above 0, or not finite.
    """
    horizon = float(quantity("Horizon", hours, "h", above_zero=True))
    believed = PriceLaw() if law is None else law
    ceiling = _ceiling(known, on_demand_usd_per_hour)
    sample_RS = ratios(known, believed.family, horizon, ceiling / known.price_usd_per_hour)
    weights = _weights(known, believed, horizon)
    value_S = (known.price_usd_per_hour * sample_RS).reshape(-1)
    order = np.argsort(value_S, kind="stable")
    upto_S = np.cumsum(np.repeat(weights / sample_RS.shape[1], sample_RS.shape[1])[order])
    return PriceForecast(
        hours=horizon,
        price_usd_per_hour=known.price_usd_per_hour,
        weights={name: float(w) for name, w in zip(REGIMES, weights, strict=True)},
        changes=known.changes,
        known_hours=known.known_hours,
        siblings=believed.family.pools,
        value_S=value_S[order],
        upto_S=upto_S / upto_S[-1],
    )


def _ceiling(known: PriceHistory, on_demand: float | None) -> float:
    if on_demand is None:
        return inf
    most = float(quantity("On-demand price", on_demand, "USD/h", above_zero=True))
    return most if float(known.price_K.max()) <= most else inf


def _weights(known: PriceHistory, law: PriceLaw, hours: float) -> Floats:
    """Return R weights from siblings' scores and the pool's own at past instants one horizon apart."""
    lessons = law.lessons_at(hours).at_most(FAMILY_WORTH)
    for back in range(1, OWN_INSTANTS + 1):
        instant = known.until_hour - back * hours
        if instant <= known.hour_K[0]:
            break
        lessons = lessons.plus(_lesson(known, instant, law.family, hours))
    return likeliest_weights(lessons, PRIOR_R)


def price_draws(
    uniform_D: ArrayLike,
    known: PriceHistory,
    hours: float,
    *,
    on_demand_usd_per_hour: float | None = None,
    law: PriceLaw | None = None,
) -> Floats:
    """Return D mean prices over the next hours, rising with the uniforms (USD/h).

    Raises:
        ImpossibleInput: A uniform lies outside 0 to 1, or another input is impossible.
    """
    forecast = forecast_price(known, hours, on_demand_usd_per_hour=on_demand_usd_per_hour, law=law)
    return forecast.draws(uniform_D)
