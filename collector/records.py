"""What the advisor asks the store to remember: recommendations, runs, attempts, run events.

Bytes in, the same bytes out. Event batches are idempotent on run, attempt, node and seq;
an event that contradicts the one already stored is quarantined, never taken.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import pyarrow as pa

from model.errors import ImpossibleInput

from . import rows
from .core import StoreCore

_EVENT_SCHEMA: Final = pa.schema(
    {
        "attempt": pa.int32(),
        "node": pa.string(),
        "seq": pa.int64(),
        "reported_at": pa.timestamp("us", tz="UTC"),
        "content": pa.string(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as it was opened."""

    run_id: str
    recommendation_id: str
    opened_at: datetime
    clock: dict[str, Any] | None  # How wall time maps to market time; None: one to one.
    predicted: bytes  # The chosen option, as recommended.


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRow:
    """One start of a run in one pool."""

    attempt: int
    pool_key: str
    issued_at: datetime
    plan: bytes


class AdvisorRecords(StoreCore):
    """The half of the store that the advisor writes and reads back."""

    def save_recommendation(
        self, recommendation_id: str, *, as_of: datetime, request: bytes, body: bytes
    ) -> None:
        """Keep an answer byte for byte. The first body under an id stands."""
        self.write(
            "save_recommendation",
            recommendation_id=recommendation_id, as_of=as_of, request=request, body=body, at=self.now(),
        )  # fmt: skip

    def recommendation(self, recommendation_id: str) -> bytes | None:
        """The stored body, or None."""
        found = self.rows("recommendation", recommendation_id=recommendation_id)
        return bytes(found[0]["body"]) if found else None

    def open_run(
        self, run_id: str, *, recommendation_id: str, opened_at: datetime, clock: dict[str, Any] | None,
        predicted: bytes,
    ) -> None:  # fmt: skip
        """Remember a run; `clock` maps wall time to market time.

        Raises:
            ImpossibleInput: The run exists already.
        """

        def write() -> None:
            if self.run(run_id) is not None:
                raise ImpossibleInput(f"Run {run_id!r} exists already.", fix="Open it under a new id.")
            self.write(
                "open_run",
                run_id=run_id, recommendation_id=recommendation_id, opened_at=opened_at,
                clock=None if clock is None else json.dumps(clock, sort_keys=True), predicted=predicted,
            )  # fmt: skip

        self.settle("store", write)

    def run(self, run_id: str) -> RunRow | None:
        """One run, or None."""
        found = self.rows("run", run_id=run_id)
        return _run_row(found[0]) if found else None

    def runs(self) -> list[RunRow]:
        """Every run, oldest first."""
        return [_run_row(row) for row in self.rows("runs")]

    def issue_attempt(self, run_id: str, *, pool_key: str, issued_at: datetime, plan: bytes) -> int:
        """Number and keep the next start of a run: 1, 2, 3… Numbers are never given twice."""
        self._require(run_id)
        issued = self.write("issue_attempt", run_id=run_id, pool_id=pool_key, issued_at=issued_at, plan=plan)
        return int(issued["attempt"][0].as_py())

    def attempts(self, run_id: str) -> list[AttemptRow]:
        """Every start of a run, in order."""
        return [
            AttemptRow(
                attempt=row["attempt"], pool_key=row["pool_id"], issued_at=rows.instant(row, "issued_at"),
                plan=bytes(row["plan"]),
            )
            for row in self.rows("attempts", run_id=run_id)
        ]  # fmt: skip

    def append_events(self, run_id: str, events: list[dict[str, Any]]) -> tuple[int, int]:
        """Store a batch of run events; (accepted, duplicates). The rest contradicted what was stored.

        Raises:
            ImpossibleInput: The run is unknown, or an event lacks attempt, node, seq or at.
        """
        self._require(run_id)
        if not events:
            return 0, 0
        table = pa.Table.from_pylist([_event_row(event) for event in events], schema=_EVENT_SCHEMA)
        done = self.write("append_events", {"incoming": table}, run_id=run_id, at=self.now()).to_pylist()[0]
        return int(done["accepted"]), int(done["duplicates"])

    def events(self, run_id: str) -> list[dict[str, Any]]:
        """Every event of a run, by attempt, time, node and seq."""
        return [json.loads(row["content"]) for row in self.rows("events", run_id=run_id)]

    def _require(self, run_id: str) -> None:
        if self.run(run_id) is None:
            raise ImpossibleInput(
                f"Run {run_id!r} is unknown to this store.", fix="Open it first with POST /v1/runs."
            )


def _run_row(row: rows.Row) -> RunRow:
    return RunRow(
        run_id=row["run_id"],
        recommendation_id=row["recommendation_id"],
        opened_at=rows.instant(row, "opened_at"),
        clock=None if row["clock"] is None else json.loads(row["clock"]),
        predicted=bytes(row["predicted"]),
    )


def _event_row(event: dict[str, Any]) -> dict[str, Any]:
    """The key of an event beside its canonical text."""
    try:
        return {
            "attempt": int(event["attempt"]),
            "node": str(event["node"]),
            "seq": int(event["seq"]),
            "reported_at": datetime.fromisoformat(event["at"]),
            "content": json.dumps(event, sort_keys=True, separators=(",", ":")),
        }
    except (KeyError, TypeError, ValueError) as trouble:
        raise ImpossibleInput(
            f"An event lacks a usable attempt, node, seq or at ({type(trouble).__name__}: {trouble}).",
            fix="Send events as written by the run log.",
        ) from None
