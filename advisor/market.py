"""The market as answers: pools with what is known of them or why it is not, price and probe series."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from model.errors import ImpossibleInput
from model.estimate import PoolStatistics
from model.market import PoolHistory, PricePoint, Probe

from .answers import instant
from .present import LABELS, hazard_out

MAX_POINTS = 50_000  # Of one series in one answer.


def pool_answer(history: PoolHistory, seen: PoolStatistics | None, refusal: str | None) -> dict[str, Any]:
    """Return the wire shape of one pool.

    Args:
        history: What the store saw of it.
        seen: What is believed of it; None where the model refused.
        refusal: Why it refused.
    """
    pool, sku = history.pool, history.sku
    return {
        "pool_id": pool.key,
        "provider": pool.provider,
        "region": pool.region,
        "zone": pool.zone,
        "sku": pool.sku,
        "gpu_model": sku.gpu_model,
        "gpu_count": sku.gpu_count,
        "capacity_type": pool.capacity_type.value,
        "price": _price(history),
        "on_demand_usd_per_hour": history.on_demand_usd_per_hour,
        "discount": seen.discount if seen else None,
        "hazard": hazard_out(seen).model_dump() if seen else None,
        "availability": _availability(history, seen),
        "refusal": refusal,
        "observed_until": instant(history.observed_until) if history.observed_until else None,
        "sources": list(history.sources),
        "synthetic": history.synthetic,
    }


def _price(history: PoolHistory) -> dict[str, Any] | None:
    if history.price_usd_per_hour is None or history.price_kind is None:
        return None
    seen_at = history.price_observed_at
    return {
        "usd_per_hour": history.price_usd_per_hour,
        "kind": history.price_kind.value,
        "age_s": (history.as_of - seen_at).total_seconds() if seen_at else None,
        "mean_usd_per_hour": history.price_mean_usd_per_hour,
        "changes": history.price_changes,
        "label": LABELS[history.price_kind],
    }


def _availability(history: PoolHistory, seen: PoolStatistics | None) -> dict[str, Any]:
    share = None
    if history.probe_observed_hours > 0:
        share = min(history.probe_up_hours / history.probe_observed_hours, 1.0)
    return {"share": share, "now": history.available_now, "gap_hours": seen.gap_hours if seen else None}


def capped(points: Sequence[Any], told: Callable[[Any], dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the wire shape of a series; refuses one too long for an answer."""
    if len(points) > MAX_POINTS:
        raise ImpossibleInput(
            f"The span holds {len(points)} points; one answer carries {MAX_POINTS}.", fix="Ask for less."
        )
    return [told(point) for point in points]


def price_answer(point: PricePoint) -> dict[str, Any]:
    """Return the wire shape of a price step."""
    return {
        "usd_per_hour": point.price_usd_per_hour,
        "kind": point.kind.value,
        "effective_at": instant(point.effective_at),
        "observed_at": instant(point.observed_at),
    }


def probe_answer(probe: Probe) -> dict[str, Any]:
    """Return the wire shape of a probe."""
    return {
        "effective_at": instant(probe.effective_at),
        "observed_at": instant(probe.observed_at),
        "wanted": probe.wanted,
        "obtainable": probe.obtainable,
        "available": probe.available,
        "holds_s": probe.holds_s,
    }
