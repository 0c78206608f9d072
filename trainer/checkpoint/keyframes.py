"""What light saves are measured from: a former light save, written whole, that later ones name.

A delta refers to a keyframe and never to another delta, so that one bad block costs one checkpoint. The
keyframe's blocks are read back from the store when they are needed: holding them would cost memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from .codec import Codec, encode
from .crypt import RunSecret
from .frames import BadBlock, cut
from .manifest import Parent, RankManifest
from .reading import Reader
from .saves import Save
from .stores import Absent, Store

T = TypeVar("T")
KEYFRAME_EVERY = 16  # Light saves measured from one keyframe before a new one is written.
WORTH_A_DELTA = 1.15  # Times smaller than shuffling alone, on a sample.


class Keyframes:
    """The keyframe of one rank's light saves in one attempt."""

    def __init__(self, store: Store, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        self._parent: Parent | None = None
        self._rank: RankManifest | None = None
        self._since, self._is_spoilt = 0, False
        self._cuts: tuple[int, ...] = ()

    @property
    def save_id(self) -> str | None:
        """The save that is the keyframe; None where there is none."""
        return None if self._rank is None else self._rank.save_id

    def of(self, save: Save) -> Parent | None:
        """Return the keyframe a save is measured from; None where it is whole."""
        return self._parent if self.is_delta(save) else None

    def is_delta(self, save: Save) -> bool:
        """Tell whether a save is measured from the keyframe there is."""
        if save.tier != "W" or self._rank is None or self._since >= KEYFRAME_EVERY:
            return False
        held_bytes = sum(block.bytes for block in self._rank.payload)
        return held_bytes == save.payload_bytes and save.cuts == self._cuts

    def codec_of(self, save: Save, payload: memoryview, secret: RunSecret | None) -> Codec:
        """Return how a light save is stored: as distances, where a sample says that pays."""
        if not self.is_delta(save) or self._is_spoilt:
            return "s2z"
        plain, base = next(cut(payload, save.cuts)), next(self.blocks(secret))
        shrunk = len(encode("s2z", plain)) / max(1, len(encode("d2z", plain, base)))
        return "d2z" if shrunk >= WORTH_A_DELTA else "s2z"

    def write_whole_if_spoilt(self, save: Save, write: Callable[[], T], *, is_alone: bool) -> T:
        """Write a save; where its keyframe proves to be damaged or gone, again, measured from nothing.

        Of several ranks each has the keyframe of the same saves, so there the next one is made in its turn.
        """
        try:
            return write()
        except (BadBlock, Absent) as trouble:
            if self._is_spoilt or not self.is_delta(save):
                raise
            print(f"lowtide-run: the keyframe of light saves is spoilt: {trouble}", file=sys.stderr)
            self._is_spoilt = True
            if is_alone:
                self._parent, self._rank = None, None
            return write()

    def blocks(self, secret: RunSecret | None) -> Iterator[memoryview]:
        """Yield the keyframe's blocks."""
        if self._rank is None:
            return
        reader = Reader.of(self._store, self._rank, self._run_id, secret)
        first = len(self._rank.header)
        for number, block in enumerate(self._rank.payload):
            buffer = memoryview(bytearray(block.bytes))
            reader.read_into(first + number, buffer)
            yield buffer

    def learn(self, save: Save, rank: RankManifest, committed: Parent) -> None:
        """Take note that a light save was committed."""
        if self.is_delta(save):
            self._since += 1
        else:
            self._parent, self._rank, self._since = committed, rank, 0
            self._cuts, self._is_spoilt = save.cuts, False
