"""How many nodes a decision runs, and how many of them on spot: parts of pools, and a floor on on-demand.

All of it is told only of jobs that tell nodes apart (`Asked.by_node`).
"""

from __future__ import annotations

from typing import Any

from model.policy_reasons import Alternative
from model.spot_action import NOTHING, ON_DEMAND, SPOT

from . import format as fmt
from .policy_asked import Asked
from .policy_desk import Weighed
from .policy_field import Field


def nodes_now(field: Field, each: Alternative) -> tuple[int, int]:
    """Return (nodes, nodes on spot) that an alternative runs."""
    if each.mix is not None:
        return each.mix.nodes, each.mix.spot_nodes
    if each.action == NOTHING:
        return field.floor_nodes, 0
    return field.nodes, field.spot_nodes if each.action[0] == SPOT else 0


def nodes_told(asked: Asked, one: Weighed) -> dict[str, Any]:
    """Return a decision's figures; none where nodes are not told apart."""
    if not asked.by_node:
        return {}
    return {
        "nodes": one.field.nodes,
        "floor_nodes": one.field.floor_nodes,
        **alternative_told(asked, one, one.best),
    }


def alternative_told(asked: Asked, one: Weighed, each: Alternative) -> dict[str, Any]:
    """Return an alternative's figures; none where nodes are not told apart."""
    if not asked.by_node:
        return {}
    nodes, spot = nodes_now(one.field, each)
    return {"nodes_now": nodes, "spot_nodes_now": spot}


def node_words(asked: Asked, one: Weighed) -> list[str]:
    """Return a sentence on the nodes that run, and why so many; none where they are not told apart."""
    if not asked.by_node:
        return []
    field, best = one.field, one.best
    whole, floor = field.nodes, field.floor_nodes
    stay = f", {floor} of them on on-demand as the job demands" if floor else ""
    if best.mix is not None:
        return [_part_words(field, best, stay)]
    if best.action == NOTHING:
        alone = (
            f"The floor of {floor} of {whole} nodes goes on alone on {field.on_demand.pool.key}, at "
            f"{fmt.percent(floor / whole)} of the speed."
        )
        return [alone] if floor else []
    if best.action[0] == ON_DEMAND:
        return [f"All {whole} nodes are on on-demand."]
    return [f"All {whole} nodes run{stay}."]


def _part_words(field: Field, best: Alternative, stay: str) -> str:
    nodes, spot = nodes_now(field, best)
    instead = nodes - spot - field.floor_nodes
    how = (
        f"{instead} more on on-demand take the place of the rest"
        if instead
        else f"the job goes on with {nodes}, at {fmt.percent(nodes / field.nodes)} of its speed{stay}"
    )
    return f"{spot} of the {field.spot_nodes} nodes for spot can be had in {best.action[1]}: {how}."
