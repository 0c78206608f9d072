"""SkyPilot's own machine catalogues, as it publishes them: catalogs/v8/<cloud>/vms.csv.

The columns are told by their names, since their order differs per cloud and the zone may be
missing. Neither the cloud nor the day stands in the file: the cloud is its folder's name, the
day has to be in its name or in that of a folder. GpuInfo is a Python expression and is never
read. A blank spot price means not offered; a row without an accelerator is no GPU machine.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from pathlib import Path
from typing import Final

from model.market import CapacityType, Sku

from ..catalog import load_catalog
from .base import Batch, UnreadableSource
from .files import AGAIN, RecordedFile, text_of
from .findings import Findings, pool_key
from .neo_gpus import gpu_sku

COLUMNS: Final = frozenset(
    {
        "InstanceType",
        "AcceleratorName",
        "AcceleratorCount",
        "vCPUs",
        "MemoryGiB",
        "Price",
        "SpotPrice",
        "Region",
    }
)
ZONE: Final = "AvailabilityZone"  # AWS: zone IDs. A cloud without zones has no such column.
CLOUDS: Final = (
    "aws", "azure", "cudo", "gcp", "hyperbolic", "hyperstack", "jarvislabs", "lambda", "lium", "mithril",
    "nebius", "oci", "primeintellect", "runpod", "seeweb", "shadeform", "spheron", "vast", "verda", "yotta",
)  # fmt: skip
GIB_OF: Final = {  # Memory of one accelerator, by SkyPilot's name: data sheets of the makers, 2026-11.
    "A10": 24, "A100": 40, "A100-80GB": 80, "A100-80GB-SXM": 80, "A10G": 24, "A30": 24, "A40": 48,
    "A6000": 48, "B200": 180, "B300": 288, "H100": 80, "H100-NVL": 94, "H100-SXM": 80,
    "H200": 141, "H200-SXM": 141, "K80": 12, "L4": 24, "L40": 48, "L40S": 48, "M60": 8, "MI300X": 192,
    "P100": 16, "P4": 8, "RTX3090": 24, "RTX4090": 24, "RTX5090": 32, "RTXA6000": 48, "T4": 16, "T4g": 16,
    "V100": 16, "V100-32GB": 32,
}  # fmt: skip
CAPACITIES: Final = ((CapacityType.ON_DEMAND, "Price"), (CapacityType.SPOT, "SpotPrice"))
Row = Mapping[str, str]


def is_catalog(header: str) -> bool:
    """True for the first line of such a catalogue, in whatever order its columns stand."""
    return set(header.split(",")) >= COLUMNS


def open_skypilot(path: Path) -> RecordedFile:
    """The source for one catalogue.

    Raises:
        UnreadableSource: Its folder is not named after a cloud, or no day is in its path.
    """
    cloud, day = _cloud_of(path), _day_of(path)
    return RecordedFile(
        path=path,
        source_id=f"skypilot-vms/{cloud}",
        licence="Apache-2.0",
        read=partial(read_catalog, cloud=cloud, day=day),
        note=f"list prices as SkyPilot had them on {day:%Y-%m-%d}, the day in the file's path",
        kind="list",
    )


def _cloud_of(path: Path) -> str:
    """The cloud that a catalogue is of."""
    folder = path.absolute().parent.name
    if folder not in CLOUDS:
        raise UnreadableSource(
            f"{path.name} is a SkyPilot catalogue, and its folder {folder!r} names no cloud of its.",
            fix=f"Keep it as <cloud>/{path.name}, the cloud being one of {', '.join(CLOUDS)}.",
        )
    return folder


def _day_of(path: Path) -> datetime:
    """The day of a catalogue: in its name, else in that of the nearest folder that has one."""
    for name in reversed(path.absolute().parts):
        for day in re.findall(r"\d{4}-\d{2}-\d{2}", name):
            with suppress(ValueError):  # Looks like a day and is none.
                return datetime.fromisoformat(day).replace(tzinfo=UTC)
    raise UnreadableSource(
        f"{path.name} is a SkyPilot catalogue, and neither it nor a folder above it names a day.",
        fix="Put the day of the commit it is from into its path, as in 2026-11-20/aws/vms.csv.",
    )


def read_catalog(path: Path, *, cloud: str, day: datetime) -> Iterator[Batch]:
    """One batch: list prices, SKUs and listings of the machines with an accelerator."""
    found, usd_of = Findings(at=day), _Prices()
    for line in _table(path):
        if not line["AcceleratorName"]:
            continue
        row = {name: value for name, value in line.items() if name != "GpuInfo"}
        reason = _fault(row)
        sku = None if reason else _sku(row, cloud)
        if sku is None:
            found.reject(reason or f"accelerator {row['AcceleratorName']} has no GPU model here", row)
            continue
        found.sku(sku)
        found.listing(row["Region"], sku)
        for capacity, column in CAPACITIES:
            if row[column]:
                zone = row.get(ZONE) or None if capacity is CapacityType.SPOT else None
                usd_of.add(pool_key(cloud, row["Region"], zone, sku.name, capacity), Decimal(row[column]))
    usd_of.tell(found)
    yield found.batch()


def _table(path: Path) -> Iterator[Row]:
    """The rows of the file; GpuInfo holds commas, so its fields are quoted.

    Raises:
        UnreadableSource: A line is cut short, or has another number of fields.
    """
    text = text_of(path).lstrip("\ufeff")
    if not text.endswith("\n"):
        raise UnreadableSource(f"{path.name} ends in the middle of a line: cut short.", fix=AGAIN)
    lines = csv.reader(io.StringIO(text), strict=True)
    try:
        header = next(lines)
        for fields in lines:
            if len(fields) != len(header):
                raise UnreadableSource(
                    f"{path.name} line {lines.line_num} has {len(fields)} fields and not {len(header)}: "
                    "cut short or damaged.",
                    fix=AGAIN,
                )
            yield dict(zip(header, fields, strict=True))
    except csv.Error as trouble:
        raise UnreadableSource(f"{path.name} is not a regular table ({trouble}).", fix=AGAIN) from None


def _fault(row: Row) -> str | None:
    """Why a row is no machine with a price; None where it is one."""
    if not (row["InstanceType"] and row["Region"]) or "/" in row["InstanceType"] + row["Region"]:
        return "no machine or region, or a slash in its name"
    if not re.fullmatch(r"[1-9]\d*(\.0+)?", row["AcceleratorCount"]):
        return "count of accelerators is not whole"
    if not all(_is_price(row[column]) for _, column in CAPACITIES):
        return "price is not a number"
    return None


def _is_price(text: str) -> bool:
    """True for a number and for a blank, which says that nothing is offered."""
    try:
        return not text or Decimal(text).is_finite()
    except InvalidOperation:
        return False


def _sku(row: Row, cloud: str) -> Sku | None:
    """The catalogue's own SKU of that name, else one told by the accelerator; None where it is unknown."""
    name, accelerator = row["InstanceType"], row["AcceleratorName"]
    known = load_catalog().skus.get((cloud, name))
    if known is not None or accelerator not in GIB_OF:
        return known
    gpu = accelerator + (" PCIe" if "pcie" in name.lower() else "")
    return gpu_sku(cloud, name, gpu, int(float(row["AcceleratorCount"])), GIB_OF[accelerator])


class _Prices:
    """Prices by pool; a pool that a file states two prices of has none."""

    def __init__(self) -> None:
        self._usd: dict[str, set[Decimal]] = {}

    def add(self, pool: str, usd: Decimal) -> None:
        self._usd.setdefault(pool, set()).add(usd)

    def tell(self, found: Findings) -> None:
        for pool, usd in self._usd.items():
            if len(usd) == 1:
                found.price(pool, usd.pop(), kind="list")
            else:
                found.reject("two prices of one pool", {"pool_id": pool, "usd": sorted(usd)})
