"""What a finished attempt says of the market: lives of our own machines, and measured overheads.

Run logs become facts when an attempt is over, by the same way as any other source; telling an
attempt again adds nothing. A run on a market clock of its own did not live through the hours it
speaks of, so it is left out, in words. Trouble here never costs an event: those are stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any

from collector.ingest import ingest
from collector.records import RunRow
from collector.sources.runlog import ReportedRun
from collector.store import Store
from model.errors import LowtideError

from .progress import LAUNCHER, Event

OWN_CLOCK = (
    "This run is on a market clock of its own, not on the wall's, so its machines' lives are no evidence "
    "of the market."
)


def over(events: Iterable[Event], attempts: Collection[int]) -> list[Event]:
    """Return all events of those of the attempts that are over.

    The launcher has the last word where there is one: a node's own end may come before word of why.
    """
    own: dict[int, list[Event]] = {attempt: [] for attempt in attempts}
    for event in events:
        if event["attempt"] in own:
            own[event["attempt"]].append(event)
    return [event for said in own.values() if _is_over(said) for event in said]


def _is_over(events: list[Event]) -> bool:
    nodes = {event["node"] for event in events}
    ended = {event["node"] for event in events if event["event"] == "ended"}
    return LAUNCHER in ended if LAUNCHER in nodes else bool(nodes) and nodes == ended


def take_evidence(
    store: Store, row: RunRow, told: Iterable[Event], *, synthetic: bool
) -> dict[str, Any] | None:
    """Store what the attempts that these new events belong to say, where they are over.

    Args:
        store: Where to.
        row: The run.
        told: Events that came in just now.
        synthetic: Whether its recommendation was of a synthetic market.

    Returns:
        What became of it, for the answer; None while every attempt goes on.
    """
    ended = over(store.events(row.run_id), {event["attempt"] for event in told})
    if not ended:
        return None
    if row.clock is not None:
        return {"taken": False, "source_id": None, "rows_new": 0, "why": OWN_CLOCK}
    source = ReportedRun(run_id=row.run_id, synthetic=synthetic, events=tuple(ended))
    try:
        report = ingest(store, _placed(store, source))
    except LowtideError as trouble:
        return {"taken": False, "source_id": source.source_id, "rows_new": 0, "why": str(trouble)}
    why = ", ".join(f"{reason}: {rows} rows" for reason, rows in report.reasons.items()) or None
    return {"taken": True, "source_id": source.source_id, "rows_new": report.rows_new, "why": why}


def _placed(store: Store, source: ReportedRun) -> ReportedRun:
    """The source with the pools of its attempts as they were issued, and their machines."""
    pools = {(source.run_id, row.attempt): row.pool_key for row in store.attempts(source.run_id)}
    named = {*pools.values(), *(event.get("pool_id") for event in source.events)}
    skus = {sku for pool, sku in store.pools(store.now()) if pool.key in named}
    return replace(source, pools=pools, skus=tuple(sorted(skus, key=lambda sku: (sku.provider, sku.name))))
