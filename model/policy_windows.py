"""Jobs started again and again on recorded availability, under every policy, each on the same windows.

A window is a start with some days of history before it, which is all a policy sees of the past, and
the ticks until the deadline, which it sees one by one. Ours decides for one job at a time, as a
launcher asks it; the others for all windows at once. Costs are of whole ticks.

Legend: N = ticks, P = pools, B = windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .errors import ImpossibleInput
from .policy import make_policy
from .policy_peers import PEERS, NextRegion, StaticBest
from .policy_replay import BatchPolicy, Bills, Terms, omniscient_usd, replay, replay_one
from .spot_safety import Promise
from .validity import Floats, quantity
from .watched import Bools, Ints

OURS, UNIFORM, BOUND = "ours", "uniform progress", "omniscient"
POLICIES = (OURS, *PEERS, "next region", "static best", BOUND)
HISTORY_HOURS = 72.0
SCARCE = 0.55  # Mean availability below which pools are scarce.


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One pool, or several on one clock, under one deadline and overhead."""

    pools: tuple[str, ...]
    regions: tuple[str, ...]  # Of each pool.
    up_NP: Bools
    spot_usd_per_hour_P: Floats  # Of the gang.
    on_demand_usd_per_hour: float
    first_hour: float  # Of the first tick, on a clock that counts from a midnight UTC.
    promise: Promise

    @property
    def kind(self) -> str:
        """single | several."""
        return "single" if len(self.pools) == 1 else "several"

    @property
    def scarce(self) -> bool:
        """Whether the pools are away most of the time."""
        return float(self.up_NP.mean()) < SCARCE

    @property
    def zone(self) -> str:
        """What stands for its place: intervals redraw these."""
        return " + ".join(self.pools)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What every policy paid in each window of a part."""

    kind: str
    zone: str
    scarce: bool
    deadline_hours: float
    overhead_hours: float
    day_B: Ints  # Days of the starts since the midnight the clock counts from.
    cost_usd: dict[str, Floats]  # By policy, shape (B,).
    missed: dict[str, Bools]


def starts_of(part: Part, every_hours: float) -> Ints:
    """Return the first ticks of windows: from the first with enough history to the last that fits.

    Raises:
        ImpossibleInput: `every_hours` is not above 0.
    """
    every = float(quantity("Hours between starts", every_hours, "h", above_zero=True))
    tick = part.promise.tick_hours
    first = int(np.ceil(HISTORY_HOURS / tick - 1e-9))
    last = len(part.up_NP) - part.promise.ticks
    count = max(int((last - first) * tick / every) + 1, 0) if last >= first else 0
    starts = first + np.round(np.arange(count) * every / tick).astype(np.int64)
    return np.asarray(starts[starts <= last])


def play(part: Part, policies: Sequence[str], every_hours: float) -> Played | None:
    """Return what each policy pays in every window of a part; None where no window fits.

    Args:
        part: Pools, prices, promise.
        policies: Of `POLICIES`.
        every_hours: Between starts.

    Raises:
        ImpossibleInput: A policy is not known.
    """
    unknown = sorted(set(policies) - set(POLICIES))
    if unknown:
        raise ImpossibleInput(
            f"There is no policy {unknown[0]!r}.", fix=f"Use some of: {', '.join(POLICIES)}."
        )
    starts = starts_of(part, every_hours)
    if not starts.size:
        return None
    length = part.promise.ticks
    terms = Terms(part.promise, part.pools, part.spot_usd_per_hour_P[None, :], part.on_demand_usd_per_hour)
    up_NBP = np.stack([part.up_NP[start : start + length] for start in starts], axis=1)
    cost: dict[str, Floats] = {}
    missed: dict[str, Bools] = {}
    for name in policies:
        cost[name], missed[name] = _paid(name, part, terms, starts, up_NBP)
    hours = part.first_hour + starts * part.promise.tick_hours
    return Played(
        kind=part.kind, zone=part.zone, scarce=part.scarce, deadline_hours=part.promise.deadline_hours,
        overhead_hours=part.promise.overhead_hours, day_B=(hours // 24.0).astype(np.int64), cost_usd=cost,
        missed=missed,
    )  # fmt: skip


def _paid(name: str, part: Part, terms: Terms, starts: Ints, up_NBP: Bools) -> tuple[Floats, Bools]:
    """Return cost and whether the deadline was missed, by window."""
    if name == BOUND:
        cost = omniscient_usd(terms, up_NBP)
        return cost, ~np.isfinite(cost)
    if name == OURS:
        bills = [_ours(part, terms, int(start)) for start in starts]
        return (
            np.concatenate([bill.cost_usd_B for bill in bills]),
            np.concatenate([bill.missed_B for bill in bills]),
        )
    if name == "static best":  # Chosen by each window's own past.
        alone = [
            replay(_peer(name, part, int(start)), terms, up_NBP[:, [number]])
            for number, start in enumerate(starts)
        ]
        return (
            np.concatenate([bill.cost_usd_B for bill in alone]),
            np.concatenate([bill.missed_B for bill in alone]),
        )
    bill = replay(_peer(name, part, int(starts[0])), terms, up_NBP)
    return bill.cost_usd_B, bill.missed_B


def _peer(name: str, part: Part, start: int) -> BatchPolicy:
    if name == "next region":
        return NextRegion.over(part.regions)
    if name == "static best":
        return StaticBest(part.up_NP[:start].mean(axis=0))
    return PEERS[name]()


def _ours(part: Part, terms: Terms, start: int) -> Bills:
    """Return how one window ends under our policy, which sees the past and then tick by tick."""
    promise = part.promise
    policy = make_policy(
        promise.task_hours, promise.deadline_hours, promise.overhead_hours, promise.tick_hours,
        dict(zip(part.pools, part.spot_usd_per_hour_P.tolist(), strict=True)), part.on_demand_usd_per_hour,
        list(part.pools), {pool: part.up_NP[:start, i] for i, pool in enumerate(part.pools)},
    )  # fmt: skip
    return replay_one(policy, terms, part.up_NP[start : start + promise.ticks])
