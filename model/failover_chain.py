"""What a job costs that follows an ordered list of pools: stay until lost, then the first with capacity.

Over useful work the pool in use is a Markov chain; its occupancy, losses, moves and waits are
closed forms. Pools of one region and GPU model go down together: on recorded markets a further
region was worth about one zone and a further zone a tenth of one, and GPU families of one zone
were uncorrelated.

Shapes: K = pools of a list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from .errors import ImpossibleInput
from .validity import Floats, quantity, share

REGION_TIES = 0.9  # Of a zone's down time that its whole region shares; a further zone is worth the rest.
RAREST = 1e-9  # A pool that was just lost is not always there.


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One pool as a list of pools sees it; per useful hour is of the job's first-named GPU."""

    name: str  # The pool's key; names are unique and break ties.
    region: str  # With its provider: `aws/us-east-1`.
    family: str  # GPU model: what else of a region it goes down with.
    usd_per_useful_hour: float  # Machines, with the saves, losses and restarts of this pool in it.
    hours_per_useful_hour: float  # Billed clock hours.
    losses_per_useful_hour: float
    available_share: float
    gap_hours: float  # Mean wait for capacity.
    bring_usd: float = 0.0  # The data set, once, before the first hour there.
    bring_hours: float = 0.0
    here_now: bool | None = None  # Whether capacity was just seen; decides the start where it is known.

    def __post_init__(self) -> None:
        quantity("Price of a useful hour", self.usd_per_useful_hour, "USD")
        quantity("Hours per useful hour", self.hours_per_useful_hour, "h", above_zero=True)
        quantity("Losses per useful hour", self.losses_per_useful_hour, "per hour")
        quantity("Gap and time to bring data", [self.gap_hours, self.bring_hours], "h")
        quantity("Bringing data", self.bring_usd, "USD")
        share("Available share", self.available_share)


Move = Callable[[Candidate, Candidate], tuple[float, float]]  # USD and hours of taking a checkpoint along.


