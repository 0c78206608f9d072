"""Costs beside the machine: bringing the data to a pool, and keeping checkpoints there.

Bytes times tariff, nothing more; the tariffs carry source and date. A move within a region
costs nothing here. The time of a move rests on an assumed transfer rate, which is named among
the figures of every answer.
"""

from __future__ import annotations

from datetime import date

from collector.figures import Figure
from collector.tariffs import Tariffs
from model.cost import SideCosts
from model.egress import egress_usd, move_hours, storage_usd_per_hour
from model.job import Job
from model.market import Pool

RETAINED_CHECKPOINTS = 3
TRANSFER_BYTES_PER_S = 1e9
TRANSFER = Figure(
    name="transfer_rate",
    value=1.0,
    unit="GB/s",
    source="assumed: a parallel copy between object stores; measure yours",
    as_of=date(2026, 11, 23),
    confidence="assumed",
)


def side_costs(job: Job, pool: Pool, tariffs: Tariffs) -> tuple[SideCosts, list[Figure]]:
    """Return what the job's data and checkpoints cost in a pool, and the figures used.

    The data set is moved once, if it lies elsewhere; its copy there is kept for the run.
    """
    home = (job.data_provider, job.data_region)
    moved = job.dataset_bytes if home != (pool.provider, pool.region) and job.data_provider else 0
    kept = job.state_bytes * RETAINED_CHECKPOINTS + moved
    egress, used = move(moved, job.data_provider, job.data_region, pool, tariffs)
    storage = tariffs.storage_usd_per_gb_month(pool.provider)
    costs = SideCosts(
        egress_usd=egress[0],
        egress_hours=egress[1],
        storage_usd_per_hour=storage_usd_per_hour(kept, float(storage.value)),
    )
    return costs, [*used, storage]


def move(
    moved_bytes: float, from_provider: str | None, from_region: str | None, pool: Pool, tariffs: Tariffs
) -> tuple[tuple[float, float], list[Figure]]:
    """Return (USD, hours) of moving bytes to a pool's region, and the figures used; zero within a region."""
    if not moved_bytes or not from_provider or not from_region:
        return (0.0, 0.0), []
    if (from_provider, from_region) == (pool.provider, pool.region):
        return (0.0, 0.0), []
    tariff = tariffs.egress_usd_per_gb(from_provider, from_region, pool.provider, pool.region, moved_bytes)
    money, took_hours = (
        egress_usd(moved_bytes, float(tariff.value)),
        move_hours(moved_bytes, TRANSFER_BYTES_PER_S),
    )
    return (money, took_hours), [tariff, TRANSFER]
