"""Routes of runs: open, report, ask where next, look."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from starlette.background import BackgroundTask

from .auth import needs
from .dependencies import MetricsOf, RunId, ServiceOf, When, answer
from .wire_runs import EventBatch, NextPoolRequest, RunRequest

router = APIRouter(prefix="/v1/runs")
reads = [Depends(needs("read"))]
runs = [Depends(needs("run"))]


@router.post("", status_code=201, dependencies=runs)
def open_run(body: RunRequest, service: ServiceOf) -> Response:
    """Open a run from a recommendation; the answer carries the plan of its first attempt."""
    told = service.runs.open(body)
    opened = answer(told, 201)
    opened.background = BackgroundTask(service.runs.prepare, told["run_id"])
    return opened


@router.get("", dependencies=reads)
def all_runs(service: ServiceOf) -> Response:
    """Return the head of every run, newest first."""
    return answer(service.runs.all())


@router.get("/{run_id}", dependencies=reads)
def run(run_id: RunId, service: ServiceOf) -> Response:
    """Return a run: predicted against realised, attempts, newest checkpoint, timeline."""
    return answer(service.runs.view(run_id))


@router.post("/{run_id}/events", dependencies=runs)
def append_events(run_id: RunId, body: EventBatch, service: ServiceOf, metrics: MetricsOf) -> Response:
    """Keep a batch of run events; sending it again changes nothing."""
    told = service.runs.append_events(run_id, body)
    metrics.events.labels("accepted").inc(told["accepted"])
    metrics.events.labels("duplicate").inc(told["duplicates"])
    metrics.events.labels("rejected").inc(len(told["rejected"]) + told["conflicting"])
    return answer(told)


@router.get("/{run_id}/events", dependencies=reads)
def events(run_id: RunId, service: ServiceOf) -> Response:
    """Return the stored events of a run."""
    return answer(service.runs.events(run_id))


@router.get("/{run_id}/checkpoints", dependencies=reads)
def checkpoints(run_id: RunId, service: ServiceOf) -> Response:
    """Return the committed generations of a run, newest first."""
    return answer(service.runs.checkpoints(run_id))


@router.get("/{run_id}/directive", dependencies=runs)
def directive(
    run_id: RunId,
    service: ServiceOf,
    attempt: Annotated[int | None, Query(ge=1, le=10**9)] = None,
    as_of: When = None,
) -> Response:
    """Tell a live run whether to stay, and how often to save."""
    told = answer(service.runs.directive(run_id, attempt, as_of))
    told.background = BackgroundTask(service.runs.tend, run_id)  # Prices are read once it is answered.
    return told


@router.post("/{run_id}/next-pool", dependencies=runs)
def next_pool(run_id: RunId, body: NextPoolRequest, service: ServiceOf) -> Response:
    """Say where the rest of a run goes after a loss, or how long to wait."""
    told = answer(service.runs.next_pool(run_id, body))
    told.background = BackgroundTask(service.runs.prepare, run_id)
    return told
