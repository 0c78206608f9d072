"""From what was decided to what is answered: a recommendation in its outbound shape, and its name.

The id of a recommendation is a digest of the rest of its body, so equal questions on equal
data have one answer with one name. Nothing is computed here but that digest and the instants
of the finish.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from model.estimate import Estimate, PoolStatistics
from model.market import PriceKind
from model.published import Published

from .answers import (
    AvailabilityOut,
    FinishOut,
    HazardOut,
    OptionOut,
    PartsOut,
    PriceOut,
    PublishedOut,
    RecommendationOut,
    RejectionOut,
    code_version,
    instant,
    to_json,
)
from .answers_standing import FigureOut
from .present_allocation import allocation_out
from .present_portfolio import commitment_out, failover_out, floor_out, interval_law_out, run_price_out
from .present_standing import grade_out, screening_out, sensitivity_out, spread_out
from .recommend import Option, Recommendation
from .siting_words import siting_out
from .used import Shipped
from .wire import RecommendationRequest

LABELS = {
    PriceKind.RECORDED: "recorded price",
    PriceKind.LIST: "list price, not recorded",
    PriceKind.SYNTHETIC: "synthetic price",
}


def recommendation_bytes(
    found: Recommendation,
    request: RecommendationRequest,
    *,
    age_s: float | None,
    sources: Sequence[str],
    synthetic: bool,
) -> tuple[str, bytes]:
    """Return (recommendation_id, body).

    Args:
        found: What was decided.
        request: What was asked; the spec is part of the answer.
        age_s: How old the newest fact is.
        sources: Whose facts were used.
        synthetic: Whether any of them is generated.
    """
    body = RecommendationOut(
        recommendation_id="",
        as_of=instant(found.as_of),
        age_s=age_s,
        sources=list(sources),
        synthetic=synthetic,
        code_version=code_version(),
        spec=request.spec.model_dump(mode="json"),
        seed=found.seed,
        draws=request.draws,
        window_hours=request.window_hours,
        options=[option_out(option, found.as_of) for option in found.options],
        sensitivity=sensitivity_out(found),
        failover=failover_out(found.failover) if found.failover else None,
        floor=floor_out(found.floor) if found.floor else None,
        allocation=allocation_out(found),
        screening=screening_out(found),
        rejected=[RejectionOut(pool_id=r.pool.key, rule=r.rule, reason=r.reason) for r in found.rejected],
        figures=[figure_out(figure) for figure in found.figures],
    ).model_dump()
    # A plan carries this name and nothing else of the market, so the name says what market it was.
    prefix = "rec-synthetic-" if synthetic else "rec-"
    name = prefix + hashlib.sha256(to_json(body)).hexdigest()[:16]
    return name, to_json({**body, "recommendation_id": name})


def option_out(option: Option, as_of: datetime) -> OptionOut:
    """Return the wire shape of one option."""
    found = option.estimate
    seen, pool = found.statistics, found.pool
    return OptionOut(
        rank=option.rank,
        pool_id=pool.key,
        provider=pool.provider,
        region=pool.region,
        zone=pool.zone,
        sku=pool.sku,
        gpu_model=seen.sku.gpu_model,
        gpu_count=seen.sku.gpu_count,
        capacity_type=pool.capacity_type.value,
        nodes=found.nodes,
        method=found.method,
        market=found.market,
        paths_error=found.paths_error,
        p_first=option.p_first,
        p_first_apart=option.p_first_apart,
        grade=grade_out(option.grade),
        **_believed(found),
        reasons=list(option.reasons),
        fallbacks=list(option.fallbacks),
        meets_deadline=option.meets_deadline,
        notice_s=option.notice_s,
        no_notice=option.no_notice,
        jurisdiction=option.jurisdiction,
        siting=siting_out(option.siting) if option.siting else None,
        commitment=commitment_out(option.commitment) if option.commitment else None,
        **_predicted(found, as_of),
    )


def _believed(found: Estimate) -> dict[str, Any]:
    seen = found.statistics
    return {
        "price": PriceOut(
            usd_per_hour=seen.price_usd_per_hour,
            kind=seen.price_kind.value,
            age_s=seen.price_age_s,
            mean_usd_per_hour=seen.price_mean_usd_per_hour,
            on_demand_usd_per_hour=seen.on_demand_usd_per_hour,
            label=LABELS[seen.price_kind],
        ),
        "run_price": run_price_out(found),
        "discount": seen.discount,
        "hazard": hazard_out(seen),
        "availability": AvailabilityOut(
            share=seen.available_share,
            now=seen.available_now,
            gap_hours=seen.gap_hours,
            first_wait_hours=seen.first_wait_hours,
        ),
    }


def hazard_out(seen: PoolStatistics) -> HazardOut:
    """Return the wire shape of a hazard."""
    return HazardOut(
        per_hour=seen.hazard_per_hour,
        p10_per_hour=seen.hazard_quantile_per_hour(0.1),
        p90_per_hour=seen.hazard_quantile_per_hour(0.9),
        evidence=seen.evidence.value,
        preemptions=seen.preemptions,
        exposure_hours=seen.exposure_hours,
        borrowed_from=seen.borrowed_from,
        published=_published(seen.published) if seen.published else None,
    )


def _published(found: Published) -> PublishedOut:
    signal = found.signal
    return PublishedOut(
        label=signal.label,
        what=signal.what,
        denominator=signal.denominator.value,
        horizon_s=signal.horizon_s,
        window_s=signal.window_s,
        rate_low=signal.rate_low,
        rate_high=signal.rate_high,
        source=signal.source_id,
        effective_at=instant(signal.effective_at),
        age_s=signal.age_s,
        low_per_hour=found.bounds.low_per_hour,
        high_per_hour=found.bounds.high_per_hour,
    )


def _predicted(found: Estimate, as_of: datetime) -> dict[str, Any]:
    finish = found.finish_hours
    return {
        "interval_s": found.interval_s,
        "interval_rule": found.interval_rule,
        "interval_law": interval_law_out(found.interval) if found.interval else None,
        "effective_usd_per_gpu_hour": spread_out(found.effective_usd_per_gpu_hour),
        "cost_usd": spread_out(found.cost_usd),
        "finish_hours": spread_out(finish),
        "finish_at": FinishOut(
            p10=_later(as_of, finish.p10), p50=_later(as_of, finish.p50), p90=_later(as_of, finish.p90)
        ),
        "billed_hours": spread_out(found.billed_hours),
        "lost_work_hours": spread_out(found.lost_work_hours),
        "preemptions": spread_out(found.preemptions),
        "goodput": found.goodput,
        "p_deadline": found.p_deadline,
        "p_budget": found.p_budget,
        "late_hours": spread_out(found.late_hours) if found.late_hours else None,
        "late_usd": None if found.parts.late is None else found.parts.late * found.useful_gpu_hours,
        "parts": PartsOut(**{name: getattr(found.parts, name) for name in PartsOut.model_fields}),
        "on_demand_cost_usd": found.on_demand_cost_usd,
        "saving": found.saving,
        "breakeven_hazard_per_hour": found.breakeven_hazard_per_hour,
    }


def _later(as_of: datetime, hours: float) -> str:
    try:
        return instant(as_of + timedelta(hours=hours))
    except OverflowError:  # A job that never ends here; its hours stand beside.
        return instant(datetime.max.replace(tzinfo=UTC))


def figure_out(figure: Shipped) -> FigureOut:
    """Return the wire shape of a shipped figure."""
    return FigureOut(
        name=figure.name,
        value=figure.value,
        unit=figure.unit,
        source=figure.source,
        as_of=str(figure.as_of),
        confidence=str(figure.confidence),
        own=figure.own,
    )
