"""Where a root goes that does not verify. Nothing that is there already is lost for it."""

from __future__ import annotations

import sys
from itertools import count

from .layout import MANIFESTS, QUARANTINE, manifest_key
from .stores import Absent, DeleteRefused, Store


def put_aside(store: Store, generation: int, reason: str) -> None:
    """Move a root that did not verify to quarantine, with the reason beside it."""
    print(f"lowtide-run: checkpoint {generation} is not valid: {reason}", file=sys.stderr)
    key = manifest_key(generation)
    try:
        name = _keep(store, key, store.read(key))
        store.create(f"{name}.reason", f"{reason}\n".encode())
        store.delete(key)
    except Absent:
        return
    except DeleteRefused as refused:  # As a node's rights should be; it stays, and is passed over again.
        print(f"lowtide-run: it stays where it is: {refused}", file=sys.stderr)


def _keep(store: Store, key: str, raw: bytes) -> str:
    """Create it in quarantine under the first name that is free, or has it already; return the name."""
    stem = QUARANTINE + key.removeprefix(MANIFESTS).removesuffix(".json")
    for number in count(1):
        name = f"{stem}.json" if number == 1 else f"{stem}-{number}.json"
        if store.create(name, raw) or store.read(name) == raw:
            return name
    raise AssertionError("unreachable")
