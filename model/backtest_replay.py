"""What a job would have cost on recorded capacity: deterministic, one machine group, no choice made.

The job rents whenever there is capacity, restarts, works, and saves as its placement says. When
capacity goes, it loses what the last durable save does not hold, and waits. Nothing here predicts;
where the record ends first, the answer says how far the job had come.

All hours but the prices' are counted on one clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from .goodput import WHOLE, Cadence
from .market import PricePoint
from .placement import Placement
from .price import billed_usd
from .validity import quantity

Spell = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What became of a job on the record."""

    done: bool  # False: the record ended first, and the rest is as far as it came.
    wall_hours: float  # From the start until done, or until the record's end.
    billed: tuple[Spell, ...]
    kept_hours: float  # Useful hours that a durable save holds.
    preemptions: int

    @property
    def billed_hours(self) -> float:
        """Hours a machine was paid for."""
        return sum(until - since for since, until in self.billed)


def replayed(
    work_hours: float, cadence: Cadence, spells: Sequence[Spell], start_hour: float, end_hour: float
) -> Replayed:
    """Return the course of a job from an instant on.

    Args:
        work_hours: Useful work, above 0.
        cadence: How often it saves, and what that and a restart cost.
        spells: From when until when there was capacity, in order; infinite where it never goes.
        start_hour: When the job may first rent.
        end_hour: Where the record ends; a spell that reaches it was not seen to end.

    Raises:
        ImpossibleInput: The work is not above 0, or an hour is negative or not finite.
    """
    left = float(quantity("Useful work", work_hours, "h", above_zero=True))
    quantity("Start", start_hour, "h")
    billed: list[Spell] = []
    preemptions = 0
    for opens, closes in spells:
        since = max(opens, start_hour)
        if closes <= since:
            continue
        kept, took = _stretch(left, cadence, min(closes, end_hour) - since)
        left -= kept
        billed.append((since, since + took))
        if left <= WHOLE * work_hours:
            return Replayed(
                done=True, wall_hours=since + took - start_hour, billed=tuple(billed),
                kept_hours=work_hours, preemptions=preemptions,
            )  # fmt: skip
        preemptions += closes < end_hour
    return Replayed(
        done=False, wall_hours=max(end_hour - start_hour, 0.0), billed=tuple(billed),
        kept_hours=work_hours - left, preemptions=preemptions,
    )  # fmt: skip


def _stretch(left_hours: float, cadence: Cadence, hours: float) -> tuple[float, float]:
    """Return useful hours kept of one spell, and hours paid for in it."""
    work = hours - cadence.restart_hours
    whole, rest = cadence.segments(left_hours)
    segment = cadence.interval_hours + cadence.pause_hours
    needs = whole * segment + (rest + cadence.pause_hours if rest else 0.0) + cadence.save_lag_hours
    if needs <= work + WHOLE:
        return left_hours, cadence.restart_hours + needs
    saved = int(max(work - cadence.save_lag_hours, 0.0) / segment + WHOLE)
    return min(saved, whole) * cadence.interval_hours, hours


def cost_usd(
    placement: Placement, course: Replayed, prices: Sequence[PricePoint], clock_zero_at: datetime
) -> float:
    """Return what a course would have cost at the record's prices: machines, move and storage.

    Args:
        placement: Of the job on the pool.
        course: Its hours are counted from `clock_zero_at`.
        prices: Of the pool, per instance-hour.
        clock_zero_at: The midnight from which hours are counted.

    Raises:
        InsufficientHistory: No price is in force when a machine is rented.
    """
    machines = sum(
        billed_usd(prices, _at(clock_zero_at, since), _at(clock_zero_at, until))
        for since, until in course.billed
    )
    side = placement.side
    storage = side.storage_usd_per_hour * (course.wall_hours + side.egress_hours)
    return placement.nodes * float(machines) + side.egress_usd + storage


def finished_on_demand_usd(placement: Placement, course: Replayed, paid_usd: float) -> float | None:
    """Return what the job cost once the rest of it was done on on-demand; None without a price for that."""
    if course.done:
        return paid_usd
    price = placement.statistics.on_demand_usd_per_hour
    if price is None:
        return None
    rest = max(placement.work_hours - course.kept_hours, 0.0)
    saves = placement.cadence.saves(rest) * placement.cadence.pause_hours if rest > 0 else 0.0
    return paid_usd + placement.nodes * price * (placement.cadence.restart_hours + rest + saves)


def _at(zero_at: datetime, hour: float) -> datetime:
    return zero_at + timedelta(hours=hour)
