"""What routes share: the service behind them, instants from queries, and answers as bytes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request, Response
from pydantic import BeforeValidator

from .answers import to_json
from .observe import Metrics
from .service import Service
from .wire import read_instant


def service_of(request: Request) -> Service:
    """Return the service of this application."""
    service: Service = request.app.state.service
    return service


def metrics_of(request: Request) -> Metrics:
    """Return the counters of this application."""
    metrics: Metrics = request.app.state.metrics
    return metrics


ServiceOf = Annotated[Service, Depends(service_of)]
MetricsOf = Annotated[Metrics, Depends(metrics_of)]
When = Annotated[datetime | None, BeforeValidator(read_instant), Query(description="ISO-8601 with zone")]
WindowHours = Annotated[float, Query(ge=1, le=24 * 3660, allow_inf_nan=False)]
RunId = Annotated[str, Path(pattern=r"^run-[0-9a-f]{16}$")]
RecommendationId = Annotated[str, Path(pattern=r"^rec-(synthetic-)?[0-9a-f]{16}$")]
PoolKey = Annotated[str, Path(max_length=300)]


def answer(value: Any, status: int = 200) -> Response:
    """Return JSON of our own making, so that a stored answer and a fresh one are the same bytes."""
    body = value if isinstance(value, bytes) else to_json(value)
    return Response(body, status, media_type="application/json")
