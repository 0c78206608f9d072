"""Put policies on recorded availability, with honest billing: one job at a time, or many at once.

A tick begins; what spot is gone is lost; the policy says what to hold for the tick; another
launch sets the debt of the overhead (it resets, never stacks, and on-demand pays it too); the
whole tick is billed at the price of what is held, the last one too; what the debt leaves of it
is useful work.

Legend: N = ticks, B = jobs, P = pools.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .errors import ImpossibleInput
from .spot_safety import ROUNDING, Promise
from .validity import Floats
from .watched import Bools, Ints

NONE, SPOT, ON_DEMAND = 0, 1, 2
MODES = (None, "spot", "od")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a job pays and has promised."""

    promise: Promise
    pools: tuple[str, ...]
    spot_usd_per_hour_NP: Floats  # By tick; shape (1, P) where it never changes.
    on_demand_usd_per_hour: float

    def spot_at(self, tick: int) -> Floats:
        """Return the price of each pool at a tick, shape (P,)."""
        return np.asarray(self.spot_usd_per_hour_NP[min(tick, len(self.spot_usd_per_hour_NP) - 1)])


@dataclass(slots=True)
class Situation:
    """What is known at the start of a tick, of B jobs."""

    tick: int
    done_B: Floats
    mode_B: Ints  # What is still alive: NONE, SPOT or ON_DEMAND.
    pool_B: Ints  # -1 where none.
    debt_B: Floats  # Hours owed of the last launch.
    up_BP: Bools


@dataclass(frozen=True, slots=True)
class Bills:
    """How B jobs ended."""

    cost_usd_B: Floats
    missed_B: Bools
    launches_B: Ints
    on_demand_hours_B: Floats
    done_B: Floats


class BatchPolicy(Protocol):
    """Decides for many jobs at once."""

    def decide_batch(self, terms: Terms, now: Situation) -> tuple[Ints, Ints]:
        """Return mode and pool of each job for this tick, shapes (B,)."""
        ...


class OnePolicy(Protocol):
    """Decides for one job, as `model.policy.make_policy` returns it."""

    def decide(
        self, now_h: float, done_h: float, current: tuple[str | None, str | None], available: dict[str, bool]
    ) -> tuple[str | None, str | None]:
        """Return what to hold for this tick."""
        ...


def replay(policy: BatchPolicy, terms: Terms, up_NBP: NDArray[np.bool_]) -> Bills:
    """Return how jobs end that start together on the ticks of `up_NBP`, one course each.

    Args:
        policy: Asked once per tick for all jobs.
        terms: Prices and promise; the promise's ticks must all be recorded.
        up_NBP: Whether all nodes could be had, by tick, job and pool.

    Raises:
        ImpossibleInput: The record is shorter than the deadline, or the policy took spot that was not up.
    """
    promise = _checked(terms, len(up_NBP))
    tick_h, jobs = promise.tick_hours, up_NBP.shape[1]
    now = Situation(
        0, np.zeros(jobs), np.zeros(jobs, dtype=np.int64), np.full(jobs, -1), np.zeros(jobs), up_NBP[0]
    )
    spot_usd, on_demand, launches = np.zeros(jobs), np.zeros(jobs), np.zeros(jobs, dtype=np.int64)
    for tick in range(promise.ticks):
        now.tick, now.up_BP = tick, up_NBP[tick]
        _lose(now)
        going = now.done_B < promise.task_hours - ROUNDING * tick_h
        if not going.any():
            break
        mode, pool = policy.decide_batch(terms, now)
        if not going.all():
            mode, pool = mode * going, np.where(going, pool, -1)
        spot, running = mode == SPOT, mode != NONE
        _refuse_absent(spot, pool, now)
        new = running & ((mode != now.mode_B) | (pool != now.pool_B))
        debt = np.where(new, promise.overhead_hours, now.debt_B)
        paid = np.minimum(debt, tick_h)
        spot_usd += spot * terms.spot_at(tick).take(pool, mode="clip")
        on_demand += mode == ON_DEMAND
        launches += new
        now.done_B = now.done_B + running * (tick_h - paid)
        now.mode_B, now.pool_B, now.debt_B = mode, pool, debt - paid
    missed = now.done_B < promise.task_hours - ROUNDING * tick_h
    cost = (spot_usd + on_demand * terms.on_demand_usd_per_hour) * tick_h
    return Bills(cost, missed, launches, on_demand * tick_h, now.done_B)


def _lose(now: Situation) -> None:
    """Take away what spot is gone; what is not held owes nothing."""
    kept = (now.mode_B != SPOT) | _is_up(now.up_BP, now.pool_B)
    now.mode_B, now.pool_B = now.mode_B * kept, np.where(kept, now.pool_B, -1)
    now.debt_B = now.debt_B * (now.mode_B != NONE)


def _is_up(up_BP: Bools, pool_B: Ints) -> Bools:
    """Return whether the pool of each job is up; anything where it has none."""
    pools = up_BP.shape[1]
    if pools == 1:
        return up_BP[:, 0]
    return np.asarray(up_BP.ravel().take(np.arange(pool_B.size) * pools + pool_B, mode="wrap"))


