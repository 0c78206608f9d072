"""Where a run's checkpoints lie under the root of a store; one run per root.

manifests/<generation>.json    root manifests, created last: a checkpoint exists when its root does
ranks/<save_id>/<rank>.json    one manifest per rank, before the root
blobs/<save_id>-<rank>.blob    the ranks' blocks, first
lease.json                     the newest attempt
drafts/<save_id>.json          on one node of several: the root that a save may still become
quarantine/<name>              what did not verify; a number seen here is not used again
"""

from __future__ import annotations

from .stores import Store

MANIFESTS, RANKS, BLOBS, QUARANTINE = "manifests/", "ranks/", "blobs/", "quarantine/"
DRAFTS = "drafts/"


def manifest_key(generation: int) -> str:
    """Return the key of a generation's root manifest."""
    return f"{MANIFESTS}{generation:09d}.json"


def rank_key(save_id: str, rank: int) -> str:
    """Return the key of a rank's manifest."""
    return f"{RANKS}{save_id}/{rank:05d}.json"


def save_id_of(rank_manifest_key: str) -> str:
    """Return the save that a rank's manifest is of."""
    return rank_manifest_key.removeprefix(RANKS).partition("/")[0]


def blob_key(save_id: str, rank: int) -> str:
    """Return the key of a rank's blob."""
    return f"{BLOBS}{save_id}-{rank:05d}.blob"


def draft_key(save_id: str) -> str:
    """Return the key of a save's draft."""
    return f"{DRAFTS}{save_id}.json"


def failed_key(save_id: str, rank: int) -> str:
    """Return the key of the word that a rank's part will not come."""
    return f"{RANKS}{save_id}/{rank:05d}.failed"


def generations(store: Store, prefix: str = MANIFESTS) -> list[int]:
    """Return the generations that have a root manifest, valid or not, newest first."""
    names = (found.key.removeprefix(prefix) for found in store.list(prefix))
    stems = (name.removesuffix(".json") for name in names if name.endswith(".json"))
    return sorted((int(stem) for stem in stems if stem.isdecimal()), reverse=True)


def next_generation(store: Store) -> int:
    """Return the number of the next checkpoint; one that was put aside is not used again."""
    return max([0, *generations(store), *generations(store, QUARANTINE)]) + 1
