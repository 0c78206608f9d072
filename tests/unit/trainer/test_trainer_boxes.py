"""Slices by hand: which bytes hold them, what is refused."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from trainer.checkpoint.boxes import BadLayout, Box, ChunkAt, overlap, plan_reads, spans
from trainer.checkpoint.distributed import chunk_of, local_chunks, materialise
from trainer.checkpoint.slices import slices


def chunk(starts, shape, *, rank=0, offset_bytes=0, global_shape=(4, 6), **changes):
    kind = {"name": "w", "dtype": "float32", "item_bytes": 4, **changes}
    return ChunkAt(
        **kind, global_shape=global_shape, starts=starts, shape=shape, offset_bytes=offset_bytes, rank=rank
    )


def test_boxes_meet_where_both_reach():
    # Rows 1–3 and columns 0–3 against rows 2–5 and columns 2–3: rows 2–3, columns 2–3.
    assert overlap(Box((1, 0), (3, 4)), Box((2, 2), (4, 2))) == Box((2, 2), (2, 2))
    assert overlap(Box((0, 0), (2, 6)), Box((2, 0), (2, 6))) is None


def test_whole_rows_are_one_run():
    # Rows 1 and 2 of a 4 × 6 float32 tensor: 2 · 6 · 4 = 48 bytes from byte 24.
    [read] = plan_reads([chunk((0, 0), (4, 6))], [chunk((1, 0), (2, 6), rank=1)])
    assert list(read.runs()) == [(24, 0, 48)]


def test_a_column_slice_is_one_run_per_row():
    # Columns 4 and 5: in each row 8 bytes, from byte 16 of 24; packed to 8 bytes a row.
    [read] = plan_reads([chunk((0, 0), (4, 6), offset_bytes=100)], [chunk((0, 4), (4, 2), rank=1)])
    assert list(read.runs()) == [(116, 0, 8), (140, 8, 8), (164, 16, 8), (188, 24, 8)]
    assert (read.size, read.start_byte, read.end_byte) == (32, 116, 196)
    assert spans([read], waste_bytes=16) == {0: [(116, 80)]}


def test_a_replica_of_ones_own_is_preferred():
    replicas = [chunk((0, 0), (4, 6), rank=rank, offset_bytes=rank * 1000) for rank in range(3)]
    assert [read.rank for read in plan_reads(replicas, [chunk((0, 0), (4, 6), rank=2)])] == [2]
    assert [read.rank for read in plan_reads(replicas, [chunk((0, 0), (4, 6), rank=7)])] == [0]


def test_a_scalar_is_one_element():
    [read] = plan_reads([chunk((), (), global_shape=())], [chunk((), (), rank=1, global_shape=())])
    assert list(read.runs()) == [(0, 0, 4)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"dtype": "bfloat16"}, r"saved as bfloat16 \[4, 6\] and is wanted as float32 \[4, 6\]"),
        ({"global_shape": (4, 7)}, r"saved as float32 \[4, 7\]"),
        ({"name": "v"}, r"0 of 24 elements were saved"),
    ],
)
def test_another_tensor_is_refused_in_words(changes, words):
    whole = chunk((0, 0), (4, 6))
    with pytest.raises(BadLayout, match=words):
        plan_reads([replace(whole, **changes)], [whole])


def test_chunks_that_were_cut_in_two_ways_are_refused():
    saved = [chunk((0, 0), (3, 6)), chunk((2, 0), (2, 6), rank=1)]
    with pytest.raises(BadLayout, match="saved twice"):
        plan_reads(saved, [chunk((0, 0), (4, 6))])


def test_plain_tensors_are_dealt_out_by_size():
    # 12, 8, 6 and 2 elements over two ranks: 12 | 8, then 6 to the lighter one (8 + 6 = 14), then 2: 14 | 14.
    sizes = {"a": 12, "b": 2, "c": 8, "d": 6}
    chunks = local_chunks([(name, torch.zeros(size)) for name, size in sizes.items()], world_size=2)
    assert {c.name: c.saved_by for c in chunks} == {"a": 0, "b": 0, "c": 1, "d": 1}


def test_a_tensor_that_only_some_ranks_hold_is_saved_by_one_of_them():
    [one] = local_chunks([("w", torch.zeros(3))], world_size=4, holders={"w": (2, 3)})
    assert (one.held_by, one.saved_by) == ((2, 3), 2)


def test_a_chunk_shares_the_tensors_memory():
    weight = torch.nn.Parameter(torch.zeros(2, 3))
    part = chunk_of("w", weight)
    part.tensor.fill_(7)
    assert weight.sum().item() == 42
    assert part.at(64, 5) == chunk((0, 0), (2, 3), rank=5, offset_bytes=64, global_shape=(2, 3))


def test_an_optimizer_gets_its_state_and_moves_nothing():
    model = torch.nn.Linear(3, 2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.5, weight_decay=0.1)
    materialise(optimizer)
    assert len(optimizer.state) == 2
    assert optimizer.param_groups[0]["lr"] == 0.5
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


class Whole:
    """Hands out the memory of a plain tensor."""

    def memory_for(self, target, dtype):
        assert dtype == "float32"
        return memoryview(target.view(-1).view(torch.uint8).numpy())


def test_a_live_tensor_is_filled_from_the_stretches_of_two_ranks():
    # Rank 0 stored rows 0 and 1 of a 3 × 2 tensor from byte 8, rank 1 row 2 from byte 0.
    def slot(shape, starts, offset_bytes):
        return SimpleNamespace(
            name="w",
            dtype="float32",
            shape=shape,
            starts=starts,
            offset_bytes=offset_bytes,
            global_shape=(3, 2),
        )

    target = torch.zeros(3, 2)
    found = list(slices([(0, slot((2, 2), (0, 0), 8)), (1, slot((1, 2), (2, 0), 0))], target, Whole()))
    assert [(rank, piece.start, piece.end) for rank, piece in found] == [(0, 8, 24), (1, 0, 8)]
    for rank, piece in found:
        piece.memory[:] = torch.full((len(piece.memory) // 4,), rank + 1.0).numpy().tobytes()
    assert target.tolist() == [[1, 1], [1, 1], [2, 2]]
