"""Why an option stands where it does: a few sentences, each with its numbers.

Only what the estimate says is said, in the units a person uses; a borrowed hazard, a list
price or a missing probe is named, for a number without its origin is not a reason.
"""

from __future__ import annotations

from collections.abc import Callable

from model.commitments import Priced
from model.cost import SideCosts
from model.estimate import Estimate, PoolStatistics
from model.job import Job
from model.market import CapacityType, Evidence, Pool, PriceKind
from model.sensitivity import Sensitivity
from model.siting import Sited

from . import format as fmt
from .demand_words import floor_words, soft_words
from .siting_words import brought_words, siting_reason

MOVES = 0.01  # A price that may move less than this share is not spoken of.
OLD_PRICE_S = 14 * 86400.0
NAMES = {
    "price": "its price",
    "preemption_rate": "its preemption rate",
    "gap": "its mean wait for capacity",
    "pause": "the pause of a save",
    "egress": "its egress",
}
NO_NOTICE = "Reckon with no notice before a preemption: the provider gives none, or none is known."


def reasons_for(
    job: Job,
    found: Estimate,
    side: SideCosts,
    *,
    meets_deadline: bool,
    no_notice: bool = False,
    standing: tuple[str, ...] = (),
    sited: Sited | None = None,
    commitment: Priced | None = None,
) -> tuple[str, ...]:
    """Return the sentences for one option, most telling first."""
    told = [
        soft_words(job, found) if job.soft else _deadline(job, found, meets_deadline),
        _committed(found, commitment) if commitment else _price(found),
        floor_words(job, found),
        *standing,
        _saving(found),
        _breakeven(found),
        _evidence(found.statistics),
        None if commitment else _capacity(found.statistics),
        f"Simulated. {found.market}" if found.market else None,
        brought_words(job, sited) if sited else _moving(job, side),
        siting_reason(job, sited) if sited else None,
        NO_NOTICE if no_notice else None,
        _budget(found),
        _price_ahead(found),
        None if commitment else _price_origin(found.statistics),
    ]
    return tuple(sentence for sentence in told if sentence)


def standing_words(
    alike: float | None, apart: float | None, levers: Sensitivity, second: Pool, *, soft: bool = False
) -> tuple[str, ...]:
    """Return how sure the first place is, and what would cost it."""
    told = []
    if alike is not None and apart is not None:
        how = ", lateness counted," if soft else " in time"
        told.append(
            f"Cheapest{how} in {fmt.percent(alike)} of the courses drawn where all pools fare alike, in "
            f"{fmt.percent(apart)} where each has luck of its own."
        )
    limits = [
        f"{NAMES[each.name]} exceeds {lever_amount(each.name, each.loses_above)} "
        f"({lever_amount(each.name, each.now)} now)"
        for each in levers.levers
        if each.loses_above is not None
    ]
    if limits:
        told.append(f"Loses rank 1 to {second.key} if, all else the same, {' or '.join(limits)}.")
    return tuple(told)


def lever_amount(name: str, amount: float | None) -> str:
    """Return a lever's value in its unit."""
    written: dict[str, Callable[[float | None], str]] = {
        "price": fmt.usd_per_hour,
        "preemption_rate": fmt.per_hour,
        "gap": fmt.hours,
        "pause": fmt.seconds,
        "egress": fmt.usd,
    }
    return written[name](amount)


def _price(found: Estimate) -> str:
    effective = fmt.price(found.effective_usd_per_gpu_hour.mean)
    if found.pool.capacity_type is CapacityType.ON_DEMAND:
        return f"{effective} per useful GPU-hour on demand, which the provider does not take back."
    lost = (
        f"after {found.preemptions.mean:.3g} expected preemptions, saves every "
        f"{fmt.seconds(found.interval_s)} and {fmt.hours(found.lost_work_hours.mean)} of lost work"
    )
    if found.saving is None:
        return f"{effective} per useful GPU-hour {lost}; no on-demand price is known to compare with."
    side = "cheaper" if found.saving >= 0 else "dearer"
    return (
        f"{fmt.percent(abs(found.saving))} {side} than on-demand at {effective} per useful GPU-hour, {lost}."
    )


def _committed(found: Estimate, priced: Priced) -> str:
    effective = fmt.price(found.effective_usd_per_gpu_hour.mean)
    owed = f"; besides, {fmt.usd(priced.sunk_usd)} is owed anyway and does not count" if priced.sunk else ""
    idle = (
        f", {fmt.usd(priced.idle_usd)} for hours nobody uses" if priced.idle_usd and not priced.sunk else ""
    )
    promise = "capacity is promised" if priced.guaranteed else "no capacity is promised"
    return (
        f"{priced.name}: {effective} per useful GPU-hour of money still to be decided on, "
        f"{fmt.usd(found.cost_usd.mean)} in all{idle}{owed}; {promise}."
    )


