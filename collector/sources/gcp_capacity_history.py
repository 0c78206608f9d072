"""Google's capacity history: 30 days of spot prices and preemption rates of a machine type.

The preemption rate is of the spot machines that stopped on a day, not of those that ran: a
machine that runs for a week counts on one day only. So it is no hazard. It is stored as the
share it is, with its denominator in words and its day as the horizon. A day that is not over
still changes and is turned away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from model.market import CapacityType
from model.signals import Denominator

from .base import Batch
from .findings import Findings, instant, pool_key
from .gcp_calls import answered
from .web import PATIENT, Patience

WHERE: Final = "Advice.CapacityHistory"
WHAT: Final = (
    "Google capacityHistory{zone}: spot machines preempted over spot machines that stopped running in the "
    "interval; not a share of those that ran"
)
NANO: Final = Decimal("1e-9")


@dataclass(frozen=True, slots=True, kw_only=True)
class GcpCapacityHistory:
    """Spot price and preemption history of machine types in regions or zones.

    Args:
        client: Makes a `google.cloud.compute_v1.AdviceClient`.
        project: The project that asks; it needs the Compute API.
        machines: Machine types, e.g. a3-highgpu-8g.
        locations: Regions (us-central1) or zones (us-central1-a).
        now: The clock, in UTC.
    """

    client: Callable[[], Any] = field(repr=False)
    project: str = field(repr=False)
    machines: tuple[str, ...]
    locations: tuple[str, ...]
    now: Callable[[], datetime] = field(repr=False)
    patience: Patience = field(default=PATIENT, repr=False)
    source_id: str = "gcp-capacity-history"
    kind: str = "recorded"
    licence: str = "Compute Engine API under the customer's own credential; terms of Google"
    note: str = "a preemption rate is per machine that stopped, and is kept as that"
    origin: str = "compute.googleapis.com/compute/v1/advice/capacityHistory"

    def batches(self) -> Iterator[Batch]:
        """One batch per machine type and location."""
        client = answered(self.client, WHERE, self.patience)
        for location in self.locations:
            for machine in self.machines:
                yield self._batch(client, machine, location)

    def _batch(self, client: Any, machine: str, location: str) -> Batch:
        """What one answer holds."""
        region, zone = _region_and_zone(location)
        request = {
            "project": self.project,
            "region": region,
            "capacity_history_request_resource": self._wanted(machine, zone),
        }

        def read() -> Batch:
            answer = client.capacity_history(request=request, retry=None, timeout=60.0)
            found = Findings(at=self.now())
            for record in answer.price_history:
                self._price(record, pool_key("gcp", region, zone, machine, CapacityType.SPOT), found)
            for record in answer.preemption_history:
                self._share(record, machine, region, zone, found)
            return found.batch()

        return answered(read, WHERE, self.patience)

    def _wanted(self, machine: str, zone: str | None) -> dict[str, Any]:
        """The request's body."""
        body: dict[str, Any] = {
            "instance_properties": {"machine_type": machine, "scheduling": {"provisioning_model": "SPOT"}},
            "types": ["PREEMPTION", "PRICE"],
        }
        if zone is not None:
            body["location_policy"] = {"location": f"projects/{self.project}/zones/{zone}"}
        return body

    def _price(self, record: Any, pool: str, found: Findings) -> None:
        """The list price of spot from the interval's start on."""
        money = record.list_price
        usd = money.units + money.nanos * NANO
        found.price(pool, usd, since=instant(record.interval.start_time), currency=money.currency_code)

    def _share(self, record: Any, machine: str, region: str, zone: str | None, found: Findings) -> None:
        """The share of stopped machines that were preempted, over one interval that is past."""
        from_at, until_at = instant(record.interval.start_time), instant(record.interval.end_time)
        share = record.preemption_rate
        content = {"machine": machine, "region": region, "zone": zone, "until": until_at, "rate": share}
        if until_at > found.at:
            found.reject("interval is not over", content)
        elif not 0 <= share <= 1 or until_at <= from_at:
            found.reject("share or interval is impossible", content)
        else:
            what = WHAT.format(zone=f" in {zone}" if zone else "")
            span_s = (until_at - from_at).total_seconds()
            found.band(
                provider="gcp", region=region, zone=zone, sku=machine, what=what, horizon_s=span_s,
                window_s=span_s, denominator=Denominator.STOPPED, rate_low=share, rate_high=share,
                effective_at=until_at,
            )  # fmt: skip


def _region_and_zone(location: str) -> tuple[str, str | None]:
    """A zone's name is its region's with one more part."""
    region, _, last = location.rpartition("-")
    return (region, location) if "-" in region and last else (location, None)
