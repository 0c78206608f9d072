"""How much on-demand to keep, and how long to wait for a pool before leaving it."""

from __future__ import annotations

from .errors import ImpossibleInput
from .validity import quantity, share


def on_demand_share(work_node_hours: float, nodes: int, hours: float, spot_progress: float) -> float:
    """Return the share of nodes to keep on on-demand so that the work ends in time (F11).

    clip((W / (n T) - q) / (1 - q), 0, 1), for data-parallel work that scales linearly.

    Args:
        work_node_hours: W, in node-hours.
        nodes: n.
        hours: T, to the deadline.
        spot_progress: q, the progress of a spot node as a share of time that is reached with
            the wanted certainty.

    Raises:
        ImpossibleInput: An input is outside its range.
    """
    work = float(quantity("Work", work_node_hours, "node-hours"))
    count = float(quantity("Node count", nodes, "nodes", above_zero=True))
    within = float(quantity("Time to the deadline", hours, "h", above_zero=True))
    progress = float(share("Spot progress", spot_progress))
    needed = work / (count * within)
    if progress == 1:
        return float(needed > 1)
    return min(max((needed - progress) / (1.0 - progress), 0.0), 1.0)


def wait_threshold_hours(
    shape: float, scale_hours: float, value_usd_per_hour: float, failover_usd: float
) -> float:
    """Return how long to wait for capacity before failing over (F12).

    s (v s / (F k))^(1 / (k - 1)): where the hazard of a Weibull gap's end falls below v / F.

    Args:
        shape: k of the gap, above 0 and below 1: gaps that lasted long last longer.
        scale_hours: s of the gap.
        value_usd_per_hour: v, what an hour of waiting costs.
        failover_usd: F, what leaving costs.

    Raises:
        ImpossibleInput: An input is outside its range.

    Source: optimal stopping under a decreasing hazard.
    """
    k = float(quantity("Weibull shape", shape, "(none)", above_zero=True))
    scale = float(quantity("Weibull scale", scale_hours, "h", above_zero=True))
    value = float(quantity("Value of time", value_usd_per_hour, "USD/h", above_zero=True))
    failover = float(quantity("Cost of failing over", failover_usd, "USD", above_zero=True))
    if k >= 1:
        raise ImpossibleInput(
            f"Weibull shape is {k:g}; with 1 or more, waiting gets no less likely to pay with time.",
            fix="Compare 1 / mean gap with value / failover cost once: wait for ever, or not at all.",
        )
    return float(scale * (value * scale / (failover * k)) ** (1.0 / (k - 1.0)))
