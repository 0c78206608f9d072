"""Reads what stands in a store: roots, rank manifests, and blocks, each verified as it is read.

A `Reader` is one rank's part of one checkpoint. It may be given more stores that hold the same part: a
block that does not verify in the first is fetched from the next before the checkpoint is given up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .crypt import TAG_BYTES, Keyring, KeyTrouble, RunSecret, Wrapped
from .frames import BLOCK_BYTES, BadBlock
from .layout import generations, manifest_key
from .manifest import (
    BadManifest,
    Manifest,
    Place,
    RankEntry,
    RankManifest,
    authenticate,
    rank_from_bytes,
    root_from_bytes,
)
from .opening import FrameOpener
from .stores import Absent, Store, StoreTrouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """A root manifest that was read and, where a keyring was given, authenticated."""

    manifest: Manifest
    sha256: str
    key: str
    secret: Wrapped | None
    unlocked: RunSecret | None


def read_root(store: Store, generation: int, keyring: Keyring | None) -> Root:
    """Read one root manifest.

    Raises:
        BadManifest: It is absent, torn, changed, of another generation than its name says, or not
            sealed where a keyring was given: whoever has no key may not write for one who has.
        KeyTrouble: It is sealed, and the keyring is absent or lacks its key.
    """
    key = manifest_key(generation)
    try:
        raw = store.read(key)
    except Absent:
        raise BadManifest(f"{key} is absent.", fix="Take an older checkpoint.") from None
    found = root_from_bytes(raw)
    if found.manifest.generation != generation:
        raise BadManifest(f"{key} holds generation {found.manifest.generation}.", fix="Restore the file.")
    return Root(
        manifest=found.manifest,
        sha256=found.sha256,
        key=key,
        secret=found.secret,
        unlocked=unlock(raw, found.secret, keyring),
    )


def unlock(raw: bytes, wrapped: Wrapped | None, keyring: Keyring | None) -> RunSecret | None:
    """Return the run secret of a root that a holder of it wrote; raises what `read_root` does."""
    if wrapped is None and keyring is None:
        return None
    if wrapped is None:
        raise BadManifest("The manifest is not sealed, and the plan names a key.", fix="Take an older one.")
    if keyring is None:
        raise KeyTrouble(
            f"The checkpoint is sealed with key {wrapped.key_id}, and the plan names no key.",
            fix="Name the keyring in stores.key_ref.",
        )
    secret = keyring.unwrap(wrapped)
    authenticate(raw, secret)
    return secret


def newest_readable(store: Store) -> Manifest | None:
    """Return the newest root that can be parsed, sealed or not; None where there is none."""
    for generation in generations(store):
        try:
            return root_from_bytes(store.read(manifest_key(generation))).manifest
        except (BadManifest, Absent):
            continue
    return None


def refuse_gaps(store: Store, entries: Sequence[RankEntry]) -> None:
    """Accept parts whose every manifest and blob stands, before a root may name them.

    A save that took longer than the grace of a sweep elsewhere may have lost what it wrote first.

    Raises:
        BadManifest: Something is absent.
    """
    for entry in entries:
        try:
            rank = rank_from_bytes(store.read(entry.key), entry.sha256)
        except Absent:
            raise BadManifest(f"{entry.key} is gone before the commit.", fix="Save again.") from None
        for blob in rank.blobs:
            if store.head(blob) is None:
                raise BadManifest(f"{blob} is gone before the commit.", fix="Save again.")


class Reader:
    """One rank's part of a checkpoint, and the blocks in it.

    Args:
        others: Where to look for what does not verify in `store`.
        near: Where to look first: this node's disk, which holds some parts and lacks others.

    Raises:
        BadManifest: The rank's manifest is absent, torn, or not the one the root names.
        StoreTrouble: It verifies nowhere, and a store that did not answer may hold it: no proof of damage.
    """

    def __init__(
        self,
        store: Store,
        root: Root,
        entry: RankEntry,
        *,
        others: Sequence[Store] = (),
        near: Store | None = None,
    ) -> None:
        self._entry, self._near = entry, near
        self._stores = [*([] if near is None else [near]), store, *others]
        self._ranks: list[RankManifest | None] = [None] * len(self._stores)
        self.damaged: set[str] = set()  # Addresses that did not verify in the first that should hold them.
        self.near_bytes: list[int] = []  # Stored bytes of the blocks that were read from this node's disk.
        self.rank = self._first_rank()
        self._opener = FrameOpener(root.manifest.run_id, root.unlocked, self.rank.salts)

    @classmethod
    def of(cls, store: Store, rank: RankManifest, run_id: str, secret: RunSecret | None) -> Reader:
        """Return a reader of a rank manifest at hand."""
        reader = cls.__new__(cls)
        reader._stores, reader._ranks, reader.rank, reader.damaged = [store], [rank], rank, set()
        reader._near = None
        reader._opener = FrameOpener(run_id, secret, rank.salts)
        return reader

    def _first_rank(self) -> RankManifest:
        damage: BadManifest | None = None
        passing: Exception | None = None
        for number in range(len(self._stores)):
            try:
                return self._rank_in(number)
            except BadManifest as found:
                damage = damage or found
            except (StoreTrouble, OSError) as found:
                passing = passing or found
        if passing is not None:
            raise _unknown(f"{self._entry.key}: {passing}") from passing
        raise damage or BadManifest("No store was given.", fix="Name one.")

    def _rank_in(self, number: int) -> RankManifest:
        """Return the rank's manifest in one store: its own placement, the same blocks."""
        held = self._ranks[number]
        if held is None:
            try:
                raw = self._stores[number].read(self._entry.key)
            except Absent as trouble:
                raise BadManifest(
                    f"{self._entry.key} cannot be read: {trouble}.", fix="Take an older one."
                ) from None
            held = self._ranks[number] = rank_from_bytes(raw, self._entry.sha256)
        return held

    def read_into(
        self,
        number: int,
        buffer: memoryview,
        *,
        scratch: bytearray | None = None,
        base: memoryview | None = None,
        thoroughly: bool = False,
    ) -> None:
        """Read block `number` of `rank.blocks` into a buffer of its size, verified.

        Args:
            scratch: Room for a frame, to be used again and again.
            base: The keyframe's block, where this one is a delta.

        Raises:
            BadBlock: It verifies in none of the stores.
            StoreTrouble: Nor does it, and one that did not answer may hold it.
        """
        block, seen, is_known = self.rank.blocks[number], [], True
        room = memoryview(scratch or bytearray(BLOCK_BYTES + TAG_BYTES))[: block.stored_bytes]
        for which, store in enumerate(self._stores):
            try:
                place: Place = self._rank_in(which).places[number]
                store.read_into(place.blob, place.offset, room)
                self._opener.open_into(block, room, buffer, base, thoroughly=thoroughly)
            except (Absent, BadBlock, BadManifest, StoreTrouble, OSError) as trouble:
                seen.append(f"{store.url}: {trouble}")
                is_known = is_known and not isinstance(trouble, (StoreTrouble, OSError))
                if store is not self._near:
                    self.damaged.add(block.address)
            else:
                if store is self._near:
                    self.near_bytes.append(block.stored_bytes)  # Threads may, at once.
                return
        raise BadBlock("; ".join(seen)) if is_known else _unknown("; ".join(seen))

    def read_header(self) -> bytes:
        """Return the header's bytes."""
        buffer = memoryview(bytearray(sum(block.bytes for block in self.rank.header)))
        at = 0
        for number, block in enumerate(self.rank.header):
            self.read_into(number, buffer[at : at + block.bytes])
            at += block.bytes
        return bytes(buffer)


def _unknown(seen: str) -> StoreTrouble:
    """Return the trouble of not knowing whether what was asked for is damaged."""
    return StoreTrouble(
        f"{seen.rstrip('.')}. A store that did not answer may hold it whole.",
        fix="Start again when every store answers.",
    )
