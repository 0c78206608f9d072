"""From what was seen of a pool to what is believed of it, with what that belief rests on.

Evidence in falling order: its own tenures, its own probes, its siblings, refusal. A pool
nobody watched never gets hazard zero, and a wait nobody saw never takes zero hours.
Nothing here reads a clock or a store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ImpossibleInput, InsufficientHistory, LowtideError
from .estimate import PoolStatistics
from .lifetime import JEFFREYS, Belief, updated
from .market import CapacityType, Evidence, Pool, PoolHistory
from .siblings import (
    ALONE,
    BORROWING,
    MIN_EXPOSURE_HOURS,
    Siblings,
    Sightings,
    best_sightings,
    counts,
    families,
    family,
    nearest_siblings,
)
from .validity import quantity

__all__ = ["MIN_EXPOSURE_HOURS", "Refusal", "all_statistics", "pool_statistics"]

ASSUMED_GAP_HOURS = 2.0  # Where no wait was ever recorded: above the median, 1.6 h, of 13 AWS pools 2022-23.
PRIOR_GAPS = 1.0  # The gap of siblings, or the assumed one, weighs as much as one recorded wait.

NOT_TAKEN_BACK = frozenset({CapacityType.ON_DEMAND, CapacityType.RESERVED, CapacityType.CAPACITY_BLOCK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A pool that was left out: which rule, and the sentence that says why and what to do."""

    pool: Pool
    rule: str  # insufficient-history | impossible-input
    reason: str


def pool_statistics(history: PoolHistory) -> PoolStatistics:
    """Return what one pool's own history supports.

    Raises:
        InsufficientHistory: No price, or under 48 h of exposure, with the number that is missing.
        ImpossibleInput: A price or a count in the history is impossible.
    """
    return _believed(history, ALONE, "none")


def all_statistics(
    histories: Iterable[PoolHistory], *, borrow: str
) -> tuple[list[PoolStatistics], list[Refusal]]:
    """Return statistics of every pool that supports them, in input order, and who was refused.

    Args:
        histories: One per pool, all as of the same instant.
        borrow: How far siblings may speak for a pool: none, region, or provider (region first).
            Siblings also shrink a pool's own small counts.

    Raises:
        ImpossibleInput: `borrow` is none of the three.
    """
    if borrow not in BORROWING:
        raise ImpossibleInput(f"Borrowing is {borrow!r}.", fix="Use none, region or provider.")
    known = list(histories)
    relatives = families(known)
    found: list[PoolStatistics] = []
    refused: list[Refusal] = []
    for history in known:
        try:
            found.append(
                _believed(history, nearest_siblings(history, relatives[family(history)], borrow), borrow)
            )
        except LowtideError as refusal:
            refused.append(
                Refusal(pool=history.pool, rule=refusal.slug, reason=f"{refusal.seen} {refusal.fix}")
            )
    return found, refused


@dataclass(frozen=True, slots=True, kw_only=True)
class _Danger:
    """How likely a pool is taken away, on what evidence, and in whose name."""

    belief: Belief
    evidence: Evidence
    preemptions: int
    exposure_hours: float
    borrowed_from: str | None = None


def _danger(history: PoolHistory, siblings: Siblings, borrow: str) -> _Danger:
    if history.pool.capacity_type in NOT_TAKEN_BACK:
        return _Danger(belief=Belief(0.0, 0.0), evidence=Evidence.CONTRACT, preemptions=0, exposure_hours=0.0)
    own = best_sightings(history)
    if own is not None:
        return _own_danger(history, siblings, own)
    lent = best_sightings(siblings)
    if lent is None:
        raise _too_little(history, siblings, borrow)
    return _borrowed_danger(history, siblings, lent)


def _own_danger(history: PoolHistory, siblings: Siblings, kind: Sightings) -> _Danger:
    preemptions, exposed = counts(history, kind)
    prior = siblings.belief(kind) if siblings.exposure_hours(kind) >= MIN_EXPOSURE_HOURS else JEFFREYS
    return _Danger(
        belief=updated(prior, preemptions, exposed),
        evidence=kind,
        preemptions=preemptions,
        exposure_hours=exposed,
    )


def _borrowed_danger(history: PoolHistory, siblings: Siblings, kind: Sightings) -> _Danger:
    """Return the siblings' belief, updated by what little the pool itself was watched."""
    seen = [counts(h, kind) for h in siblings.histories if counts(h, kind)[1] > 0]
    preemptions, exposed = sum(k for k, _ in seen), sum(hours for _, hours in seen)
    what = "preemptions" if kind is Evidence.TENURES else "drops of availability"
    own, own_hours = counts(history, kind)
    besides = f", and its own {own} in {own_hours:.0f} h" if own_hours else ""
    return _Danger(
        belief=updated(siblings.belief(kind), own, own_hours),
        evidence=Evidence.BORROWED,
        preemptions=preemptions,
        exposure_hours=exposed,
        borrowed_from=(
            f"hazard from {len(seen)} sibling pool{'s' * (len(seen) > 1)} in {siblings.scope}: "
            f"{preemptions} {what} in {exposed:.0f} h{besides}"
        ),
    )


