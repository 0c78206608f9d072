"""Policies under a deadline, replayed on the store's recorded history: ours beside the published ones.

A pool is up where a probe found all it asked for. It costs its mean price over the record, so that
policies are told apart by what they do and not by prices; on-demand costs what it did at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from collector.backtests import ProbedPool
from model.backtest_record import Record
from model.errors import InsufficientHistory
from model.market import CapacityType, Pool, PricePoint
from model.policy_scores import Score, scores
from model.policy_windows import HISTORY_HOURS, Part, play, starts_of
from model.spot_safety import Promise
from model.watched import Bools, Watched

from .answers import instant
from .fanout import fan_out
from .watched import midnight, records_from
from .wire_policies import PoliciesRequest

if TYPE_CHECKING:
    from .service import Service

SHORTEST_HOURS = HISTORY_HOURS + 24.0  # Of a record that is looked at.
Note = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """One record of a pool with its prices, USD per machine-hour."""

    pool: Pool
    truth: Watched
    spot_usd: float
    on_demand_usd: float


def backtest_policies(
    service: Service, request: PoliciesRequest, note: Note, go_on: Callable[[], bool]
) -> dict[str, Any]:
    """Replay policies and return what they came to, the wire shape of `PoliciesOut`.

    Raises:
        InsufficientHistory: No record is long enough, with the hours that are needed.
    """
    now = service.clock()
    probed = [each for each in service.store.probed(now) if each.pool.capacity_type is CapacityType.SPOT]
    note("reading the record", 0, 1)
    zero = midnight(min((each.first_at for each in probed), default=now))
    tracks, left_out, sources, synthetic = _tracks(service, request, probed, zero, now)
    parts = [part for part in parts_of(tracks, request) if starts_of(part, request.every_hours).size]
    if not parts:
        needed = HISTORY_HOURS + min(*request.single_deadlines_hours, *request.several_deadlines_hours)
        raise InsufficientHistory(
            f"{len(tracks)} records of probes with prices are there, and not one window fits: a window needs "
            f"{needed:g} h of probes of one pool without a hole of a day.",
            fix="Collect recorded history (lowtide collect recorded PATH), or pass shorter deadlines.",
        )
    names = list(dict.fromkeys(request.policies))
    note("replaying policies", 0, len(parts))
    played = fan_out(
        partial(_played, policies=names, every_hours=request.every_hours), parts, request.workers,
        request.engine, partial(note, "replaying policies"), go_on=go_on,
    )  # fmt: skip
    found = scores([each for each in played if each], names, request.seed)
    first, last = min(t.truth.first_hour for t in tracks), max(_end(t.truth) for t in tracks)
    return {
        "as_of": instant(now),
        "age_s": service.age_s(now),
        "sources": sorted(sources),
        "synthetic": synthetic,
        "policies": names,
        "from_at": instant(zero + timedelta(hours=first)),
        "until_at": instant(zero + timedelta(hours=last)),
        "every_hours": request.every_hours,
        "windows": sum(len(each.day_B) for each in played if each),
        "pools": len({track.pool for track in tracks}),
        "seed": request.seed,
        "scores": [_told(each, zero) for each in found],
        "assumptions": ASSUMPTIONS,
        "left_out": left_out,
    }


ASSUMPTIONS = [
    "A pool is up where a probe found all the machines it asked for.",
    "A pool costs its mean price over its record; on-demand what it cost at the record's end.",
    "Whole ticks are billed; every launch, on-demand too, pays the overhead; on-demand is always to be had.",
    f"Every window has {HISTORY_HOURS:g} h of history or more before it; intervals redraw zones and days.",
]


def _played(part: Part, policies: Sequence[str], every_hours: float) -> Any:
    return play(part, policies, every_hours)


def _tracks(
    service: Service, request: PoliciesRequest, probed: Sequence[ProbedPool], zero: datetime, now: datetime
) -> tuple[list[Track], list[str], set[str], bool]:
    """Return every record that is long enough and priced, and why others are not there."""
    found: list[Track] = []
    left_out: list[str] = []
    sources: set[str] = set()
    synthetic = False
    for each in probed:
        start, end = request.from_at or each.first_at, min(request.until_at or each.last_at, each.last_at)
        if start >= end:
            continue
        seen = service.store.sightings(each.pool, from_at=start, until_at=end, as_of=now)
        records = [r for r in records_from(each, seen, zero) if r.end_hour - r.first_hour >= SHORTEST_HOURS]
        for record in records:
            track = _priced(service, each.pool, record, zero, now)
            if isinstance(track, str):
                left_out.append(track)
                continue
            found.append(track)
            sources.update(seen.sources)
            synthetic = synthetic or seen.synthetic
        if not records:
            left_out.append(f"{each.pool.key}: no {SHORTEST_HOURS:g} h of probes without a hole of a day.")
    return found, sorted(set(left_out)), sources, synthetic


def _priced(service: Service, pool: Pool, record: Record, zero: datetime, now: datetime) -> Track | str:
    """Return a record with its prices, or in a sentence what is missing."""
    start, end = (zero + timedelta(hours=hour) for hour in (record.first_hour, record.end_hour))
    spot = mean_usd(service.store.price_steps(pool, from_at=start, until_at=end, as_of=now), start, end)
    if spot is None:
        return f"{pool.key}: no price was in force from {instant(start)} until {instant(end)}."
    steady = replace(pool, zone=None, capacity_type=CapacityType.ON_DEMAND)
    behind = service.store.price_at(steady, end) or service.store.price_at(steady, now)
    if behind is None:
        return f"{pool.key}: no on-demand price of {steady.key} is known."
    return Track(pool=pool, truth=record.truth, spot_usd=spot, on_demand_usd=float(behind.price_usd_per_hour))


def mean_usd(steps: Sequence[PricePoint], start: datetime, end: datetime) -> float | None:
    """Return the time-weighted mean price between two instants; None where none was in force."""
    total = weight = 0.0
    ends = [*(each.effective_at for each in steps[1:]), end]
    for step, after in zip(steps, ends, strict=False):  # Without a step there is an end too many.
        seconds = max((min(after, end) - max(step.effective_at, start)).total_seconds(), 0.0)
        total += seconds * float(step.price_usd_per_hour)
        weight += seconds
    return total / weight if weight else None


def parts_of(tracks: Sequence[Track], request: PoliciesRequest) -> Iterator[Part]:
    """Yield every pool alone and every group, under each deadline and overhead."""
    alone = [(track,) for track in tracks] if "single" in request.kinds else []
    groups = list(_groups(tracks)) if "several" in request.kinds else []
    asked = (
        (alone, request.single_hours, request.single_deadlines_hours),
        (groups, request.several_hours, request.several_deadlines_hours),
    )
    for chosen, work, deadlines in asked:
        for group in chosen:
            for deadline in deadlines:
                for overhead in request.overheads_hours:
                    tick = group[0].truth.tick_hours
                    promise = Promise(work, deadline, overhead, tick)
                    if promise.least_hours() <= promise.ticks * tick + 1e-9:
                        yield _part(group, promise)


def _groups(tracks: Sequence[Track]) -> Iterator[tuple[Track, ...]]:
    """Yield pools of one machine and tick that were recorded together: all, and each region with several."""
    together: dict[tuple[object, ...], list[Track]] = {}
    for track in sorted(tracks, key=lambda each: each.pool.key):
        tick, first = track.truth.tick_hours, track.truth.first_hour
        key = (track.pool.provider, track.pool.sku, round(tick, 6), round(first / 24.0))
        together.setdefault(key, []).append(track)
    for group in together.values():
        regions: dict[str, list[Track]] = {}
        for track in group:
            regions.setdefault(track.pool.region, []).append(track)
        several = [group, *regions.values()] if len(regions) > 1 else [group]
        yield from (tuple(each) for each in several if len(each) > 1)


def _part(group: Sequence[Track], promise: Promise) -> Part:
    tick = promise.tick_hours
    first, last = max(t.truth.first_hour for t in group), min(_end(t.truth) for t in group)
    count = max(int((last - first) / tick + 1e-6), 0)
    up = [_up(track.truth)[_offset(track.truth, first) :][:count] for track in group]
    shortest = min(column.size for column in up)
    return Part(
        pools=tuple(track.pool.key for track in group),
        regions=tuple(f"{track.pool.provider}/{track.pool.region}" for track in group),
        up_NP=np.stack([column[:shortest] for column in up], axis=1),
        spot_usd_per_hour_P=np.array([track.spot_usd for track in group]),
        on_demand_usd_per_hour=float(np.mean([track.on_demand_usd for track in group])),
        first_hour=first,
        promise=promise,
    )


def _offset(pool: Watched, first_hour: float) -> int:
    return round((first_hour - pool.first_hour) / pool.tick_hours)


def _end(pool: Watched) -> float:
    return pool.first_hour + pool.ticks * pool.tick_hours


def _up(pool: Watched) -> Bools:
    """Return whether all that was asked for was there; the last known where nobody looked."""
    known = np.maximum.accumulate(np.where(np.isfinite(pool.up_T), np.arange(pool.ticks), 0))
    return np.asarray(pool.up_T[known] >= 1.0 - 1e-9)


def _told(score: Score, zero: datetime) -> dict[str, Any]:
    """Return a score with its day as a date."""
    row = asdict(score)
    if score.scope == "day":
        row["name"] = f"{zero + timedelta(days=int(score.name)):%Y-%m-%d}"
    return row


__all__ = ["Track", "backtest_policies", "mean_usd", "parts_of"]
