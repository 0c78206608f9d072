"""Commits checkpoints of made-up bytes, without torch, for tests of what becomes of them in stores."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from trainer import crash
from trainer.checkpoint.crypt import Keyring
from trainer.checkpoint.reading import Reader, read_root
from trainer.checkpoint.saver import Saver
from trainer.checkpoint.saves import Committed, Save
from trainer.checkpoint.stores import Store

KEYRING = Keyring([b"k" * 32])


def saver(store: Store, *, epoch: int = 1, run_id: str = "run-1", keyring: Keyring | None = KEYRING) -> Saver:
    """Return a writer of one rank."""
    return Saver(store, run_id=run_id, epoch=epoch, keyring=keyring)


def commit(writer: Saver, payload: bytes, *, step: int = 1, tier: str = "F") -> Committed:
    """Save and commit some bytes."""
    save, memory = written(writer, payload, step=step, tier=tier)
    return writer.commit(save.save_id, (memory,))


def written(writer: Saver, payload: bytes, *, step: int = 1, tier: str = "F"):
    """Write a save that is not committed yet; return it and its rank's entry."""
    header = b'{"step":%d}' % step
    save = Save(
        save_id=uuid4().hex,
        step=step,
        tier=tier,
        exact=tier == "F",
        config_digest="c" * 64,
        payload_bytes=len(payload),
        header_bytes=len(header),
    )
    return save, writer.write(save, memoryview(payload + header))


def payload_of(store: Store, generation: int, keyring: Keyring | None = KEYRING) -> bytes:
    """Read a checkpoint's payload back, verified."""
    root = read_root(store, generation, keyring)
    key = root.manifest.keyframe
    bases = [] if key is None else _readers(store, read_root(store, key.generation, keyring))
    parts = []
    for place, reader in enumerate(_readers(store, root)):
        of_header = len(reader.rank.header)
        for number, block in enumerate(reader.rank.payload, of_header):
            buffer, base = bytearray(block.bytes), None
            if block.codec == "d2z":
                base = memoryview(bytearray(block.bytes))
                bases[place].read_into(number - of_header + len(bases[place].rank.header), base)
            reader.read_into(number, memoryview(buffer), base=base, thoroughly=True)
            parts.append(bytes(buffer))
    return b"".join(parts)


def _readers(store: Store, root) -> list[Reader]:
    return [Reader(store, root, entry) for entry in root.manifest.ranks]


def killed(live: Callable[[Path, int], None], room: Path, attempt: int, crash_at: str) -> int:
    """Live one life in a child, and return how it ended: 0, or minus the signal."""
    child = os.fork()
    if child == 0:
        code = 99
        try:
            crash.arm(crash_at)
            live(room, attempt)
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
