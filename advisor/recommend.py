"""Which pools to use for a job, in which order, and why: pure, the same answer every time.

Ranked by mean effective USD per useful GPU-hour, among the options that meet the deadline at
least as likely as not; those that do not come after them, with the reason. On-demand is
ranked like any other pool, so it is always there to compare with. Nothing here reads a clock,
a file or a store: statistics come in, a `Recommendation` goes out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from collector.catalog import Catalog
from collector.tariffs import Tariffs
from model.allocation_pieces import Courses
from model.cost import SideCosts, estimate
from model.errors import LowtideError
from model.estimate import Estimate, PoolStatistics
from model.job import Job
from model.market import Pool
from model.sensitivity import Ranked, Sensitivity, sensitivity
from model.siting import NoSiting, Sited
from model.standing import p_first
from model.statistics import Refusal

from .allocating import allotted
from .committing import Way, committed_ways
from .fallbacks import fallbacks
from .foresight import Foresight
from .options import Option, Recommendation, endless
from .portfolio import Portfolio, portfolio
from .quotas import apart
from .reasons import reasons_for, standing_words
from .refine import Refine, refined
from .rules import OF_PARTS, Rejection, nothing_left, refuse_floor, sift
from .shortlist import LIKELY, SidesOf, shortlist
from .sides import side_costs
from .siting import TariffRates, on_commitment, sited_on
from .used import Shipped, figures_used

__all__ = ["Option", "Recommendation", "Refine", "rank", "recommend"]

NEVER_LATE = -2.0  # Below any chance: a soft deadline costs no option its place, its price does.
REFINED = 10  # Options that are estimated once more, by whoever does it better.


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
    named: Collection[str] = (),
    refine: Refine | None = None,
    foresight: Foresight | None = None,
    courses: Courses | None = None,
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
        named: Keys of pools that are estimated however they screen.
        refine: Estimates the best few once more; None leaves them as they are.
        foresight: Tells of prices to come and first waits; None goes by the window's mean and the mean gap.
        courses: Simulates courses for an allocation; None draws them from the closed form.

    Raises:
        InsufficientHistory: Not one pool can be ranked.
    """
    figures: dict[str, Shipped] = {}
    sited: dict[Pool, Sited] = {}
    rates = TariffRates(tariffs)
    refuse_floor(job, statistics)
    kept, rejected = sift(statistics, refusals, job, as_of, OF_PARTS)
    seer = foresight or Foresight(tariffs=tariffs)
    kept = [seer.under(seen) for seen in kept]
    pools = [seen.pool for seen in kept]

    def sides(seen: PoolStatistics) -> SideCosts:
        sited[seen.pool], used = sited_on(job, seen, rates, away=pools, from_at=as_of)
        figures.update((figure.name, figure) for figure in used)
        return sited[seen.pool].chosen.side

    quick = (
        sides if job.data_use.allowed or job.data_use.checkpoints_allowed else partial(_side, job, tariffs)
    )
    short = shortlist(job, kept, quick, named=named, as_of=as_of)
    foreseen = seer.ahead(short.kept)
    options, failed = rank(job, foreseen, sides, as_of=as_of, seed=seed, draws=draws)
    ways, unfit = committed_ways(job, statistics, sides, as_of=as_of, seed=seed, draws=draws)
    options = _numbered([*options, *map(as_option, ways)])
    options, parts = apart(job, [_sited(option, sited[option.pool]) for option in options], as_of)
    over = [Rejection(pool=part.pool, rule="quota", reason=why) for part, why in parts]
    rejected = sorted([*rejected, *short.rejected, *failed, *unfit, *over], key=lambda each: each.pool.key)
    if not options:
        raise nothing_left(job, rejected)
    options = _standing(_refined(job, _numbered(options), refine, seed))
    asked = [*options, *(part for part, _ in parts)]
    levers = _against_next(job, options, as_of)
    beyond = portfolio(job, options, rates, as_of)
    used = [option.estimate.statistics for option in options]
    figures.update((each.name, each) for each in figures_used(job, used, statistics, tariffs, catalog))
    return Recommendation(
        job=job,
        as_of=as_of,
        seed=seed,
        options=_explained(job, options, tariffs, levers, beyond),
        rejected=tuple(rejected),
        figures=tuple(figures[name] for name in sorted(figures)),
        sensitivity=levers,
        failover=beyond.failovers.get(options[0].pool.key),
        floor=beyond.floor,
        allocation=allotted(job, asked, as_of=as_of, seed=seed, draws=draws, courses=courses),
        screening=short.screening,
    )


