"""A run's account as an answer: its events and prices handed to `model.realised`, nothing added.

The prices of every pool the run was in come from the store, as known now: an account is
written after the fact. Predicted figures lend only the baseline price and the machine count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from collector.records import AttemptRow
from collector.store import Store
from model.market import CapacityType, Pool, PricePoint
from model.realised import AttemptTerms, Realised, RunRecord, Segment, realise
from trainer.plan import Plan

from .runstate import RunState


def account(
    store: Store, run: RunState, predicted: Mapping[str, Any], *, now: datetime
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return `realised` and `timeline` of a run.

    Args:
        store: Has the price steps.
        run: Its job, clock, attempts and events.
        predicted: The option it was opened on.
        now: Wall time; prices observed since count.
    """
    speeds = run.speeds()
    baseline = predicted["price"]["on_demand_usd_per_hour"]
    record = RunRecord(
        run_id=run.row.run_id,
        clock=run.clock,
        gpus=run.job.gpus,
        nodes=predicted["nodes"],
        on_demand_usd_per_hour=None if baseline is None else Decimal(str(baseline)),
        throughput=run.job.throughput[predicted["gpu_model"]],
        attempts={row.attempt: _terms(row, speeds[row.attempt]) for row in run.attempts},
    )
    found = realise(record, run.events, _prices(store, run, now))
    told = {each.name: getattr(found, each.name) for each in fields(Realised) if each.name != "timeline"}
    return told, _timeline(found.timeline, run.attempts)


def _terms(row: AttemptRow, throughput: float) -> AttemptTerms:
    """Return what an attempt rents: of a mixed gang, nodes of the pool and nodes beside it on on-demand."""
    nodes, pool = Plan.read(row.plan).nodes, Pool.parse(row.pool_key)
    mixed = nodes.on_demand_floor if pool.capacity_type is CapacityType.SPOT else 0
    beside = replace(pool, zone=None, capacity_type=CapacityType.ON_DEMAND).key if mixed else None
    return AttemptTerms(
        nodes=nodes.count, throughput=throughput, on_demand_nodes=mixed, on_demand_pool_id=beside
    )


def _prices(store: Store, run: RunState, now: datetime) -> dict[str, list[PricePoint]]:
    """Return the price steps of every pool over the whole run."""
    if not run.events:
        return {}
    told = [run.clock.of_event(event) for event in run.events]
    beside = {_terms(row, 1.0).on_demand_pool_id for row in run.attempts}
    keys = {row.pool_key for row in run.attempts} | {key for key in beside if key}
    from_at, until_at = min(told), max(told)
    return {
        key: store.price_steps(Pool.parse(key), from_at=from_at, until_at=until_at, as_of=max(now, until_at))
        for key in keys
    }


def _timeline(segments: Sequence[Segment], attempts: Sequence[AttemptRow]) -> list[dict[str, Any]]:
    """Return segments in order; time before an attempt is told under that attempt and its pool."""
    pools = {row.attempt: row.pool_key for row in attempts}
    told: list[dict[str, Any]] = []
    coming = max(pools, default=None)
    for segment in reversed(segments):
        coming = segment.attempt or coming
        told.append(
            {
                "attempt": coming,
                "pool_id": segment.pool_id or pools.get(coming or 0),
                "kind": segment.kind,
                "from_at": segment.from_at,
                "until_at": segment.until_at,
            }
        )
    return told[::-1]
