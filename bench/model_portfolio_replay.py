"""A job replayed on histories of availability: it follows a list of pools, with on-demand as the last resort.

All starts advance together, tick by tick. What a preemption throws away is the work since the last
save; a machine obtained restarts first; when only just enough time is left the rest is done on
on-demand (the last safe switch), so that no deadline is missed.

Shapes: T = ticks, J = pools, N = starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.failover_chain import Candidate
from model.floor import last_safe_switch_hours


@dataclass(frozen=True)
class Market:
    """Availability of pools on one clock, where they stand, and one price for all."""

    up_TJ: np.ndarray  # bool
    tick_hours: float
    names: tuple[str, ...]
    regions: tuple[str, ...]
    families: tuple[str, ...]
    spot_usd: float = 0.918
    on_demand_usd: float = 3.06


@dataclass(frozen=True)
class Task:
    """Work and deadline in hours, saves, restarts, and USD for each move to another region."""

    work: float
    deadline: float
    save_every: float = 0.5
    restart: float = 0.2
    move_usd: float = 0.5


def replay(market: Market, task: Task, starts: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Return USD for each start; orders are N x J pools by preference, -1 where a list has ended."""
    run = _Run(market, task, starts, orders)
    ticks = int(np.ceil(task.deadline / market.tick_hours))
    for tick in range(ticks):
        run.advance(tick)
        if run.over.all():
            break
    return run.usd


class _Run:
    """The state of all starts."""

    def __init__(self, market: Market, task: Task, starts: np.ndarray, orders: np.ndarray) -> None:
        self.market, self.task, self.starts, self.orders = market, task, starts, orders
        count = len(starts)
        self.done, self.usd = np.zeros(count), np.zeros(count)
        self.left_restart, self.at = np.zeros(count), np.full(count, -1)
        self.last, self.over = np.full(count, -1), np.zeros(count, dtype=bool)

    def advance(self, tick: int) -> None:
        up_NJ = self.market.up_TJ[np.minimum(self.starts + tick, len(self.market.up_TJ) - 1)]
        rows = np.arange(len(self.starts))
        lost = (self.at >= 0) & ~up_NJ[rows, np.maximum(self.at, 0)] & ~self.over
        saved = np.floor(self.done / self.task.save_every + 1e-9) * self.task.save_every
        self.done = np.where(lost, saved, self.done)
        self.at = np.where(lost, -1, self.at)
        self._rescue(tick)
        self._obtain(up_NJ)
        self._work()

    def _rescue(self, tick: int) -> None:
        """Finish on on-demand where a loss in the next tick would leave too little time.

        Raises:
            RuntimeError: A deadline was missed, so the rule or this replay is wrong.
        """
        left, time_left = self.task.work - self.done, self.task.deadline - tick * self.market.tick_hours
        saved = np.floor(self.done / self.task.save_every + 1e-9) * self.task.save_every
        safe = last_safe_switch_hours(
            max(time_left, 0.0), np.maximum(self.task.work - saved, 0.0),
            restart_hours=self.task.restart, poll_hours=self.market.tick_hours,
        )  # fmt: skip
        now = (safe <= 0) & ~self.over
        if (now & (left + self.task.restart > time_left + 1e-9)).any():
            raise RuntimeError(
                f"{now.sum()} starts are too late at hour {tick * self.market.tick_hours:.2f}."
            )
        self.usd += now * (left + self.task.restart) * self.market.on_demand_usd
        self.over |= now

    def _obtain(self, up_NJ: np.ndarray) -> None:
        """Take the first pool of each list with capacity, and pay the move to another region."""
        rows = np.arange(len(self.starts))
        regions = np.array(self.market.regions)
        for place in range(self.orders.shape[1]):
            pool = self.orders[:, place]
            can = (self.at < 0) & ~self.over & (pool >= 0) & up_NJ[rows, np.maximum(pool, 0)]
            moved = (
                can & (self.last >= 0) & (regions[np.maximum(self.last, 0)] != regions[np.maximum(pool, 0)])
            )
            self.usd += moved * self.task.move_usd
            self.left_restart = np.where(can, self.task.restart, self.left_restart)
            self.at, self.last = np.where(can, pool, self.at), np.where(can, pool, self.last)

    def _work(self) -> None:
        runs = (self.at >= 0) & ~self.over
        hours = np.where(runs, self.market.tick_hours, 0.0)
        restarting = np.minimum(hours, self.left_restart)
        self.left_restart = self.left_restart - restarting
        worked = np.minimum(hours - restarting, self.task.work - self.done)
        self.done = self.done + worked
        self.usd += (restarting + worked) * self.market.spot_usd
        self.over |= self.done >= self.task.work - 1e-9


def usd_of_lists(
    market: Market, task: Task, starts: np.ndarray, lists: Sequence[Sequence[int]]
) -> np.ndarray:
    """Return USD by list and start, all replayed together."""
    longest = max(len(each) for each in lists)
    padded = np.array([[*each, *[-1] * (longest - len(each))] for each in lists])
    usd = replay(market, task, np.tile(starts, len(lists)), np.repeat(padded, len(starts), axis=0))
    return usd.reshape(len(lists), len(starts))


def candidates(market: Market, task: Task, at: int, hours: float | None = None) -> list[Candidate]:
    """Return each pool as its history up to a tick shows it, and whether it has capacity there.

    Losses and waits are of the last `hours` (all where None), shrunk by one of each and an hour; the
    share with capacity is the mean of that window and of the last day, since levels drift.
    """
    tick = market.tick_hours
    since = 0 if hours is None else max(at - round(hours / tick), 0)
    return [_candidate(market, task, index, since, at) for index in range(len(market.names))]


def _candidate(market: Market, task: Task, index: int, since: int, at: int) -> Candidate:
    up_T = market.up_TJ[since:at, index]
    turned = np.diff(up_T.astype(int))
    losses, waits = int((turned < 0).sum()) + 1, int((turned > 0).sum()) + 1
    up_hours, down_hours = (float(x.sum()) * market.tick_hours + 1.0 for x in (up_T, ~up_T))
    hazard = losses / up_hours
    redone = hazard * (task.restart + task.save_every / 2)  # What each useful hour pays for losses.
    day = up_T[-round(24.0 / market.tick_hours) :]
    return Candidate(
        name=market.names[index], region=market.regions[index], family=market.families[index],
        usd_per_useful_hour=market.spot_usd * (1 + redone), hours_per_useful_hour=1 + redone,
        losses_per_useful_hour=hazard * (1 + redone), gap_hours=down_hours / waits,
        available_share=(up_hours / (up_hours + down_hours) + float(day.mean())) / 2,
        here_now=bool(market.up_TJ[at, index]),
    )  # fmt: skip
