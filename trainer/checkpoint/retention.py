"""Which checkpoints stay, and how the others are removed: mark, grace, sweep.

Nothing is removed before the newest checkpoint and the newest exact one were read back and verified, so the
last good one always stays; nor where any root or rank manifest cannot be read, for then nobody knows what it
needs. Roots go first and their blocks after: a crash between the two leaves blocks that nobody names, never a
root that names what is gone. Runs beside the training, never in its steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from ..crash import crash_point
from .crypt import Keyring, KeyTrouble
from .frames import BadBlock
from .layout import BLOBS, QUARANTINE, RANKS, generations, manifest_key
from .local_store import LocalStore
from .manifest import BadManifest, Manifest, rank_from_bytes, root_from_bytes
from .marks import Marks
from .reading import read_root
from .stores import Absent, DeleteRefused, Store, StoredObject
from .verify import verify

PINS = "pins/"
GRACE_S = 3600.0  # Longer than any upload, and than a restore that has begun.
LEFTOVER_S = 3600.0  # Younger objects that nobody names may be a save on its way.


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """What is kept; besides, always, the newest exact checkpoint, the newest light one and keyframes."""

    newest: int
    every: int | None = None  # And each generation that this divides.
    pinned: frozenset[int] = frozenset()  # And these; pins in the store are added.


@dataclass(slots=True, kw_only=True)
class Swept:
    """What a sweep did."""

    kept: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()
    deleted: list[str] = field(default_factory=list)
    freed_bytes: int = 0
    marked: int = 0  # Objects that a later sweep removes, when the grace is over.
    refused: str | None = None  # Why nothing could be removed from here on; None where nothing hindered.


class NotNow(Exception):
    """A reason to remove nothing."""


def pin(store: Store, generation: int) -> None:
    """Keep a generation whatever the policy says; raises Absent where there is none."""
    if store.head(manifest_key(generation)) is None:
        raise Absent(f"generation {generation} is absent")
    store.create(f"{PINS}{generation:09d}.json", b"{}")


def unpin(store: Store, generation: int) -> None:
    """Let the policy decide again."""
    store.delete(f"{PINS}{generation:09d}.json")


def _age(manifest: Manifest) -> tuple[int, int]:
    """Return what a restore goes by: of two attempts the later one's counts, whatever its number."""
    return manifest.epoch, manifest.generation


def chosen(manifests: Iterable[Manifest], retention: Retention) -> set[int]:
    """Return the generations to keep, of those given; pure."""
    newest_first = sorted(manifests, key=_age, reverse=True)
    by_number = {each.generation: each for each in newest_first}
    keep = {each.generation for each in newest_first[: max(1, retention.newest)]}
    keep |= {number for number in by_number if number in retention.pinned}
    if retention.every:
        keep |= {number for number in by_number if number % retention.every == 0}
    for kind in ("F", "exact", "W"):
        of_kind = [each for each in newest_first if kind == each.tier or (kind == "exact" and each.exact)]
        keep |= {each.generation for each in of_kind[:1]}
    for number in sorted(keep):  # A keyframe needs no other: chains are one deep.
        keyframe = by_number[number].keyframe
        if keyframe is not None and keyframe.generation in by_number:
            keep.add(keyframe.generation)
    return keep


def sweep(
    store: Store,
    retention: Retention,
    *,
    keyring: Keyring | None = None,
    grace_s: float = GRACE_S,
    thoroughly: bool = True,
    now: datetime | None = None,
) -> Swept:
    """Remove what the policy does not keep.

    Args:
        keyring: Opens sealed checkpoints; without it they cannot be verified, and nothing goes.
        grace_s: How long blocks stay after a sweep first found that nobody needs them. With 0 those of the
            checkpoints just dropped go at once, which only the run's own writer may ask for.
        thoroughly: Verify by BLAKE3 too what its cipher has authenticated.
    """
    swept, now = Swept(), now or datetime.now(UTC)
    marks = Marks.read(store) if grace_s > 0 else Marks()
    try:
        sweeping = _Sweep(store, retention, keyring, marks, timedelta(seconds=grace_s), now, swept)
        sweeping.thoroughly = thoroughly
        sweeping.run()
    except (NotNow, DeleteRefused) as trouble:
        swept.refused = str(trouble)
    return swept


