"""What providers and archives publish beside prices: bands, tariffs, inventories, demand, catalogues.

A Spot Advisor band is stored as the band it is, with its horizon; nothing here turns it into
a rate. The Alibaba tables count hours from an unstated beginning and stay in their own tables.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from model.market import Sku
from model.signals import Denominator

from ..catalog import GIB, load_catalog
from .base import Batch, UnreadableSource, pool_keys, reject
from .files import csv_of, date_in, json_of
from .recorded_prices import price_frame

MONTH_S: Final = 30 * 86_400.0  # The Advisor's trailing month.
BANDS: Final = {  # The Advisor's label -> share, low and high; its own numbers are off by one.
    "<5%": (0.0, 0.05),
    "5-10%": (0.05, 0.10),
    "10-15%": (0.10, 0.15),
    "15-20%": (0.15, 0.20),
    ">20%": (0.20, None),
}
ADVISOR_WHAT: Final = (
    "AWS Spot Advisor: share of running spot instances interrupted in the trailing month, region-wide"
)
ADVISOR: Final[Mapping[str, Any]] = {  # What every band of the Advisor is.
    "provider": "aws",
    "zone": None,
    "what": ADVISOR_WHAT,
    "denominator": Denominator.RUNNING.value,
    "horizon_s": MONTH_S,
    "window_s": MONTH_S,
}
SKYPILOT_FROM: Final = pd.Timestamp("2025-07-01", tz="UTC")  # "After June 2025": the first day it can be.
SKYPILOT_GPUS: Final = {  # The accelerators of the catalogue -> GPU model, memory in GiB.
    "V100": ("V100-16GB", 16),
    "A100": ("A100-40GB", 40),
    "A100-80GB": ("A100-80GB", 80),
    "H100": ("H100-80GB", 80),
    "H200": ("H200-141GB", 141),
    "B200": ("B200-180GB", 180),
    "L40S": ("L40S-48GB", 48),
    "A6000": ("A6000-48GB", 48),
}


def read_gcp_tariffs(path: Path) -> Iterator[Batch]:
    """GCP storage and internet egress list prices; the day is in the file's name."""
    table = csv_of(path)
    at = pd.Timestamp(date_in(path))
    known = table["unit"].isin(["USD/GiB", "USD/GiB-month"])
    tariffs = pd.DataFrame(
        {
            "provider": "gcp",
            "region": table["region"],
            "kind": table["kind"],
            "item": table["class_or_destination"],
            "tier": table["tier_tib"],
            "price_usd": table["price"],
            "unit": table["unit"].str.removeprefix("USD/"),
            "effective_at": at,
            "observed_at": at,
        }
    )
    numeric = pd.to_numeric(table["price"], errors="coerce").ge(0)
    rejected = [
        reject(table[~known], "unit of a tariff is unknown"),
        reject(table[known & ~numeric], "tariff is no price"),
    ]
    yield Batch(tariffs=tariffs[known & numeric], rejected=pd.concat(rejected, ignore_index=True))


def read_advisor(path: Path) -> Iterator[Batch]:
    """AWS Spot Advisor: interruption bands and savings of GPU machines; the day is in the name."""
    content = json_of(path)
    labels = {entry["index"]: entry["label"] for entry in content["ranges"]}
    if not set(labels.values()) <= set(BANDS):
        raise UnreadableSource(
            f"{path.name} has interruption bands {sorted(labels.values())}; known are {sorted(BANDS)}.",
            fix="Teach the reader the new bands before storing them.",
        )
    gpus = {name for provider, name in load_catalog().skus if provider == "aws"}
    rows = [
        (region, system, sku, labels[found["r"]], *BANDS[labels[found["r"]]], found["s"] / 100)
        for region, systems in content["spot_advisor"].items()
        for system, machines in systems.items()
        for sku, found in machines.items()
        if sku in gpus
    ]
    columns = ["region", "system", "sku", "label", "rate_low", "rate_high", "saving"]
    table = pd.DataFrame(rows, columns=columns)
    linux = table["system"] == "Linux"
    at = pd.Timestamp(date_in(path))
    bands = table[linux].drop(columns="system").assign(**ADVISOR, effective_at=at, observed_at=at)
    yield Batch(bands=bands, rejected=reject(table[~linux], "system is Windows"))


def read_alibaba_nodes(path: Path) -> Iterator[Batch]:
    """Alibaba: one line per node; stored as counts of equal nodes."""
    table = csv_of(path)
    names = {"gpu_model": "gpu_model", "gpu_capacity_num": "gpus_per_node", "cpu_num": "cpus_per_node"}
    counts = table.groupby(list(names)).size().rename("nodes").reset_index().rename(columns=names)
    numbers = counts.astype({"gpus_per_node": "int64", "cpus_per_node": "int64"})
    yield Batch(inventory=numbers.assign(provider="alibaba"))


def read_alibaba_hours(path: Path) -> Iterator[Batch]:
    """Alibaba: one line per hour; every other column is a measure of demand."""
    table = csv_of(path)
    hour = table.columns[0]
    long = table.melt(id_vars=hour, var_name="measure", value_name="value").rename(columns={hour: "hour"})
    numbers = long.assign(
        hour=pd.to_numeric(long["hour"]).astype("int64"), value=pd.to_numeric(long["value"])
    )
    yield Batch(demand=numbers.assign(provider="alibaba"))


def read_skypilot(path: Path) -> Iterator[Batch]:
    """SkyPilot's machine catalogue: list prices without a stated day, so taken from 2025-07-01.

    A blank spot price means not offered. AWS zones are zone IDs; others have none.
    """
    table = csv_of(path)
    frames = []
    for capacity in ("on_demand", "spot"):
        usd = table[f"{capacity}_usd_per_hour"]
        zone = table["zone_id"].mask(table["zone_id"] == "", "-") if capacity == "spot" else "-"
        pools = table["provider"].str.cat(
            pool_keys("", table["region"], zone, table["instance_type"], capacity)
        )
        at = pd.Series(SKYPILOT_FROM, index=table.index)
        frames.append(price_frame(pools, at, usd, kind="list")[usd != ""])
    prices = pd.concat(frames, ignore_index=True).drop_duplicates()
    yield Batch(prices=prices, skus=tuple(_skypilot_skus(table)))


def _skypilot_skus(table: pd.DataFrame) -> Iterator[Sku]:
    """SKUs of the file, where its accelerator is known."""
    for row in table.drop_duplicates(["provider", "instance_type"]).to_dict("records"):
        found: Any = SKYPILOT_GPUS.get(row["accelerator"])
        if found is not None:
            yield Sku(
                provider=row["provider"],
                name=row["instance_type"],
                gpu_model=found[0],
                gpu_count=int(float(row["accelerator_count"])),
                gpu_memory_bytes=found[1] * GIB,
            )
