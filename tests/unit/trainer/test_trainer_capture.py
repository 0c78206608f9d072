"""What is captured is everything that training depends on, and it comes back to the last bit."""

from __future__ import annotations

import ast
import hashlib
import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.adamw import AdamW
from trainer.checkpoint.arena import Arena
from trainer.checkpoint.capture import TrainingState, slots_of, weights_sha256
from trainer.checkpoint.tree import decode, encode
from trainer.errors import NotCapturable
from trainer.gpt import SIZES, Gpt

ROOM = Path(__file__).parents[3] / "trainer"
SIZE = SIZES["nano"]


def fresh(seed):
    torch.manual_seed(seed)
    model = Gpt(SIZE)
    optimizer = AdamW(model)
    return TrainingState(model=model, optimizer=optimizer, data=None, config={})


def train(state, steps):
    """Train on tokens drawn from torch's own generator, with dropout: every draw matters."""
    for _ in range(steps):
        tokens_BT = torch.randint(0, SIZE.vocabulary, (SIZE.batch, SIZE.context + 1))
        state.model.loss(tokens_BT).backward()
        state.optimizer.step()
        state.optimizer.zero_grad()
    return weights_sha256(state.model)


def carry_over(state, arena):
    """Return the header and a copy of the bytes, as a disk would keep them."""
    snapshot = state.capture(5, arena)
    return json.loads(snapshot.header), bytes(snapshot.payload)


def put_back(state, header, payload, arena):
    arena.lay_out(slots_of(header))[:] = payload
    state.apply(header, arena)


def test_training_goes_on_as_if_nothing_had_happened():
    first, arena = fresh(1), Arena()
    train(first, 5)
    header, payload = carry_over(first, arena)
    uninterrupted = train(first, 5)
    second = fresh(2)  # Other weights, other random numbers.
    put_back(second, header, payload, Arena())
    assert train(second, 5) == uninterrupted


def test_without_the_random_state_dropout_would_tell_them_apart():
    first, arena = fresh(1), Arena()
    train(first, 5)
    header, payload = carry_over(first, arena)
    uninterrupted = train(first, 5)
    second = fresh(2)
    put_back(second, header, payload, Arena())
    torch.manual_seed(2)
    assert train(second, 5) != uninterrupted


def test_every_random_generator_goes_on_where_it_was():
    state, arena = fresh(1), Arena()
    header, payload = carry_over(state, arena)
    drawn = random.random(), np.random.random(), torch.rand(1).item()
    put_back(state, header, payload, Arena())
    assert (random.random(), np.random.random(), torch.rand(1).item()) == drawn


def test_a_later_capture_does_not_reach_into_what_was_restored():
    state, arena = fresh(1), Arena()
    train(state, 2)
    header, payload = carry_over(state, arena)
    put_back(state, header, payload, arena)
    before = weights_sha256(state.model)
    arena.memory[:] = bytes(len(arena.memory))
    assert weights_sha256(state.model) == before


def test_one_buffer_serves_all_saves():
    state, arena = fresh(1), Arena()
    state.capture(1, arena)
    first = arena.views[0].data_ptr()
    train(state, 1)
    state.capture(2, arena)
    assert arena.views[0].data_ptr() == first


def test_dtypes_and_shapes_come_back():
    tensors = {
        "bf16": torch.randn(3, 5).bfloat16(),
        "scalar": torch.tensor(7),
        "empty": torch.empty(0, 4),
        "bool": torch.tensor([True, False]),
        "strided": torch.arange(12).reshape(3, 4).t(),
    }
    listed = []
    skeleton = encode(tensors, listed, "x")
    arena = Arena()
    arena.copy_in(listed)
    back = decode(skeleton, arena.views)
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)


def test_what_is_no_plain_value_is_refused_by_name():
    with pytest.raises(NotCapturable, match=r"optimizer.groups.0.hook is a function"):
        encode({"groups": [{"hook": lambda: 1}]}, [], "optimizer")
    with pytest.raises(NotCapturable, match="a checkpoint holds dense tensors"):
        encode({"mask": torch.eye(2).to_sparse()}, [], "model")


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
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) not in {("torch", "load"), ("torch", "save")}, path
