"""A price list that a person wrote down, for providers without a public price interface.

CoreWeave and Crusoe publish prices on a web page only, and a negotiated contract is published
nowhere. This is an importer of a CSV, and says so: its prices are list prices, known from the
day they were read. Where each was read stands in the sheet, which is the record to keep.

Columns, all of them, in any order, without a comma inside a field:

    provider            e.g. coreweave
    region              the provider's spelling
    sku                 the provider's spelling
    gpu_model           normalised, e.g. H100-80GB
    gpu_count           GPUs of one machine
    gpu_memory_gib      of one GPU
    capacity_type       spot, on_demand, reserved, capacity_block, flex_start or bid
    price_usd_per_hour  of one machine
    effective_on        YYYY-MM-DD, from when the price holds
    read_on             YYYY-MM-DD, when it was read
    source              the page or paper it was read from
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Final

from model.market import CapacityType, Sku

from ..catalog import GIB
from .base import Batch, UnreadableSource
from .files import RecordedFile, csv_of
from .findings import Findings, pool_key

COLUMNS: Final = (
    "provider", "region", "sku", "gpu_model", "gpu_count", "gpu_memory_gib", "capacity_type",
    "price_usd_per_hour", "effective_on", "read_on", "source",
)  # fmt: skip


def price_sheet(path: Path) -> RecordedFile:
    """The sheet as a source; its name is part of the source's."""
    return RecordedFile(
        path=path,
        source_id=f"price-sheet-{path.stem}",
        licence="written down by its user; each row names its source",
        read=read_price_sheet,
        note="list prices copied by hand from pages without an interface",
        kind="list",
    )


def read_price_sheet(path: Path) -> Iterator[Batch]:
    """One batch per day of reading; a row that is no price is turned away with its reason."""
    table = csv_of(path)
    if set(table.columns) != set(COLUMNS):
        odd = sorted(set(table.columns) ^ set(COLUMNS))
        raise UnreadableSource(
            f"{path.name} lacks, or has beyond what is known, the columns {', '.join(odd)}.",
            fix=f"Write exactly {', '.join(COLUMNS)}.",
        )
    days: dict[str, Findings] = {}
    for row in table.to_dict("records"):
        line = {str(name): str(value) for name, value in row.items()}
        found = days.setdefault(line["read_on"], Findings(at=_midnight(line["read_on"])))
        _note(line, found)
    for found in days.values():
        yield found.batch()


def _note(row: Mapping[str, str], found: Findings) -> None:
    """One line."""
    reason = _fault(row)
    if reason:
        found.reject(reason, row)
        return
    found.sku(
        Sku(
            provider=row["provider"], name=row["sku"], gpu_model=row["gpu_model"],
            gpu_count=int(row["gpu_count"]), gpu_memory_bytes=int(row["gpu_memory_gib"]) * GIB,
        )
    )  # fmt: skip
    capacity = CapacityType(row["capacity_type"])
    pool = pool_key(row["provider"], row["region"], None, row["sku"], capacity)
    usd, since = Decimal(row["price_usd_per_hour"]), _midnight(row["effective_on"])
    found.price(pool, usd, since=since, kind="list")


def _fault(row: Mapping[str, str]) -> str | None:
    """Why a line is no price; None where it is one."""
    if empty := [name for name in COLUMNS if not row[name]]:
        return f"empty {', '.join(empty)}"
    if "/" in row["provider"] + row["region"] + row["sku"]:
        return "a name holds a slash"
    if row["capacity_type"] not in list(CapacityType):
        return "capacity type is unknown"
    if not (row["gpu_count"].isdigit() and row["gpu_memory_gib"].isdigit()):
        return "GPUs or their memory are no whole number"
    try:
        usable = Decimal(row["price_usd_per_hour"]).is_finite()
    except InvalidOperation:
        usable = False
    return None if usable else "price is not a number"


def _midnight(day: str) -> datetime:
    """The beginning of a day, UTC; ValueError where it is none, which the file's reader reports."""
    return datetime.combine(date.fromisoformat(day), time(), UTC)
