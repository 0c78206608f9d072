"""What is told of runs that nothing decides: heads, views, checkpoints, events."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from .accounting import account
from .progress import checkpoints, copies
from .runstate import RunState, load

if TYPE_CHECKING:
    from .service import Service


class RunViews:
    """The part of a service's runs that is only read."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def view(self, run_id: str) -> dict[str, Any]:
        """Return a run: state, attempts, newest checkpoint, predicted against realised, timeline."""
        run = self._load(run_id)
        now = run.over_at() or self._service.clock()
        predicted = json.loads(run.row.predicted)
        realised, timeline = account(self._service.store, run, predicted, now=now)
        return {
            **self._envelope(run, run.clock.market_at(now)),
            **run.head(),
            "job": run.answer["spec"]["job"],
            "deadline_at": run.job.deadline_at,
            "attempts": [
                {"attempt": row.attempt, "pool_id": row.pool_key, "issued_at": row.issued_at}
                for row in run.attempts
            ],
            "checkpoint": run.checkpoint(),
            "predicted": predicted,
            "realised": realised,
            "timeline": timeline,
        }

    def all(self) -> dict[str, Any]:
        """Return the head of every run, newest first."""
        rows = sorted(self._service.store.runs(), key=lambda row: (row.opened_at, row.run_id), reverse=True)
        runs = [self._load(row.run_id) for row in rows]
        return {
            **self._service.envelope(self._service.clock()),
            "sources": sorted({source for run in runs for source in run.answer["sources"]}),
            "synthetic": any(run.answer["synthetic"] for run in runs),
            "runs": [run.head() for run in runs],
        }

    def checkpoints(self, run_id: str) -> dict[str, Any]:
        """Return the committed generations of a run, newest first, and where else they were copied to."""
        run = self._load(run_id)
        head = self._envelope(run, self._service.clock())
        return {
            **head,
            "run_id": run_id,
            "checkpoints": checkpoints(run.events),
            "copies": copies(run.events),
        }

    def events(self, run_id: str) -> dict[str, Any]:
        """Return the stored events of a run, in order."""
        run = self._load(run_id)
        return {**self._envelope(run, self._service.clock()), "run_id": run_id, "events": run.events}

    def _envelope(self, run: RunState, at: datetime) -> dict[str, Any]:
        """Return what an answer about a run says of itself; the sources are its recommendation's."""
        known = {name: run.answer[name] for name in ("sources", "synthetic")}
        return {**self._service.envelope(at), **known}

    def _load(self, run_id: str) -> RunState:
        return load(self._service.store, run_id)