class _Sweep:
    thoroughly = True

    def __init__(
        self,
        store: Store,
        retention: Retention,
        keyring: Keyring | None,
        marks: Marks,
        grace: timedelta,
        now: datetime,
        swept: Swept,
    ) -> None:
        self._store, self._keyring, self._marks, self._swept = store, keyring, marks, swept
        self._grace, self._now = grace, now
        pins = generations(store, PINS)
        self._retention = Retention(
            newest=retention.newest, every=retention.every, pinned=retention.pinned | set(pins)
        )

    def run(self) -> None:
        manifests = {number: self._manifest(number) for number in generations(self._store)}
        if not manifests:
            raise NotNow("there is no checkpoint")
        newest = max([*manifests, *generations(self._store, QUARANTINE)])
        if newest < self._marks.newest:
            raise NotNow(f"the listing lacks generation {self._marks.newest}: stale, or rolled back")
        keep = chosen(manifests.values(), self._retention)
        drop = sorted(set(manifests) - keep)
        self._swept.kept = tuple(sorted(keep))
        needed = {key for number in keep for key in self._names(manifests[number])}
        named = {key for number in drop for key in self._names(manifests[number], strict=False)}
        if drop:
            self._verify([manifests[number] for number in keep])
            crash_point("retention.before_unlink")
            for number in reversed(drop):  # A delta before its keyframe.
                self._store.delete(manifest_key(number))
            self._swept.dropped = tuple(drop)
            crash_point("retention.before_sweep")
        later = set(generations(self._store)) - set(manifests)  # Committed while we looked.
        needed |= {key for number in later for key in self._names(self._manifest(number))}
        self._remove(needed, named, newest=newest)

    def _manifest(self, generation: int) -> Manifest:
        try:
            return root_from_bytes(self._store.read(manifest_key(generation))).manifest
        except (BadManifest, Absent) as trouble:
            raise NotNow(f"generation {generation} cannot be read: {trouble}") from None

    def _names(self, manifest: Manifest, *, strict: bool = True) -> set[str]:
        """Return the keys a checkpoint needs: its rank manifests and the blobs these name."""
        names = {entry.key for entry in manifest.ranks}
        for entry in manifest.ranks:
            try:
                names |= set(rank_from_bytes(self._store.read(entry.key), entry.sha256).blobs)
            except (BadManifest, Absent) as trouble:
                if strict:
                    raise NotNow(f"{entry.key} cannot be read: {trouble}") from None
        return names

    def _verify(self, kept: list[Manifest]) -> None:
        exact = [each for each in kept if each.tier == "F"] or [each for each in kept if each.exact]
        newest = {max(some, key=_age).generation for some in (kept, exact) if some}
        for generation in sorted(newest):
            try:
                root = read_root(self._store, generation, self._keyring)
                verify(self._store, root, self._keyring, thoroughly=self.thoroughly)
            except (BadManifest, BadBlock, KeyTrouble, Absent) as trouble:
                raise NotNow(f"generation {generation} is not verified: {trouble}") from None

    def _remove(self, needed: set[str], named: set[str], *, newest: int) -> None:
        found = [each for folder in (RANKS, BLOBS) for each in self._store.list(folder)]
        unneeded = [each for each in found if each.key not in needed]
        due = [each for each in unneeded if self._is_due(each, named)]
        if self._grace:
            self._marks.newest = max(self._marks.newest, newest)
            gone = {each.key for each in due}
            self._marks.keep({each.key for each in unneeded} - gone, self._now)
            self._marks.write(self._store)
            self._swept.marked = len(unneeded) - len(due)
        for each in due:
            self._store.delete(each.key)
            self._swept.deleted.append(each.key)
            self._swept.freed_bytes += each.bytes
        if isinstance(self._store, LocalStore):
            self._store.sweep_temporaries(self._now - timedelta(seconds=LEFTOVER_S))

    def _is_due(self, each: StoredObject, named: set[str]) -> bool:
        if not self._grace and each.key in named:
            return True
        is_old = self._now - each.modified_at >= max(self._grace, timedelta(seconds=LEFTOVER_S))
        return is_old and (not self._grace or self._marks.is_older(each.key, self._now - self._grace))
