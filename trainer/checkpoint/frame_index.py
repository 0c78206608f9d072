"""Which frames a store holds already, so that a transfer moves only what it lacks.

A frame is the same in two places where its block, its codec and what it was sealed with are the same. Sealed
frames of two runs never are: their keys differ, and so do their addresses. Open ones may be, as those of a
base model under a whole sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .layout import MANIFESTS, RANKS
from .manifest import BadManifest, Block, Place, RankManifest, rank_from_bytes, root_from_bytes
from .stores import Absent, Store

FrameId = tuple[str, str, int, str | None, int | None]


def frame_id(block: Block, salts: tuple[str, ...]) -> FrameId:
    """Return what makes a frame the same in another place."""
    salt = None if block.salt is None else salts[block.salt]
    return block.address, block.codec, block.stored_bytes, salt, block.counter


def frames_of(rank: RankManifest) -> Iterator[tuple[FrameId, Place]]:
    """Yield a rank's frames and where each lies."""
    for block, place in zip(rank.blocks, rank.places, strict=True):
        yield frame_id(block, rank.salts), place


class FrameIndex:
    """The frames of the checkpoints that a store shows. Only those may be named anew: others may be swept.

    Args:
        store: None for an index that knows nothing.
        folder: Where to list roots, whatever lies between it and them.
    """

    def __init__(self, store: Store | None = None, folder: str = MANIFESTS) -> None:
        self._store, self._folder = store, folder
        self._of_root: dict[str, dict[FrameId, Place]] = {}

    def refresh(self) -> None:
        """Forget the checkpoints that are gone and learn those that came, but for what cannot be read."""
        if self._store is None:
            return
        listed = (found.key for found in self._store.list(self._folder))
        shown = [key for key in listed if f"/{MANIFESTS}" in f"/{key}"]
        self._of_root = {key: frames for key, frames in self._of_root.items() if key in shown}
        for key in shown:
            if key not in self._of_root:
                self._read(self._store, key)

    def _read(self, store: Store, root_key: str) -> None:
        try:
            manifest = root_from_bytes(store.read(root_key)).manifest
            for entry in manifest.ranks:
                raw = store.read(_beside(root_key, entry.key))
                self.learn(root_key, rank_from_bytes(raw, entry.sha256))
        except (BadManifest, Absent):
            self._of_root[root_key] = {}

    def learn(self, root_key: str, rank: RankManifest) -> None:
        """Take note of a rank whose blobs stand, and whose root does or is about to."""
        self._of_root.setdefault(root_key, {}).update(frames_of(rank))

    def learn_frames(self, root_key: str, frames: Iterable[tuple[FrameId, Place]]) -> None:
        """Take note of frames that a checkpoint has; in place of what was noted of it before."""
        self._of_root[root_key] = dict(frames)

    def place(self, frame: FrameId) -> Place | None:
        """Return where a frame lies, None where it does not."""
        return next((frames[frame] for frames in self._of_root.values() if frame in frames), None)


def _beside(root_key: str, key: str) -> str:
    """Return a rank manifest's key where its root stands under a run's folder."""
    folder = root_key.rpartition("manifests/")[0]
    return folder + key if key.startswith(RANKS) else key