def _sited(option: Option, found: Sited) -> Option:
    return replace(option, siting=on_commitment(found, option.estimate) if option.commitment else found)


def _side(job: Job, tariffs: Tariffs, seen: PoolStatistics) -> SideCosts:
    return side_costs(job, seen.pool, tariffs)[0]


def rank(
    job: Job, kept: Sequence[PoolStatistics], sides: SidesOf, *,
    as_of: datetime, seed: int, draws: int, breakeven: bool = True,
) -> tuple[list[Option], list[Rejection]]:  # fmt: skip
    """Estimate the job on every pool and order them; a pool that cannot be estimated says why."""
    options: list[Option] = []
    failed: list[Rejection] = []
    for seen in kept:
        try:
            side = sides(seen)
            found = estimate(job, seen, side, draws=draws, seed=seed, from_at=as_of, breakeven=breakeven)
        except LowtideError as why:
            rule = "residency" if isinstance(why, NoSiting) else "no_estimate"
            failed.append(Rejection(pool=seen.pool, rule=rule, reason=why.seen))
            continue
        if unending := endless(found):
            failed.append(Rejection(pool=seen.pool, rule="no_estimate", reason=unending))
            continue
        options.append(Option(rank=0, estimate=found, side=side, meets_deadline=_meets(found)))
    return _numbered(options), failed


def as_option(way: Way) -> Option:
    """Return a job on a commitment as an option, to be ranked beside the others."""
    return Option(
        rank=0,
        estimate=way.estimate,
        side=way.side,
        meets_deadline=_meets(way.estimate),
        commitment=way.priced,
    )


def _refined(job: Job, options: Sequence[Option], refine: Refine | None, seed: int) -> list[Option]:
    """Return the options with the best few estimated once more, and all ordered anew."""
    if refine is None:
        return list(options)
    better = [
        each.estimate if each.commitment else refined(refine, job, each.estimate, each.side, seed)
        for each in options[:REFINED]
    ]
    again = [
        replace(option, estimate=found, meets_deadline=_meets(found))
        for option, found in zip(options, better, strict=False)
    ]
    return _numbered([*again, *options[REFINED:]])


def _standing(options: Sequence[Option]) -> list[Option]:
    drawn = [option.estimate.drawn for option in options]
    both = zip(options, p_first(drawn), p_first(drawn, apart=True), strict=True)
    return [replace(option, p_first=alike, p_first_apart=apart) for option, alike, apart in both]


def _against_next(job: Job, options: Sequence[Option], as_of: datetime) -> Sensitivity | None:
    """Return what would cost the first option its place; None where there is no second."""
    if len(options) < 2 or any(option.commitment for option in options[:2]):
        return None  # What a commitment costs does not move with the market.
    first, second = (Ranked(option.estimate, option.side) for option in options[:2])
    likely = NEVER_LATE if job.soft else LIKELY
    return sensitivity(job, first, second, likely=likely, from_at=as_of)


def _meets(found: Estimate) -> bool:
    return found.p_deadline is None or found.p_deadline >= LIKELY


def _numbered(options: Sequence[Option]) -> list[Option]:
    ordered = sorted(options, key=_order)
    return [replace(option, rank=place) for place, option in enumerate(ordered, start=1)]


def _order(option: Option) -> tuple[bool, float, str]:
    late = not option.meets_deadline and option.estimate.late_hours is None  # Else lateness is in the price.
    return late, option.estimate.effective_usd_per_gpu_hour.mean, option.pool.key


def _explained(
    job: Job, options: list[Option], tariffs: Tariffs, levers: Sensitivity | None, beyond: Portfolio
) -> tuple[Option, ...]:
    placed = [_placed(option, tariffs) for option in options]
    against: tuple[str, ...] = ()
    if levers:
        best, second = placed[:2]
        against = standing_words(best.p_first, best.p_first_apart, levers, second.pool, soft=job.soft)
    return tuple(
        replace(
            option,
            reasons=reasons_for(
                job,
                option.estimate,
                option.side,
                meets_deadline=option.meets_deadline,
                no_notice=option.no_notice,
                standing=against if option.rank == 1 else (),
                sited=option.siting,
                commitment=option.commitment,
            ),
            fallbacks=fallbacks(option, options, beyond.after(option.pool.key)),
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
