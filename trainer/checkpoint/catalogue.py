"""The list of a run's checkpoints over all its stores, made by listing them: losing it loses nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ..fields import to_dict
from .crypt import Keyring, KeyTrouble
from .frames import BadBlock
from .layout import generations, manifest_key
from .manifest import BadManifest, Manifest, root_from_bytes
from .reading import read_root
from .retention import PINS
from .stores import Absent, Store
from .verify import verify

TOLD = ("run_id", "epoch", "step", "tier", "exact", "bytes")
State = Literal["absent", "committed", "verified", "damaged", "another"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreState:
    """How a checkpoint stands in one store."""

    url: str
    state: State
    reason: str | None = None  # Why it is damaged, or how it is another.


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueRow:
    """One checkpoint, and how it stands in each store. Fields of a root that nobody can read are None."""

    generation: int
    sha256: str | None
    manifest: Manifest | None
    pinned: bool
    stores: tuple[StoreState, ...]

    @property
    def is_good(self) -> bool:
        """Whether some store holds it, as far as was looked."""
        return any(each.state in ("committed", "verified") for each in self.stores)

    def to_json(self) -> dict[str, Any]:
        """Return the row as plain JSON."""
        body = self.manifest
        return {
            "generation": self.generation,
            "sha256": self.sha256,
            **{
                name: getattr(body, name, None)
                for name in ("run_id", "epoch", "step", "tier", "exact", "bytes")
            },
            "keyframe": body.keyframe.generation if body and body.keyframe else None,
            "committed_at": to_dict(body)["committed_at"] if body else None,
            "world_size": body.world_size if body else None,
            "pinned": self.pinned,
            "stores": [{"url": each.url, "state": each.state, "reason": each.reason} for each in self.stores],
        }


def catalogue(
    stores: Sequence[Store], *, keyring: Keyring | None = None, thoroughly: bool = False
) -> list[CatalogueRow]:
    """Return every checkpoint that any of the stores lists, newest first.

    Args:
        thoroughly: Read every block of every checkpoint back, and say `verified` or `damaged`.
    """
    listed = [set(generations(store)) for store in stores]
    pinned = {number for store in stores for number in generations(store, PINS)}
    rows = []
    for number in sorted(set().union(*listed), reverse=True):
        holders = [store if number in found else None for store, found in zip(stores, listed, strict=True)]
        rows.append(_row(number, stores, holders, number in pinned, keyring, thoroughly))
    return rows


def _row(
    number: int,
    stores: Sequence[Store],
    holders: list[Store | None],
    pinned: bool,
    keyring: Keyring | None,
    thoroughly: bool,
) -> CatalogueRow:
    sha256: str | None = None
    manifest: Manifest | None = None
    states = []
    for store, holds in zip(stores, holders, strict=True):
        if holds is None:
            states.append(StoreState(url=store.url, state="absent"))
            continue
        try:
            root = root_from_bytes(store.read(manifest_key(number)))
        except (BadManifest, Absent) as trouble:
            states.append(StoreState(url=store.url, state="damaged", reason=str(trouble)))
            continue
        if sha256 is None:
            sha256, manifest = root.sha256, root.manifest
        states.append(_state(store, number, root.sha256, sha256, keyring, thoroughly))
    return CatalogueRow(
        generation=number, sha256=sha256, manifest=manifest, pinned=pinned, stores=tuple(states)
    )


def _state(
    store: Store, number: int, sha256: str, expected: str, keyring: Keyring | None, thoroughly: bool
) -> StoreState:
    if sha256 != expected:
        return StoreState(url=store.url, state="another", reason=f"it is {sha256}")
    if not thoroughly:
        return StoreState(url=store.url, state="committed")
    try:
        verify(store, read_root(store, number, keyring), keyring)
    except (BadManifest, BadBlock, KeyTrouble, Absent) as trouble:
        return StoreState(url=store.url, state="damaged", reason=str(trouble))
    return StoreState(url=store.url, state="verified")
