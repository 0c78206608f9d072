"""Price archives in CSV: dated snapshots and change logs of the three large clouds.

Each reader knows one header. What is not Linux is turned away with its reason, since those
prices hold a licence fee. A blank spot price means "not offered": it gives no row, never
zero. A spot price equal to on-demand is kept: it says that the discount is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pandas as pd

from .base import Batch, pool_keys, reject
from .cross_check import REASON, SPOT_REASON, far_below_other_places
from .files import csv_of, instants

AZ_REGIONS: Final = {  # The first part of an AWS zone ID names its region.
    "cac1": "ca-central-1",
    "sae1": "sa-east-1",
    "use1": "us-east-1",
    "use2": "us-east-2",
    "usw1": "us-west-1",
    "usw2": "us-west-2",
}
AZURE_REGIONS: Final = {"US East": "eastus"}


def price_frame(
    pool_id: pd.Series, effective_at: pd.Series, usd: pd.Series, *, kind: str = "recorded"
) -> pd.DataFrame:
    """Rows of `prices` that were observed when they took effect."""
    return pd.DataFrame(
        {
            "pool_id": pool_id,
            "kind": kind,
            "effective_at": effective_at,
            "observed_at": effective_at,
            "price_usd_per_hour": usd,
        }
    )


def read_gcp_weekly(path: Path) -> Iterator[Batch]:
    """Weekly list of GCP prices, regional, on-demand and spot side by side.

    Both are put together from the same parts, so where one lacks the GPU so does the other.
    """
    table = csv_of(path)
    at = instants(table["observed_at_utc"])
    partial = far_below_other_places(table["machine_type"], at, table["on_demand_usd_per_hour"])
    frames, rejected = [], []
    for capacity, reason in (("on_demand", REASON), ("spot", SPOT_REASON)):
        usd = table[f"{capacity}_usd_per_hour"]
        offered = usd != ""
        pools = pool_keys("gcp", table["region"], "-", table["machine_type"], capacity)
        frame = price_frame(pools, at, usd)
        frames.append(frame[offered & ~partial])
        rejected.append(reject(frame[offered & partial], reason))
    yield Batch(prices=pd.concat(frames, ignore_index=True), rejected=pd.concat(rejected, ignore_index=True))


def read_aws_on_demand(path: Path) -> Iterator[Batch]:
    """Dated AWS on-demand tables; regional."""
    yield _on_demand("aws", csv_of(path), machine="instance_type")


def read_azure_on_demand(path: Path) -> Iterator[Batch]:
    """Dated Azure on-demand tables; regional."""
    yield _on_demand("azure", csv_of(path), machine="arm_sku_name")


def _on_demand(provider: str, table: pd.DataFrame, *, machine: str) -> Batch:
    """One regional list of a day or several."""
    at, usd = instants(table["observed_at_utc"]), table["on_demand_usd_per_hour"]
    prices = price_frame(pool_keys(provider, table["region"], "-", table[machine], "on_demand"), at, usd)
    partial = far_below_other_places(table[machine], at, usd)
    return Batch(prices=prices[~partial], rejected=reject(prices[partial], REASON) if partial.any() else None)


def read_aws_spot_ids(path: Path) -> Iterator[Batch]:
    """AWS spot change events by zone ID; every product but plain Linux is turned away."""
    yield _aws_spot(csv_of(path), zone="az_id")


def read_aws_spot_names(path: Path) -> Iterator[Batch]:
    """AWS spot change events by the zone names of one account."""
    yield _aws_spot(csv_of(path), zone="availability_zone_name")


def _aws_spot(table: pd.DataFrame, *, zone: str) -> Batch:
    """Change events to prices, with the rejects beside them."""
    if zone == "az_id":
        region = table[zone].str.partition("-")[0].map(AZ_REGIONS)
        zone_id = table[zone]
    else:
        region = table[zone].str[:-1]
        zone_id = "name:" + table[zone]
    rejected = []
    linux = table["product_description"] == "Linux/UNIX"
    for product, rows in table[~linux].groupby("product_description"):
        rejected.append(reject(rows, f"product is {product}, not Linux/UNIX"))
    if (lost := linux & region.isna()).any():
        rejected.append(reject(table[lost], "zone ID of an unknown region"))
    kept = linux & region.notna()
    pools = pool_keys("aws", region[kept], zone_id[kept], table["instance_type"][kept], "spot")
    at = instants(table["observed_at_utc"][kept])
    return Batch(
        prices=price_frame(pools, at, table["spot_price_usd_per_hour"][kept]),
        rejected=pd.concat(rejected, ignore_index=True) if rejected else None,
    )


def read_azure_spot(path: Path) -> Iterator[Batch]:
    """Azure spot meters of one undated snapshot, each with the day it took effect.

    Linux and Windows meters stand side by side under one size, unnamed. The cheapest of a size
    is taken for Linux, the others are turned away. The snapshot is taken to be observed on
    the newest of those days: it cannot be older.
    """
    table = csv_of(path)
    usd = pd.to_numeric(table["spot_usd_per_hour"], errors="coerce")
    size = table["sku_name"].map(azure_size)
    region = table["region_label"].map(AZURE_REGIONS)
    cheapest = usd == usd.groupby(size).transform("min")
    first = ~pd.DataFrame({"size": size, "usd": usd}).duplicated()
    kept = cheapest & first & region.notna()
    rejected = [
        reject(table[~cheapest], "a cheaper spot meter of the size exists: this one is taken for Windows"),
        reject(table[cheapest & ~first], "the same price of the size stands there twice"),
        reject(table[cheapest & first & region.isna()], "region label is unknown"),
    ]
    effective_at = instants(table["effective_start"])
    prices = price_frame(
        pool_keys("azure", region[kept], "-", size[kept], "spot"),
        effective_at[kept],
        table["spot_usd_per_hour"][kept],
    )
    yield Batch(
        prices=prices.assign(observed_at=effective_at.max()), rejected=pd.concat(rejected, ignore_index=True)
    )


def azure_size(meter: str) -> str:
    """The size a spot meter belongs to: `ND96amsA100v4 Spot` -> `Standard_ND96ams_A100_v4`."""
    name = meter.removesuffix(" Spot").removeprefix("Standard_")
    name = re.sub(r"(?<=[a-z])_? ?(T4|A10|A100|H100|H200)(?![0-9])", r"_\1", name)
    name = re.sub(r"[ _]*(v\d)$", r"_\1", name)
    return "Standard_" + name.replace(" ", "_")
