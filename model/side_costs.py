"""What a job costs on a pool beside its machines: bytes on their way, and keeping them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .job import SECONDS_PER_HOUR, Job, Overheads
from .validity import quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class SideCosts:
    """What a pool costs beside its machines."""

    egress_usd: float  # Moving the data set there, once, or reading it from afar.
    egress_hours: float  # Clock hours that takes, before any machine is rented.
    storage_usd_per_hour: float  # Keeping checkpoints, while the job lasts.
    read_wait_hours: float = 0.0  # Billed hours standing still for data that comes from afar.
    save_usd: float = 0.0  # Each save that leaves the region.
    save_lag_hours: float = 0.0  # What such a save takes longer to become durable.
    restore_usd: float = 0.0  # Each restore from another region.
    restore_hours: float = 0.0  # What such a restore takes longer, billed.

    def __post_init__(self) -> None:
        quantity("Egress", self.egress_usd, "USD")
        quantity("Egress time", self.egress_hours, "h")
        quantity("Storage", self.storage_usd_per_hour, "USD/h")
        quantity("Waiting for data", self.read_wait_hours, "h")
        quantity("Egress of a save and of a restore", [self.save_usd, self.restore_usd], "USD")
        quantity("Added time of a save and of a restore", [self.save_lag_hours, self.restore_hours], "h")

    def overheads_of(self, job: Job) -> Overheads:
        """Return the job's overheads with its checkpoints as far away as they are."""
        if self.save_lag_hours == 0 and self.restore_hours == 0:
            return job.overheads
        stated, lag_s = job.overheads, self.save_lag_hours * SECONDS_PER_HOUR
        return replace(
            stated,
            save_lag_s=stated.save_lag_s + lag_s,
            emergency_save_s=stated.emergency_save_s and stated.emergency_save_s + lag_s,
            restore_s=stated.restore_s + self.restore_hours * SECONDS_PER_HOUR,
        )
