"""What a trainer is doing right now, readable after it was killed.

One aligned 8-byte word in a memory-mapped file: the phase in its low byte, the step above it.
Setting it is a single store, so a reader never sees half of it, and it costs no system call.
"""

from __future__ import annotations

import mmap
from pathlib import Path

PHASES = ("boot", "restore", "step", "save", "wait", "done")
WORD_BYTES = 8


class Phase:
    """The phase word of one trainer process; starts as ("boot", 0)."""

    def __init__(self, path: Path | str) -> None:
        Path(path).write_bytes(bytes(WORD_BYTES))
        with open(path, "r+b") as file:
            self._word = mmap.mmap(file.fileno(), WORD_BYTES)

    def set(self, phase: str, step: int) -> None:
        """Say what begins now; `step` is the number of steps completed."""
        self._word[:] = (step << 8 | PHASES.index(phase)).to_bytes(WORD_BYTES, "little")


def read_phase(path: Path | str) -> tuple[str, int]:
    """Return (phase, steps completed); ("boot", 0) where the process had not come so far."""
    try:
        word = int.from_bytes(Path(path).read_bytes()[:WORD_BYTES], "little")
    except FileNotFoundError:
        word = 0
    return PHASES[word & 0xFF], word >> 8
