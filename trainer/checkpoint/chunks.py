"""Blocks: immutable stretches of bytes, each in a file named by its BLAKE3 hash.

A block is found again by what it is, so it cannot be half of one save and half of another.
Blocks mean nothing by themselves: a checkpoint is a manifest that names them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from blake3 import blake3

from ..crash import crash_point
from ..fields import AtLeast
from .durable import sync_folder, write_temporary

BLOCK_BYTES = 16 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The name and size of one block."""

    blake3: str
    bytes: Annotated[int, AtLeast(0)]


class BadBlock(Exception):
    """A block that is absent, cut short or changed; the message says which.

    Args:
        path: The file that is wrong, None where there is none.
    """

    def __init__(self, seen: str, path: Path | None) -> None:
        super().__init__(seen)
        self.path = path


def hash_of(data: bytes | memoryview) -> str:
    """Return the BLAKE3 hash in hex."""
    return str(blake3(data).hexdigest())


class BlockFolder:
    """The blocks of one checkpoint folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, block: Block) -> Path:
        """Return the file of a block."""
        return self.folder / block.blake3

    def write(self, data: bytes | memoryview) -> tuple[Block, ...]:
        """Write `data` in blocks; they are durable once `sync` was called."""
        view = memoryview(data)
        starts = range(0, len(view), BLOCK_BYTES)
        return tuple(self._write_one(view[start : start + BLOCK_BYTES]) for start in starts)

    def _write_one(self, data: memoryview) -> Block:
        block = Block(blake3=hash_of(data), bytes=len(data))
        path = self.path(block)
        if self._stands(block):
            os.utime(path)  # So that a sweep does not take it for a leftover.
            return block
        temporary = write_temporary(path, data, "block")
        crash_point("block.before_rename")
        os.replace(temporary, path)  # Over a damaged one of the same name, too: this heals it.
        crash_point("block.after_rename")
        return block

    def _stands(self, block: Block) -> bool:
        if not self.path(block).exists():
            return False
        try:
            self.read_into(block, memoryview(bytearray(block.bytes)))
        except BadBlock:
            return False
        return True

    def sync(self) -> None:
        """Make the names of the written blocks durable."""
        sync_folder(self.folder)

    def read_into(self, block: Block, buffer: memoryview) -> None:
        """Read a block into a buffer of its size, and verify it.

        Raises:
            BadBlock: It is absent, has another size, or other content.
        """
        try:
            with open(self.path(block), "rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                got = file.readinto(buffer) if size == block.bytes else -1
        except FileNotFoundError:
            raise BadBlock(f"block {block.blake3[:16]} is absent", None) from None
        if got != block.bytes:
            seen = f"block {block.blake3[:16]} has {size} bytes instead of {block.bytes}"
            raise BadBlock(seen, self.path(block))
        if hash_of(buffer) != block.blake3:
            raise BadBlock(f"block {block.blake3[:16]} has changed content", self.path(block))

    def read(self, blocks: tuple[Block, ...], into: memoryview | None = None) -> memoryview:
        """Read blocks one behind the other, into `into` or fresh memory, verifying each."""
        buffer = memoryview(bytearray(sum(block.bytes for block in blocks))) if into is None else into
        at = 0
        for block in blocks:
            self.read_into(block, buffer[at : at + block.bytes])
            at += block.bytes
        return buffer
