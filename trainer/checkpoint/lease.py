"""The lease: which attempt may write into a store, and which life of it, decided by compare-and-swap.

The epoch is the attempt. A newer attempt takes the lease before it restores; from then on an older one, a
zombie from before the preemption or a machine that slept, is refused whenever it asks, and it asks right
before it commits. Within an attempt a group of ranks may be started again, or come apart into two that do not
see each other: each has drawn a random word, its life, and the life that took the lease last has it.
Between that question and the creation of a root there is a moment; what happens in it is caught by the root's
number, which can be taken only once (`saver`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import FencedOut
from ..fields import Ordinal, parse_json
from .stores import Store, StoreTrouble

LEASE = "lease.json"
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Held:
    """Who has a lease; attempt 0 for nobody, and no life where whoever took it drew none."""

    epoch: int
    life: str | None = None


def take(store: Store, epoch: Ordinal, life: str | None = None) -> None:
    """Take the lease for a life of an attempt; nothing happens where it has it, or where it names no life.

    Raises:
        FencedOut: A newer attempt has it.
        StoreTrouble: Others took it again and again in between, or the store cannot be used.
    """
    for _ in range(ATTEMPTS):
        found = store.read_tagged(LEASE)
        held = _held(found, store)
        _refuse_older(held, epoch)
        if held.epoch == epoch and life in (None, held.life):
            return
        record = {"epoch": epoch, "life": life, "taken_at": datetime.now(UTC).isoformat()}
        if store.swap(LEASE, json.dumps(record).encode(), found and found[1]):
            return
    raise StoreTrouble(
        f"{store.url}/{LEASE} was changed {ATTEMPTS} times while we took it.", fix="See who else starts."
    )


def holder(store: Store) -> int:
    """Return the newest attempt that took the lease; 0 where none did."""
    return _held(store.read_tagged(LEASE), store).epoch


def refuse_zombie(store: Store, epoch: Ordinal, life: str | None = None) -> None:
    """Return where neither a newer attempt nor another life of ours has the lease; nobody's refuses nobody.

    Raises:
        FencedOut: One of them has it.
    """
    held = _held(store.read_tagged(LEASE), store)
    _refuse_older(held, epoch)
    if held.epoch == epoch and None not in (life, held.life) and held.life != life:
        raise FencedOut(
            f"Attempt {epoch} was started again elsewhere (life {held.life}); this is life {life} of it and "
            f"must not commit any more.",
            fix="Stop this process; the run goes on in the other.",
        )


def _refuse_older(held: Held, epoch: int) -> None:
    if held.epoch > epoch:
        raise FencedOut(
            f"Attempt {held.epoch} holds the lease; this is attempt {epoch} and must not commit any more.",
            fix="Stop this process; the run goes on elsewhere.",
        )


def _held(found: tuple[bytes, str] | None, store: Store) -> Held:
    if found is None:
        return Held(0)
    told = parse_json(found[0], "The lease", StoreTrouble)
    epoch, life = told.get("epoch"), told.get("life")
    if not isinstance(epoch, int) or isinstance(epoch, bool):
        raise StoreTrouble(f"{store.url}/{LEASE} holds no epoch.", fix="Remove it; the next start writes it.")
    return Held(epoch, life if isinstance(life, str) else None)
