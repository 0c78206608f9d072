"""Copies checkpoints from store to store: only the frames the other lacks, raw, and the root last.

A copy has the name of its original: only the placement differs. Frames are read by range and written into
one new blob per rank; they are never opened on the way, so whoever moves checkpoints needs no key. With the
key, or where nothing is sealed, the copy is read back and verified before its root is created; without it,
its frames are compared with those of the original.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from uuid import uuid4

from ..crash import crash_point
from ..errors import TrainerError
from .crypt import Keyring
from .frame_index import FrameIndex, frame_id
from .frames import BadBlock
from .layout import BLOBS, generations, manifest_key
from .lease import holder, take
from .manifest import (
    BadManifest,
    Block,
    Place,
    RankEntry,
    RankManifest,
    RootFile,
    rank_from_bytes,
    rank_to_bytes,
    root_from_bytes,
)
from .reading import read_root
from .stores import Absent, Store, StoreTrouble
from .verify import verify

STRIDE_BYTES = 16 << 20  # Neighbouring frames are read in one request, up to this much.
ATTEMPTS = 5


class TransferConflict(TrainerError):
    """The other store holds another checkpoint of the same number."""

    exit_code = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """One checkpoint in one more place."""

    generation: int
    url: str
    copied_bytes: int  # Frames that were sent.
    kept_bytes: int  # Frames that were there already.
    was_there: bool  # The whole checkpoint was.


@dataclass(slots=True)
class Sent:
    """Bytes of frames that were sent, and that were there already."""

    copied: int = 0
    kept: int = 0


def copy_checkpoint(
    source: Store,
    destination: Store,
    generation: int,
    *,
    keyring: Keyring | None = None,
    index: FrameIndex | None = None,
    fence: Callable[[], None] = lambda: None,
) -> Moved:
    """Copy one checkpoint, and its keyframe where it has one.

    Args:
        index: The frames the destination holds; kept from copy to copy, it need not be read anew.
        fence: Asked right before the root is created; raises FencedOut where we may not.

    Raises:
        BadManifest, BadBlock: The original, or the copy, is not right; no root was created.
        TransferConflict: Another checkpoint of that number stands there.
        StoreTrouble: A store cannot be used now.
    """
    raw = _read_root(source, generation)
    root = root_from_bytes(raw)
    if root.manifest.keyframe is not None:
        number = root.manifest.keyframe.generation
        copy_checkpoint(source, destination, number, keyring=keyring, index=index, fence=fence)
    url = f"{destination.url}/{manifest_key(generation)}"
    if _stands(destination, generation, root):
        return Moved(generation=generation, url=url, copied_bytes=0, kept_bytes=0, was_there=True)
    index = FrameIndex(destination) if index is None else index
    index.refresh()
    try:
        count = _copy_ranks(source, destination, root, index)
        _verify(source, destination, raw, root, keyring)
    except (BadBlock, BadManifest):  # Perhaps what was there already is damaged: then send all of it.
        count = _copy_ranks(source, destination, root, FrameIndex(), anew=uuid4().hex)
        _verify(source, destination, raw, root, keyring)
    crash_point("transfer.before_root")
    fence()
    if not destination.create(manifest_key(generation), raw):
        _stands(destination, generation, root)
    return Moved(
        generation=generation, url=url, copied_bytes=count.copied, kept_bytes=count.kept, was_there=False
    )


def _read_root(store: Store, generation: int) -> bytes:
    try:
        return store.read(manifest_key(generation))
    except Absent:
        raise BadManifest(f"{manifest_key(generation)} is absent.", fix="Take another.") from None


def _stands(store: Store, generation: int, root: RootFile) -> bool:
    try:
        found = root_from_bytes(store.read(manifest_key(generation)))
    except Absent:
        return False
    if found.sha256 != root.sha256:
        raise TransferConflict(
            f"{store.url} holds another generation {generation}: {found.sha256}, not {root.sha256}.",
            fix="Move into an empty store, or remove the one that is wrong.",
        )
    return True


def _copy_ranks(source: Store, destination: Store, root: RootFile, index: FrameIndex, anew: str = "") -> Sent:
    count = Sent()
    for entry in root.manifest.ranks:
        try:
            rank = rank_from_bytes(source.read(entry.key), entry.sha256)
        except Absent:
            raise BadManifest(f"{entry.key} is absent.", fix="Take another checkpoint.") from None
        moved = copy_frames(source, destination, rank, index, count, anew)
        place_rank(destination, entry, rank_to_bytes(moved))
        index.learn(manifest_key(root.manifest.generation), moved)
    return count


def copy_frames(
    source: Store, destination: Store, rank: RankManifest, index: FrameIndex, count: Sent, anew: str
) -> RankManifest:
    """Send the frames that are lacking in one blob; return the rank with its new placement."""
    lacking: list[tuple[Block, Place]] = []
    offsets: dict[Place, int] = {}
    held = [index.place(frame_id(block, rank.salts)) for block in rank.blocks]
    size = 0
    for block, place, there in zip(rank.blocks, rank.places, held, strict=True):
        if there is None and place not in offsets:
            lacking.append((block, place))
            offsets[place] = size
            size += block.stored_bytes
        elif there is not None:
            count.kept += block.stored_bytes
    blob = _blob_name(rank, lacking, anew)
    if lacking and _size_of(destination, blob) != size:
        _send(source, destination, blob, lacking)
        count.copied += size
    places = [there or Place(blob, offsets[place]) for there, place in zip(held, rank.places, strict=True)]
    return replace(rank, places=tuple(places))


def _blob_name(rank: RankManifest, lacking: list[tuple[Block, Place]], anew: str) -> str:
    """Name a blob by what is in it, so that a transfer begun again finds what it had sent; or `anew`."""
    frames = [frame_id(block, rank.salts) for block, _ in lacking]
    content = hashlib.sha256(f"{anew}{frames}".encode()).hexdigest()
    return f"{BLOBS}{rank.save_id}-{rank.rank:05d}-{content[:16]}.blob"


def _size_of(store: Store, key: str) -> int:
    found = store.head(key)
    return -1 if found is None else found.bytes


def _send(source: Store, destination: Store, blob: str, lacking: list[tuple[Block, Place]]) -> None:
    """Upload frames one behind the other; an upload that fails is begun anew, for it cannot be continued."""
    for attempt in range(1, ATTEMPTS + 1):
        upload = destination.begin(blob)
        try:
            for stretch in _stretches(source, lacking):
                upload.write(stretch)
            crash_point("transfer.before_commit")
            upload.commit()  # False where another transfer was faster: its content is the same.
            return
        except StoreTrouble:
            if attempt == ATTEMPTS:
                raise
        finally:
            upload.abort()


def _stretches(source: Store, frames: list[tuple[Block, Place]]) -> Iterator[bytes]:
    """Yield the frames' bytes, neighbours in one read."""
    blob, start, end = "", 0, 0
    for block, place in frames:
        if place.blob == blob and place.offset == end and end + block.stored_bytes - start <= STRIDE_BYTES:
            end += block.stored_bytes
            continue
        if end > start:
            yield _read(source, blob, start, end - start)
        blob, start, end = place.blob, place.offset, place.offset + block.stored_bytes
    if end > start:
        yield _read(source, blob, start, end - start)


