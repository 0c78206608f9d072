"""Which frames a store holds already, so that a transfer moves only what it lacks.

A frame is the same in two places where its block, its codec and what it was sealed with are the same. Sealed
frames of two runs never are: their keys differ, and so do their addresses. Open ones may be, as those of a
base model under a whole sweep.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .layout import RANKS
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
    """The frames of the committed checkpoints of one store."""

    def __init__(self) -> None:
        self._places: dict[FrameId, Place] = {}

    @classmethod
    def of(cls, store: Store, roots: Iterable[str]) -> FrameIndex:
        """Read the index from root manifests; what cannot be read is left out, and moved once more."""
        index = cls()
        for key in roots:
            try:
                manifest = root_from_bytes(store.read(key)).manifest
                for entry in manifest.ranks:
                    index.learn(rank_from_bytes(store.read(_beside(key, entry.key)), entry.sha256))
            except (BadManifest, Absent):
                continue
        return index

    def learn(self, rank: RankManifest) -> None:
        """Take note of a rank whose blobs stand."""
        for frame, place in frames_of(rank):
            self._places.setdefault(frame, place)

    def place(self, frame: FrameId) -> Place | None:
        """Return where a frame lies, None where it does not."""
        return self._places.get(frame)


def _beside(root_key: str, key: str) -> str:
    """Return a rank manifest's key where its root stands under a run's folder."""
    folder = root_key.rpartition("manifests/")[0]
    return folder + key if key.startswith(RANKS) else key