def _saving(found: Estimate) -> str | None:
    """Return which formula chose the interval and why, where anything is to be lost."""
    chosen = found.interval
    if chosen is None or not chosen.formula:
        return None
    light = f", with a light save every {fmt.seconds(chosen.interval_s)}" if chosen.full_every > 1 else ""
    return (
        f"A full save every {fmt.seconds(found.interval_s)}{light}, by {chosen.formula} ({chosen.words}). "
        f"{chosen.why}"
    )


def _breakeven(found: Estimate) -> str | None:
    limit, seen = found.breakeven_hazard_per_hour, found.statistics.hazard_per_hour
    if limit is None or seen <= 0 or found.pool.capacity_type is not CapacityType.SPOT:
        return None
    if limit <= seen:
        return (
            f"Its hazard of {fmt.per_hour(seen)} is past break-even with on-demand at {fmt.per_hour(limit)}."
        )
    return (
        f"Loses to on-demand if the hazard exceeds {fmt.per_hour(limit)}, "
        f"{limit / seen:.3g} times the {fmt.per_hour(seen)} believed now."
    )


def _evidence(seen: PoolStatistics) -> str | None:
    if seen.evidence is Evidence.CONTRACT:
        return None
    if seen.evidence is Evidence.PUBLISHED:
        factor = seen.hazard_quantile_per_hour(0.9) / seen.hazard_quantile_per_hour(0.1)
        return (
            f"Nobody watched this pool long enough; {seen.borrowed_from}. Its hazard is known within a "
            f"factor of {fmt.count(factor)} only, which the intervals carry."
        )
    if seen.evidence is Evidence.BORROWED:
        return f"Its own history is too short; borrowed: {seen.borrowed_from}."
    what = "drops of availability" if seen.evidence is Evidence.PROBES else "preemptions"
    unit = "pool-hours seen available" if seen.evidence is Evidence.PROBES else "instance-hours"
    lent = f"; borrowed: {seen.borrowed_from}" if seen.borrowed_from else ""
    return f"The hazard rests on {seen.preemptions} {what} in {seen.exposure_hours:,.0f} {unit}{lent}."


def _capacity(seen: PoolStatistics) -> str | None:
    if seen.pool.capacity_type is CapacityType.ON_DEMAND:
        return None
    if seen.available_share is None:
        return "Whether capacity is obtainable was never observed here."
    wait = seen.first_wait_hours
    ahead = f", this one {fmt.hours(wait)} by the forecast" if wait is not None else ""
    now = "obtainable now" if seen.available_now else "not obtainable now"
    return (
        f"Capacity was obtainable {fmt.percent(seen.available_share)} of the time, and is {now}; "
        f"a wait lasts {fmt.hours(seen.gap_hours)} on average{ahead}."
    )


def _deadline(job: Job, found: Estimate, meets: bool) -> str | None:
    if found.p_deadline is None:
        return None
    finish = fmt.hours(found.finish_hours.p90)
    chance = f"with a chance of {fmt.percent(found.p_deadline)} (P90 finish in {finish})"
    if meets:
        return f"Meets the deadline {fmt.instant(job.deadline_at)} {chance}."
    return f"Ranked after the rest: it meets the deadline {fmt.instant(job.deadline_at)} only {chance}."


def _budget(found: Estimate) -> str | None:
    if found.p_budget is None or found.p_budget >= 0.9:
        return None
    return f"Stays within the budget with a chance of {fmt.percent(found.p_budget)} only."


def _moving(job: Job, side: SideCosts) -> str | None:
    if side.egress_usd <= 0 and side.egress_hours <= 0:
        return None
    return (
        f"Bringing {fmt.size(job.dataset_bytes)} of data from {job.data_provider} {job.data_region} costs "
        f"{fmt.usd(side.egress_usd)} and {fmt.hours(side.egress_hours)}."
    )


def _price_ahead(found: Estimate) -> str | None:
    """Return how the price may move over the run, where it may at all."""
    told, outlook = found.run_price_usd_per_hour, found.statistics.prices
    if told is None or outlook is None or told.p90 - told.p10 < MOVES * told.mean:
        return None
    return (
        f"Over the run its price is expected at {fmt.usd_per_hour(told.mean)} "
        f"({fmt.usd_per_hour(told.p10)} – {fmt.usd_per_hour(told.p90)}), by {outlook.words}."
    )


def _price_origin(seen: PoolStatistics) -> str | None:
    if seen.price_kind is PriceKind.LIST:
        return "The price is a list price, not recorded."
    if seen.price_age_s > OLD_PRICE_S:
        return f"The price in force was last confirmed {fmt.seconds(seen.price_age_s)} ago."
    return None
