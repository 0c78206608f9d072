"""When the embedded market has capacity: heavy-tailed runs and gaps, and outages a region shares.

A zone is available while both its own state and its region's are. The zone's own state
alternates, with lognormal durations; the region is struck by common outages that fall more
often in its busy hours. So zones of a region share a fate, and regions do not.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from .catalog import Catalog
from .sample_places import Place

BUSY_HOUR_UTC: Final = 18.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How capacity behaves in one zone, hours."""

    up_hours: float  # Mean of the zone's own available runs.
    gap_hours: float  # Mean of the zone's own gaps.
    outage_every_hours: float  # Between the region's common outages, mean.
    outage_hours: float  # Of a common outage, mean.


def rng(seed: int, *names: str) -> np.random.Generator:
    """Random numbers of this seed and thing, whatever else is drawn before."""
    return np.random.default_rng([seed, zlib.crc32("/".join(names).encode())])


def _weather(place: Place, seed: int) -> Weather:
    """Draw how capacity behaves; region-wide figures are the same for all its zones."""
    zone, region = rng(seed, place.pool.key, "weather"), rng(seed, *place.region_key, "weather")
    up_hours = zone.uniform(4.0, 8.0)
    share = zone.uniform(0.72, 0.96)
    return Weather(
        up_hours=up_hours,
        gap_hours=up_hours * (1 - share) / share,
        outage_every_hours=region.uniform(9.0, 20.0),
        outage_hours=region.uniform(0.6, 2.0),
    )


def availability(place: Place, ticks: pd.DatetimeIndex, seed: int, catalog: Catalog) -> np.ndarray:
    """True where the zone has capacity, one per tick."""
    hours = (ticks - ticks[0]).total_seconds().to_numpy() / 3600
    weather = _weather(place, seed)
    own = _alternating(hours, weather, rng(seed, place.pool.key, "own"), catalog)
    common = _outages(hours, weather, rng(seed, *place.region_key, "outages"), catalog)
    return np.asarray(own & ~common)


def _lognormal(random: np.random.Generator, mean: float, log_sd: float, size: int) -> np.ndarray:
    """Draws with this arithmetic mean: the median is mean / exp(sd^2 / 2)."""
    return random.lognormal(np.log(mean) - log_sd**2 / 2, log_sd, size)


def _alternating(
    hours: np.ndarray, weather: Weather, random: np.random.Generator, catalog: Catalog
) -> np.ndarray:
    """Runs and gaps by turns; the state at each hour."""
    size = int(hours[-1] / (weather.up_hours + weather.gap_hours) * 8) + 50
    up = _lognormal(random, weather.up_hours, catalog.figures["up_log_sd"].value, size)
    gap = _lognormal(random, weather.gap_hours, catalog.figures["gap_log_sd"].value, size)
    changes = np.cumsum(np.column_stack([up, gap]).ravel()) - random.uniform(0, weather.up_hours)
    return np.asarray(np.searchsorted(changes, hours, side="right") % 2 == 0)


def _outages(
    hours: np.ndarray, weather: Weather, random: np.random.Generator, catalog: Catalog
) -> np.ndarray:
    """True while the whole region is out; starts are thinned to fall in busy hours."""
    swing = min(1.0, 2 * catalog.figures["hour_of_day_swing"].value)
    proposed = np.cumsum(random.exponential(weather.outage_every_hours / (1 + swing), int(hours[-1]) + 50))
    busy = (1 + swing * np.cos(2 * np.pi * (proposed - BUSY_HOUR_UTC) / 24)) / (1 + swing)
    begin = proposed[random.uniform(size=len(proposed)) < busy]
    end = begin + _lognormal(random, weather.outage_hours, catalog.figures["gap_log_sd"].value, len(begin))
    started = np.searchsorted(begin, hours, side="right")
    latest_end = np.concatenate([[-1.0], np.maximum.accumulate(end)])
    return np.asarray(latest_end[started] > hours)
