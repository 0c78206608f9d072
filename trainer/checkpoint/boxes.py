"""Which bytes of which rank hold the slice of a tensor that is wanted: box arithmetic, and nothing else.

A rank's part of a tensor is a box of the whole: where it starts in each dimension, and its lengths. It
lies row-major in that rank's payload. What is saved under one layout is read under another by
intersecting boxes; no rank reads a byte that it does not need, whatever the two world sizes and however
the tensors were cut.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from math import prod

from ..errors import TrainerError


class BadLayout(TrainerError):
    """What was saved does not add up to the tensor that is wanted."""

    exit_code = 5


@dataclass(frozen=True, slots=True)
class Box:
    """A part of a tensor. A scalar is the box of no dimensions, and holds one element."""

    starts: tuple[int, ...]
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """How many elements lie in the box."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkAt:
    """One rank's part of a tensor, and where it lies in that rank's memory, row-major.

    The same class says what was saved (`rank` wrote it at `offset_bytes` of its payload) and what is wanted
    (`rank` needs it at `offset_bytes` of its own memory).
    """

    name: str
    dtype: str  # As torch spells it: float32
    item_bytes: int
    global_shape: tuple[int, ...]
    starts: tuple[int, ...]
    shape: tuple[int, ...]
    offset_bytes: int
    rank: int

    @property
    def box(self) -> Box:
        """Which part of the whole it is."""
        return Box(self.starts, self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """The common part of a saved and a wanted chunk: runs of `run_bytes`, repeated along outer dimensions.

    `steps` holds for each outer dimension: how often, stride in the source, stride in the target, in bytes.
    """

    name: str
    rank: int  # Whose payload to read.
    start_byte: int  # In that payload.
    into_byte: int  # In the memory of who wants it.
    run_bytes: int
    steps: tuple[tuple[int, int, int], ...] = ()

    @property
    def size(self) -> int:
        """How many bytes are wanted."""
        return self.run_bytes * prod(count for count, _, _ in self.steps)

    @property
    def end_byte(self) -> int:
        """Where the last run ends in the payload."""
        return self.start_byte + sum((count - 1) * there for count, there, _ in self.steps) + self.run_bytes

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Yield (start in the payload, start in the target, size) of each contiguous run, in order."""
        for places in product(*(range(count) for count, _, _ in self.steps)):
            there = sum(i * stride for i, (_, stride, _) in zip(places, self.steps, strict=True))
            here = sum(i * stride for i, (_, _, stride) in zip(places, self.steps, strict=True))
            yield self.start_byte + there, self.into_byte + here, self.run_bytes


def overlap(saved: Box, wanted: Box) -> Box | None:
    """Return the common part of two boxes of one tensor, None where there is none."""
    pairs = list(zip(saved.starts, saved.shape, wanted.starts, wanted.shape, strict=True))
    starts = tuple(max(s, w) for s, _, w, _ in pairs)
    ends = tuple(min(s + a, w + b) for s, a, w, b in pairs)
    shape = tuple(end - start for start, end in zip(starts, ends, strict=True))
    return Box(starts, shape) if all(length > 0 for length in shape) else None


def plan_reads(saved: Iterable[ChunkAt], wanted: Iterable[ChunkAt]) -> list[Read]:
    """Return what to read for the wanted chunks, in the order in which it lies in each rank's payload.

    A replica that a rank wrote itself is preferred, because it is likely to be near.

    Raises:
        BadLayout: A wanted tensor was saved with another shape or dtype, not at all, or not wholly.
    """
    by_name = defaultdict(list)
    for chunk in saved:
        by_name[chunk.name].append(chunk)
    reads = [read for want in wanted for read in _reads_of(by_name[want.name], want)]
    return sorted(reads, key=lambda read: (read.rank, read.start_byte, read.into_byte))


def _reads_of(saved: list[ChunkAt], want: ChunkAt) -> Iterator[Read]:
    parts = []
    for chunk in _one_of_each(saved, want.rank):
        _refuse_other_kind(chunk, want)
        if (part := overlap(chunk.box, want.box)) is not None:
            parts.append((chunk, part))
    _refuse_gaps([part for _, part in parts], want)
    for chunk, part in parts:
        yield _read(chunk, want, part)


def _one_of_each(saved: list[ChunkAt], near: int) -> list[ChunkAt]:
    """Drop replicas: of several chunks of one box keep the one of rank `near`, else of the lowest rank."""
    chosen: dict[Box, ChunkAt] = {}
    for chunk in sorted(saved, key=lambda chunk: (chunk.rank != near, chunk.rank)):
        chosen.setdefault(chunk.box, chunk)
    return list(chosen.values())


def _refuse_other_kind(chunk: ChunkAt, want: ChunkAt) -> None:
    if (chunk.global_shape, chunk.dtype) != (want.global_shape, want.dtype):
        raise BadLayout(
            f"{want.name} was saved as {chunk.dtype} {list(chunk.global_shape)} and is wanted as "
            f"{want.dtype} {list(want.global_shape)}.",
            fix="Start with the model and dtype that were saved.",
        )


def _refuse_gaps(parts: list[Box], want: ChunkAt) -> None:
    """Parts that are disjoint and hold as many elements as the wanted box cover it."""
    for one, other in combinations(parts, 2):
        if overlap(one, other) is not None:
            raise BadLayout(
                f"{want.name} was saved twice at {list(one.starts)}, in chunks cut differently.",
                fix="Restore an older checkpoint, and report this.",
            )
    found = sum(part.elements for part in parts)
    if found != want.box.elements:
        raise BadLayout(
            f"Of {want.name} from {list(want.starts)}, {found} of {want.box.elements} elements were saved.",
            fix="Restore an older checkpoint; a rank's part is missing from this one.",
        )


def _read(chunk: ChunkAt, want: ChunkAt, part: Box) -> Read:
    there, here = _strides(chunk.shape, chunk.item_bytes), _strides(want.shape, chunk.item_bytes)
    run_bytes, inner = chunk.item_bytes, len(part.shape)
    while inner > 0 and there[inner - 1] == here[inner - 1] == run_bytes:  # Goes on where the run ends.
        inner -= 1
        run_bytes *= part.shape[inner]
    return Read(
        name=want.name,
        rank=chunk.rank,
        start_byte=chunk.offset_bytes + _offset(part, chunk.box, there),
        into_byte=want.offset_bytes + _offset(part, want.box, here),
        run_bytes=run_bytes,
        steps=tuple((part.shape[i], there[i], here[i]) for i in range(inner) if part.shape[i] > 1),
    )


def _strides(shape: tuple[int, ...], item_bytes: int) -> list[int]:
    return [item_bytes * prod(shape[dimension + 1 :]) for dimension in range(len(shape))]


def _offset(part: Box, outer: Box, strides: list[int]) -> int:
    inside = (a - b for a, b in zip(part.starts, outer.starts, strict=True))
    return sum(i * stride for i, stride in zip(inside, strides, strict=True))


def gaps(saved: Sequence[ChunkAt]) -> list[str]:
    """Return the tensors that were not saved wholly, sorted by name: a save that has any must not commit."""
    by_name = defaultdict(list)
    for chunk in saved:
        by_name[chunk.name].append(chunk)
    return sorted(name for name, chunks in by_name.items() if not _is_whole(chunks))


def _is_whole(chunks: list[ChunkAt]) -> bool:
    shape = chunks[0].global_shape
    try:
        plan_reads(chunks, [replace(chunks[0], starts=(0,) * len(shape), shape=shape)])
    except BadLayout:
        return False
    return True


def spans(reads: Iterable[Read], *, waste_bytes: int = 0) -> dict[int, list[tuple[int, int]]]:
    """Return by rank the (start, size) to fetch, stretches joined where at most `waste_bytes` lie between."""
    fetch: dict[int, list[tuple[int, int]]] = defaultdict(list)
    runs = sorted((read.rank, start, size) for read in reads for start, _, size in read.runs())
    for rank, start, size in runs:
        last_start, last_size = fetch[rank][-1] if fetch[rank] else (start, 0)
        if start - (last_start + last_size) <= waste_bytes and fetch[rank]:
            fetch[rank][-1] = (last_start, max(last_size, start + size - last_start))
        else:
            fetch[rank].append((start, size))
    return dict(fetch)
