"""The embedded market: generated from a seed, calibrated on published figures, always "synthetic".

It exists so that the whole loop can run offline and without an account. It is written as
files in Lowtide's recorded format and takes the same way into the store as real history.
It is no forecast of anybody's market, and no number from it may be cited as one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from model.errors import ImpossibleInput
from model.market import Pool

from .catalog import Catalog, load_catalog
from .sample_places import PLACES, Place
from .sample_weather import availability, rng
from .sources.lives import lives_of, sightings
from .sources.native import FORMAT, VERSION

BEGIN: Final = datetime(2025, 9, 1, tzinfo=UTC)
HOLE_DAYS: Final = (20.0, 20.3)  # The prober itself was down: every series has this hole.


def write_sample(folder: Path, *, seed: int, days: int = 60, tick_s: int = 600) -> None:
    """Write the market of `seed` into `folder`: market.json, prices.csv, probes.csv, tenures.csv.

    Args:
        folder: Made if missing; files of an earlier sample are replaced.
        seed: Changes prices, availability and preemptions of every pool.
        days: Length of the history from 2025-09-01 UTC.
        tick_s: Seconds between two probes.

    Raises:
        ImpossibleInput: The seed is negative.
    """
    if seed < 0:
        raise ImpossibleInput(f"Seed is {seed}.", fix="Give a seed of 0 or more.")
    folder.mkdir(parents=True, exist_ok=True)
    catalog = load_catalog()
    ticks = pd.date_range(BEGIN, periods=days * 86_400 // tick_s, freq=f"{tick_s}s", unit="us")
    states = {place.pool: availability(place, ticks, seed, catalog) for place in PLACES if place.probed}
    _write(folder / "probes.csv", _probes(states, ticks, tick_s))
    _write(folder / "tenures.csv", _tenures(states, ticks))
    _write(folder / "prices.csv", _prices(ticks, seed, catalog))
    (folder / "market.json").write_text(
        json.dumps(_market(seed, days, catalog), indent=2) + "\n", encoding="utf-8"
    )


def _probes(states: dict[Pool, np.ndarray], ticks: pd.DatetimeIndex, tick_s: int) -> pa.Table:
    """One row per pool and tick, the prober's own hole and late starts left out."""
    days = (ticks - ticks[0]).total_seconds().to_numpy() / 86_400
    stamps = pa.array(ticks.strftime("%Y-%m-%dT%H:%M:%SZ"))
    tables = []
    for pool, available in states.items():
        kept = ((days < HOLE_DAYS[0]) | (days >= HOLE_DAYS[1])) & (days >= days[-1] - _probed_days(pool))
        rows = int(kept.sum())
        columns = {
            "pool": pa.repeat(pool.key, rows),
            "effective_at": stamps.filter(pa.array(kept)),
            "wanted": pa.repeat(1, rows),
            "obtainable": pa.array(available[kept].astype("int32")),
            "holds_s": pa.repeat(tick_s, rows),
        }
        tables.append(pa.table(columns))
    return pa.concat_tables(tables)


def _probed_days(pool: Pool) -> float:
    """For how long before the end a pool has been probed."""
    return next(place.probed_days for place in PLACES if place.pool == pool)


def _tenures(states: dict[Pool, np.ndarray], ticks: pd.DatetimeIndex) -> pa.Table:
    """One canary instance per pool that keeps one: it runs whenever there is capacity."""
    canaries = {place.pool for place in PLACES if place.canary}
    frames = [
        sightings(lives_of(up.astype("int64")), ticks, pool.key)
        for pool, up in states.items()
        if pool in canaries
    ]
    frame = pd.concat(frames, ignore_index=True).rename(columns={"pool_id": "pool"})
    for clock in ("began_at", "ended_at", "observed_at"):
        frame[clock] = frame[clock].dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    order = ["pool", "instance_ref", "began_at", "ended_at", "end_cause", "began_before", "observed_at"]
    return pa.Table.from_pandas(frame[order], preserve_index=False)


def _prices(ticks: pd.DatetimeIndex, seed: int, catalog: Catalog) -> pa.Table:
    """Every pool's price when it changes, and once a day to say that it stands."""
    rows: list[tuple[str, datetime, str]] = []
    days = (ticks[-1] - ticks[0]).days + 1
    seen = set()
    for place in PLACES:
        on_demand = place.on_demand_usd(catalog)
        if place.on_demand_pool not in seen:
            seen.add(place.on_demand_pool)
            rows += [
                (place.on_demand_pool.key, day, f"{on_demand}") for day in pd.date_range(BEGIN, periods=days)
            ]
        for hour, usd in _walk(place, float(on_demand), days, rng(seed, place.pool.key, "price"), catalog):
            rows.append(
                (place.pool.key, BEGIN + pd.Timedelta(hours=hour).floor("s").to_pytimedelta(), f"{usd:.4f}")
            )
    frame = pd.DataFrame(rows, columns=["pool", "effective_at", "price_usd_per_hour"])
    frame["effective_at"] = pd.to_datetime(frame["effective_at"], utc=True).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return pa.Table.from_pandas(frame, preserve_index=False)


def _walk(
    place: Place, on_demand: float, days: int, rng: np.random.Generator, catalog: Catalog
) -> Iterator[tuple[float, float]]:
    """Hours and spot prices: a slow mean-reverting walk around the published share of on-demand."""
    level = np.log(place.share(catalog)) + rng.normal(0, 0.12)
    changes = (
        np.cumsum(rng.exponential(24 / place.changes_per_day, int(days * place.changes_per_day * 2) + 2))
        if place.changes_per_day
        else np.array([])
    )
    hours = np.union1d(np.arange(days) * 24.0, changes[changes < days * 24])
    offset = 0.0
    for hour in hours:
        if hour in changes:
            offset = 0.97 * offset + rng.normal(0, place.step_sd)
        yield float(hour), min(on_demand, on_demand * float(np.exp(level + offset)))


def _market(seed: int, days: int, catalog: Catalog) -> dict[str, object]:
    """What market.json says: above all, that this is synthetic."""
    shares = {place.share_figure for place in PLACES}
    used = sorted(shares | {"up_log_sd", "gap_log_sd", "region_correlation", "hour_of_day_swing"})
    skus = {place.pool.sku: catalog.skus[place.pool.provider, place.pool.sku] for place in PLACES}
    return {
        "format": FORMAT,
        "version": VERSION,
        "name": f"synthetic-seed-{seed}",
        "synthetic": True,
        "licence": "Apache-2.0",
        "statement": f"synthetic: made from seed {seed}, {days} days from {BEGIN:%Y-%m-%d}; no real market",
        "calibration": [
            {**asdict(catalog.figures[name]), "as_of": str(catalog.figures[name].as_of)} for name in used
        ],
        "skus": [asdict(sku) for sku in skus.values()],
    }


def _write(path: Path, table: pa.Table) -> None:
    """A CSV table with a plain header; Arrow's writer would quote it."""
    options = pyarrow.csv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        file.write((",".join(table.column_names) + "\n").encode())
        pyarrow.csv.write_csv(table, file, options)
