"""What a screening knows of N pools, as columns, and which of them it cannot take.

Columns are built once from statistics and kept for every job that asks; side costs depend on
the job and come apart. A pool with an impossible number is refused by itself, with the sentence
that says why: one broken feed does not stop the other pools.

Legend: N = pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .errors import ImpossibleInput
from .estimate import PoolStatistics
from .job import Job
from .market import Evidence
from .placement import SideCosts
from .validity import Floats

UNKNOWN = float("nan")  # Of a share, a list price, or whether capacity is there; never zero.
FINE = 0

REFUSALS = (
    "",
    "The job states no throughput for its GPU.",
    "Its price is not a finite number above 0 USD/h.",
    "Its mean price, or the spread of its price, is not a finite number, 0 or more.",
    "Its belief of the hazard is not a finite number, 0 or more.",
    "It has 0 instance-hours of exposure, so its hazard is unknown.",
    "Its gap is not a finite number of hours, 0 or more.",
    "Its share of time with capacity does not lie between 0 and 1.",
    "Its GPU count is not a number above 0.",
    "Its egress or storage is not a finite number, 0 or more.",
    "At its hazard and this job's saves the job would in effect never end.",
)
NEVER_ENDS = len(REFUSALS) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Statistics of N pools; `UNKNOWN` where nobody knows."""

    price_usd_per_hour_N: Floats
    price_mean_usd_per_hour_N: Floats
    price_log_sd_N: Floats
    price_changes_N: Floats
    on_demand_usd_per_hour_N: Floats
    hazard_shape_N: Floats
    hazard_rate_hours_N: Floats
    preemptions_N: Floats
    gap_hours_N: Floats
    available_share_N: Floats
    available_now_N: Floats  # 1, 0 or unknown.
    gpu_count_N: Floats
    contract_N: NDArray[np.bool_]  # Not taken back, by contract.
    whole_pool_N: NDArray[np.bool_]  # Seen by probes: a drop already is the whole pool's.
    gpu_model_N: NDArray[np.int64]  # Place in `gpu_models`.
    gpu_models: tuple[str, ...]

    def __post_init__(self) -> None:
        _same_length(self)

    def __len__(self) -> int:
        return len(self.price_usd_per_hour_N)

    @classmethod
    def of(cls, statistics: Sequence[PoolStatistics]) -> Columns:
        """Return the columns of statistics, in their order."""
        models = tuple(sorted({seen.sku.gpu_model for seen in statistics}))
        code = {model: place for place, model in enumerate(models)}
        return cls(
            price_usd_per_hour_N=_column(statistics, "price_usd_per_hour"),
            price_mean_usd_per_hour_N=_column(statistics, "price_mean_usd_per_hour"),
            price_log_sd_N=_column(statistics, "price_log_sd"),
            price_changes_N=_column(statistics, "price_changes"),
            on_demand_usd_per_hour_N=_column(statistics, "on_demand_usd_per_hour"),
            hazard_shape_N=_column(statistics, "hazard_shape"),
            hazard_rate_hours_N=_column(statistics, "hazard_rate_hours"),
            preemptions_N=_column(statistics, "preemptions"),
            gap_hours_N=_column(statistics, "gap_hours"),
            available_share_N=_column(statistics, "available_share"),
            available_now_N=_column(statistics, "available_now"),
            gpu_count_N=np.array([seen.sku.gpu_count for seen in statistics], dtype=float),
            contract_N=np.array([seen.evidence is Evidence.CONTRACT for seen in statistics], dtype=bool),
            whole_pool_N=np.array([seen.evidence is Evidence.PROBES for seen in statistics], dtype=bool),
            gpu_model_N=np.array([code[seen.sku.gpu_model] for seen in statistics], dtype=np.int64),
            gpu_models=models,
        )

    def take(self, index_N: NDArray[Any] | slice) -> Columns:
        """Return the columns of some pools, in the order asked for."""
        return _taken(self, index_N)

    def throughput_N(self, job: Job) -> Floats:
        """Return the job's relative throughput on each pool's GPU; unknown where it states none."""
        known = [job.throughput.get(model, UNKNOWN) for model in self.gpu_models]
        return np.array(known, dtype=float)[self.gpu_model_N] if len(self) else np.empty(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideColumns:
    """What N pools cost beside their machines, for one job."""

    egress_usd_N: Floats
    egress_hours_N: Floats
    storage_usd_per_hour_N: Floats

    def __post_init__(self) -> None:
        _same_length(self)

    def __len__(self) -> int:
        return len(self.egress_usd_N)

    @classmethod
    def of(cls, sides: Sequence[SideCosts]) -> SideColumns:
        """Return the columns of side costs, in their order."""
        return cls(
            egress_usd_N=_column(sides, "egress_usd"),
            egress_hours_N=_column(sides, "egress_hours"),
            storage_usd_per_hour_N=_column(sides, "storage_usd_per_hour"),
        )

    def take(self, index_N: NDArray[Any] | slice) -> SideColumns:
        """Return the side costs of some pools, in the order asked for."""
        return _taken(self, index_N)


Rows = TypeVar("Rows", Columns, SideColumns)


def refusals_N(job: Job, columns: Columns, sides: SideColumns) -> NDArray[np.int64]:
    """Return for each pool the place in `REFUSALS` of the first reason it cannot be screened, 0 for none."""
    throughput_N = columns.throughput_N(job)
    share_N = columns.available_share_N
    checks = (
        ~(np.isfinite(throughput_N) & (throughput_N > 0)),
        ~(np.isfinite(columns.price_usd_per_hour_N) & (columns.price_usd_per_hour_N > 0)),
        ~(_sound(columns.price_mean_usd_per_hour_N) & _sound(columns.price_log_sd_N)
          & _sound(columns.price_changes_N) & ~(columns.on_demand_usd_per_hour_N < 0)
          & ~np.isinf(columns.on_demand_usd_per_hour_N)),
        ~(_sound(columns.hazard_shape_N) & _sound(columns.hazard_rate_hours_N)
          & _sound(columns.preemptions_N)),
        ~columns.contract_N & (columns.hazard_rate_hours_N <= 0),
        ~_sound(columns.gap_hours_N),
        ~(np.isnan(share_N) | ((share_N >= 0) & (share_N <= 1))),
        ~(np.isfinite(columns.gpu_count_N) & (columns.gpu_count_N > 0)),
        ~(_sound(sides.egress_usd_N) & _sound(sides.egress_hours_N) & _sound(sides.storage_usd_per_hour_N)),
    )  # fmt: skip
    return np.select(checks, range(1, len(checks) + 1), FINE).astype(np.int64)


def _sound(values_N: Floats) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.isfinite(values_N) & (values_N >= 0)
    return found


def _column(rows: Sequence[Any], name: str) -> Floats:
    read = (getattr(row, name) for row in rows)
    return np.array([UNKNOWN if value is None else value for value in read], dtype=float)


def _taken(whole: Rows, index_N: NDArray[Any] | slice) -> Rows:
    read = {field.name: getattr(whole, field.name) for field in fields(whole)}
    taken: dict[str, Any] = {
        name: value[index_N] if isinstance(value, np.ndarray) else value for name, value in read.items()
    }
    return type(whole)(**taken)


def _same_length(whole: Columns | SideColumns) -> None:
    lengths = {field.name: len(getattr(whole, field.name)) for field in fields(whole) if "_N" in field.name}
    if len(set(lengths.values())) > 1:
        raise ImpossibleInput(
            f"Columns of one screening differ in length: {lengths}.", fix="Give one value per pool in each."
        )
