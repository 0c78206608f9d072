"""Brings stored bytes to where they are wanted: whole blocks straight into place, others cut up.

A plan says which stretch of a rank's payload belongs into which memory. Only blocks that hold something
wanted are read, on a few threads, each with one frame and one block of room: a restore needs no second
copy of the state.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from .crypt import TAG_BYTES
from .frames import BLOCK_BYTES, BadBlock
from .reading import Reader

THREADS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One stretch of a payload and the memory it goes to, of the same size."""

    start: int
    memory: memoryview

    @property
    def end(self) -> int:
        """Where the stretch ends."""
        return self.start + len(self.memory)


class Room(threading.local):
    """Each thread's own memory for a frame, a plain block and a keyframe's block."""

    def __init__(self) -> None:
        self.frame = bytearray(BLOCK_BYTES + TAG_BYTES)
        self.plain: bytearray | None = None
        self.base: bytearray | None = None


class Scatter:
    """Fills the wanted stretches of one rank's payload.

    Args:
        wanted: In any order, none overlapping another.
        keyframe: The same rank's part of the keyframe, where blocks are deltas.
    """

    def __init__(self, reader: Reader, wanted: list[Wanted], keyframe: Reader | None = None) -> None:
        self._reader, self._keyframe = reader, keyframe
        self._wanted = sorted((each for each in wanted if len(each.memory)), key=lambda each: each.start)
        self._starts = [each.start for each in self._wanted]
        self._room = Room()
        self.read_bytes = 0  # Stored bytes of the blocks that were read.

    def fill(self) -> None:
        """Read what is wanted, verified.

        Raises:
            BadBlock: A block verifies nowhere. Some of the memory is then written, and some is not.
        """
        with ThreadPoolExecutor(THREADS, thread_name_prefix="restore") as pool:
            futures = [pool.submit(self._fill_one, *each) for each in self._needed()]
            for future in futures:
                future.result()

    def _needed(self) -> Iterator[tuple[int, int, int]]:
        """Yield number, start and end of each block that holds something wanted."""
        start, first = 0, len(self._reader.rank.header)
        for number, block in enumerate(self._reader.rank.payload):
            end = start + block.bytes
            if next(self._overlapping(start, end), None) is not None:
                self.read_bytes += block.stored_bytes
                yield first + number, start, end
            start = end

    def _overlapping(self, start: int, end: int) -> Iterator[Wanted]:
        for each in self._wanted[max(0, bisect_right(self._starts, start) - 1) :]:
            if each.start >= end:
                return
            if each.end > start:
                yield each

    def _fill_one(self, number: int, start: int, end: int) -> None:
        pieces = list(self._overlapping(start, end))
        first = pieces[0]
        if first.start <= start and first.end >= end:
            self._read(number, first.memory[start - first.start : end - first.start])
            return
        self._room.plain = self._room.plain or bytearray(BLOCK_BYTES)
        plain = memoryview(self._room.plain)[: end - start]
        self._read(number, plain)
        for piece in pieces:
            a, b = max(start, piece.start), min(end, piece.end)
            piece.memory[a - piece.start : b - piece.start] = plain[a - start : b - start]

    def _read(self, number: int, memory: memoryview) -> None:
        base = self._base(number) if self._reader.rank.blocks[number].codec == "d2z" else None
        self._reader.read_into(number, memory, scratch=self._room.frame, base=base)

    def _base(self, number: int) -> memoryview:
        if self._keyframe is None:
            raise BadBlock("a delta's keyframe is absent")
        of_keyframe = number - len(self._reader.rank.header) + len(self._keyframe.rank.header)
        self._room.base = self._room.base or bytearray(BLOCK_BYTES)
        base = memoryview(self._room.base)[: self._keyframe.rank.blocks[of_keyframe].bytes]
        self._keyframe.read_into(of_keyframe, base, scratch=self._room.frame)
        return base