def replay_one(policy: OnePolicy, terms: Terms, up_NP: NDArray[np.bool_]) -> Bills:
    """Return how one job ends under a policy that decides for one job; see `replay`."""
    promise = _checked(terms, len(up_NP))
    tick_h, place = promise.tick_hours, {pool: i for i, pool in enumerate(terms.pools)}
    held: tuple[str | None, str | None] = (None, None)
    debt = done = cost = on_demand = 0.0
    launches = 0
    for tick in range(promise.ticks):
        up = up_NP[tick].tolist()
        if held[0] == "spot" and not up[place[str(held[1])]]:
            held, debt = (None, None), 0.0
        if done >= promise.task_hours - ROUNDING * tick_h:
            break
        chosen = policy.decide(tick * tick_h, done, held, dict(zip(terms.pools, up, strict=True)))
        if chosen[0] == "spot" and not up[place[str(chosen[1])]]:
            raise _absent(str(chosen[1]), tick)
        if chosen[0] is not None:
            if chosen != held:
                debt, launches = promise.overhead_hours, launches + 1
            paid = min(debt, tick_h)
            debt, done = debt - paid, done + tick_h - paid
            spot = chosen[0] == "spot"
            price = (
                float(terms.spot_at(tick)[place[str(chosen[1])]]) if spot else terms.on_demand_usd_per_hour
            )
            cost += price * tick_h
            on_demand += 0.0 if spot else tick_h
        held = chosen
    missed = done < promise.task_hours - ROUNDING * tick_h
    return Bills(
        np.array([cost]), np.array([missed]), np.array([launches]), np.array([on_demand]), np.array([done])
    )


def _checked(terms: Terms, recorded: int) -> Promise:
    promise = terms.promise
    if recorded < promise.ticks:
        raise ImpossibleInput(
            f"The record holds {recorded} ticks; the deadline is {promise.ticks} ticks away.",
            fix="Start earlier in the record, or state a nearer deadline.",
        )
    return promise


def _refuse_absent(spot_B: Bools, pool_B: Ints, now: Situation) -> None:
    wrong = spot_B & ~_is_up(now.up_BP, pool_B)
    if wrong.any():
        raise _absent(f"number {pool_B[int(np.argmax(wrong))]}", now.tick)


def _absent(pool: str, tick: int) -> ImpossibleInput:
    return ImpossibleInput(
        f"The policy took spot in pool {pool} at tick {tick}, where none was to be had.",
        fix="Choose among the pools that are up.",
    )


def omniscient_usd(terms: Terms, up_NBP: NDArray[np.bool_], parts: int = 4) -> Floats:
    """Return the least a job could have cost with all of the record known, shape (B,).

    Exact dynamic programming over slack in parts of a tick. Overhead is rounded down and slack
    up to whole parts, so this is a lower bound; more parts bring it closer.

    Args:
        terms: Prices and promise.
        up_NBP: As for `replay`.
        parts: Of a tick.

    Raises:
        ImpossibleInput: The record is shorter than the deadline.
    """
    promise = _checked(terms, len(up_NBP))
    tick_h, ticks = promise.tick_hours, promise.ticks
    part_h = tick_h / parts
    top = int(np.ceil(max(ticks * tick_h - promise.task_hours, 0.0) / part_h - 1e-6))
    owed = int(promise.overhead_hours / part_h + 1e-6)
    slack_J = np.arange(top + 1) * part_h
    free = np.zeros((up_NBP.shape[1], top + 1))  # Holding nothing; then on-demand; then each pool.
    held = [free.copy() for _ in range(1 + len(terms.pools))]
    for tick in range(ticks - 1, -1, -1):
        run = [held[0] + terms.on_demand_usd_per_hour * tick_h]
        for index, price in enumerate(terms.spot_at(tick)):
            run.append(np.where(up_NBP[tick][:, index : index + 1], held[1 + index] + price * tick_h, np.inf))
        best_run = np.minimum.reduce(run)
        free = np.minimum(_later(free, parts), _later(best_run, owed))
        over = slack_J >= (ticks - tick) * tick_h - 1e-9
        held = [np.where(over, 0.0, np.minimum(free, stay)) for stay in run]
        free = np.where(over, 0.0, free)
    return np.asarray(free[:, top])


def _later(value_BJ: Floats, parts: int) -> Floats:
    """Return values with so much slack burnt; infinite where there is not so much."""
    if not parts:
        return value_BJ
    burnt = np.full_like(value_BJ, np.inf)
    burnt[:, parts:] = value_BJ[:, : max(value_BJ.shape[1] - parts, 0)]
    return burnt


def names_of(modes_B: Ints, pools_B: Ints, pools: Sequence[str]) -> list[tuple[str | None, str | None]]:
    """Return decisions as a policy for one job says them."""
    return [(MODES[m], pools[p] if m != NONE else None) for m, p in zip(modes_B, pools_B, strict=True)]
