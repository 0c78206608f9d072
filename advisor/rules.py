"""What may not be recommended, each with its reason in words and numbers.

A rule looks at one pool and the job and says why not, or nothing. The first rule that speaks
gives the rejection; their order is the order in which a person would ask. Unknown is never
taken for good: no price, no history and no discount each have their own rule.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from fnmatch import fnmatchcase
from statistics import median

from model.errors import ImpossibleInput, InsufficientHistory
from model.estimate import PoolStatistics
from model.job import Job
from model.market import CapacityType, Pool, PriceKind
from model.placement import nodes_of
from model.statistics import Refusal

from . import format as fmt
from .quotas import quota, quota_of_part

MAX_PRICE_AGE_DAYS = 90.0  # Since a price was last confirmed; AWS itself tells no older ones.
SECONDS_PER_DAY = 86400.0
FEWEST_REGIONS = 4  # Fewer prices of one SKU do not show what is usual.
LEAST_OF_MEDIAN = 0.4  # Regions differ by half; a machine priced without its GPU by far more.


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """A pool that was considered and left out."""

    pool: Pool
    rule: str
    reason: str


Rule = Callable[[PoolStatistics, Job, datetime], str | None]


def gpu_model(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """The job says nothing of this GPU, so nobody knows how fast it would be there."""
    if seen.sku.gpu_model in job.throughput:
        return None
    return (
        f"Its GPU is {seen.sku.gpu_model}; the job states a throughput for {', '.join(job.throughput)} only."
    )


def provider(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """The job names its providers and this is none of them."""
    wanted = job.constraints.providers
    if not wanted or seen.pool.provider in wanted:
        return None
    return f"Provider {seen.pool.provider} is not among the allowed {', '.join(wanted)}."


def region(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """The region is not among those allowed, or is denied."""
    wanted, denied = job.constraints.regions, job.constraints.deny_regions
    if denied and names_region(denied, seen.pool):
        return f"Region {seen.pool.region} is denied by the job."
    if wanted and not names_region(wanted, seen.pool):
        return f"Region {seen.pool.region} is not among the allowed {', '.join(wanted)}."
    return None


def names_region(patterns: Sequence[str], pool: Pool) -> bool:
    """Return whether a list of regions or provider/regions, names or patterns as `eu-*`, has a pool's."""
    names = (pool.region, f"{pool.provider}/{pool.region}")
    return any(fnmatchcase(name, each) for each in patterns for name in names)


def refuse_unknown_denied(denied: Sequence[str], known: Sequence[Pool]) -> None:
    """Refuse a denied region that names none of the known pools: a slip of the pen would deny nothing.

    Raises:
        ImpossibleInput: With the nearest names; never where no pool is known at all.
    """
    regions = sorted({f"{pool.provider}/{pool.region}" for pool in known})
    missed = [each for each in denied if not any(names_region([each], pool) for pool in known)]
    if not regions or not missed:
        return
    names = sorted({name for region in regions for name in (region, region.split("/")[1])})
    near = get_close_matches(missed[0], names, n=1, cutoff=0.6)
    raise ImpossibleInput(
        f"The job denies the region {missed[0]!r} (constraints.deny_regions), and no known pool is in it."
        + (f" Did you mean {near[0]}?" if near else ""),
        fix=f"Name one of these, or a pattern of them as eu-*: {', '.join(regions)}; or leave it out.",
    )


