"""The wire shapes of intervals, prices ahead, commitments, failover lists and floors; no arithmetic."""

from __future__ import annotations

from model.commitments import Priced
from model.estimate import Estimate
from model.failover_chance import Failover
from model.floor import FloorStep
from model.floor_of import Floor
from model.interval import ChosenInterval

from .answers_portfolio import (
    CommitmentOut,
    FailoverOut,
    FailoverPoolOut,
    FloorOut,
    FloorStepOut,
    IntervalLawOut,
    RunPriceOut,
)

METHOD = "closed_form"


def failover_out(found: Failover) -> FailoverOut:
    """Return the wire shape of a list to follow."""
    order = found.order
    return FailoverOut(
        pools=[
            FailoverPoolOut(
                pool_id=each.name,
                work_share=share,
                without_cost_usd=each.cost_usd,
                without_finish_hours=each.wall_hours,
                without_p_deadline=each.p_deadline,
            )
            for each, share in zip(found.without, order.work_shares, strict=True)
        ],
        cost_usd=order.cost_usd,
        finish_hours=order.wall_hours,
        waiting_hours=order.waiting_hours,
        losses=order.losses,
        moves=order.moves,
        p_deadline=found.p_deadline,
        method=METHOD,
    )


def commitment_out(found: Priced) -> CommitmentOut:
    """Return the wire shape of a priced commitment."""
    return CommitmentOut(**{name: getattr(found, name) for name in CommitmentOut.model_fields})


def floor_out(found: Floor) -> FloorOut:
    """Return the wire shape of a floor."""
    return FloorOut(
        splits=found.splits,
        nodes=found.nodes,
        on_demand_nodes=found.chosen.on_demand_nodes,
        demanded_nodes=found.demanded or None,
        marginal_usd=found.chosen.marginal_usd,
        over_none_usd=found.over_none_usd,
        p_deadline=found.chosen.p_deadline,
        last_safe_switch_hours=found.last_safe_switch_hours,
        steps=[_step(step) for step in found.steps],
    )


def _step(step: FloorStep) -> FloorStepOut:
    return FloorStepOut(
        on_demand_nodes=step.on_demand_nodes,
        cost_usd=step.cost_usd,
        p_deadline=step.p_deadline,
        marginal_usd=step.marginal_usd,
        marginal_p=step.marginal_p,
        usd_per_point=step.usd_per_point,
    )


def interval_law_out(chosen: ChosenInterval) -> IntervalLawOut:
    """Return the wire shape of how an interval was chosen."""
    return IntervalLawOut(
        formula=chosen.formula,
        rule=chosen.rule,
        why=chosen.why,
        limited_by=chosen.capped_by,
        light_every_s=chosen.interval_s if chosen.full_every > 1 else None,
        full_every=chosen.full_every,
        saved_on_notice_share=chosen.saved_share,
    )


def run_price_out(found: Estimate) -> RunPriceOut | None:
    """Return the wire shape of the price foretold over the run."""
    told, outlook = found.run_price_usd_per_hour, found.statistics.prices
    if told is None:
        return None
    words = outlook.words if outlook else None
    return RunPriceOut(mean=told.mean, p10=told.p10, p50=told.p50, p90=told.p90, rests_on=words)
