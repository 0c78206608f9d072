"""What the service remembers of a run's checkpoints, so that a store that was rolled back is noticed.

A bucket restored from yesterday looks whole. But the service was told of every commit and of every copy, and
where: a store that should hold a generation and shows only older ones has lost it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from .checkpoint.layout import MANIFESTS, QUARANTINE, generations
from .checkpoint.stores import Store, StoreTrouble
from .errors import RolledBack, ServiceUnreachable
from .plan import Plan
from .wire import ask


def newest_by_store(plan: Plan, token: str | None) -> dict[str, int]:
    """Return the newest generation the service knows in each store, by the store's URL.

    Nothing where there is no service, or it does not answer: a run does not wait for it.
    """
    if plan.service is None:
        return {}
    url = f"{plan.service.url.rstrip('/')}/v1/runs/{quote(plan.run_id, safe='')}/checkpoints"
    try:
        return parse(ask(url, token=token))
    except ServiceUnreachable as trouble:
        print(f"lowtide-run: nobody remembers the newest checkpoint: {trouble}", file=sys.stderr)
        return {}


def parse(answer: Mapping[str, Any]) -> dict[str, int]:
    """Read the service's answer; what is not understood is left out."""
    newest: dict[str, int] = {}
    for part, name in (("checkpoints", "manifest_url"), ("copies", "url")):
        rows = answer.get(part)
        for row in rows if isinstance(rows, list) else []:
            url, generation = (
                (row.get(name), row.get("generation")) if isinstance(row, dict) else (None, None)
            )
            if isinstance(url, str) and type(generation) is int and f"/{MANIFESTS}" in url:
                store = url.rpartition(f"/{MANIFESTS}")[0]
                newest[store] = max(newest.get(store, 0), generation)
    return newest


def refuse_rolled_back(stores: Sequence[Store], newest: Mapping[str, int]) -> None:
    """Accept stores that show the generations they are known to hold.

    A folder that is empty is a new machine's and nothing to wonder at; an empty bucket is. Every machine may
    have a folder of that name: older ones in it are no wonder where another store holds what is known.

    Raises:
        RolledBack: One shows only older ones.
    """
    for store in stores:
        known = newest.get(store.url.rstrip("/"), 0)
        if known == 0:
            continue
        shown, is_folder = _shown(store), store.url.startswith("file:")
        if shown >= known or (is_folder and not shown):
            continue
        if is_folder and any(_holds(other, known) for other in stores if other is not store):
            continue
        raise RolledBack(
            f"{store.url} held generation {known}, as the service was told, and now shows "
            f"{shown or 'none'}: it was rolled back, or objects in it were removed.",
            fix="Bring its newer objects back; if they are lost, open a new run and start from these.",
        )


def _shown(store: Store) -> int:
    return max([*generations(store), *generations(store, QUARANTINE)], default=0)


def _holds(store: Store, known: int) -> bool:
    with suppress(StoreTrouble):
        return _shown(store) >= known
    return False
