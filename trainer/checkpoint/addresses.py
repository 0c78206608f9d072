"""Where a plan says checkpoints go: committed in the first store, copied to the others."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ..plan import Plan
from .lease import take
from .stores import Store, StoreTrouble, open_store

MUST_ANSWER = 2  # The first stores may hold what is newer than anywhere else; replicas do not.


def urls(plan: Plan) -> list[str]:
    """Return the addresses of the stores that hold whole checkpoints, the nearest first.

    Nodes do not see each other's disks, so that several of them commit to what they share.
    """
    shared = _shared(plan)
    return shared if near_url(plan) else [_local(plan), *shared]


def near_url(plan: Plan) -> str | None:
    """Return the address of this node's own disk, where it takes this node's parts before they are carried.

    None where there is one node, whose disk holds whole checkpoints, or nothing that nodes share.
    """
    return _local(plan) if plan.nodes.count > 1 and _shared(plan) else None


def near_store(plan: Plan) -> Store | None:
    """Return the store at `near_url`."""
    url = near_url(plan)
    return None if url is None else open_store(url)


def _local(plan: Plan) -> str:
    """Return this machine's folder as an address, in which a `#` is one of its letters."""
    return Path(plan.stores.on_this_machine().local_dir).absolute().as_uri()


def _shared(plan: Plan) -> list[str]:
    return [*filter(None, [plan.stores.primary_url]), *plan.stores.replica_urls]


def far_url(plan: Plan, rank: int = 0) -> str | None:
    """Return the address of the store that a machine's loss does not reach, where this rank copies there.

    None where there is none. Of several nodes each rank carries its own part, of one rank 0 copies all.
    """
    first, *others = urls(plan)
    if near_url(plan):
        return open_store(first).url
    return open_store(others[0]).url if others and rank == 0 else None


def open_stores(plan: Plan) -> list[Store]:
    """Return the stores at them."""
    return [open_store(url) for url in urls(plan)]


def take_leases(stores: Sequence[Store], attempt: int, life: str) -> list[str]:
    """Fence older attempts and lives out, wherever checkpoints go.

    Returns:
        The addresses of replicas that could not be reached: no obstacle, and taken before the first copy.

    Raises:
        FencedOut: A newer attempt has one of them.
        StoreTrouble: One that must answer does not.
    """
    owed = []
    for number, store in enumerate(stores):
        try:
            take(store, attempt, life)
        except StoreTrouble as trouble:
            if number < MUST_ANSWER:
                raise
            owed.append(store.url)
            print(f"lowtide-run: {trouble}", file=sys.stderr)
    return owed
