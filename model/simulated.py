"""An estimate made from simulated courses: the same answer as `model.cost`, on any market.

Every figure is of the paths themselves: means and quantiles of the same courses, parts from
their hours. What the closed form cannot say is in it: lives of any law, capacity as it was
recorded, the first-hour refund, notices.

Legend: P = paths.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from .convergence import MOST_PATHS, TARGET, converge, quantile_error
from .course import MOST_LIVES, Courses, Light, run
from .course_billing import NO_NOTICE, PLAIN, Billing, Notice
from .draws import Luck
from .errors import ImpossibleInput
from .estimate import Estimate, PoolStatistics
from .job import SECONDS_PER_HOUR, Job
from .placement import Outcome, Placement, SideCosts, gang_hazard, placed
from .report import drawn_prices, parts, refuse, report
from .spells import Market
from .validity import Floats

__all__ = ["Simulation", "converged_estimate", "estimated", "simulated_estimate", "simulation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A job's courses on a pool, in hours and in money, path by path."""

    placement: Placement
    courses: Courses
    outcome: Outcome
    price_usd_per_hour_P: Floats

    @property
    def paths_error(self) -> float:
        """Relative error of the worse of the P90s of cost and finish, 95 %."""
        return max(map(quantile_error, self.watched()))

    def watched(self) -> tuple[Floats, Floats]:
        """What has to stand still as paths are added: cost and wall hours."""
        return self.outcome.cost_usd, self.outcome.wall_hours


def simulation(
    job: Job,
    statistics: PoolStatistics,
    side: SideCosts,
    market: Market,
    *,
    hazard_per_hour: float | None = None,
    billing: Billing = PLAIN,
    notice: Notice = NO_NOTICE,
    seed: int = 0,
    from_at: datetime,
    most_lives: int = MOST_LIVES,
) -> Simulation:
    """Return the courses of a job that starts on a pool at `from_at`, which is the market's hour 0.

    The data are moved first; then the job asks for capacity, boots and works. A gang's refund
    is for the nodes that were taken themselves: one in n (1 - β) + β on average (F10).

    Args:
        job: What has to be computed.
        statistics: What is believed of the pool; its price, and its hazard for the interval.
        side: Egress and storage.
        market: Spells of capacity for the whole gang, unused.
        hazard_per_hour: Of an instance, for which the interval is chosen; the pool's where None.
        billing: The provider's refund and least billed time.
        notice: The provider's warning, and the job's chance to use it.
        seed: The luck of prices and emergency saves; the market has its own.
        from_at: When the job would start, aware.
        most_lives: After so many machines a course is taken never to end.

    Raises:
        ImpossibleInput: As `model.cost.estimate`; or some courses never end, so that there is
            no mean.
        InsufficientHistory: The pool's hazard is unknown.
    """
    refuse(job, statistics, market.paths, from_at)
    hazard = statistics.hazard_per_hour if hazard_per_hour is None else hazard_per_hour
    placement = placed(job, statistics, side, hazard)
    taken = billing.refund_share / float(gang_hazard(job, statistics, 1.0))
    courses = run(
        placement.work_hours,
        placement.cadence,
        market,
        billing=_ruled(billing, statistics, taken),
        notice=_counted_on(placement, notice),
        light=_light(placement),
        start_hours=side.egress_hours,
        most_lives=most_lives,
        seed=seed,
    )
    _refuse_endless(placement, courses)
    price_P = drawn_prices(placement, Luck.of(market.paths, seed))
    outcome = placement.priced(
        price_P,
        preemptions=courses.preemptions,
        lost_hours=courses.rerun_hours,
        restart_hours=courses.restart_hours + courses.minimum_hours,
        waiting_hours=courses.waiting_hours,
        used_hours=courses.wall_hours - courses.waiting_hours,
        billed_hours=courses.billed_hours,
    )
    return Simulation(placement=placement, courses=courses, outcome=outcome, price_usd_per_hour_P=price_P)


