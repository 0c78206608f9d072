"""What the service tells its operators: Prometheus counters, one registry per application.

Labels are routes as declared, never paths as sent, so nobody can grow the metrics from outside.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Metrics:
    """The counters of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "lowtide_http_requests", "Requests answered.", ["route", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "lowtide_http_request_seconds", "Seconds to answer a request.", ["route"], registry=self.registry
        )
        self.events = Counter("lowtide_run_events", "Run events by fate.", ["fate"], registry=self.registry)
        self.rows = Counter("lowtide_ingested_rows", "Market rows by fate.", ["fate"], registry=self.registry)

    def count_rows(self, report: Mapping[str, Any]) -> None:
        """Count the rows of an ingest."""
        for fate in FATES:
            self.rows.labels(fate).inc(report[f"rows_{fate}"])

    def text(self, sources: Sequence[Mapping[str, Any]] = ()) -> bytes:
        """Return the exposition format, with a line per live source as it stands now."""
        return generate_latest(self.registry) + generate_latest(source_gauges(sources))


FATES = ("new", "duplicate", "quarantined")


def source_gauges(sources: Sequence[Mapping[str, Any]]) -> CollectorRegistry:
    """Return rows by fate, age and last outcome per source. A source that was never read has no age."""
    registry = CollectorRegistry()
    rows = Gauge("lowtide_source_rows", "Rows by fate, all passes.", ["source", "fate"], registry=registry)
    age = Gauge("lowtide_source_age_seconds", "Since it was last read well.", ["source"], registry=registry)
    stale = Gauge("lowtide_source_stale", "1 where it is too old.", ["source"], registry=registry)
    last = Gauge(
        "lowtide_source_last_outcome", "1 for how its last pass ended.", ["source", "outcome"],
        registry=registry,
    )  # fmt: skip
    for source in sources:
        name = source["source_id"]
        for fate in FATES:
            rows.labels(name, fate).set(source[f"rows_{fate}"])
        if source["age_s"] is not None:
            age.labels(name).set(source["age_s"])
        stale.labels(name).set(source["stale"])
        last.labels(name, source["outcome"]).set(1)
    return registry


class Observer:
    """ASGI middleware: counts and times every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
