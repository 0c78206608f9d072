"""The lease: which attempt may write into a store, decided by compare-and-swap.

The epoch is the attempt. A newer attempt takes the lease before it restores; from then on an older one, a
zombie from before the preemption or a machine that slept, is refused whenever it asks, and it asks right
before it commits. Between that question and the creation of a root there is a moment; what happens in it
is caught by the root's number, which can be taken only once (`saver`).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from ..errors import FencedOut
from ..fields import Ordinal, parse_json
from .stores import Store, StoreTrouble

LEASE = "lease.json"
ATTEMPTS = 20


def take(store: Store, epoch: Ordinal) -> None:
    """Take the lease for an attempt; nothing happens where this attempt has it.

    Raises:
        FencedOut: A newer attempt has it.
        StoreTrouble: Others took it again and again in between, or the store cannot be used.
    """
    for _ in range(ATTEMPTS):
        found = store.read_tagged(LEASE)
        held = 0 if found is None else _epoch_of(found[0], store)
        _refuse(held, epoch)
        if held == epoch:
            return
        record = {"epoch": epoch, "taken_at": datetime.now(UTC).isoformat()}
        if store.swap(LEASE, json.dumps(record).encode(), found and found[1]):
            return
    raise StoreTrouble(
        f"{store.url}/{LEASE} was changed {ATTEMPTS} times while we took it.", fix="See who else starts."
    )


def holder(store: Store) -> int:
    """Return the newest attempt that took the lease; 0 where none did."""
    found = store.read_tagged(LEASE)
    return 0 if found is None else _epoch_of(found[0], store)


def refuse_zombie(store: Store, epoch: Ordinal) -> None:
    """Return where no newer attempt has the lease; nobody's lease refuses nobody.

    Raises:
        FencedOut: A newer attempt has it.
    """
    _refuse(holder(store), epoch)


def _refuse(held: int, epoch: int) -> None:
    if held > epoch:
        raise FencedOut(
            f"Attempt {held} holds the lease; this is attempt {epoch} and must not commit any more.",
            fix="Stop this process; the run goes on elsewhere.",
        )


def _epoch_of(raw: bytes, store: Store) -> int:
    epoch = parse_json(raw, "The lease", StoreTrouble).get("epoch")
    if not isinstance(epoch, int) or isinstance(epoch, bool):
        raise StoreTrouble(f"{store.url}/{LEASE} holds no epoch.", fix="Remove it; the next start writes it.")
    return epoch