def estimated(simulated: Simulation, *, seed: int, from_at: datetime) -> Estimate:
    """Return the estimate that a simulation amounts to; its parts sum to its mean within 1e-9."""
    courses = simulated.courses
    in_parts = parts(
        simulated.placement,
        simulated.outcome,
        simulated.price_usd_per_hour_P,
        stall_hours=courses.stall_hours,
        notice_hours=courses.notice_hours,
        refunded_hours=courses.refunded_hours,
    )
    return report(
        simulated.placement,
        simulated.outcome,
        simulated.outcome,
        in_parts,
        price_usd_per_hour=simulated.price_usd_per_hour_P,
        method="simulated",
        seed=seed,
        from_at=from_at,
        paths_error=simulated.paths_error,
    )


def simulated_estimate(
    job: Job,
    statistics: PoolStatistics,
    side: SideCosts,
    market: Market,
    *,
    hazard_per_hour: float | None = None,
    billing: Billing = PLAIN,
    notice: Notice = NO_NOTICE,
    seed: int = 0,
    from_at: datetime,
) -> Estimate:
    """Return what a job would cost on a market and when it would be done; see `simulation`."""
    simulated = simulation(
        job, statistics, side, market,
        hazard_per_hour=hazard_per_hour, billing=billing, notice=notice, seed=seed, from_at=from_at,
    )  # fmt: skip
    return estimated(simulated, seed=seed, from_at=from_at)


def converged_estimate(
    job: Job,
    statistics: PoolStatistics,
    side: SideCosts,
    market_of: Callable[[int], Market],
    *,
    hazard_per_hour: float | None = None,
    billing: Billing = PLAIN,
    notice: Notice = NO_NOTICE,
    seed: int = 0,
    from_at: datetime,
    most_lives: int = MOST_LIVES,
    most_paths: int = MOST_PATHS,
    target: float = TARGET,
) -> Estimate:
    """Return the estimate of as many paths as its P90s need; `paths_error` says what was reached.

    Args:
        market_of: Makes a market of so many paths, always of the same seed.
        most_paths: Where to stop, whatever the error.
        target: Relative error of the P90s of cost and finish allowed, 95 %.

    The rest is as for `simulation`.
    """
    reached = converge(
        lambda paths: simulation(
            job, statistics, side, market_of(paths),
            hazard_per_hour=hazard_per_hour, billing=billing, notice=notice, seed=seed, from_at=from_at,
            most_lives=most_lives,
        ),
        Simulation.watched,
        most_paths=most_paths,
        target=target,
    )  # fmt: skip
    return estimated(reached.result, seed=seed, from_at=from_at)


def _light(placement: Placement) -> Light | None:
    """Return the plan's light saves; waiting for far data is spread over saves of both kinds."""
    chosen, told = placement.chosen, placement.there.overheads
    if chosen.full_every == 1:
        return None
    pauses_s = told.pause_s + (chosen.full_every - 1) * chosen.light_pause_s
    waited = placement.cadence.pause_hours - pauses_s / chosen.full_every / SECONDS_PER_HOUR
    warm_s = told.light_warmup_s
    return Light(
        every=chosen.full_every,
        light_pause_hours=chosen.light_pause_s / SECONDS_PER_HOUR + max(waited, 0.0),
        full_pause_hours=told.pause_s / SECONDS_PER_HOUR + max(waited, 0.0),
        survives_share=told.light_survives_share,
        warm_hours=None if warm_s is None else warm_s / SECONDS_PER_HOUR,
    )


def _ruled(billing: Billing, statistics: PoolStatistics, taken: float) -> Billing:
    """Return the rule given, or else the pool's, for the nodes that were taken."""
    rule = statistics.billing if billing == PLAIN else billing.rule
    return replace(billing, rule=rule, refund_share=taken)


def _counted_on(placement: Placement, notice: Notice) -> Notice:
    """Return the notice given, or else the one that the interval counts on."""
    if notice != NO_NOTICE or not placement.chosen.saved_share:
        return notice
    return Notice(window_hours=placement.chosen.notice_hours, saved_share=placement.chosen.saved_share)


def _refuse_endless(placement: Placement, courses: Courses) -> None:
    endless = 1.0 - float(courses.finished.mean())
    if endless:
        raise ImpossibleInput(
            f"On {endless:.2%} of {courses.finished.size} simulated courses of "
            f"{placement.statistics.pool.key} the job, saving every {placement.chosen.interval_s:.0f} s, "
            "would in effect never end, so no mean exists.",
            fix="Choose a calmer pool, fewer nodes, or cheaper saves and restarts.",
        )
