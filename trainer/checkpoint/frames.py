"""Blocks on their way into a blob: cut, hashed, named, coded, sealed. `opening` is the way back.

A block that the run already holds is named again and not written again: frozen layers and LoRA bases cost
a save nothing. Dense AdamW state never repeats (0.0 % of its blocks after one step), so nothing cleverer
than equal addresses is tried. Sealing and writing overlap: one thread seals the next block while the last
one is written, in buffers made once.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from queue import SimpleQueue

import xxhash
from blake3 import blake3

from .choosing import Pace
from .codec import Codec, encode
from .crypt import SALT_BYTES, TAG_BYTES, RunSecret, nonce_of
from .manifest import Block, Place, RankManifest
from .stores import Store, Upload

BLOCK_BYTES = 4 << 20
BUFFERS = 3  # One being written, one sealed, one in the making.


class BadBlock(Exception):
    """A block that is absent, cut short or changed; the message says which."""


@dataclass(frozen=True, slots=True)
class Known:
    """A block the run already holds: how it is stored, with which salt, and where."""

    block: Block
    salt: str | None
    place: Place


def known_of(rank: RankManifest) -> dict[str, Known]:
    """Return a rank's blocks by address, deltas left out: those mean nothing without their keyframe."""
    salts = rank.salts
    return {
        block.address: Known(block, None if block.salt is None else salts[block.salt], place)
        for block, place in zip(rank.blocks, rank.places, strict=True)
        if block.codec != "d2z"
    }


def associated(run_id: str, address: str, codec: Codec) -> bytes:
    """Return what a frame is bound to: moved elsewhere, it does not open."""
    return f"{run_id}\0{address}\0{codec}".encode()


def cut(stretch: memoryview, cuts: Sequence[int] = ()) -> Iterator[memoryview]:
    """Yield a stretch in blocks, a new one beginning at each of `cuts`."""
    edges = [*sorted({each for each in cuts if 0 < each < len(stretch)}), len(stretch)]
    start = 0
    for edge in edges:
        while start < edge:
            end = min(start + BLOCK_BYTES, edge)
            yield stretch[start:end]
            start = end


class FrameWriter:
    """Writes one rank's blocks into one blob.

    Args:
        blob: Its key; nothing is created where every block is known.
        salt: Random, of this rank and save alone.
        known: Blocks the run holds, by address.
    """

    def __init__(
        self,
        store: Store,
        blob: str,
        *,
        run_id: str,
        secret: RunSecret | None,
        salt: bytes,
        known: Mapping[str, Known],
    ) -> None:
        if len(salt) != SALT_BYTES:
            raise ValueError(f"a salt has {SALT_BYTES} bytes")
        self._store, self._blob, self._run_id, self._known = store, blob, run_id, known
        self._key = None if secret is None else secret.address_key
        self._cipher = None if secret is None else secret.cipher(salt)
        self._upload: Upload | None = None
        self._counter = self._offset = 0
        self._buffers: SimpleQueue[bytearray] = SimpleQueue()
        for _ in range(BUFFERS if secret else 0):
            self._buffers.put(bytearray(BLOCK_BYTES + TAG_BYTES))
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="seal")
        self.salts: list[str] = [salt.hex()]
        self.pace, self._began = Pace(), time.perf_counter()

    def add(
        self,
        stretch: memoryview,
        cuts: Sequence[int] = (),
        codec: Codec = "raw",
        base: Iterator[memoryview] | None = None,
    ) -> tuple[list[Block], list[Place]]:
        """Write a stretch; return its blocks and where each lies. `base` yields the keyframe's blocks."""
        blocks: list[Block] = []
        places: list[Place] = []
        waiting: list[Future[tuple[Block, memoryview | bytes | None, bytearray | None]]] = []
        for plain in cut(stretch, cuts):
            of_base = next(base) if base is not None else None
            waiting.append(self._pool.submit(self._seal, plain, self._counter, codec, of_base))
            self._counter += 1
            if len(waiting) > 1:
                self._put(waiting.pop(0), blocks, places)
        for future in waiting:
            self._put(future, blocks, places)
        return blocks, places

    def _seal(
        self, plain: memoryview, counter: int, codec: Codec, base: memoryview | None
    ) -> tuple[Block, memoryview | bytes | None, bytearray | None]:
        began = time.perf_counter()
        address = blake3(plain, key=self._key).hexdigest() if self._key else blake3(plain).hexdigest()
        if address in self._known:
            return self._known[address].block, None, None
        coding = time.perf_counter()
        stored = encode(codec, plain, base)
        coded = time.perf_counter()
        self.pace.plain_bytes += len(plain)
        self.pace.coding_s += coded - coding
        try:
            return self._sealed(plain, stored, address, counter, codec)
        finally:
            self.pace.hashing_s += coding - began + time.perf_counter() - coded

    def _sealed(
        self, plain: memoryview, stored: memoryview | bytes, address: str, counter: int, codec: Codec
    ) -> tuple[Block, memoryview | bytes | None, bytearray | None]:
        if codec != "raw" and len(stored) >= len(plain):
            codec, stored = "raw", plain
        xxh3 = xxhash.xxh3_128_hexdigest(plain)
        if self._cipher is None:
            return Block(address, len(plain), xxh3, codec, len(stored), None, None), stored, None
        buffer = self._buffers.get()
        frame = memoryview(buffer)[: len(stored) + TAG_BYTES]
        bound = associated(self._run_id, address, codec)
        self._cipher.encrypt_into(nonce_of(counter), stored, bound, frame)
        return Block(address, len(plain), xxh3, codec, len(frame), 0, counter), frame, buffer

    def _put(
        self,
        future: Future[tuple[Block, memoryview | bytes | None, bytearray | None]],
        blocks: list[Block],
        places: list[Place],
    ) -> None:
        block, frame, buffer = future.result()
        if frame is None:
            block, place = self._again(block)
        else:
            place = Place(self._blob, self._offset)
            self._write(frame)
        if buffer is not None:
            self._buffers.put(buffer)
        blocks.append(block)
        places.append(place)

    def _again(self, block: Block) -> tuple[Block, Place]:
        held = self._known[block.address]
        if held.salt is None:
            return held.block, held.place
        if held.salt not in self.salts:
            self.salts.append(held.salt)
        return replace(held.block, salt=self.salts.index(held.salt)), held.place

    def _write(self, frame: memoryview | bytes) -> None:
        began = time.perf_counter()
        if self._upload is None:
            self._upload = self._store.begin(self._blob)
        self._upload.write(frame)
        self._offset += len(frame)
        self.pace.stored_bytes += len(frame)
        self.pace.writing_s += time.perf_counter() - began

    def commit(self) -> None:
        """Make the blob durable; it stands when this returns."""
        self._pool.shutdown()
        began = time.perf_counter()
        if self._upload is not None and not self._upload.commit():
            raise BadBlock(f"{self._blob} exists already, from another save of the same name")
        self.pace.writing_s += time.perf_counter() - began
        self.pace.seconds = time.perf_counter() - self._began

    def abort(self) -> None:
        """Leave nothing behind."""
        self._pool.shutdown(cancel_futures=True)
        if self._upload is not None:
            self._upload.abort()