def capacity_type(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """Bought in a way the job does not allow."""
    wanted = job.constraints.capacity_types
    if seen.pool.capacity_type in wanted:
        return None
    return f"Capacity type {seen.pool.capacity_type} is not among the allowed {', '.join(wanted)}."


def no_price(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """A price of zero or less is no price: a free GPU would win every ranking."""
    if seen.price_usd_per_hour > 0:
        return None
    return f"Its price is {seen.price_usd_per_hour:g} USD per hour, which is no price."


def stale_price(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """A recorded price too old to plan with. A list price stands until it is replaced."""
    days = seen.price_age_s / SECONDS_PER_DAY
    if seen.price_kind is PriceKind.LIST or days <= MAX_PRICE_AGE_DAYS:
        return None
    return f"Its price was last seen {days:.0f} days ago; more than {MAX_PRICE_AGE_DAYS:.0f} is too old."


def no_discount(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """Spot at the on-demand price: the risk without the gain, and often a sign of no capacity."""
    listed = seen.on_demand_usd_per_hour
    if seen.pool.capacity_type is not CapacityType.SPOT or listed is None:
        return None
    if seen.price_usd_per_hour < listed:
        return None
    return (
        f"Spot costs {fmt.usd_per_hour(seen.price_usd_per_hour)}, no less than on-demand at "
        f"{fmt.usd_per_hour(listed)}: no discount for the risk."
    )


def floor(seen: PoolStatistics, job: Job, as_of: datetime) -> str | None:
    """Nodes that stay on on-demand leave nothing for spot, or have no on-demand price beside it."""
    nodes = nodes_of(job, seen)
    kept = job.floor_of(nodes, on_spot=seen.pool.capacity_type is CapacityType.SPOT)
    if not kept:
        return None
    if kept == nodes:
        return f"The job keeps {job.floor_nodes} nodes on on-demand and takes {nodes} here: none is for spot."
    if not seen.on_demand_usd_per_hour:
        return f"The job keeps {kept} of {nodes} nodes on on-demand, and no on-demand price is known here."
    return None


RULES: tuple[Rule, ...] = (
    gpu_model, provider, region, capacity_type, quota, no_price, stale_price, no_discount, floor,
)  # fmt: skip
OF_PARTS = tuple(
    quota_of_part if rule is quota else rule for rule in RULES
)  # For work that may be dealt out.


def sift(
    statistics: Sequence[PoolStatistics], refusals: Sequence[Refusal], job: Job, as_of: datetime,
    rules: Sequence[Rule] = RULES,
) -> tuple[list[PoolStatistics], list[Rejection]]:  # fmt: skip
    """Return the pools that may be recommended, and the rejected ones with why, both by pool key.

    A refusal of the model, for want of history or of a price, is passed on with its own words.
    """
    usual = usual_on_demand(statistics)
    kept: list[PoolStatistics] = []
    rejected = [Rejection(pool=each.pool, rule=each.rule, reason=each.reason) for each in refusals]
    for seen in statistics:
        broken = first_broken(seen, job, as_of, rules) or implausible_price(seen, usual)
        if broken:
            rejected.append(broken)
        else:
            kept.append(seen)
    kept.sort(key=lambda seen: seen.pool.key)
    rejected.sort(key=lambda each: each.pool.key)
    return kept, rejected


def refuse_floor(job: Job, statistics: Sequence[PoolStatistics]) -> None:
    """Refuse a floor of more nodes than the job takes anywhere.

    Raises:
        ImpossibleInput: With the most that it takes.
    """
    known = [seen for seen in statistics if seen.sku.gpu_model in job.throughput]
    most = max((nodes_of(job, seen) for seen in known), default=job.floor_nodes)
    if job.floor_nodes > most:
        raise ImpossibleInput(
            f"The job keeps {job.floor_nodes} nodes on on-demand, and takes {most} at most on any machine "
            "that is known.",
            fix=f"State floor_nodes of {most} or less.",
        )


def first_broken(
    seen: PoolStatistics, job: Job, as_of: datetime, rules: Sequence[Rule] = RULES
) -> Rejection | None:
    """Return the first rule that speaks against a pool."""
    for rule in rules:
        reason = rule(seen, job, as_of)
        if reason:
            return Rejection(pool=seen.pool, rule=rule.__name__.removesuffix("_of_part"), reason=reason)
    return None


def usual_on_demand(statistics: Sequence[PoolStatistics]) -> dict[tuple[str, str], float]:
    """Return (provider, SKU) -> median on-demand price over its regions, where there are enough of them."""
    regions: dict[tuple[str, str], dict[str, float]] = {}
    for seen in statistics:
        if seen.pool.capacity_type is CapacityType.ON_DEMAND:
            prices = regions.setdefault((seen.pool.provider, seen.pool.sku), {})
            prices[seen.pool.region] = seen.price_usd_per_hour
    return {sku: median(prices.values()) for sku, prices in regions.items() if len(prices) >= FEWEST_REGIONS}


def implausible_price(seen: PoolStatistics, usual: Mapping[tuple[str, str], float]) -> Rejection | None:
    """A region whose on-demand price lacks a component, as price lists of parts sometimes do.

    Spot there is computed from the same parts, so it is no more to be believed.
    """
    asked, elsewhere = seen.on_demand_usd_per_hour, usual.get((seen.pool.provider, seen.pool.sku))
    if asked is None or elsewhere is None or asked >= LEAST_OF_MEDIAN * elsewhere:
        return None
    reason = (
        f"On-demand is listed at {fmt.usd_per_hour(asked)} in {seen.pool.region}, where other regions ask "
        f"{fmt.usd_per_hour(elsewhere)} for the same machine: a part of the price is likely missing."
    )
    return Rejection(pool=seen.pool, rule="implausible_price", reason=reason)


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
