"""What is captured is everything that training depends on, and it comes back to the last bit."""

from __future__ import annotations

import ast
import hashlib
import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.adamw import AdamW
from trainer.checkpoint.arena import Arena, TensorSlot, place
from trainer.checkpoint.capture import TrainingState
from trainer.checkpoint.generators import random_state, set_random_state
from trainer.checkpoint.keeper import Keeper
from trainer.checkpoint.tree import Tensors, decode, encode
from trainer.checkpoint.weights import weights_sha256
from trainer.errors import NotCapturable
from trainer.gpt import SIZES, Gpt
from trainer.runlog import RunLog

ROOM = Path(__file__).parents[3] / "trainer"
SIZE = SIZES["nano"]


def fresh(seed):
    torch.manual_seed(seed)
    model = Gpt(SIZE)
    return TrainingState(model=model, parts={"optimizer": AdamW(model)}, config={})


def train(state, steps):
    """Train on tokens drawn from torch's own generator, with dropout: every draw matters."""
    optimizer = state.parts["optimizer"]
    for _ in range(steps):
        tokens_BT = torch.randint(0, SIZE.vocabulary, (SIZE.batch, SIZE.context + 1))
        state.model.loss(tokens_BT).backward()
        optimizer.step()
        optimizer.zero_grad()
    return weights_sha256(state.model)


@pytest.fixture
def keeper_of(make_plan, tmp_path):
    attempts = iter(range(1, 9))

    def make(state):
        attempt = next(attempts)
        return Keeper(make_plan(attempt=attempt), state, RunLog(tmp_path / "spool", "run", attempt, "0"))

    return make


def carry_over(keeper_of, state):
    """Save, as a run does that is about to be taken."""
    keeper = keeper_of(state)
    keeper.restore()
    keeper.save(5)
    keeper.close()


def put_back(keeper_of, state):
    keeper = keeper_of(state)
    assert keeper.restore().manifest.step == 5
    keeper.close()


def test_training_goes_on_as_if_nothing_had_happened(keeper_of):
    first = fresh(1)
    train(first, 5)
    carry_over(keeper_of, first)
    uninterrupted = train(first, 5)
    second = fresh(2)  # Other weights, other random numbers.
    put_back(keeper_of, second)
    assert train(second, 5) == uninterrupted


def test_without_the_random_state_dropout_would_tell_them_apart(keeper_of):
    first = fresh(1)
    train(first, 5)
    carry_over(keeper_of, first)
    uninterrupted = train(first, 5)
    second = fresh(2)
    put_back(keeper_of, second)
    torch.manual_seed(2)
    assert train(second, 5) != uninterrupted


def test_every_random_generator_goes_on_where_it_was(keeper_of):
    state = fresh(1)
    carry_over(keeper_of, state)
    drawn = random.random(), np.random.random(), torch.rand(1).item()
    put_back(keeper_of, state)
    assert (random.random(), np.random.random(), torch.rand(1).item()) == drawn


def test_a_generators_state_may_lie_anywhere_in_memory():
    state, room = random_state(), torch.full((6000,), 7, dtype=torch.uint8)
    drawn = torch.rand(1).item()
    view = room[64 : 64 + len(state["torch"])]
    view.copy_(state["torch"])
    set_random_state({**state, "torch": view})
    assert torch.rand(1).item() == drawn


def test_one_stretch_of_memory_serves_all_saves():
    state, arena = fresh(1), Arena()
    state.capture(1, arena)
    before = arena.memory.nbytes, os.fstat(arena.file).st_ino
    train(state, 1)
    state.capture(2, arena)
    assert (arena.memory.nbytes, os.fstat(arena.file).st_ino) == before


def test_buffers_and_counters_are_copied_at_once_and_weights_may_wait():
    model = torch.nn.BatchNorm1d(2000)
    state, arena = TrainingState(model=model, parts={}, config={}), Arena()
    captured = state.capture(1, arena)
    waiting = [source.data_ptr() for _, source in captured.late]
    assert sorted(waiting) == sorted([model.weight.data_ptr(), model.bias.data_ptr()])


def test_dtypes_and_shapes_come_back():
    tensors = {
        "bf16": torch.randn(3, 5).bfloat16(),
        "scalar": torch.tensor(7),
        "empty": torch.empty(0, 4),
        "bool": torch.tensor([True, False]),
        "strided": torch.arange(12).reshape(3, 4).t(),
    }
    listed = Tensors()
    skeleton = encode(tensors, listed, "x")
    slots, _, end = place(
        [
            TensorSlot(name, str(t.dtype).removeprefix("torch."), tuple(t.shape), 0, "")
            for name, t in listed.items
        ],
        set(),
    )
    arena = Arena()
    arena.reserve(end)
    for slot, (_, tensor) in zip(slots, listed.items, strict=True):
        arena.view(slot).copy_(tensor)
    back = decode(skeleton, [arena.view(slot) for slot in slots])
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)


def test_what_is_no_plain_value_is_refused_by_name():
    with pytest.raises(NotCapturable, match=r"optimizer.groups.0.hook is a function"):
        encode({"groups": [{"hook": lambda: 1}]}, Tensors(), "optimizer")
    with pytest.raises(NotCapturable, match="a checkpoint holds dense tensors"):
        encode({"mask": torch.eye(2).to_sparse()}, Tensors(), "model")


def test_the_hash_of_weights_follows_names_and_bytes():
    # SHA-256 over "bias", four zero bytes, "weight", the bytes of 1.0 as a little-endian float.
    model = torch.nn.Linear(1, 1)
    with torch.no_grad():
        model.bias.zero_()
        model.weight.fill_(1.0)
    by_hand = hashlib.sha256(b"bias" + bytes(4) + b"weight" + b"\x00\x00\x80\x3f").hexdigest()
    assert weights_sha256(model) == by_hand


def test_no_file_of_the_room_pickles_or_loads_pickles():
    banned = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "joblib"}
    for path in ROOM.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not {alias.name.split(".")[0] for alias in node.names} & banned, path
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in banned, path
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "torch.save"):
                assert "weights_only=True" in ast.unparse(node), path
