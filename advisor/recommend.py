"""Which pools to use for a job, in which order, and why: pure, the same answer every time.

Ranked by mean effective USD per useful GPU-hour, among the options that meet the deadline at
least as likely as not; those that do not come after them, with the reason. On-demand is
ranked like any other pool, so it is always there to compare with. Nothing here reads a clock,
a file or a store: statistics come in, a `Recommendation` goes out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from collector.catalog import Catalog
from collector.tariffs import Tariffs
from model.cost import SideCosts, estimate
from model.errors import InsufficientHistory, LowtideError
from model.estimate import Estimate, PoolStatistics
from model.evidence import NOT_TAKEN_BACK
from model.job import Job
from model.market import CapacityType, Pool
from model.siting import NoSiting, Sited
from model.statistics import Refusal

from .reasons import reasons_for
from .rules import Rejection, sift
from .siting import TariffRates, sited_on
from .used import Shipped, figures_used

LIKELY = 0.5  # An option that meets the deadline less often than this is ranked after the rest.
MAX_FALLBACKS = 3


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

    @property
    def no_notice(self) -> bool:
        """True where it may be taken back and no warning is to be reckoned with."""
        return self.notice_s == 0 and self.pool.capacity_type not in NOT_TAKEN_BACK

    @property
    def pool(self) -> Pool:
        """The pool of this option."""
        return self.estimate.pool


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """Ranked options, rejected pools with why, and the shipped figures that were used."""

    job: Job
    as_of: datetime
    seed: int
    options: tuple[Option, ...]
    rejected: tuple[Rejection, ...]
    figures: tuple[Shipped, ...]


SidesOf = Callable[[PoolStatistics], SideCosts]


def recommend(
    job: Job,
    statistics: Sequence[PoolStatistics],
    refusals: Sequence[Refusal],
    tariffs: Tariffs,
    *,
    as_of: datetime,
    catalog: Catalog | None = None,
    seed: int = 0,
    draws: int = 4000,
) -> Recommendation:
    """Rank the pools for a job that starts at `as_of`.

    Args:
        job: What has to be computed.
        statistics: What is believed of each pool as of that instant.
        refusals: Pools of which the data says too little.
        tariffs: Egress, storage and notice figures, jurisdictions and commitments.
        catalog: Where list prices come from, to be named among the figures.
        as_of: Now, for the decision; also the job's start.
        seed: Of the draws; the same for every pool, so that pools differ by their merits alone.
        draws: Per pool.

    Raises:
        InsufficientHistory: Not one pool can be ranked.
    """
    figures: dict[str, Shipped] = {}
    sited: dict[Pool, Sited] = {}
    rates = TariffRates(tariffs)
    kept, rejected = sift(statistics, refusals, job, as_of)
    pools = [seen.pool for seen in kept]

    def sides(seen: PoolStatistics) -> SideCosts:
        sited[seen.pool], used = sited_on(job, seen, rates, away=pools, from_at=as_of)
        figures.update((figure.name, figure) for figure in used)
        return sited[seen.pool].chosen.side

    options, failed = rank(job, kept, sides, as_of=as_of, seed=seed, draws=draws)
    rejected = sorted([*rejected, *failed], key=lambda each: each.pool.key)
    options = [replace(option, siting=sited[option.pool]) for option in options]
    if not options:
        raise nothing_left(job, rejected)
    used = [option.estimate.statistics for option in options]
    figures.update((each.name, each) for each in figures_used(job, used, statistics, tariffs, catalog))
    return Recommendation(
        job=job,
        as_of=as_of,
        seed=seed,
        options=_explained(job, options, tariffs),
        rejected=tuple(rejected),
        figures=tuple(figures[name] for name in sorted(figures)),
    )


def rank(
    job: Job, kept: Sequence[PoolStatistics], sides: SidesOf, *, as_of: datetime, seed: int, draws: int
) -> tuple[list[Option], list[Rejection]]:
    """Estimate the job on every pool and order them; a pool that cannot be estimated says why."""
    options: list[Option] = []
    failed: list[Rejection] = []
    for seen in kept:
        try:
            side = sides(seen)
            found = estimate(job, seen, side, draws=draws, seed=seed, from_at=as_of)
        except LowtideError as why:
            rule = "residency" if isinstance(why, NoSiting) else "no_estimate"
            failed.append(Rejection(pool=seen.pool, rule=rule, reason=why.seen))
            continue
        meets = found.p_deadline is None or found.p_deadline >= LIKELY
        options.append(Option(rank=0, estimate=found, side=side, meets_deadline=meets))
    options.sort(key=_order)
    return [replace(option, rank=place) for place, option in enumerate(options, start=1)], failed


def _order(option: Option) -> tuple[bool, float, str]:
    return not option.meets_deadline, option.estimate.effective_usd_per_gpu_hour.mean, option.pool.key


def _explained(job: Job, options: list[Option], tariffs: Tariffs) -> tuple[Option, ...]:
    placed = [_placed(option, tariffs) for option in options]
    return tuple(
        replace(
            option,
            reasons=reasons_for(
                job,
                option.estimate,
                option.side,
                meets_deadline=option.meets_deadline,
                no_notice=option.no_notice,
                sited=option.siting,
            ),
            fallbacks=fallbacks(option, options),
        )
        for option in placed
    )


def _placed(option: Option, tariffs: Tariffs) -> Option:
    law = tariffs.jurisdiction(option.pool.provider, option.pool.region)
    return replace(
        option,
        notice_s=tariffs.notice_s(option.pool.provider).value,
        jurisdiction=law.tag if law else None,
    )


def fallbacks(chosen: Option, options: Sequence[Option]) -> tuple[str, ...]:
    """Return up to three pools to go to next, best first, one per region and another region first.

    Preemptions within a region come together, so the next best pool next door is worth less
    than its price says. On-demand is no fallback here: it is where the deadline sends a run.
    """
    others = [
        option
        for option in options
        if option.pool != chosen.pool and option.pool.capacity_type is not CapacityType.ON_DEMAND
    ]
    seen = {_place(chosen.pool)}
    first: list[str] = []
    later: list[str] = []
    for option in sorted(others, key=lambda each: each.rank):
        (later if _place(option.pool) in seen else first).append(option.pool.key)
        seen.add(_place(option.pool))
    return tuple([*first, *later][:MAX_FALLBACKS])


def _place(pool: Pool) -> tuple[str, str]:
    return pool.provider, pool.region


def nothing_left(job: Job, rejected: Sequence[Rejection]) -> InsufficientHistory:
    """Return the refusal for a job that no pool can take, with the counts by rule."""
    if not rejected:
        return InsufficientHistory(
            f"The store knows no pool, so none can take the job {job.name!r}.",
            fix="Type: lowtide collect recorded FOLDER, or lowtide collect sample for the synthetic market.",
        )
    counts: dict[str, int] = {}
    for each in rejected:
        counts[each.rule] = counts.get(each.rule, 0) + 1
    told = ", ".join(f"{number} by {rule}" for rule, number in sorted(counts.items()))
    return InsufficientHistory(
        f"None of {len(rejected)} pools can take the job {job.name!r} ({told}).",
        fix="Collect more history, widen the window (window_hours), or loosen the job's constraints.",
    )
