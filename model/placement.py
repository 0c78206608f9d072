"""One job placed on one pool: nodes, work and cadence there, and what a course of it costs.

What varies between draws comes in as a `Happening`; all that does not is a `Placement`.

Shapes: D = draws.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
from numpy.typing import ArrayLike

from .billing import refunded_per_loss
from .draws import Happening, Luck, gammas, happening_draw, happening_mean
from .estimate import PoolStatistics
from .floor_kept import KeptFloor, is_spot, kept_floor
from .goodput import Cadence, gang_hazard_per_hour
from .interval import ChosenInterval
from .interval_choice import Danger, fitting_interval
from .job import SECONDS_PER_HOUR, Job, Overheads
from .market import Evidence
from .save_plans import planned_draw, planned_mean
from .side_costs import SideCosts
from .validity import Floats

__all__ = [
    "Outcome", "Placement", "SideCosts", "gang_hazard", "nodes_of", "placed", "spot_nodes_of",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Hours and money of a job, D draws or their conditional means."""

    preemptions: Floats
    lost_hours: Floats
    restart_hours: Floats
    waiting_hours: Floats
    billed_hours: Floats
    wall_hours: Floats
    cost_usd: Floats
    effective_usd_per_gpu_hour: Floats
    floor_usd: Floats | float = 0.0  # Of the cost, what a floor comes to beyond spot throughout.


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """One job placed on one pool at one hazard: all that does not vary between draws."""

    job: Job
    there: Job  # With its overheads as they are there: checkpoints may be far.
    statistics: PoolStatistics
    side: SideCosts
    nodes: int
    work_hours: float  # On this pool's GPU.
    useful_gpu_hours: float  # Of the job's first-named GPU, so that pools of other GPUs compare.
    chosen: ChosenInterval
    cadence: Cadence

    @property
    def stall_hours(self) -> float:
        """Hours standing still for saves and for far data, and for the last save to become durable."""
        pauses = self.cadence.saves(self.work_hours) * self.cadence.pause_hours
        return pauses + self.cadence.save_lag_hours

    @property
    def floor(self) -> KeptFloor | None:
        """The nodes kept on on-demand beside spot; None where there are none."""
        return kept_floor(self.job, self.statistics, self.nodes)

    @property
    def on_demand_cost_usd(self) -> float | None:
        """The same work on on-demand, same SKU and region, with nothing lost; None where unknown."""
        price = self.statistics.on_demand_usd_per_hour
        return None if not price else self.nodes * price * self.work_hours

    @property
    def first_wait_chance(self) -> float:
        """The chance that capacity is absent at the start; unknown is never taken for present."""
        pool = self.statistics
        if pool.available_now is not None:
            return 0.0 if pool.available_now else 1.0  # A contract keeps a machine; it does not find one.
        if pool.evidence is Evidence.CONTRACT:
            return 0.0
        if pool.available_share is not None:
            return 1.0 - pool.available_share
        gone = pool.hazard_per_hour * pool.gap_hours  # Gaps for each hour of life, alternating for long.
        return gone / (1.0 + gone)

    def first_wait_mean(self, gap_hours: Floats) -> Floats:
        """Return mean first waits where capacity is absent, as doubtful as the mean gaps given."""
        pool = self.statistics
        if pool.first_wait_hours is None or pool.gap_hours <= 0 or pool.available_now is not False:
            return gap_hours
        return gap_hours * (pool.first_wait_hours / pool.gap_hours)

    def moved_usd(self, preemptions: Floats) -> Floats:
        """Return USD for bytes that leave a region: the data, each save, a restore after each preemption."""
        saves = self.cadence.saves(self.work_hours) / self.chosen.full_every  # Light ones stay.
        fixed = self.side.egress_usd + self.side.save_usd * saves
        return fixed + self.side.restore_usd * preemptions

    def mean_case(self, hazard_per_hour: Floats, gap_hours: Floats) -> Happening:
        """Return the mean of what preemptions and gaps do, given each hazard of the gang and mean gap."""
        work, cadence = self.work_hours, self.cadence
        if self.chosen.plain:
            found = happening_mean(work, cadence, hazard_per_hour, gap_hours)
        else:
            found = planned_mean(self.there, self.chosen, work, cadence, hazard_per_hour, gap_hours)
        return self._refunded(found, hazard_per_hour, None)

    def drawn_case(self, hazard_per_hour: Floats, gap_hours: Floats, luck: Luck) -> Happening:
        """Return one happening for each draw."""
        if self.chosen.plain:
            found = happening_draw(self.work_hours, self.cadence, hazard_per_hour, gap_hours, luck)
        else:
            mean = self.mean_case(hazard_per_hour, gap_hours)
            found = planned_draw(self.there, self.chosen, self.cadence, mean, gap_hours, luck)
        return self._refunded(found, hazard_per_hour, luck)

    def _refunded(self, case: Happening, hazard_per_hour: Floats, luck: Luck | None) -> Happening:
        """Return a case with the hours of its losses that are not billed; at their mean without luck."""
        if not self.statistics.billing.refund_s:
            return case
        taken = 1.0 / float(gang_hazard(self.job, self.statistics, 1.0))  # Of the gang, by each loss.
        each, variance = refunded_per_loss(hazard_per_hour, self.statistics.billing)
        hours = case.preemptions * each
        if luck is not None:
            hours = gammas(hours, case.preemptions * variance, luck.refund)
        return replace(case, refunded_hours=taken * hours)

    def outcome(self, case: Happening, price_usd_per_hour: Floats, first_wait_hours: Floats) -> Outcome:
        """Return hours and money of a case, all arrays of D."""
        restart = case.restart_hours + self.cadence.restart_hours  # And the first boot.
        used = self.work_hours + self.stall_hours + case.lost_hours + restart + case.notice_hours
        return self.priced(
            price_usd_per_hour,
            preemptions=case.preemptions,
            lost_hours=case.lost_hours,
            restart_hours=restart,
            waiting_hours=case.gap_hours + first_wait_hours,
            used_hours=used,
            billed_hours=used - case.refunded_hours,
        )

    def priced(
        self,
        price_usd_per_hour: Floats,
        *,
        preemptions: Floats,
        lost_hours: Floats,
        restart_hours: Floats,
        waiting_hours: Floats,
        used_hours: Floats,
        billed_hours: Floats,
    ) -> Outcome:
        """Return the money of given hours; used and billed differ where a provider's rule says so."""
        floor, helped, floor_usd = self.floor, np.zeros(1), np.zeros(1)
        if floor is not None:
            restart = self.cadence.restart_hours
            helped = floor.worked_hours(waiting_hours, preemptions, restart, self.work_hours)
            floor_usd = floor.beyond_usd(price_usd_per_hour, billed_hours, helped, waiting_hours)
        wall = used_hours - helped + waiting_hours + self.side.egress_hours
        storage = self.side.storage_usd_per_hour * wall
        rented = self.nodes * price_usd_per_hour * billed_hours + floor_usd
        cost = rented + self.moved_usd(preemptions) + storage
        valued = cost + self.job.waiting_usd_per_hour * waiting_hours
        return Outcome(
            preemptions=preemptions,
            lost_hours=lost_hours,
            restart_hours=restart_hours,
            waiting_hours=waiting_hours,
            billed_hours=billed_hours - helped,
            wall_hours=wall,
            cost_usd=cost,
            effective_usd_per_gpu_hour=valued / self.useful_gpu_hours,
            floor_usd=floor_usd,
        )


