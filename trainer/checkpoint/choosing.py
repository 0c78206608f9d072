"""Which codec a save takes where the plan leaves it open: chosen before each, by what was measured.

A save is safe where its machine's loss cannot reach it: in the store it is written to or, where copies
follow, in the first of those. One thread hashes, codes and seals while another writes, so that

    raw     takes  max(hash, write)                + 1 / uplink         seconds per byte,
    coded   takes  max(hash + code, write / ratio) + 1 / ratio / uplink.

The ratio is sampled in the very save. Hashing, writing and the uplink are as the last saves and copies
measured them, coding as the last coded saves did or, before there are any, the sample. What a codec took
itself in one of the last saves is believed before what is computed. A codec is left only for one that is
clearly better, so that noise does not make saves change back and forth.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from .codec import Codec, encode
from .saves import Coded

CANDIDATES: tuple[Codec, ...] = ("s4z", "s2z")  # The other, d2z, needs a keyframe.
SLICES, SLICE_BYTES = 8, 32 << 10
LEAST_BYTES = 1 << 20  # The time of smaller saves is latency, which no codec shortens.
CLEARLY = 0.9  # Of the time of the codec in use.
BELIEVED_FOR = 16  # Saves.
KEPT = 5
SEALER_BUSY = 0.8  # Share of a save's time above which sealing, not writing, set its pace.


@dataclass(slots=True)
class Pace:
    """What the blocks of one save took; those that were stored already are not among them."""

    plain_bytes: int = 0
    stored_bytes: int = 0
    hashing_s: float = 0.0  # Hashing and sealing.
    coding_s: float = 0.0
    writing_s: float = 0.0  # Held up by the store.
    seconds: float = 0.0  # From the first block to the blob being durable.

    @property
    def write_s(self) -> float:
        """What writing alone took; where it set the pace that is all of the time."""
        return self.writing_s if self.hashing_s + self.coding_s > SEALER_BUSY * self.seconds else self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Seconds per plain byte of the last saves, writing per stored byte, and of the copy that follows."""

    hash_s: float
    write_s: float
    uplink_s: float = 0.0  # 0 where no copy follows, or none was measured.

    def local_s(self, code_s: float, ratio: float) -> float:
        """Return seconds per plain byte until the first store has it."""
        return max(self.hash_s + code_s, self.write_s / ratio)

    def far_s(self, ratio: float) -> float:
        """Return seconds per plain byte of the copy."""
        return self.uplink_s / ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """What a codec did to a sample."""

    ratio: float
    code_s: float  # Seconds per plain byte.


def sample_of(pieces: Sequence[memoryview]) -> memoryview:
    """Return slices from all over the pieces, each from where a 4-byte number begins."""
    total = sum(map(len, pieces))
    found = bytearray()
    for piece in pieces:
        count = max(1, round(SLICES * len(piece) / max(1, total)))
        for number in range(count):
            start = number * (len(piece) // count) // 4 * 4
            found += piece[start : start + SLICE_BYTES]
    return memoryview(found)


def try_out(codec: Codec, sample: memoryview) -> Sampled:
    """Code a sample; the first slice goes through before it counts, so that loading the coder does not."""
    encode(codec, sample[:SLICE_BYTES])
    began = time.perf_counter()
    stored = encode(codec, sample)
    return Sampled(ratio=len(sample) / len(stored), code_s=(time.perf_counter() - began) / len(sample))


class Chooser:
    """Chooses for one rank, save by save."""

    def __init__(self) -> None:
        self._turn, self._in_use = 0, "raw"
        self._last: Pace | None = None
        self._took: dict[str, deque[tuple[int, float]]] = {}  # By codec: turn, and seconds per plain byte.
        self._coding: dict[str, deque[float]] = {}

    def note(self, codec: Codec, pace: Pace) -> None:
        """Take note of what a save took."""
        if pace.plain_bytes < LEAST_BYTES or pace.seconds <= 0 or not pace.stored_bytes:
            return
        self._turn, self._last, self._in_use = self._turn + 1, pace, codec
        self._took.setdefault(codec, deque(maxlen=KEPT)).append((self._turn, pace.seconds / pace.plain_bytes))
        if codec != "raw":
            self._coding.setdefault(codec, deque(maxlen=KEPT)).append(pace.coding_s / pace.plain_bytes)

    def choose(self, pieces: Sequence[memoryview], uplink_bytes_per_s: float | None) -> Coded:
        """Return the codec for a save of these bytes, and why."""
        if sum(map(len, pieces)) < LEAST_BYTES:
            return Coded(codec="raw", ratio=None, reason="It is so small that latency is all its time.")
        if self._last is None:
            return Coded(codec="raw", ratio=None, reason="No save was measured yet.")
        sample = sample_of(pieces)
        return self.decide({codec: try_out(codec, sample) for codec in CANDIDATES}, uplink_bytes_per_s)

    def decide(self, sampled: dict[Codec, Sampled], uplink_bytes_per_s: float | None) -> Coded:
        """Return the codec that has a save safe soonest; pure arithmetic once a save was noted."""
        measured = self._measured(uplink_bytes_per_s)
        candidates: dict[Codec, Sampled] = {"raw": Sampled(ratio=1.0, code_s=0.0), **sampled}
        seconds = {codec: self._seconds(codec, each, measured) for codec, each in candidates.items()}
        best = min(seconds, key=lambda codec: seconds[codec])
        held: Codec = next(codec for codec in candidates if codec == self._in_use)
        chosen = best if seconds[best] < CLEARLY * seconds[held] else held
        told = candidates[chosen] if chosen != "raw" else max(sampled.values(), key=lambda each: each.ratio)
        other = min((each for each in seconds if each != chosen), key=lambda codec: seconds[codec])
        return Coded(
            codec=chosen,
            ratio=told.ratio,
            reason=_reason(chosen, other, seconds, candidates, measured),
        )

    def _measured(self, uplink_bytes_per_s: float | None) -> Measured:
        assert self._last is not None, "a save was noted"
        last = self._last
        return Measured(
            hash_s=last.hashing_s / last.plain_bytes,
            write_s=last.write_s / last.stored_bytes,
            uplink_s=1 / uplink_bytes_per_s if uplink_bytes_per_s else 0.0,
        )

    def _seconds(self, codec: Codec, sampled: Sampled, measured: Measured) -> float:
        """Return seconds per plain byte until a save is safe."""
        took = [each for turn, each in self._took.get(codec, ()) if self._turn - turn < BELIEVED_FOR]
        code_s = median(self._coding.get(codec, [sampled.code_s]))
        local_s = median(took) if took else measured.local_s(code_s, sampled.ratio)
        return local_s + measured.far_s(sampled.ratio)


def _reason(
    chosen: Codec,
    other: Codec,
    seconds: dict[Codec, float],
    candidates: dict[Codec, Sampled],
    measured: Measured,
) -> str:
    coded = chosen if chosen != "raw" else other
    uplink = f", uplink {_mb(measured.uplink_s)}" if measured.uplink_s else ", no copy measured"
    return (
        f"A gigabyte is safe in {seconds[chosen] * 1e9:.2f} s, with {other} in {seconds[other] * 1e9:.2f} s: "
        f"{coded} makes it {candidates[coded].ratio:.2f} times smaller at {_mb(candidates[coded].code_s)}; "
        f"hashing {_mb(measured.hash_s)}, store {_mb(measured.write_s)}{uplink}."
    )


def _mb(seconds_per_byte: float) -> str:
    return f"{1e-6 / max(seconds_per_byte, 1e-15):.0f} MB/s"
