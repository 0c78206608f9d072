"""Machines with accelerators that Google lists, zone by zone, so that a new one is known from its first day.

The price catalogue sells cores, memory and GPUs apart and names no machine; this list names the
machine, its accelerators and its zones, and no price. A machine that the catalogue here does
not have gets a model derived from Google's word for its accelerator, with the memory only where
that word states it. An accelerator of N1 is attached and not listed with a machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from model.market import Sku

from ..catalog import GIB, load_catalog
from .base import Batch, UnreadableSource
from .findings import Findings
from .gcp_calls import answered, told
from .neo_gpus import derived_model
from .web import PATIENT, Patience

WHERE: Final = "MachineTypes.AggregatedList"
ZONES: Final = "zones/"  # What a place of the answer begins with.


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpMachineTypes:
    """`Source` of what a project sees listed.

    Args:
        client: Makes a `google.cloud.compute_v1.MachineTypesClient`.
        project: The project that asks; compute.machineTypes.list is enough.
        now: The clock, in UTC.
    """

    client: Callable[[], Any] = field(repr=False)
    project: str = field(repr=False)
    now: Callable[[], datetime] = field(repr=False)
    patience: Patience = field(default=PATIENT, repr=False)
    page_size: int = 500
    source_id: str = "gcp-machine-types"
    kind: str = "recorded"
    licence: str = "Compute Engine API under the customer's own credential; terms of Google"
    note: str = "machines with accelerators only; a model name may be derived from Google's words"
    origin: str = "compute.googleapis.com/compute/v1/aggregated/machineTypes"

    def batches(self) -> Iterator[Batch]:
        """One batch per page; see `base.Source`."""
        client = answered(self.client, WHERE, self.patience)
        token, seen = "", {""}
        while True:
            request = {"project": self.project, "max_results": self.page_size, "page_token": token}
            page = answered(partial(_page, client, request), WHERE, self.patience)
            yield self._batch(page)
            token = page.next_page_token
            if not token:
                return
            if token in seen:
                raise UnreadableSource(
                    f"{WHERE} repeats a page token after {len(seen)} pages: paging would never end.",
                    fix="What was read before is kept; collect again later.",
                )
            seen.add(token)

    def _batch(self, page: Any) -> Batch:
        """The machines of one page."""
        found = Findings(at=self.now())
        with told(WHERE):
            for place, listed in page.items.items():
                zone = place.removeprefix(ZONES)
                region, _, last = zone.rpartition("-")
                for machine in listed.machine_types if region and last else ():
                    for accelerator in machine.accelerators:
                        _note(machine.name, accelerator, region, zone, found)
        return found.batch()


def _note(name: str, accelerator: Any, region: str, zone: str, found: Findings) -> None:
    """One machine of one zone, or why it is none."""
    words, count = accelerator.guest_accelerator_type, accelerator.guest_accelerator_count
    content = {"machine": name, "accelerator": words, "count": count, "zone": zone}
    try:
        sku = _sku(name, words, count)
    except ValueError:
        found.reject("accelerator has no name", content)
        return
    if count < 1 or sku.gpu_count != count:
        found.reject("count of accelerators is not the catalogue's", content)
        return
    found.sku(sku)
    found.listing(region, sku, zone=zone)


def _sku(name: str, words: str, count: int) -> Sku:
    """The catalogue's machine of that name, else one told by Google's words; ValueError where it has none."""
    known = load_catalog().skus.get(("gcp", name))
    if known is not None:
        return known
    stated = re.search(r"(\d+)gb\b", words)
    memory_gb = int(stated[1]) if stated else None
    return Sku(
        provider="gcp",
        name=name,
        gpu_model=derived_model(words, memory_gb),
        gpu_count=count,
        gpu_memory_bytes=memory_gb and memory_gb * GIB,
    )


def _page(client: Any, request: dict[str, Any]) -> Any:
    """One page, as the client gives it."""
    return next(iter(client.aggregated_list(request=request, retry=None, timeout=60.0).pages))
