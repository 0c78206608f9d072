"""The shapes of an answer: a number never travels without its interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from .billing import EVERY_SECOND, BillingRule
from .interval import ChosenInterval
from .lifetime import Belief
from .market import Evidence, Pool, PriceKind, Sku
from .price_outlook import PriceOutlook
from .published import Published
from .validity import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A predicted quantity: its mean and the quantiles a person plans with."""

    mean: float
    p10: float
    p50: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStatistics:
    """What is believed of one pool as of an instant, and what that belief rests on.

    The hazard is Gamma(shape, rate): mean shape/rate per instance-hour, rate in instance-hours.
    """

    pool: Pool
    sku: Sku
    as_of: datetime
    price_usd_per_hour: float
    price_kind: PriceKind
    price_age_s: float
    price_mean_usd_per_hour: float
    price_log_sd: float
    price_changes: int
    on_demand_usd_per_hour: float | None
    evidence: Evidence
    borrowed_from: str | None  # In words, with the counts, where evidence is borrowed.
    preemptions: int
    exposure_hours: float
    hazard_shape: float
    hazard_rate_hours: float
    available_share: float | None
    available_now: bool | None
    up_hours: float | None = None  # Clock hours since capacity came back; None where unknown or away.
    gap_hours: float  # Mean clock hours until capacity is obtained again; 0 for on-demand.
    notice_s: float = 0.0  # Longest warning its provider gives; counts where the job states that it uses one.
    observed_until: datetime | None
    sources: tuple[str, ...]
    synthetic: bool
    published: Published | None = None  # The band the hazard rests on, where it rests on one.
    own_preemptions: int = 0  # Of the pool itself, where evidence is borrowed and the counts are others'.
    own_exposure_hours: float = 0.0
    billing: BillingRule = EVERY_SECOND  # Its provider's.
    first_wait_hours: float | None = None  # Mean, where capacity is absent now and forecast.
    prices: PriceOutlook | None = None  # To come; without one, the mean and spread above foretell it.

    def hazard_quantile_per_hour(self, probability: float) -> float:
        """Hazard per instance-hour not exceeded with that probability."""
        return Belief(self.hazard_shape, self.hazard_rate_hours).quantile_per_hour(probability)

    @property
    def hazard_per_hour(self) -> float:
        """Posterior mean preemptions per instance-hour."""
        return self.hazard_shape / self.hazard_rate_hours if self.hazard_rate_hours else 0.0

    @property
    def discount(self) -> float | None:
        """1 - price / on-demand price, same SKU and region."""
        if not self.on_demand_usd_per_hour:
            return None
        return 1.0 - self.price_usd_per_hour / self.on_demand_usd_per_hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The effective price in its parts, USD per useful GPU-hour; they sum to it within 1e-9."""

    price: float  # What a useful hour costs with nothing lost.
    stall: float  # Standing still for saves.
    rerun: float  # Lost work done again.
    restart: float  # Billed boot, restore, warm-up.
    waiting: float  # Value of time spent without capacity; 0 unless the job states one.
    egress: float  # Moving the data set and checkpoints.
    storage: float  # Keeping checkpoints.
    on_demand: float  # Surcharge for the on-demand share.
    notice: float = 0.0  # Billed between a notice and the loss, where saves on notice are counted on.
    refund: float = 0.0  # 0 or less: hours used and, by the provider's rule, not billed.
    late: float | None = None  # Value of time after a soft deadline; None where it is not soft.

    def total(self) -> float:
        """The sum of all parts, which is the effective price."""
        return (
            self.price + self.stall + self.rerun + self.restart
            + self.waiting + self.egress + self.storage + self.on_demand + self.notice + self.refund
            + (self.late or 0.0)
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """The courses an estimate was drawn from, D of them, paired with those of every other pool."""

    effective_usd_per_gpu_hour_D: Floats
    in_time_D: NDArray[np.bool_]  # True throughout where there is no deadline.


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Effective price, cost and finish of one job on one pool, with intervals."""

    statistics: PoolStatistics
    method: str  # closed_form | simulated
    nodes: int
    useful_hours: float  # On this pool's GPU.
    useful_gpu_hours: float
    interval_s: float  # Useful seconds between full saves.
    interval_rule: str  # Which formula, and what capped it.
    effective_usd_per_gpu_hour: Spread
    cost_usd: Spread
    finish_hours: Spread  # Wall hours from start to done.
    billed_hours: Spread
    lost_work_hours: Spread
    preemptions: Spread
    goodput: float  # Useful over wall, at the mean.
    p_deadline: float | None
    p_budget: float | None
    parts: Parts
    on_demand_cost_usd: float | None  # Same SKU and region, useful hours, nothing lost.
    saving: float | None  # 1 - mean cost / on-demand cost.
    breakeven_hazard_per_hour: float | None  # Where effective spot meets on-demand; None if not asked.
    draws: int
    seed: int
    paths_error: float | None = None  # Of the worse P90, relative, 95 %; None where paths are not counted.
    run_price_usd_per_hour: Spread | None = None  # Of one machine, mean over the useful work.
    interval: ChosenInterval | None = None  # The whole plan of saves, with its formula and why.
    late_hours: Spread | None = None  # After a soft deadline; None where it is not soft.
    market: str | None = None  # In words, what the courses were simulated on; None for a closed form.
    drawn: Drawn | None = field(default=None, compare=False, repr=False)  # For ranking; never stored.

    @property
    def pool(self) -> Pool:
        """The pool this estimate is for."""
        return self.statistics.pool
