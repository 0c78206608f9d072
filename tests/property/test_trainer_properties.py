"""What holds for every plan, every state, every damage and every restart."""

from __future__ import annotations

import json
import math
import tempfile
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.checkpoint import codec
from trainer.checkpoint.arena import Arena
from trainer.checkpoint.capture import TrainingState, copy
from trainer.checkpoint.crypt import Keyring
from trainer.checkpoint.frames import cut
from trainer.checkpoint.ranks import Alone
from trainer.checkpoint.restore import restore
from trainer.checkpoint.saver import Saver
from trainer.checkpoint.saves import Save
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.tree import Tensors, decode, encode
from trainer.checkpoint.verify import list_checkpoints
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
    text = json.dumps(encode(state, Tensors(), "state"), allow_nan=False)
    assert same(decode(json.loads(text), []), state)


def places(value, path=()):
    """Every path into a JSON object."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*path, key)
        yield from places(each, (*path, key))


@given(st.sampled_from(sorted(places(EXAMPLE), key=str)), anything_json)
def test_a_plan_with_anything_anywhere_is_read_or_refused_and_never_breaks(path, value):
    spoilt = deepcopy(EXAMPLE)
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


KEYRINGS = {"sealed": Keyring([bytes(range(32))]), "open": None}


def a_state():
    return TrainingState(model=torch.nn.Linear(3, 3), parts={"optimizer": torch.nn.Linear(2, 2)}, config={})


@pytest.fixture(scope="module", params=KEYRINGS)
def committed(request):
    """A keyring, and a folder of two checkpoints as bytes by file."""
    keyring = KEYRINGS[request.param]
    with tempfile.TemporaryDirectory() as room:
        state, arena = a_state(), Arena()
        saver = Saver(open_store(room), run_id="run-1", epoch=1, keyring=keyring)
        for step in (1, 2):
            with torch.no_grad():
                state.model.weight.fill_(step)
            captured = state.capture(step, arena)
            copy(captured)
            save = Save(
                save_id=f"save-{step}",
                step=step,
                tier="F",
                exact=True,
                config_digest=state.config_digest,
                payload_bytes=captured.payload_bytes,
                header_bytes=len(captured.header),
            )
            saver.commit(save.save_id, (saver.write(save, arena.memory[: captured.bytes]),))
        files = {
            path.relative_to(room): path.read_bytes() for path in Path(room).rglob("*") if path.is_file()
        }
        return keyring, files


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_damaged_file_never_becomes_a_restored_state(committed, data):
    keyring, files = committed
    name = data.draw(st.sampled_from(sorted(files)))
    raw = files[name]
    at = data.draw(st.integers(0, len(raw) - 1))
    damaged = data.draw(
        st.sampled_from(
            [
                raw[:at],
                raw[:at] + bytes([raw[at] ^ 1 << at % 8]) + raw[at + 1 :],
                raw[at:] + raw[:at],
                raw[:at] + bytes(len(raw) - at),
            ]
        )
    )
    with tempfile.TemporaryDirectory() as room:
        for path, content in files.items():
            (Path(room) / path).parent.mkdir(parents=True, exist_ok=True)
            (Path(room) / path).write_bytes(damaged if path == name else content)
        state, store = a_state(), open_store(room)
        valid = [row.step for row in list_checkpoints(store, keyring) if row.valid]
        try:
            found = restore([store], state, Alone(), run_id="run-1", keyring=keyring)
        except NoValidCheckpoint:
            assert valid == []
        else:
            assert found.manifest.step == max(valid)
            assert (state.model.weight == found.manifest.step).all()
    if damaged != raw:
        assert len(valid) < 2


@given(st.binary(max_size=3000), st.sampled_from(codec.CODECS), st.binary(max_size=3000))
def test_every_block_comes_back_from_every_codec_to_the_last_bit(plain, name, base):
    if name in ("s2z", "d2z"):
        plain = plain[: len(plain) // 2 * 2]
    base = (base * (len(plain) // max(1, len(base)) + 1) + bytes(len(plain)))[: len(plain)]
    of_base = memoryview(base) if name == "d2z" else None
    back = bytearray(len(plain))
    stored = codec.encode(name, memoryview(plain), of_base)
    codec.decode_into(name, memoryview(stored), memoryview(back), of_base)
    assert back == plain


@given(st.integers(0, 200), st.lists(st.integers(-5, 220)), st.integers(1, 50))
def test_a_stretch_is_cut_without_a_gap_and_at_every_cut(size, cuts, most):
    from trainer.checkpoint import frames

    former, frames.BLOCK_BYTES = frames.BLOCK_BYTES, most
    try:
        pieces = [bytes(piece) for piece in cut(memoryview(bytes(range(size % 256)) * 1)[:size], cuts)]
    finally:
        frames.BLOCK_BYTES = former
    assert b"".join(pieces) == bytes(range(size))
    edges = [sum(map(len, pieces[:n])) for n in range(len(pieces) + 1)]
    assert set(edges) >= {each for each in cuts if 0 < each < size}
    assert all(0 < len(piece) <= most for piece in pieces)


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
