"""What stays on a node's own disk where several nodes commit to a store they share.

No root ever stands there, for no node holds a whole checkpoint; kept are the parts of saves that are
committed, on their way, or measured from, and what these name. All ranks of a node keep the same.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from .layout import BLOBS, DRAFTS, RANKS, save_id_of
from .local_store import LocalStore
from .stores import Absent, Store

AGE = len("000000-000000000")  # A save's name begins with its attempt and step.
LEFTOVER_S = 3600.0


def sweep_near(near: Store, committed: str, keep: Collection[str | None]) -> list[str]:
    """Remove the parts of saves older than the one committed that nobody keeps; return their keys.

    What another rank of this node writes meanwhile is younger than that, and stays.
    """
    removed, needed = [], set[str]()
    for found in [*near.list(DRAFTS), *near.list(RANKS)]:
        save_id = save_id_of(found.key.replace(DRAFTS, RANKS).removesuffix(".json"))
        if save_id in keep or save_id[:AGE] >= committed[:AGE]:
            needed |= _blobs_of(near, found.key)
        else:
            removed.append(found.key)
    for found in near.list(BLOBS):
        if found.key not in needed and found.key.removeprefix(BLOBS)[:AGE] < committed[:AGE]:
            removed.append(found.key)
    for key in removed:
        near.delete(key)
    if isinstance(near, LocalStore):
        near.sweep_temporaries(datetime.now(UTC) - timedelta(seconds=LEFTOVER_S))
    return removed


def _blobs_of(near: Store, key: str) -> set[str]:
    """Return the blobs that a rank manifest names; of one that cannot be read, none."""
    if not key.startswith(RANKS):
        return set()
    try:
        return set(json.loads(near.read(key))["placement"]["blobs"])
    except (Absent, ValueError, KeyError, TypeError):
        return set()
