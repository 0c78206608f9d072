"""The HTTP application: routes to the service's methods, and nothing decided in between.

Handlers are synchronous and run in threads; each thread reads through its own cursor. Every
answer is JSON of the service's own making, every error problem+json. Runs are in
`advisor.api_runs`, the store as a whole in `advisor.api_store`, quality in `advisor.api_quality`.
"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Depends, FastAPI, Response

from . import problems
from .answers import RecommendationOut, code_version
from .api_quality import router as quality_router
from .api_runs import router as runs_router
from .api_store import router as store_router
from .auth import Key, needs
from .dependencies import MetricsOf, PoolKey, RecommendationId, ServiceOf, When, WindowHours, answer
from .guard import Guard
from .observe import Metrics, Observer
from .service import Service
from .wire import CollectRequest, RecommendationRequest

router = APIRouter()
reads = [Depends(needs("read"))]
MONTH_HOURS = 720.0


def create_app(service: Service, *, keys: Sequence[Key] = ()) -> FastAPI:
    """Return the application of a service.

    Args:
        service: What answers.
        keys: Whose requests are taken; none opens every route, which only loopback may be.
    """
    app = FastAPI(
        title="Lowtide",
        version=code_version(),
        openapi_url=None,  # Served by a route of our own, which asks for a key.
        docs_url=None,
        redoc_url=None,
        responses=problems.declared(),
    )
    app.state.service, app.state.keys, app.state.metrics = service, tuple(keys), Metrics()
    service.collecting.told = app.state.metrics.count_rows
    app.include_router(router)
    app.include_router(runs_router)
    app.include_router(store_router)
    app.include_router(quality_router)
    problems.install(app)
    app.add_middleware(Guard)
    app.add_middleware(Observer, metrics=app.state.metrics)

    @app.get("/openapi.json", dependencies=reads, include_in_schema=False)
    def openapi() -> Response:
        return answer(app.openapi())

    return app


@router.post(
    "/v1/recommendations",
    status_code=201,
    dependencies=[Depends(needs("recommend"))],
    responses={201: {"model": RecommendationOut}},
)
def recommend(body: RecommendationRequest, service: ServiceOf) -> Response:
    """Rank pools for a job: cost and finish with intervals, reasons, and who was rejected and why."""
    return answer(service.recommend(body), 201)


@router.get(
    "/v1/recommendations/{recommendation_id}",
    dependencies=reads,
    responses={200: {"model": RecommendationOut}},
)
def recommendation(recommendation_id: RecommendationId, service: ServiceOf) -> Response:
    """Return a stored recommendation, byte for byte."""
    return answer(service.recommendation(recommendation_id))


@router.get("/v1/pools", dependencies=reads)
def pools(service: ServiceOf, as_of: When = None, window_hours: WindowHours = MONTH_HOURS) -> Response:
    """Return every pool with its price, hazard and availability."""
    return answer(service.market.pools(as_of, window_hours))


@router.get("/v1/pools/{key:path}/prices", dependencies=reads)
def prices(
    key: PoolKey, service: ServiceOf, from_at: When = None, until_at: When = None, as_of: When = None
) -> Response:
    """Return a pool's price steps."""
    return answer(service.market.prices(key, from_at, until_at, as_of))


@router.get("/v1/pools/{key:path}/probes", dependencies=reads)
def probes(
    key: PoolKey, service: ServiceOf, from_at: When = None, until_at: When = None, as_of: When = None
) -> Response:
    """Return a pool's availability probes."""
    return answer(service.market.probes(key, from_at, until_at, as_of))


@router.get("/v1/pools/{key:path}", dependencies=reads)
def pool(
    key: PoolKey, service: ServiceOf, as_of: When = None, window_hours: WindowHours = MONTH_HOURS
) -> Response:
    """Return one pool."""
    return answer(service.market.pool(key, as_of, window_hours))


@router.post("/v1/collect", dependencies=[Depends(needs("admin"))])
def collect(body: CollectRequest, service: ServiceOf) -> Response:
    """Read a feed, recorded history or the synthetic market into the store, once."""
    return answer(service.collect(body))


@router.get("/v1/collect/status", dependencies=reads)
def collect_status(service: ServiceOf) -> Response:
    """Return per source: age, rows, last outcome and error, next run, gaps."""
    return answer(service.collect_status())


@router.get("/v1/collect/progress", dependencies=reads)
def collect_progress(service: ServiceOf) -> Response:
    """Return what is being read at this moment."""
    return answer(service.collect_progress())


@router.get("/v1/listings", dependencies=reads)
def listings(service: ServiceOf, since: When = None, as_of: When = None) -> Response:
    """Return since when each machine is listed in each region, the newest first."""
    return answer(service.market.listings(since, as_of))


@router.get("/v1/overheads", dependencies=reads)
def overheads(service: ServiceOf, as_of: When = None) -> Response:
    """Return what runs measured of themselves: restart, pause, upload, restore and wait, per machine."""
    return answer(service.market.overheads(as_of))


@router.get("/v1/status", dependencies=reads)
def status(service: ServiceOf) -> Response:
    """Return version, span of the data and row counts."""
    return answer(service.status())


@router.get("/metrics", dependencies=reads)
def metrics(metrics: MetricsOf, service: ServiceOf) -> Response:
    """Return the counters for Prometheus."""
    return Response(
        metrics.text(service.collecting.sources(gaps=False)), media_type="text/plain; version=0.0.4"
    )


@router.get("/livez")
def livez() -> Response:
    """Say that the process answers."""
    return answer({"live": True})


@router.get("/readyz")
def readyz(service: ServiceOf) -> Response:
    """Say that the store answers."""
    return answer({"ready": True, "newest_age_s": service.age_s(service.clock())})