def placed(job: Job, statistics: PoolStatistics, side: SideCosts, hazard_per_hour: float) -> Placement:
    """Return the job placed on the pool, saving as it should at an instance hazard."""
    work_hours = job.useful_hours_on(statistics.sku.gpu_model)
    overheads = side.overheads_of(job)
    there = job if overheads is job.overheads else replace(job, overheads=overheads)
    danger = Danger(
        hazard_per_hour=hazard_per_hour,
        nodes=spot_nodes_of(job, statistics),
        of_gang=statistics.evidence is Evidence.PROBES,
        notice_s=statistics.notice_s,
    )
    chosen = fitting_interval(there, danger, useful_hours=work_hours)
    return Placement(
        job=job,
        there=there,
        statistics=statistics,
        side=side,
        nodes=nodes_of(job, statistics),
        work_hours=work_hours,
        useful_gpu_hours=float(job.gpus * job.useful_hours),
        chosen=chosen,
        cadence=_cadence(chosen, overheads, work_hours, side.read_wait_hours),
    )


def _cadence(
    chosen: ChosenInterval, overheads: Overheads, work_hours: float, read_wait_hours: float
) -> Cadence:
    """Return how the job saves; waiting for data is spread over the segments, for a strike hits it too."""
    light = chosen.full_every - 1
    pause_s = (overheads.pause_s + light * chosen.light_pause_s) / chosen.full_every  # On average.
    cadence = Cadence(
        interval_hours=chosen.interval_s / SECONDS_PER_HOUR,
        pause_hours=pause_s / SECONDS_PER_HOUR,
        restart_hours=overheads.restart_s / SECONDS_PER_HOUR,
        save_lag_hours=overheads.save_lag_s / SECONDS_PER_HOUR,
    )
    if read_wait_hours == 0:
        return cadence
    waited = read_wait_hours / cadence.saves(work_hours)
    return replace(cadence, pause_hours=cadence.pause_hours + waited)


def nodes_of(job: Job, statistics: PoolStatistics) -> int:
    """Return how many instances hold the job's GPUs; a part of one is a whole one."""
    return ceil(job.gpus / statistics.sku.gpu_count)


def spot_nodes_of(job: Job, statistics: PoolStatistics) -> int:
    """Return how many of them the provider may take back: all beyond a floor on on-demand."""
    nodes = nodes_of(job, statistics)
    return max(nodes - job.floor_of(nodes, on_spot=is_spot(statistics)), 1)


def gang_hazard(job: Job, statistics: PoolStatistics, hazard_per_hour: ArrayLike) -> Floats:
    """Return the job-stopping hazard of an instance hazard; a drop in a probe already is the whole pool's."""
    beta = 1.0 if statistics.evidence is Evidence.PROBES else job.gang_share
    return gang_hazard_per_hour(hazard_per_hour, spot_nodes_of(job, statistics), beta)
