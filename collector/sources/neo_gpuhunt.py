"""The catalogue that the gpuhunt project publishes: list prices of one provider, spot and on-demand.

One zip per provider and version, at `{base}/{provider}/{version}/catalog.zip`; a mirror serves
the same layout. It states no time, so a price counts from when we looked, as a list price. Used
for providers without a price interface of their own (Nebius), not for the large clouds: it
keeps only the cheapest zone of a region.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

import httpx

from model.market import CapacityType

from .base import Batch, UnreadableSource
from .findings import Findings, pool_key
from .neo_gpus import gpu_sku
from .retry import endpoint
from .web import CHANGED, PATIENT, Patience, Shaped, body_of

LARGEST_BYTES: Final = 64 * 2**20  # Of the table; more is no price list.
COLUMNS: Final = frozenset(
    {"instance_name", "location", "price", "gpu_count", "gpu_name", "gpu_memory", "spot"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuHuntCatalog:
    """List prices of one provider.

    Args:
        client: Its base URL is the catalogue's, e.g. https://…/v3/ or a mirror.
        provider: As gpuhunt names the file, e.g. nebius.
        now: The clock, in UTC.
    """

    client: httpx.Client
    provider: str
    now: Callable[[], datetime] = field(repr=False)
    patience: Patience = field(default=PATIENT, repr=False)
    kind: str = "list"
    licence: str = "gpuhunt's published catalogue (dstackai/gpuhunt); the facts are the provider's"
    note: str = "list prices without a stated time, in force since we looked"

    @property
    def source_id(self) -> str:
        """One per provider."""
        return f"gpuhunt-{self.provider}"

    @property
    def origin(self) -> str:
        """The address read."""
        return f"{str(self.client.base_url).rstrip('/')}/{self.provider}"

    def batches(self) -> Iterator[Batch]:
        """One batch."""
        version = self._get("version").decode(errors="replace").strip()
        if not version or "/" in version or len(version) > 64:
            raise UnreadableSource(f"{self._where('version')} names no version.", fix=CHANGED)
        path = f"{version}/catalog.zip"
        table = self._table(self._get(path), self._where(path))
        found = Findings(at=self.now())
        with Shaped(self._where(path)):
            for row in csv.DictReader(io.StringIO(table), strict=True):
                self._note(row, found)
        yield found.batch()

    def _request(self, path: str) -> httpx.Request:
        return self.client.build_request("GET", f"{self.provider}/{path}")

    def _where(self, path: str) -> str:
        return endpoint(self._request(path))

    def _get(self, path: str) -> bytes:
        return body_of(self.client, self._request(path), self.patience)

    def _table(self, body: bytes, where: str) -> str:
        """The CSV inside the zip, never unpacked beyond its limit."""
        try:
            with zipfile.ZipFile(io.BytesIO(body)) as archive, archive.open(f"{self.provider}.csv") as table:
                text = table.read(LARGEST_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, NotImplementedError, RuntimeError):
            raise UnreadableSource(
                f"{where} is no zip with {self.provider}.csv: cut short or damaged.", fix=CHANGED
            ) from None
        if len(text) > LARGEST_BYTES:
            raise UnreadableSource(f"{where} unpacks to more than {LARGEST_BYTES} bytes.", fix=CHANGED)
        return text.decode(errors="replace")

    def _note(self, row: Mapping[str, str], found: Findings) -> None:
        """One machine, bought in one way, in one place."""
        if missing := COLUMNS - set(row):
            raise KeyError(", ".join(sorted(missing)))
        if row["spot"] not in ("True", "False"):
            found.reject("way to buy is unknown", row)
        elif not row["gpu_name"] or not row["gpu_memory"] or not int(row["gpu_count"]):
            return  # A machine without a GPU.
        elif not _is_price(row["price"]):
            found.reject("price is not a number", row)
        else:
            capacity = CapacityType.SPOT if row["spot"] == "True" else CapacityType.ON_DEMAND
            memory_gb = float(row["gpu_memory"])
            sku = gpu_sku(
                self.provider, row["instance_name"], row["gpu_name"], int(row["gpu_count"]), memory_gb
            )
            found.sku(sku)
            found.listing(row["location"], sku)
            pool = pool_key(self.provider, row["location"], None, row["instance_name"], capacity)
            found.price(pool, Decimal(row["price"]), kind="list")


def _is_price(text: str) -> bool:
    try:
        return Decimal(text).is_finite()
    except InvalidOperation:
        return False
