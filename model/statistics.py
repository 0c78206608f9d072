"""From what was seen of a pool to what is believed of it, with what that belief rests on.

What the hazard rests on is `model.evidence`'s choice. A pool nobody watched never gets hazard
zero, and a wait nobody saw never takes zero hours.
Nothing here reads a clock or a store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .errors import ImpossibleInput, InsufficientHistory, LowtideError
from .estimate import PoolStatistics
from .evidence import NOT_TAKEN_BACK, danger, name_of
from .market import CapacityType, Pool, PoolHistory
from .published import NO_SIGNALS, Signals, published_of, why_unused
from .siblings import ALONE, BORROWING, MIN_EXPOSURE_HOURS, Siblings, families, family, nearest_siblings
from .signals import ASSUMED, Assumptions
from .validity import quantity

__all__ = ["MIN_EXPOSURE_HOURS", "Refusal", "all_statistics", "pool_statistics"]

ASSUMED_GAP_HOURS = 2.0  # Where no wait was ever recorded: above the median, 1.6 h, of 13 AWS pools 2022-23.
PRIOR_GAPS = 1.0  # The gap of siblings, or the assumed one, weighs as much as one recorded wait.


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
    return _believed(history, ALONE, "none", NO_SIGNALS, ASSUMED)


def all_statistics(
    histories: Iterable[PoolHistory],
    *,
    borrow: str,
    signals: Signals = NO_SIGNALS,
    assumed: Assumptions = ASSUMED,
) -> tuple[list[PoolStatistics], list[Refusal]]:
    """Return statistics of every pool that supports them, in input order, and who was refused.

    Args:
        histories: One per pool, all as of the same instant.
        borrow: How far siblings may speak for a pool: none, region, or provider (region first).
            Siblings also shrink a pool's own small counts.
        signals: Published bands by place (`published.by_place`), visible at that instant. They
            speak for a pool for which no sighting does, whatever `borrow` says.
        assumed: What a band does not state and a hazard needs.

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
            siblings = nearest_siblings(history, relatives[family(history)], borrow)
            found.append(_believed(history, siblings, borrow, signals, assumed))
        except LowtideError as refusal:
            refused.append(
                Refusal(pool=history.pool, rule=refusal.slug, reason=f"{refusal.seen} {refusal.fix}")
            )
    return found, refused


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


def _believed(
    history: PoolHistory, siblings: Siblings, borrow: str, signals: Signals, assumed: Assumptions
) -> PoolStatistics:
    pool = history.pool
    if history.price_usd_per_hour is None or history.price_kind is None:
        raise InsufficientHistory(
            f"{name_of(pool)} has no price in force as of {history.as_of:%Y-%m-%d %H:%M} UTC; "
            "a cost needs at least 1.",
            fix="Collect prices of this pool, or add a list price with its source to the catalog.",
        )
    price = float(quantity("Price", float(history.price_usd_per_hour), "USD/h", above_zero=True))
    published = published_of(pool, signals, assumed)
    unused = None if published else why_unused(pool, signals, assumed)
    believed = danger(history, siblings, published, borrow=borrow, unused=unused)
    used = believed.published.signal if believed.published else None
    gap_hours, gap_origin = _gap(history, siblings)
    seen_at = history.price_observed_at or history.price_effective_at
    list_price = history.on_demand_usd_per_hour
    words = [part for part in (believed.borrowed_from, gap_origin) if part]
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
        evidence=believed.evidence,
        borrowed_from="; ".join(words) or None,
        preemptions=believed.preemptions,
        exposure_hours=believed.exposure_hours,
        hazard_shape=believed.belief.shape,
        hazard_rate_hours=believed.belief.rate_hours,
        available_share=_share(history),
        available_now=history.available_now,
        up_hours=history.up_hours,
        gap_hours=gap_hours,
        observed_until=history.observed_until,
        sources=tuple(sorted({*history.sources, used.source_id})) if used else history.sources,
        synthetic=history.synthetic or (used is not None and used.synthetic),
        published=believed.published,
        own_preemptions=believed.own_preemptions,
        own_exposure_hours=believed.own_exposure_hours,
    )


def _own_list_price(pool: Pool, price: float) -> float | None:
    return price if pool.capacity_type is CapacityType.ON_DEMAND else None


def _share(history: PoolHistory) -> float | None:
    """Return the share of probed hours with capacity; None where nobody probed."""
    if history.probe_observed_hours <= 0:
        return None
    return min(history.probe_up_hours / history.probe_observed_hours, 1.0)
