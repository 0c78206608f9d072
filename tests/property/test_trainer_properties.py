"""What holds for every plan, every state, every damage and every restart."""

from __future__ import annotations

import copy
import json
import math
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.checkpoint.arena import Arena
from trainer.checkpoint.capture import TrainingState
from trainer.checkpoint.folder import CheckpointFolder
from trainer.checkpoint.restore import list_checkpoints, newest_valid
from trainer.checkpoint.tree import decode, encode
from trainer.checkpoint.writer import Writer
from trainer.data import TextWindows
from trainer.errors import NoValidCheckpoint
from trainer.plan import Plan, PlanError
from trainer.runlog import EventError, validate_event

EXAMPLE = json.loads((Path(__file__).parents[2] / "examples" / "plan.json").read_text())

plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
anything_json = st.recursive(
    plain, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)
state_keys = st.text() | st.integers()
states = st.recursive(
    plain,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(state_keys, inner),
    max_leaves=20,
)


def same(one, other):
    """Equal, where NaN is itself and 1 is neither 1.0 nor True."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


@given(states)
def test_every_plain_state_comes_back_from_json_as_it_was(state):
    text = json.dumps(encode(state, [], "state"), allow_nan=False)
    assert same(decode(json.loads(text), []), state)


def places(value, path=()):
    """Every path into a JSON object."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


@given(st.sampled_from(sorted(places(EXAMPLE), key=str)), anything_json)
def test_a_plan_with_anything_anywhere_is_read_or_refused_and_never_breaks(path, value):
    spoilt = copy.deepcopy(EXAMPLE)
    part = spoilt
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    try:
        plan = Plan.from_dict(spoilt)
    except PlanError:
        return
    assert Plan.read(plan.to_json().encode()) == plan


@given(st.binary())
def test_bytes_are_no_plan(raw):
    with pytest.raises(PlanError):
        Plan.read(raw)


@given(anything_json)
def test_whatever_is_no_event_is_refused_and_never_breaks(value):
    with pytest.raises(EventError):
        validate_event(value)


@pytest.fixture(scope="module")
def committed():
    """A folder of two checkpoints, as bytes by file."""
    with tempfile.TemporaryDirectory() as room:
        folder = CheckpointFolder(room)
        folder.make()
        model = torch.nn.Linear(3, 3)
        state = TrainingState(model=model, optimizer=torch.nn.Linear(2, 2), data=None, config={})
        writer = Writer(folder, run_id="run-1", epoch=1)
        for step in (1, 2):
            with torch.no_grad():
                model.weight.fill_(step)
            writer.save(state.capture(step, Arena()))
        return {path.relative_to(room): path.read_bytes() for path in Path(room).rglob("*") if path.is_file()}


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_never_becomes_a_restored_state(committed, data):
    name = data.draw(st.sampled_from(sorted(committed)))
    raw = committed[name]
    at = data.draw(st.integers(0, len(raw) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                raw[:at],
                raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :],
                raw + raw[:at],
                raw[:at] + bytes(len(raw) - at),
            ]
        )
    )
    with tempfile.TemporaryDirectory() as room:
        for path, content in committed.items():
            (Path(room) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(room) / path).write_bytes(damaged if path == name else content)
        folder, arena = CheckpointFolder(room), Arena()
        folder.make()
        valid = [row.step for row in list_checkpoints(room) if row.valid]
        try:
            found = newest_valid(folder, arena, run_id="run-1")
        except NoValidCheckpoint:
            assert valid == []
        else:
            step = found.checkpoint.manifest.step
            assert step == max(valid)
            assert (arena.views[0] == step).all()
    if damaged != raw:
        assert len(valid) < 2


@given(st.integers(1, 7), st.integers(0, 40), st.integers(0, 2**32))
def test_a_restart_at_any_step_sees_the_batches_it_would_have_seen(batch, restart_at, seed):
    def windows():
        return TextWindows(bytes(120), seed=seed, batch=batch, context=9)

    uninterrupted = windows()
    seen = [uninterrupted.windows_of(step) for step in range(41)]
    assert windows().windows_of(restart_at) == seen[restart_at]
    flat = [window for step in seen for window in step]
    epochs = [flat[first : first + 12] for first in range(0, len(flat) - 11, 12)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
