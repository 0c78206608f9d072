"""The wire shapes of a failover list and of an on-demand floor. Nothing is worked out here."""

from __future__ import annotations

from model.commitments import Priced
from model.failover_chance import Failover
from model.floor import FloorStep
from model.floor_of import Floor

from .answers import CommitmentOut, FailoverOut, FailoverPoolOut, FloorOut, FloorStepOut

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
