"""What a backtest reads of the store: records of probes, prices, and what was believed at each origin.

Sightings come with the instant they were learnt, beliefs from the same queries as every answer, each
as of its origin. Prices are those known by the end, and serve only to say what a job cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from collector.backtests import ProbedPool
from collector.sightings import Sightings
from model.backtest import hours_of_origins
from model.backtest_record import Record
from model.errors import ImpossibleInput, InsufficientHistory
from model.market import Pool, PricePoint

from .answers import instant
from .backtest_tasks import Start, capacity
from .jobfile import refuse_unsold
from .rules import sift
from .sides import side_costs
from .watched import midnight, records_from
from .wire import JobSpec, to_job
from .wire_quality import BacktestRequest

if TYPE_CHECKING:
    from .service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The record a backtest runs over, and its origins."""

    records: tuple[Record, ...]
    pools: int
    clock_zero_at: datetime
    origin_hours: tuple[float, ...]  # Those at which some pool was watched.
    from_at: datetime
    until_at: datetime
    sources: tuple[str, ...]
    synthetic: bool

    def at(self, hour: float) -> datetime:
        """Return the instant of an hour on the shared clock."""
        return self.clock_zero_at + timedelta(hours=hour)


def read(service: Service, request: BacktestRequest) -> Reading:
    """Return the record and the origins of a request.

    Raises:
        ImpossibleInput: The span is empty, or ends in the future.
        InsufficientHistory: There are no probes, or too few origins, with the number that is missing.
    """
    now = service.clock()
    if request.until_at is not None and request.until_at > now:
        raise ImpossibleInput(
            f"The end {instant(request.until_at)} lies in the future.", fix="Give an --until that is past."
        )
    if request.from_at is not None and request.from_at >= (request.until_at or now):
        end = instant(request.until_at) if request.until_at else "now"
        raise ImpossibleInput(
            f"The span from {instant(request.from_at)} until {end} is empty.",
            fix="Give --from before --until.",
        )
    probed = service.store.probed(now)
    if not probed:
        raise InsufficientHistory(
            f"There are 0 probes as of {instant(now)}; a backtest needs some days of them.",
            fix="Collect recorded history (lowtide collect recorded PATH), or lowtide collect sample.",
        )
    until = request.until_at or max(each.last_at for each in probed)
    records, seen = _records(service, probed, until, now)
    return _placed(request, records, seen, until, _clock_zero(probed))


def _records(
    service: Service, probed: Sequence[ProbedPool], until: datetime, now: datetime
) -> tuple[list[Record], list[Sightings]]:
    zero = _clock_zero(probed)
    records, everything = [], []
    for each in probed:
        if each.first_at > until:
            continue
        seen = service.store.sightings(each.pool, from_at=each.first_at, until_at=until, as_of=now)
        everything.append(seen)
        records += records_from(each, seen, zero)
    return records, everything


def _clock_zero(probed: Sequence[ProbedPool]) -> datetime:
    return midnight(min(each.first_at for each in probed))


def _placed(
    request: BacktestRequest,
    records: Sequence[Record],
    seen: Sequence[Sightings],
    until: datetime,
    zero: datetime,
) -> Reading:
    if not records:
        raise InsufficientHistory(
            f"There are 0 probes before {instant(until)}; a backtest needs some days of them.",
            fix="Give a later --until, or collect older history.",
        )
    start = request.from_at or zero + timedelta(hours=_middle_of_newest(records))
    offset = (start - zero) / timedelta(hours=1)
    hours = [offset + hour for hour in hours_of_origins(start, until, request.every_hours)]
    watched = tuple(hour for hour in hours if any(record.covers(hour) for record in records))
    if not watched:
        spans = ", ".join(sorted({_span(record, zero) for record in records})[:3])
        raise InsufficientHistory(
            f"At none of the {len(hours)} origins from {instant(start)} until {instant(until)} was a pool "
            f"probed; probes span {spans}.",
            fix="Choose --from and --until within that.",
        )
    return Reading(
        records=tuple(records), pools=len({record.place.pool for record in records}), clock_zero_at=zero,
        origin_hours=watched, from_at=start, until_at=until,
        sources=tuple(sorted({source for each in seen for source in each.sources})),
        synthetic=any(each.synthetic for each in seen),
    )  # fmt: skip


def _middle_of_newest(records: Sequence[Record]) -> float:
    """Return the middle of the record that ends last, so that its first half is learned from."""
    newest = max(records, key=lambda record: (record.end_hour, -record.first_hour))
    return 0.5 * (newest.first_hour + newest.end_hour)


def _span(record: Record, zero: datetime) -> str:
    ends = (zero + timedelta(hours=hour) for hour in (record.first_hour, record.end_hour))
    return " to ".join(f"{at:%Y-%m-%d}" for at in ends)


def refuse_job(service: Service, spec: JobSpec) -> None:
    """Refuse a job that no backtest can start again and again.

    Raises:
        ImpossibleInput: It has a deadline at an instant, or names a GPU nobody sells.
    """
    if spec.job.deadline_at is not None:
        raise ImpossibleInput(
            "The job states deadline_at, an instant, and a backtest starts it at every origin.",
            fix="State deadline_hours instead.",
        )
    refuse_unsold(spec, service.sold(service.clock()))


def start_at(service: Service, spec: JobSpec, reading: Reading, hour: float, window_hours: float) -> Start:
    """Return the job as started at an origin, with what was believed then of the pools it may use.

    Pools whose record does not reach the origin are left out: nobody can say what became of them.
    """
    as_of = reading.at(hour)
    job = to_job(spec, as_of)
    known, refused = service.statistics(job, as_of, window_hours)
    allowed, _ = sift(known, refused, job, as_of)
    scorable = tuple(seen for seen in allowed if capacity(reading.records, seen.pool, hour) is not None)
    sides = {seen.pool.key: side_costs(job, seen.pool, service.tariffs)[0] for seen in scorable}
    return Start(job=job, as_of=as_of, allowed=scorable, sides=sides)


def prices_of(service: Service, pools: Sequence[Pool], reading: Reading) -> dict[str, tuple[PricePoint, ...]]:
    """Return the prices in force from the first origin on, by pool key, as known by the end."""
    span = {"from_at": reading.at(reading.origin_hours[0]), "until_at": reading.until_at}
    return {
        pool.key: tuple(service.store.price_steps(pool, **span, as_of=reading.until_at)) for pool in pools
    }