def _read(store: Store, blob: str, start: int, size: int) -> bytes:
    try:
        return store.read(blob, start, size)
    except Absent as trouble:
        raise BadBlock(f"{blob} in {store.url}: {trouble}") from None


def place_rank(destination: Store, entry: RankEntry, raw: bytes) -> None:
    """Create the rank's manifest, over one of a transfer that did not come to its root."""
    if destination.create(entry.key, raw) or destination.read(entry.key) == raw:
        return
    destination.delete(entry.key)
    if not destination.create(entry.key, raw):
        raise StoreTrouble(f"{entry.key} was written by another transfer.", fix="Wait for it, then again.")


def _verify(source: Store, destination: Store, raw: bytes, root: RootFile, keyring: Keyring | None) -> None:
    if root.secret is None or keyring is not None:
        verify(destination, read_root(source, root.manifest.generation, keyring), keyring)
        return
    for entry in root.manifest.ranks:
        ours, theirs = (rank_from_bytes(each.read(entry.key), entry.sha256) for each in (source, destination))
        for block, here, there in zip(ours.blocks, ours.places, theirs.places, strict=True):
            original = _read(source, here.blob, here.offset, block.stored_bytes)
            if original != _read(destination, there.blob, there.offset, block.stored_bytes):
                raise BadBlock(f"block {block.address[:16]} differs in {destination.url}")


def migrate(
    source: Store, destination: Store, *, keyring: Keyring | None = None, only: list[int] | None = None
) -> list[Moved]:
    """Copy every checkpoint of a run, or some, oldest first, and the lease, so that zombies stay fenced."""
    held = holder(source)
    if held > 0:
        take(destination, held)
    index = FrameIndex(destination)
    wanted = sorted(generations(source) if only is None else only)
    return [copy_checkpoint(source, destination, each, keyring=keyring, index=index) for each in wanted]
