"""Case files: a job with pools of its own, answered by the same estimate as any job, without a store.

A case states prices, waits for capacity and tariffs itself, so that anyone can redo its
arithmetic. They are the case's words, not market data, and every figure of the answer says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from collector.figures import Figure
from collector.tariff_entries import EgressRule
from collector.tariffs import ELSEWHERE, Tariffs
from model.errors import ImpossibleInput
from model.estimate import PoolStatistics
from model.market import CapacityType, Evidence, Pool, PriceKind, Sku

from .recommend import Option, Recommendation, recommend
from .wire import (
    CheckpointsSection,
    ConstraintsSection,
    DataSection,
    Instant,
    JobSection,
    JobSpec,
    OverheadsSection,
    Positive,
    Strict,
    Text,
    Usd,
    to_job,
)

MODE = "case"
SOURCE = "the case file"
STATED = 1_000_000  # Stands for "as often as one likes": a case states its mean wait, it does not sample it.


class CaseSection(Strict):
    """The case's name, its instant, what it is compared with, and its tariffs."""

    name: Text
    as_of: Instant
    against: Text
    egress_usd_per_gb: Usd
    storage_usd_per_gb_month: Usd


class CasePool(Strict):
    """A pool as the case states it; `wait_hours` is the mean until capacity is obtained."""

    name: Text
    provider: Text
    region: Text
    sku: Text
    gpu_model: Text
    gpu_count: Annotated[int, Field(ge=1, le=1000)]
    capacity_type: Literal["spot", "on_demand"]
    price_usd_per_hour: Positive
    wait_hours: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    on_demand_usd_per_hour: Positive | None = None
    preemptions: Annotated[int, Field(ge=0, le=10**9)] = 0  # Seen in so many instance-hours.
    exposure_hours: Annotated[float, Field(ge=0, le=1e9)] = 0.0


class CaseFile(Strict):
    """A job file with a `[case]` section and pools of its own."""

    case: CaseSection
    pool: Annotated[list[CasePool], Field(min_length=1, max_length=100)]
    job: JobSection
    overheads: OverheadsSection
    data: DataSection | None = None
    checkpoints: CheckpointsSection = CheckpointsSection()
    constraints: ConstraintsSection = ConstraintsSection()

    @property
    def spec(self) -> JobSpec:
        """The job of the case."""
        return JobSpec(
            job=self.job, overheads=self.overheads, data=self.data,
            checkpoints=self.checkpoints, constraints=self.constraints,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One pool of a case beside the one it is compared with."""

    name: str
    option: Option
    all_in_usd: float  # Mean money, and the stated value of the hours without capacity.
    saved_in_all: float
    saved_money: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseAnswer:
    """What the estimate says of a case, best first."""

    case: CaseFile
    found: Recommendation
    compared: tuple[Compared, ...]


def solve(case: CaseFile, *, seed: int = 0, draws: int = 4000) -> CaseAnswer:
    """Estimate the case's job on each of its pools and compare them with the one it names.

    Raises:
        ImpossibleInput: Two pools have one name or place, or `against` is no pool that can take the job.
        InsufficientHistory: No pool can take the job.
    """
    names = {_pool(each): each.name for each in case.pool}
    if len(names) < len(case.pool) or len(set(names.values())) < len(case.pool):
        raise ImpossibleInput(
            f"The case {case.case.name!r} has {len(case.pool)} pools, some of one name or place.",
            fix="Give each [[pool]] a name and a place of its own.",
        )
    as_of = case.case.as_of
    seen = [_statistics(each, as_of) for each in case.pool]
    job = to_job(case.spec, as_of)
    found = recommend(job, seen, [], tariffs_of(case.case), as_of=as_of, seed=seed, draws=draws)
    return CaseAnswer(case=case, found=found, compared=_compared(case, found.options, names))


def _compared(case: CaseFile, options: Sequence[Option], names: dict[Pool, str]) -> tuple[Compared, ...]:
    base = next((each for each in options if names[each.pool] == case.case.against), None)
    if base is None:
        raise ImpossibleInput(
            f"The case compares with {case.case.against!r}, which is no pool that can take its job.",
            fix=f"Name one of: {', '.join(sorted(names[each.pool] for each in options))}.",
        )
    return tuple(
        Compared(
            name=names[each.pool],
            option=each,
            all_in_usd=_all_in_usd(each),
            saved_in_all=1 - _all_in_usd(each) / _all_in_usd(base),
            saved_money=1 - each.estimate.cost_usd.mean / base.estimate.cost_usd.mean,
        )
        for each in options
    )


def _all_in_usd(option: Option) -> float:
    found = option.estimate
    return found.effective_usd_per_gpu_hour.mean * found.useful_gpu_hours


def tariffs_of(case: CaseSection) -> Tariffs:
    """Return the case's two tariffs in the shape of the shipped ones."""
    within = EgressRule(conditions={"path": ("same_region",)}, figure=_figure("egress", 0.0, "USD/GB", case))
    across = EgressRule(conditions={}, figure=_figure("egress", case.egress_usd_per_gb, "USD/GB", case))
    kept = _figure("storage elsewhere", case.storage_usd_per_gb_month, "USD/GB-month", case)
    notice = _figure("notice elsewhere", 0.0, "s", case)
    return Tariffs(
        areas={}, egress=(within, across), storage={ELSEWHERE: kept}, notice={ELSEWHERE: notice},
        jurisdictions=(), commitments={}, signals={},
    )  # fmt: skip


def _figure(name: str, value: float, unit: str, case: CaseSection) -> Figure:
    return Figure(
        name=name, value=value, unit=unit, source=SOURCE, as_of=case.as_of.date(),
        confidence="the case's own", own=True,
    )  # fmt: skip


def _pool(stated: CasePool) -> Pool:
    return Pool(
        provider=stated.provider, region=stated.region, zone=None, sku=stated.sku,
        capacity_type=CapacityType(stated.capacity_type),
    )  # fmt: skip


def _statistics(stated: CasePool, as_of: datetime) -> PoolStatistics:
    """Return what the case lets one believe; spot without exposure is refused by the estimate."""
    kept = stated.capacity_type == "on_demand"
    return PoolStatistics(
        pool=_pool(stated),
        sku=Sku(
            provider=stated.provider, name=stated.sku,
            gpu_model=stated.gpu_model, gpu_count=stated.gpu_count,
        ),
        as_of=as_of,
        price_usd_per_hour=stated.price_usd_per_hour,
        price_kind=PriceKind.LIST,
        price_age_s=0.0,
        price_mean_usd_per_hour=stated.price_usd_per_hour,
        price_log_sd=0.0,
        price_changes=0,
        on_demand_usd_per_hour=stated.price_usd_per_hour if kept else stated.on_demand_usd_per_hour,
        evidence=Evidence.CONTRACT if kept else Evidence.TENURES,
        borrowed_from=None,
        preemptions=STATED if kept else stated.preemptions,
        exposure_hours=0.0 if kept else stated.exposure_hours,
        hazard_shape=0.0 if kept else float(stated.preemptions),
        hazard_rate_hours=0.0 if kept else stated.exposure_hours,
        available_share=None,
        available_now=stated.wait_hours == 0,
        gap_hours=stated.wait_hours,
        observed_until=None,
        sources=(SOURCE,),
        synthetic=False,
    )  # fmt: skip
