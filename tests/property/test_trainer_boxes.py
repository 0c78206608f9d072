"""What was saved under any layout comes back under any other, and no byte is read that is not wanted."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise, product
from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.checkpoint.boxes import BadLayout, Box, ChunkAt, gaps, overlap, plan_reads, spans
from trainer.checkpoint.distributed import paste

GARBAGE = 0xEE


@st.composite
def layouts(draw, shape):
    """A way to cut a tensor: cuts of each dimension, some of them empty, and the boxes in any order."""
    cuts = [sorted(draw(st.lists(st.integers(0, length), max_size=3))) for length in shape]
    edges = [list(pairwise([0, *cut, length])) for cut, length in zip(cuts, shape, strict=True)]
    boxes = [Box(tuple(a for a, _ in corner), tuple(b - a for a, b in corner)) for corner in product(*edges)]
    return draw(st.permutations(boxes))


@st.composite
def two_layouts(draw):
    """A shape of up to three dimensions, how it was saved, and how it is wanted."""
    shape = tuple(draw(st.lists(st.integers(1, 7), max_size=3)))
    return shape, draw(layouts(shape)), draw(layouts(shape))


def part_of(whole, box):
    return whole[tuple(slice(a, a + n) for a, n in zip(box.starts, box.shape, strict=True))]


def placed(boxes, shape, item_bytes=2):
    """Lay boxes out, two to a rank, with 3 bytes of something else before each."""
    chunks, ends = [], {}
    for number, box in enumerate(boxes):
        rank = number // 2
        offset = ends.get(rank, 0) + 3
        ends[rank] = offset + box.elements * item_bytes
        kind = {"name": "w", "dtype": "int16", "item_bytes": item_bytes, "global_shape": shape}
        chunks.append(ChunkAt(**kind, starts=box.starts, shape=box.shape, offset_bytes=offset, rank=rank))
    return chunks, ends


def payloads_of(whole, chunks, ends):
    found = {rank: np.full(end, GARBAGE, dtype=np.uint8) for rank, end in ends.items()}
    for chunk in chunks:
        raw = np.frombuffer(np.ascontiguousarray(part_of(whole, chunk.box)).tobytes(), dtype=np.uint8)
        found[chunk.rank][chunk.offset_bytes : chunk.offset_bytes + len(raw)] = raw
    return found


@given(two_layouts())
def test_any_layout_is_read_back_under_any_other_as_dense_slicing_would(case):
    shape, saved_boxes, wanted_boxes = case
    whole = np.arange(prod(shape), dtype=np.int16).reshape(shape)
    saved, ends = placed(saved_boxes, shape)
    payloads = payloads_of(whole, saved, ends)
    wanted, room = placed(wanted_boxes, shape)
    for rank in room:
        mine = [chunk for chunk in wanted if chunk.rank == rank]
        by_runs, by_paste = (np.full(room[rank], GARBAGE, dtype=np.uint8) for _ in range(2))
        for read in plan_reads(saved, mine):
            paste(read, payloads[read.rank][read.start_byte : read.end_byte].data, by_paste.data)
            for start, into, size in read.runs():
                by_runs[into : into + size] = payloads[read.rank][start : start + size]
        expected = payloads_of(whole, mine, {rank: room[rank]})[rank]
        assert np.array_equal(by_runs, expected)
        assert np.array_equal(by_paste, expected)


@given(two_layouts())
def test_exactly_the_wanted_bytes_are_read_and_each_once(case):
    shape, saved_boxes, wanted_boxes = case
    saved, _ = placed(saved_boxes, shape)
    for want in placed(wanted_boxes, shape)[0]:
        reads = plan_reads(saved, [want])
        assert sum(read.size for read in reads) == want.box.elements * 2
        fetched = [size for stretch in spans(reads).values() for _, size in stretch]
        assert sum(fetched) == want.box.elements * 2


@given(two_layouts(), st.integers(0, 20))
def test_joined_stretches_hold_every_run_and_little_else(case, waste_bytes):
    shape, saved_boxes, wanted_boxes = case
    reads = plan_reads(placed(saved_boxes, shape)[0], placed(wanted_boxes, shape)[0])
    fetch = spans(reads, waste_bytes=waste_bytes)
    for read in reads:
        for start, _, size in read.runs():
            assert any(a <= start and start + size <= a + n for a, n in fetch[read.rank])
    for stretches in fetch.values():
        assert all(a + n + waste_bytes < b for (a, n), (b, _) in pairwise(stretches))


@given(two_layouts(), st.data())
def test_a_missing_part_is_never_overlooked(case, data):
    shape, saved_boxes, _ = case
    saved, _ = placed(saved_boxes, shape)
    lost = data.draw(st.sampled_from(saved))
    rest = [chunk for chunk in saved if chunk is not lost]
    if lost.box.elements == 0:
        assert gaps(saved) == gaps(rest) == []
        return
    assert gaps(rest) == (["w"] if rest else [])
    with pytest.raises(BadLayout, match=r"Of w from .* elements were saved"):
        plan_reads(rest, [replace(lost, rank=9)])


@given(two_layouts())
def test_an_overlap_is_the_same_from_both_sides(case):
    _, ours, theirs = case
    for one, other in product(ours, theirs):
        assert overlap(one, other) == overlap(other, one)
        assert overlap(one, one) == (one if one.elements else None)
