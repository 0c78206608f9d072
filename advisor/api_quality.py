"""Routes of quality: how fresh the sources are, how good the forecasts were, and a new backtest."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response

from .auth import needs
from .dependencies import ServiceOf, When, answer
from .wire_policies import PoliciesOut, PoliciesRequest
from .wire_quality import BacktestOut, BacktestRequest

router = APIRouter(prefix="/v1")
reads = [Depends(needs("read"))]
OnePool = Annotated[str | None, Query(max_length=300, description="Key of a pool; none: all together")]


@router.get("/quality", dependencies=reads)
def quality(service: ServiceOf, as_of: When = None, pool: OnePool = None) -> Response:
    """Return each source's rows, age, gaps and quarantined rows, and the newest backtest's figures."""
    at = as_of or service.clock()
    return answer({**service.market.quality(at), "backtest": service.backtesting.newest(at, pool)})


@router.post(
    "/backtests",
    status_code=201,
    dependencies=[Depends(needs("admin"))],
    responses={201: {"model": BacktestOut}},
)
def backtest(body: BacktestRequest, service: ServiceOf) -> Response:
    """Score forecasts, estimates and choices against the recorded history, and keep the figures."""
    return answer(service.backtesting.run(body), 201)


@router.post(
    "/backtests/policies",
    dependencies=[Depends(needs("admin"))],
    responses={200: {"model": PoliciesOut}},
)
def policies(body: PoliciesRequest, service: ServiceOf) -> Response:
    """Replay our policy under a deadline and its peers on the recorded history."""
    return answer(service.backtesting.policies(body))


@router.get("/backtests/progress", dependencies=reads)
def progress(service: ServiceOf) -> Response:
    """Return how far the backtest under way is."""
    return answer(service.backtesting.progress())