@dataclass(frozen=True, slots=True, kw_only=True)
class FailoverOrder:
    """A list of pools with the closed-form means of a job that follows it."""

    names: tuple[str, ...]  # Primary first.
    cost_usd: float  # Money.
    valued_usd: float  # And the value of hours without capacity.
    wall_hours: float
    waiting_hours: float
    losses: float
    moves: float  # Losses after which the run went to another pool.
    work_shares: tuple[float, ...]  # Of the work, by pool of the list.


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for every list: the work, the value of time, the deadline, what a move takes along."""

    work_hours: float  # Useful hours of the job.
    value_usd_per_hour: float = 0.0
    hours_to_deadline: float | None = None
    late_usd_per_hour: float | None = None  # After the deadline, where it is soft; None where it is not.
    move: Move = lambda start, end: (0.0, 0.0)
    ties: float = REGION_TIES

    def __post_init__(self) -> None:
        quantity("Useful work", self.work_hours, "h", above_zero=True)
        quantity("Value of time", self.value_usd_per_hour, "USD/h")
        quantity("Value of late time", self.late_usd_per_hour or 0.0, "USD/h")
        share("Ties within a region", self.ties)

    @property
    def hard_hours(self) -> float | None:
        """Hours to a deadline that is not to be missed; None where there is none, or a soft one."""
        return self.hours_to_deadline if self.late_usd_per_hour is None else None

    def late_usd(self, wall_hours: float) -> float:
        """Return what an end after a soft deadline counts."""
        if self.hours_to_deadline is None or not self.late_usd_per_hour:
            return 0.0
        return self.late_usd_per_hour * max(wall_hours - self.hours_to_deadline, 0.0)


def score(order: Sequence[Candidate], terms: Terms) -> FailoverOrder:
    """Return the closed-form means of a job that follows a list.

    Over useful work w the pool in use is a Markov chain with generator Q_ij = l_i (P_ij - d_ij), l_i
    the losses per useful hour and P_ij the chance that j is the first with capacity once i is lost.
    Occupancy is the integral of e^(Qw) over the work; all else is linear in it.

    Raises:
        ImpossibleInput: The list is empty.

    Source: continuous-time Markov chain with rewards; Van Loan (1978) for the integral.
    """
    if not order:
        raise ImpossibleInput("An empty list names no pool to start on.", fix="Give at least 1 pool.")
    first_K, first_wait = _first(order, terms.ties)
    goes_KK, waits_K = _transitions(order, terms.ties)
    lost_K = np.array([each.losses_per_useful_hour for each in order])
    stays_KK = lost_K[:, None] * (goes_KK - np.eye(len(order)))
    used_K = _occupancy(first_K, stays_KK, terms.work_hours)
    entered_KK = (used_K * lost_K)[:, None] * goes_KK
    moved_KK = entered_KK * (1 - np.eye(len(order)))
    visited_K = _visited(order, first_K, stays_KK, terms.work_hours)
    moves = [[terms.move(a, b) if a is not b else (0.0, 0.0) for b in order] for a in order]
    usd_KK, hours_KK = (np.array([[cell[k] for cell in row] for row in moves]) for k in (0, 1))
    waiting = first_wait + float(used_K * lost_K @ waits_K)
    money = (
        float(used_K @ [each.usd_per_useful_hour for each in order])
        + float(visited_K @ [each.bring_usd for each in order])
        + float((moved_KK * usd_KK).sum())
    )
    wall = (
        float(used_K @ [each.hours_per_useful_hour for each in order])
        + float(visited_K @ [each.bring_hours for each in order])
        + float((moved_KK * hours_KK).sum())
        + waiting
    )
    return FailoverOrder(
        names=tuple(each.name for each in order),
        cost_usd=money,
        valued_usd=money + terms.value_usd_per_hour * waiting + terms.late_usd(wall),
        wall_hours=wall,
        waiting_hours=waiting,
        losses=float(used_K @ lost_K),
        moves=float(moved_KK.sum()),
        work_shares=tuple(float(part) for part in used_K / terms.work_hours),
    )


def all_down(group: Sequence[Candidate], ties: float = REGION_TIES) -> float:
    """Return the chance that no pool of a group has capacity.

    Regions and families are independent. Within one, a share `ties` of the time the calmest pool's
    down time is everybody's, and the rest is independent.
    """
    return _all_down([_down(each) for each in group], ties)


Down = tuple[tuple[str, str], float]  # What it goes down with, and the chance that it is.


def _down(each: Candidate) -> Down:
    return (each.region, each.family), 1 - each.available_share


def _all_down(group: Sequence[Down], ties: float) -> float:
    least: dict[tuple[str, str], float] = {}
    product: dict[tuple[str, str], float] = {}
    for kind, down in group:
        least[kind] = min(least.get(kind, 1.0), down)
        product[kind] = product.get(kind, 1.0) * down
    chance = 1.0
    for kind in sorted(least):
        chance *= ties * least[kind] + (1 - ties) * product[kind]
    return chance


def _first(order: Sequence[Candidate], ties: float) -> tuple[Floats, float]:
    """Return where the run starts, and the mean wait before it does."""
    seen = [(_down(e)[0], _down(e)[1] if e.here_now is None else float(not e.here_now)) for e in order]
    down = [_all_down(seen[:k], ties) for k in range(len(seen) + 1)]
    return _with_waiting(np.maximum(-np.diff(down), 0.0), order, ties, down[-1])


def _transitions(order: Sequence[Candidate], ties: float) -> tuple[Floats, Floats]:
    """Return K x K chances of going from a lost pool to each, and the mean wait after losing each."""
    goes_KK, waits_K = np.zeros((len(order), len(order))), np.zeros(len(order))
    downs = [_down(each) for each in order]
    for index, (kind, gone) in enumerate(downs):
        lost = (kind, max(gone, RAREST))
        others = [place for place in range(len(order)) if place != index]
        down = [_all_down([lost, *(downs[i] for i in others[:k])], ties) for k in range(len(others) + 1)]
        row = np.zeros(len(order))
        row[others] = np.maximum(-np.diff(down), 0.0) / down[0]
        goes_KK[index], waits_K[index] = _with_waiting(row, order, ties, down[-1] / down[0])
    return goes_KK, waits_K


def _with_waiting(
    chance: Floats, order: Sequence[Candidate], ties: float, none: float
) -> tuple[Floats, float]:
    """Return chances with the waiting share given to whoever comes back first, and the mean wait."""
    if none <= 0:
        return chance / chance.sum(), 0.0
    rates = np.array([1.0 / each.gap_hours if each.gap_hours > 0 else np.inf for each in order])
    if np.isinf(rates).any():
        return chance + none * np.isinf(rates) / np.isinf(rates).sum(), 0.0
    # Pools of one kind come back together, so they do not halve the wait between them.
    kinds = sorted({(each.region, each.family) for each in order})
    member = np.array([[(e.region, e.family) == kind for e in order] for kind in kinds])
    total = sum(
        ties * rates[each].max() + (1 - ties) * rates[each].sum() for each in member
    )  # fmt: skip
    return chance + none * rates / rates.sum(), none / float(total)


def _occupancy(first_K: Floats, stays_KK: Floats, work: float) -> Floats:
    """Return useful hours done on each pool: the integral of e^(Qw), from where the run starts."""
    size = len(first_K)
    if size == 1:
        return np.array([work])
    block = np.zeros((2 * size, 2 * size))
    block[:size, :size], block[:size, size:] = stays_KK, np.eye(size)
    integral = linalg.expm(block * work)[:size, size:]
    used = np.maximum(first_K @ integral, 0.0)
    return np.asarray(used * (work / used.sum()))


def _visited(order: Sequence[Candidate], first_K: Floats, stays_KK: Floats, work: float) -> Floats:
    """Return the chance that each pool is used at all: absorbed there within the work."""
    if not any(each.bring_usd or each.bring_hours for each in order):
        return np.ones(len(order))  # Nobody asks.
    found = []
    for index in range(len(first_K)):
        absorbing = stays_KK.copy()
        absorbing[index] = 0.0
        found.append(float((first_K @ linalg.expm(absorbing * work))[index]))
    return np.clip(found, 0.0, 1.0)