def _too_little(history: PoolHistory, siblings: Siblings, borrow: str) -> InsufficientHistory:
    exposed = max(history.tenure_exposure_hours, history.probe_up_hours)
    days = history.window.total_seconds() / 86_400
    wider = f"Widen the window (--window {3 * days:.0f}d)"
    others = {
        "none": f"{wider}, or accept the regional figure with --borrow region.",
        "region": f"{wider}, or accept the provider's figure with --borrow provider.",
        "provider": f"{wider}, or collect probes of this pool or of its siblings.",
    }
    return InsufficientHistory(
        f"{_name(history.pool)} has {exposed:.0f} instance-hours of exposure in the last {days:.0f} days"
        f"{'' if borrow == 'none' else f', and no siblings within its {borrow} have enough'}; "
        f"a hazard needs {MIN_EXPOSURE_HOURS:.0f} to mean anything.",
        fix=others[borrow],
    )


def _name(pool: Pool) -> str:
    return f"{pool.zone or pool.region} {pool.sku}"


def _gap(history: PoolHistory, siblings: Siblings) -> tuple[float, str | None]:
    """Return mean clock hours until capacity is obtained again, and in words where not its own.

    Waits still open count their hours, so the mean is hours without capacity per completed
    wait (exponential with censoring), shrunk towards siblings or the assumed gap.
    """
    if history.pool.capacity_type in NOT_TAKEN_BACK:
        return 0.0, None
    waits = sum(h.probe_gaps for h in siblings.histories)
    waited_hours = sum(h.probe_gap_hours for h in siblings.histories)
    prior_hours = (PRIOR_GAPS * ASSUMED_GAP_HOURS + waited_hours) / (PRIOR_GAPS + waits)
    origin = f"gap assumed {ASSUMED_GAP_HOURS:g} h: no wait for capacity was recorded"
    if waits:
        origin = (
            f"gap from siblings in {siblings.scope}: {waits} waits in {waited_hours:.0f} h without capacity"
        )
    own_hours = float(quantity("Hours without capacity", history.probe_gap_hours, "h"))
    if own_hours:
        origin = f"gap from {own_hours:.0f} h without capacity that have not ended"
    gap_hours = (PRIOR_GAPS * prior_hours + own_hours) / (PRIOR_GAPS + history.probe_gaps)
    return gap_hours, None if history.probe_gaps else origin


def _believed(history: PoolHistory, siblings: Siblings, borrow: str) -> PoolStatistics:
    pool = history.pool
    if history.price_usd_per_hour is None or history.price_kind is None:
        raise InsufficientHistory(
            f"{_name(pool)} has no price in force as of {history.as_of:%Y-%m-%d %H:%M} UTC; "
            "a cost needs at least 1.",
            fix="Collect prices of this pool, or add a list price with its source to the catalog.",
        )
    price = float(quantity("Price", float(history.price_usd_per_hour), "USD/h", above_zero=True))
    danger = _danger(history, siblings, borrow)
    gap_hours, gap_origin = _gap(history, siblings)
    seen_at = history.price_observed_at or history.price_effective_at
    list_price = history.on_demand_usd_per_hour
    words = [part for part in (danger.borrowed_from, gap_origin) if part]
    return PoolStatistics(
        pool=pool,
        sku=history.sku,
        as_of=history.as_of,
        price_usd_per_hour=price,
        price_kind=history.price_kind,
        price_age_s=(history.as_of - seen_at if seen_at else history.window).total_seconds(),
        price_mean_usd_per_hour=history.price_mean_usd_per_hour or price,
        price_log_sd=history.price_log_sd or 0.0,
        price_changes=history.price_changes,
        on_demand_usd_per_hour=float(list_price) if list_price is not None else _own_list_price(pool, price),
        evidence=danger.evidence,
        borrowed_from="; ".join(words) or None,
        preemptions=danger.preemptions,
        exposure_hours=danger.exposure_hours,
        hazard_shape=danger.belief.shape,
        hazard_rate_hours=danger.belief.rate_hours,
        available_share=_share(history),
        available_now=history.available_now,
        up_hours=history.up_hours,
        gap_hours=gap_hours,
        observed_until=history.observed_until,
        sources=history.sources,
        synthetic=history.synthetic,
    )


def _own_list_price(pool: Pool, price: float) -> float | None:
    return price if pool.capacity_type is CapacityType.ON_DEMAND else None


def _share(history: PoolHistory) -> float | None:
    """Return the share of probed hours with capacity; None where nobody probed."""
    if history.probe_observed_hours <= 0:
        return None
    return min(history.probe_up_hours / history.probe_observed_hours, 1.0)
