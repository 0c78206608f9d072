"""How likely a pool is taken away, on the best evidence there is.

In falling order: its own tenures, its own probes, its siblings, a published band, refusal. Each
kind of sighting counts from 48 h of exposure; what little a pool showed below that is added to
what its siblings or its band say. Where siblings and a band both speak, siblings are taken, for
they were counted, and the answer says that the band was not.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InsufficientHistory
from .lifetime import JEFFREYS, Belief, updated
from .market import CapacityType, Evidence, Pool, PoolHistory
from .published import Published, band_words
from .siblings import MIN_EXPOSURE_HOURS, Siblings, Sightings, best_sightings, counts
from .signals import with_own_counts

NOT_TAKEN_BACK = frozenset({CapacityType.ON_DEMAND, CapacityType.RESERVED, CapacityType.CAPACITY_BLOCK})


@dataclass(frozen=True, slots=True, kw_only=True)
class Danger:
    """How likely a pool is taken away, on what evidence, and in whose name."""

    belief: Belief
    evidence: Evidence
    preemptions: int
    exposure_hours: float
    borrowed_from: str | None = None
    published: Published | None = None  # The band the belief rests on; None where it rests on sightings.
    own_preemptions: int = 0  # Of the pool itself, where the counts above are its siblings'.
    own_exposure_hours: float = 0.0


def danger(
    history: PoolHistory, siblings: Siblings, published: Published | None, *, borrow: str, unused: str | None
) -> Danger:
    """Return what is believed of a pool's hazard.

    Args:
        history: What was seen of it.
        siblings: Pools that may speak for it.
        published: The band that may.
        borrow: How far siblings were sought, for the refusal.
        unused: Why a band that is published may not speak; None where there is none.

    Raises:
        InsufficientHistory: Nothing may speak for it; the message says what is missing.
    """
    if history.pool.capacity_type in NOT_TAKEN_BACK:
        return Danger(belief=Belief(0.0, 0.0), evidence=Evidence.CONTRACT, preemptions=0, exposure_hours=0.0)
    own = best_sightings(history)
    if own is not None:
        return _own(history, siblings, own)
    lent = best_sightings(siblings)
    if lent is not None:
        return _borrowed(history, siblings, lent, published)
    if published is not None:
        return _published(history, published)
    raise _too_little(history, siblings, borrow, unused)


def _own(history: PoolHistory, siblings: Siblings, kind: Sightings) -> Danger:
    preemptions, exposed = counts(history, kind)
    prior = siblings.belief(kind) if siblings.exposure_hours(kind) >= MIN_EXPOSURE_HOURS else JEFFREYS
    return Danger(
        belief=updated(prior, preemptions, exposed),
        evidence=kind,
        preemptions=preemptions,
        exposure_hours=exposed,
    )


def _borrowed(
    history: PoolHistory, siblings: Siblings, kind: Sightings, published: Published | None
) -> Danger:
    """Return the siblings' belief, updated by what little the pool itself was watched."""
    seen = [counts(h, kind) for h in siblings.histories if counts(h, kind)[1] > 0]
    preemptions, exposed = sum(k for k, _ in seen), sum(hours for _, hours in seen)
    own, own_hours = counts(history, kind)
    beside = (
        ""
        if published is None
        else f" (the {band_words(published.signal)} was not used: siblings were counted)"
    )
    return Danger(
        belief=updated(siblings.belief(kind), own, own_hours),
        evidence=Evidence.BORROWED,
        preemptions=preemptions,
        exposure_hours=exposed,
        own_preemptions=own,
        own_exposure_hours=own_hours,
        borrowed_from=(
            f"hazard from {len(seen)} sibling pool{'s' * (len(seen) > 1)} in {siblings.scope}: "
            f"{preemptions} {_what(kind)} in {exposed:.0f} h{_besides(own, own_hours)}{beside}"
        ),
    )


def _published(history: PoolHistory, published: Published) -> Danger:
    """Return the band's belief, updated by what little the pool itself was watched."""
    tenures, probes = counts(history, Evidence.TENURES), counts(history, Evidence.PROBES)
    own, own_hours = tenures if tenures[1] >= probes[1] else probes
    return Danger(
        belief=with_own_counts(published.belief, own, own_hours),
        evidence=Evidence.PUBLISHED,
        preemptions=own,
        exposure_hours=own_hours,
        borrowed_from=f"hazard from the {published.words}{_besides(own, own_hours)}",
        published=published,
    )


def _besides(own: int, own_hours: float) -> str:
    return f", and its own {own} in {own_hours:.0f} h" if own_hours else ""


def _what(kind: Sightings) -> str:
    return "preemptions" if kind is Evidence.TENURES else "drops of availability"


def _too_little(
    history: PoolHistory, siblings: Siblings, borrow: str, unused: str | None
) -> InsufficientHistory:
    exposed = max(history.tenure_exposure_hours, history.probe_up_hours)
    days = history.window.total_seconds() / 86_400
    wider = f"Widen the window (--window {3 * days:.0f}d)"
    others = {
        "none": f"{wider}, or accept the regional figure with --borrow region.",
        "region": f"{wider}, or accept the provider's figure with --borrow provider.",
        "provider": f"{wider}, or collect probes of this pool or of its siblings.",
    }
    return InsufficientHistory(
        f"{name_of(history.pool)} has {exposed:.0f} instance-hours of exposure in the last {days:.0f} days"
        f"{'' if borrow == 'none' else f', and no siblings within its {borrow} have enough'}"
        f"{'' if unused is None else f', and {unused}'}; "
        f"a hazard needs {MIN_EXPOSURE_HOURS:.0f} to mean anything.",
        fix=others[borrow],
    )


def name_of(pool: Pool) -> str:
    """Return a pool as refusals name it."""
    return f"{pool.zone or pool.region} {pool.sku}"
