"""Instances that ran, from the store: what a family's lives are learned from where machines were held."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from collector.store import Store
from model.errors import InsufficientHistory
from model.tenure_lives import tenure_lives
from model.tenured import Ran, ran_of
from model.watched import Place

from .watched import place_of

BEGAN_WITHIN = timedelta(days=90)  # Instances live for days or weeks; those that began before are left out.


def ran_in(
    store: Store, provider: str, gpu_model: str, others: Sequence[Place], *, as_of: datetime
) -> Ran | None:
    """Return what a family's spot instances taught by an instant; None where too few were taken back.

    Args:
        store: Where tenures are read.
        provider: Of the family.
        gpu_model: Of the family.
        others: Pools of the family that may be asked about, those with instances among them or not.
        as_of: Nothing effective or observed later counts.
    """
    from_at = as_of - BEGAN_WITHIN
    found = store.tenures_of_kind(provider, gpu_model, from_at=from_at, as_of=as_of)
    pools = {pool: list(each) for pool, each in groupby(found, key=lambda tenure: tenure.pool)}
    own = [place_of(pool, gpu_model) for pool in pools]
    rest = [place for place in others if place not in set(own)]
    try:
        return ran_of([*own, *rest], tenure_lives(list(pools.values()), from_at=from_at, as_of=as_of))
    except InsufficientHistory:
        return None
