"""From a finished demo to its report: asks the service for the run, adds what only the demo knows.

The realised figures are the answer of GET /v1/runs/{id}. What the demo adds is how the replay
was set up (compression, notice, window, stand-in) and the hash of the uninterrupted run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from model.market import Pool, PriceKind, PricePoint
from model.price import billed_usd

from .client import Client
from .report import Proof, Report, to_html
from .report_charts import cost_over_time, progress, ranking, timeline
from .report_data import Course, choices, compared, strikes

Json = Mapping[str, Any]


def build(
    client: Client, run_id: str, *, written: Json, followed: Json, market: str, synthetic: bool,
    assumptions: tuple[tuple[str, str], ...], reference_sha256: str | None,
) -> Report:  # fmt: skip
    """Return the report of a finished run.

    Args:
        client: The service.
        run_id: The run.
        written: Recommendation for the job as its file says it.
        followed: Recommendation for the stand-in that was trained.
        market: Which market this was, in words.
        synthetic: Whether it was.
        assumptions: What the figures rest on, as (name, sentence).
        reference_sha256: Hash of the uninterrupted run's weights.
    """
    run, events = client.run(run_id), client.events(run_id)["events"]
    course = Course(run, events)
    losses = course.losses()
    real, said = run["realised"], run["predicted"]
    paid = course.paid(_Biller(client, said["nodes"]))
    on_demand = [(0.0, 0.0), (real["useful_hours"], float(real["on_demand_cost_usd"] or 0.0))]
    band = (said["cost_usd"]["p10"], said["cost_usd"]["p50"], said["cost_usd"]["p90"])
    used = [pool_id for pool_id, _, _ in course.bills()]
    return Report(
        title=f"{run['name']}: predicted against realised",
        market=market,
        synthetic=synthetic,
        recommendation=written,
        run=run,
        rows=tuple(compared(run)),
        strikes=strikes(events),
        charts=(
            timeline(course.spans(), losses),
            cost_over_time(paid, on_demand, band, losses),
            progress(course.steps(), losses),
            ranking(choices(followed, used)),
        ),
        assumptions=assumptions,
        proof=Proof(struck_sha256=_weights(events), reference_sha256=reference_sha256),
    )


def _weights(events: list[dict[str, Any]]) -> str | None:
    """The hash in the stored `ended` event of the node that finished."""
    done = [e for e in events if e["event"] == "ended" and e["reason"] == "done" and e["node"] != "launcher"]
    return done[-1]["weights_sha256"] if done else None


class _Biller:
    """Bills spans with the price steps of their pools."""

    def __init__(self, client: Client, nodes: int) -> None:
        self._client, self._nodes = client, nodes

    def __call__(self, pool_id: str, from_at: datetime, until_at: datetime) -> float:
        if until_at <= from_at:
            return 0.0
        later = until_at + timedelta(seconds=1)
        told = self._client.prices(pool_id, from_at=from_at, until_at=later, as_of=later)
        points = [_point(Pool.parse(pool_id), price) for price in told["prices"]]
        return float(self._nodes * billed_usd(points, from_at, until_at))


def _point(pool: Pool, price: Json) -> PricePoint:
    effective, observed = (datetime.fromisoformat(price[name]) for name in ("effective_at", "observed_at"))
    return PricePoint(
        pool=pool, price_usd_per_hour=Decimal(str(price["usd_per_hour"])), kind=PriceKind(price["kind"]),
        effective_at=effective, observed_at=observed,
    )  # fmt: skip


def write(report: Report, out: Path) -> Path:
    """Write report.html, and figures.json with the same figures for machines; return the page."""
    page = out / "report.html"
    page.write_text(to_html(report), encoding="utf-8")
    figures = {
        "synthetic": report.synthetic,
        "market": report.market,
        "run_id": report.run["run_id"],
        "predicted": report.run["predicted"],
        "realised": report.run["realised"],
        "strikes": asdict(report.strikes),
        "weights": {**asdict(report.proof), "equal": report.proof.equal},
        "assumptions": dict(report.assumptions),
    }
    (out / "figures.json").write_text(json.dumps(figures, indent=2, default=str) + "\n", encoding="utf-8")
    return page
