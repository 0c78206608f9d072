"""Many runs in one store, as a sweep leaves them: each its own manifests, all of them one set of blobs.

    runs/<run_id>/manifests/…, ranks/…, lease.json, …     one run's, as in a store of its own
    blobs/…                                               of all runs

Where nothing is sealed, or runs share a secret, a frame that several runs name is kept once: the base model
of a sweep over adapters. Sealed with keys of their own, runs have nothing in common.
A blob may be another run's as well, so that a view never deletes one. `open_store("…#RUN")` opens a view.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .crypt import Keyring
from .frame_index import FrameIndex
from .layout import BLOBS, MANIFESTS, generations, manifest_key
from .manifest import root_from_bytes
from .stores import DeleteRefused, Store, StoredObject, Upload, checked_key
from .transfer import Moved, copy_checkpoint

RUNS = "runs/"


class CollectedRun:
    """One run's store inside a collection. A `Store` itself."""

    def __init__(self, collection: Store, run_id: str) -> None:
        if "/" in checked_key(run_id):
            raise ValueError(f"{run_id!r} cannot name a folder")
        self._collection, self._folder = collection, f"{RUNS}{run_id}/"
        self.url = f"{collection.url.rstrip('/')}#{run_id}"

    def _key(self, key: str) -> str:
        return key if key.startswith(BLOBS) else self._folder + key

    def create(self, key: str, data: bytes) -> bool:
        """Create an object, durably; False where it exists."""
        return self._collection.create(self._key(key), data)

    def begin(self, key: str) -> Upload:
        """Begin an object that is written in pieces."""
        return self._collection.begin(self._key(key))

    def read(self, key: str, start: int = 0, size: int | None = None) -> bytes:
        """Return bytes of an object."""
        return self._collection.read(self._key(key), start, size)

    def read_into(self, key: str, start: int, buffer: memoryview) -> None:
        """Fill `buffer` from `start`."""
        self._collection.read_into(self._key(key), start, buffer)

    def head(self, key: str) -> StoredObject | None:
        """Return an object's size and age, None where there is none."""
        found = self._collection.head(self._key(key))
        return None if found is None else replace(found, key=key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """Yield the objects whose key begins with `prefix`; every run's blobs are among them."""
        cut = 0 if prefix.startswith(BLOBS) else len(self._folder)
        return (replace(found, key=found.key[cut:]) for found in self._collection.list(self._key(prefix)))

    def delete(self, key: str) -> None:
        """Remove an object, but no blob."""
        if key.startswith(BLOBS):
            raise DeleteRefused(
                f"{key} may be another run's too.", fix="Move what is to stay into another store."
            )
        self._collection.delete(self._key(key))

    def read_tagged(self, key: str) -> tuple[bytes, str] | None:
        """Return an object and the tag of this very content."""
        return self._collection.read_tagged(self._key(key))

    def swap(self, key: str, data: bytes, tag: str | None) -> bool:
        """Replace the content that had `tag`."""
        return self._collection.swap(self._key(key), data, tag)


def runs_in(collection: Store) -> list[str]:
    """Return the runs that have a checkpoint in a collection."""
    keys = (found.key.removeprefix(RUNS) for found in collection.list(RUNS))
    return sorted({key.split("/")[0] for key in keys if f"/{MANIFESTS}" in key})


def collect(
    sources: Sequence[Store], collection: Store, *, keyring: Keyring | None = None, newest_only: bool = False
) -> list[Moved]:
    """Copy the checkpoints of many runs into one store, each under its run's name."""
    index, moved = FrameIndex(collection, RUNS), []
    for source in sources:
        wanted = generations(source)[: 1 if newest_only else None]
        for number in sorted(wanted):
            run_id = root_from_bytes(source.read(manifest_key(number))).manifest.run_id
            run = CollectedRun(collection, run_id)
            moved.append(copy_checkpoint(source, run, number, keyring=keyring, index=index))
    return moved
