"""Recorded and made-up price series as the model takes them.

A CSV of prices holds one row per observation: `observed_at_utc`, a spot price column, and columns
that name the machine and the place. A price counts from when it was first observed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from model.price_history import PriceHistory, price_history

PRICES = ("spot_usd_per_hour", "spot_price_usd_per_hour")
MACHINES = ("machine_type", "instance_type")
PLACES = ("region", "availability_zone_name", "az_id", "product_description")
BESIDE = ("gcp-pricing-weekly", "aws-spot-g2-2015")  # Folders looked for beside DIR.
MOST_POOLS = 16  # Of a family, evenly by name: regions of one list move together.
LEAST_DAYS = 60.0  # Shorter recordings cannot be split.


@dataclass(frozen=True, eq=False)
class PriceSet:
    """Pools of one family, watched together."""

    name: str
    pools: list[PriceHistory]
    on_demand: list[float | None]
    generated: bool = False


def price_sets(root: Path | None) -> list[PriceSet]:
    """Return every family of price series under a folder, or in the known folders beside it."""
    if root is None:
        return []
    folders = [root, *(root.parent / name for name in BESIDE)]
    paths = sorted(
        {p.resolve() for f in folders if f.is_dir() for p in [*f.glob("*.csv"), *f.glob("*.csv.gz")]}
    )
    frames: dict[str, list[pd.DataFrame]] = {}
    for path in paths:
        head = pd.read_csv(path, nrows=0).columns
        if "observed_at_utc" in head and set(PRICES) & set(head) and set(MACHINES) & set(head):
            frames.setdefault(path.parent.name, []).append(pd.read_csv(path))
    found = [data for name, read in sorted(frames.items()) for data in _sets(name, pd.concat(read))]
    shown: set[bytes] = set()
    return [data for data in found if _new(data, shown)]


def _new(data: PriceSet, shown: set[bytes]) -> bool:
    """Return whether a family moves on its own, and not with one already taken."""
    moves = {pool.hour_K.tobytes() for pool in data.pools if pool.changes}
    new = len(moves - shown) > len(moves) / 2
    shown |= moves
    return new


def _sets(folder: str, frame: pd.DataFrame) -> list[PriceSet]:
    """Return one set per machine family; of sizes that share a price per GPU, the most recorded one."""
    price = next(name for name in PRICES if name in frame)
    machine = next(name for name in MACHINES if name in frame)
    frame = frame.dropna(subset=[price]).assign(hour=_hours(frame["observed_at_utc"]))
    frame["family"] = [re.sub(r"[-.]\d+g?$|\.\d*x?large$", "", name) for name in frame[machine]]
    sets = []
    for family, rows in frame.groupby("family"):
        size = rows.groupby(machine)["hour"].agg(lambda hours: hours.max() - hours.min()).idxmax()
        places = [name for name in PLACES if name in rows]
        pools = [_pool(pool, price) for _, pool in rows[rows[machine] == size].groupby(places)]
        kept = [(pool, listed) for pool, listed in pools if pool.known_hours >= 24 * LEAST_DAYS]
        kept = kept[:: -(-len(kept) // MOST_POOLS)] if kept else []
        if kept:
            sets.append(PriceSet(f"{folder} {family}", [p for p, _ in kept], [o for _, o in kept]))
    return sets


def _hours(instants: pd.Series) -> pd.Series:
    seconds = pd.to_datetime(instants, format="ISO8601", utc=True) - pd.Timestamp("2000-01-01", tz="UTC")
    return seconds.dt.total_seconds() / 3600.0


def _pool(rows: pd.DataFrame, price: str) -> tuple[PriceHistory, float | None]:
    rows = rows.sort_values("hour")
    listed = rows["on_demand_usd_per_hour"].dropna() if "on_demand_usd_per_hour" in rows else []
    history = price_history(rows["hour"].to_numpy(), rows[price].to_numpy(), float(rows["hour"].iloc[-1]))
    return history, float(listed.iloc[0]) if len(listed) else None


def generated_set(seed: int, pools: int = 8, days: int = 400) -> PriceSet:
    """Return pools that change four times a day about a level that rises or falls for months."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(pools):
        hour = np.cumsum(rng.exponential(6.0, size=4 * days))
        turned = rng.random(hour.size) < 6.0 / (24 * 60)  # The trend turns about every two months.
        trend = rng.normal(0.0, 0.003 / 4, size=hour.size)[
            np.maximum.accumulate(np.arange(hour.size) * turned)
        ]
        noise = np.zeros(hour.size)
        for k in range(1, hour.size):
            noise[k] = 0.98 * noise[k - 1] + rng.normal(0.0, 0.007)
        made.append(price_history(hour, 3.0 * np.exp(np.cumsum(trend) + noise), float(hour[-1])))
    return PriceSet("generated, trending", made, [None] * pools, generated=True)
