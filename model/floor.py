"""What keeping nodes on on-demand costs and buys, and the last moment to go there with the rest.

Two floors. Work that scales with its nodes can keep some of them on on-demand: each further one
has a price and a gain in the chance to meet the deadline (F11). A gang cannot be split; its floor
is an instant, until which leaving spot still saves the deadline (F11s).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .errors import ImpossibleInput
from .portfolio import on_demand_share
from .validity import Floats, quantity, share

SURE = 1e-12  # A spread below this is none.


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotProgress:
    """Progress of a spot node as a share of the time to the deadline: mean and standard deviation.

    F13 gives a standard deviation that recorded markets, which have regimes, exceed.
    """

    mean: float
    sd: float

    def __post_init__(self) -> None:
        share("Mean spot progress", self.mean)
        quantity("Spread of spot progress", self.sd, "(share)")
        if self.sd**2 > self.mean * (1 - self.mean) + SURE:
            raise ImpossibleInput(
                f"A share of mean {self.mean:g} cannot scatter by {self.sd:g}; at most by "
                f"{(self.mean * (1 - self.mean)) ** 0.5:g}.",
                fix="State the standard deviation of the share of time, between 0 and 1.",
            )

    def chance_of(self, progress: ArrayLike) -> Floats:
        """Return the chance that progress reaches a share: of a beta law with this mean and spread."""
        wanted = np.asarray(progress, dtype=np.float64)
        if self.sd**2 <= SURE:
            return np.where(wanted <= self.mean, 1.0, 0.0)
        weight = max(self.mean * (1 - self.mean) / self.sd**2 - 1, SURE)
        within = special.betainc(self.mean * weight, (1 - self.mean) * weight, np.clip(wanted, 0, 1))
        return np.where(wanted <= 0, 1.0, np.where(wanted > 1, 0.0, 1.0 - within))

    def reached_with(self, chance: float) -> float:
        """Return the progress q that is reached with a chance."""
        share("Chance", chance)
        if self.sd**2 <= SURE:
            return self.mean
        weight = max(self.mean * (1 - self.mean) / self.sd**2 - 1, SURE)
        return float(special.betaincinv(self.mean * weight, (1 - self.mean) * weight, 1 - chance))


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorStep:
    """So many nodes on on-demand: what it costs, what the chance is, and what the last node added."""

    on_demand_nodes: int
    cost_usd: float  # Mean, to the end of the work or to the deadline.
    p_deadline: float
    marginal_usd: float  # Over one node less; 0 for none.
    marginal_p: float

    @property
    def usd_per_point(self) -> float | None:
        """What the last node paid for a percentage point of the chance; None where it added none."""
        return self.marginal_usd / (100 * self.marginal_p) if self.marginal_p > 0 else None


def floor_steps(
    work_node_hours: float,
    nodes: int,
    hours: float,
    progress: SpotProgress,
    *,
    spot_usd_per_hour: float,
    on_demand_usd_per_hour: float,
    spot_billed_share: float = 1.0,
) -> list[FloorStep]:
    """Return every floor from no node to all of them, with its marginal price and gain.

    With m nodes on on-demand the work W is done in T hours where m + (n - m) X reaches W / T, X the
    progress of spot. All nodes are rented until the work is done at mean progress, at most to T.

    Args:
        work_node_hours: W, for data-parallel work that scales linearly.
        nodes: n.
        hours: T, to the deadline.
        progress: X.
        spot_usd_per_hour: A spot node.
        on_demand_usd_per_hour: An on-demand node.
        spot_billed_share: Share of the time that a spot node is billed for; progress over it is waste.

    Raises:
        ImpossibleInput: An input is outside its range.
    """
    work = float(quantity("Work", work_node_hours, "node-hours", above_zero=True))
    count = int(quantity("Node count", nodes, "nodes", above_zero=True))
    within = float(quantity("Time to the deadline", hours, "h", above_zero=True))
    quantity("Price", [spot_usd_per_hour, on_demand_usd_per_hour], "USD/h")
    billed = float(share("Billed share", spot_billed_share))
    steps: list[FloorStep] = []
    for kept in range(count + 1):
        rest = count - kept
        pace = kept + rest * progress.mean
        until = min(work / pace, within) if pace > 0 else within
        cost = until * (kept * on_demand_usd_per_hour + rest * billed * spot_usd_per_hour)
        short = work / within - kept
        chance = float(short <= 0) if rest == 0 else float(progress.chance_of(short / rest))
        last = steps[-1] if steps else None
        steps.append(
            FloorStep(
                on_demand_nodes=kept,
                cost_usd=cost,
                p_deadline=chance,
                marginal_usd=cost - last.cost_usd if last else 0.0,
                marginal_p=chance - last.p_deadline if last else 0.0,
            )
        )
    return steps


def floor_nodes(
    work_node_hours: float, nodes: int, hours: float, progress: SpotProgress, certainty: float
) -> int:
    """Return the fewest on-demand nodes with which the deadline is met with a certainty (F11, rounded up).

    Raises:
        ImpossibleInput: An input is outside its range.
    """
    reached = progress.reached_with(certainty)
    part = on_demand_share(work_node_hours, nodes, hours, reached)
    return int(np.ceil(part * nodes - 1e-9))


def last_safe_switch_hours(
    hours_to_deadline: ArrayLike,
    work_left_hours: ArrayLike,
    *,
    save_share: float = 0.0,
    restart_hours: float = 0.0,
    save_lag_hours: float = 0.0,
    poll_hours: float = 0.0,
) -> Floats:
    """Return how long from now leaving for on-demand still saves the deadline; below 0 it is too late (F11s).

    D - (w (1 + C / tau) + R + U + one poll), w the work that a checkpoint does not hold yet.

    Args:
        hours_to_deadline: D, broadcastable with the work.
        work_left_hours: w, at full throughput on the on-demand machines.
        save_share: C / tau, what saving adds to work.
        restart_hours: R.
        save_lag_hours: U.
        poll_hours: How late a decision can be noticed.

    Raises:
        ImpossibleInput: An input is negative or not finite.

    Source: safety net of a hard deadline (NSDI 2024); holds while on-demand is obtainable.
    """
    names = ("Time to the deadline", "Work left", "Save share", "Restart", "Save lag", "Poll")
    given = (hours_to_deadline, work_left_hours, save_share, restart_hours, save_lag_hours, poll_hours)
    left, work, saving, restart, lag, poll = (
        quantity(name, value, "h") for name, value in zip(names, given, strict=True)
    )
    return left - (work * (1 + saving) + restart + lag + poll)
