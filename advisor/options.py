"""What a recommendation is made of: options with their ranks and reasons, and what goes with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import isfinite

from model.commitments import Priced
from model.cost import SideCosts
from model.estimate import Estimate
from model.evidence import NOT_TAKEN_BACK
from model.failover_chance import Failover
from model.floor_of import Floor
from model.grade import Grade, grade
from model.job import Job
from model.market import Pool
from model.sensitivity import Sensitivity
from model.siting import Sited

from .allocating import Allotted
from .rules import Rejection
from .shortlist import Screening
from .used import Shipped


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One pool for the job, with its rank, what it would cost, and why it stands where it does."""

    rank: int
    estimate: Estimate
    side: SideCosts
    meets_deadline: bool
    reasons: tuple[str, ...] = ()
    fallbacks: tuple[str, ...] = ()  # Pool keys, best first.
    notice_s: float = 0.0  # The longest warning its provider gives; a plan assumes none of it.
    siting: Sited | None = None  # Where data is used from and checkpoints live, and what else was priced.
    jurisdiction: str | None = None  # Tag of the law its region is under; None where the table does not say.
    commitment: Priced | None = None  # Where it runs on one: marginal and sunk money apart.
    p_first: float | None = None  # Share of draws in which it is the cheapest in time, all faring alike.
    p_first_apart: float | None = None  # The same where each pool has luck of its own.

    @property
    def grade(self) -> Grade:
        """How good the data behind it is."""
        return grade(self.estimate.statistics)

    @property
    def no_notice(self) -> bool:
        """True where it may be taken back and no warning is to be reckoned with."""
        return self.notice_s == 0 and self.pool.capacity_type not in NOT_TAKEN_BACK

    @property
    def pool(self) -> Pool:
        """The pool of this option."""
        return self.estimate.pool


def endless(found: Estimate) -> str | None:
    """Return why an estimate is no answer: a figure of it has no end; None where all are finite."""
    spreads = (
        found.effective_usd_per_gpu_hour, found.cost_usd, found.finish_hours, found.billed_hours,
        found.lost_work_hours, found.preemptions,
    )  # fmt: skip
    if all(isfinite(amount) for each in spreads for amount in (each.mean, each.p10, each.p50, each.p90)):
        return None
    return (
        f"In some courses drawn, a job of {found.useful_hours:g} useful hours never ends here: it is struck "
        "before it gets on."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Ranked options, rejected pools with why, and the shipped figures that were used."""

    job: Job
    as_of: datetime
    seed: int
    options: tuple[Option, ...]
    rejected: tuple[Rejection, ...]
    figures: tuple[Shipped, ...]
    sensitivity: Sensitivity | None = None  # Of the first option against the second; None without one.
    failover: Failover | None = None  # The list to follow from the first option; None where it is not spot.
    floor: Floor | None = None  # Nodes to keep on on-demand; None without a deadline.
    allocation: Allotted | None = None  # Of work that splits over pools; None of a gang of one copy.
    screening: Screening | None = None  # What was screened only; None where every pool was estimated.
