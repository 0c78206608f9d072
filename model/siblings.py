"""Pools like a pool: whose sightings may speak for it, and which kind of sighting counts.

Siblings share provider, GPU model and capacity type. On recorded traces pools of one region
move together far more than pools of different regions, so the region is asked first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from .lifetime import Belief, sibling_belief
from .market import CapacityType, Evidence, PoolHistory

MIN_EXPOSURE_HOURS = 48.0  # Below this, counts say nothing a prior did not say.

BORROWING = ("none", "region", "provider")  # How far siblings may speak for a pool.
Sightings = Literal[Evidence.TENURES, Evidence.PROBES]
Family = tuple[str, str, CapacityType]  # Provider, GPU model, capacity type.


@dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """Pools of the same provider and GPU model whose sightings stand in for a pool's own."""

    scope: str  # In words: "region us-east-1", "provider aws".
    histories: tuple[PoolHistory, ...]

    def exposure_hours(self, kind: Sightings) -> float:
        """Hours at risk over all siblings, by one kind of sighting."""
        return sum(counts(h, kind)[1] for h in self.histories)

    def belief(self, kind: Sightings) -> Belief:
        """What the siblings' counts say of a pool like them."""
        seen = [counts(h, kind) for h in self.histories]
        return sibling_belief([k for k, _ in seen], [hours for _, hours in seen])


ALONE = Siblings(scope="no siblings", histories=())


def family(history: PoolHistory) -> Family:
    """Return the family a pool belongs to."""
    return history.pool.provider, history.sku.gpu_model, history.pool.capacity_type


def families(histories: Sequence[PoolHistory]) -> dict[Family, list[PoolHistory]]:
    """Return pools by family, in input order."""
    found: dict[Family, list[PoolHistory]] = {}
    for history in histories:
        found.setdefault(family(history), []).append(history)
    return found


def nearest_siblings(history: PoolHistory, relatives: Sequence[PoolHistory], borrow: str) -> Siblings:
    """Return the nearest siblings that were watched enough to lend; `ALONE` where none were."""
    others = tuple(h for h in relatives if h.pool != history.pool)
    region = tuple(h for h in others if h.pool.region == history.pool.region)
    near = Siblings(scope=f"region {history.pool.region}", histories=region)
    far = Siblings(scope=f"provider {history.pool.provider}", histories=others)
    for group in {"none": (), "region": (near,), "provider": (near, far)}[borrow]:
        if best_sightings(group) is not None:
            return group
    return ALONE


def best_sightings(of: PoolHistory | Siblings) -> Sightings | None:
    """Return the best kind of sighting that reaches the minimum exposure, or None."""
    for kind in (Evidence.TENURES, Evidence.PROBES):
        exposed = of.exposure_hours(kind) if isinstance(of, Siblings) else counts(of, kind)[1]
        if exposed >= MIN_EXPOSURE_HOURS:
            return kind
    return None


def counts(history: PoolHistory, kind: Sightings) -> tuple[int, float]:
    """Return preemptions and hours at risk: a drop in availability stands for a preemption in probes."""
    if kind is Evidence.TENURES:
        return history.tenure_preemptions, history.tenure_exposure_hours
    return history.probe_drops, history.probe_up_hours
