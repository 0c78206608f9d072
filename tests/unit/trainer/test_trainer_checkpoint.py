"""A checkpoint exists if and only if its root manifest exists, authenticates, and every block verifies."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest
import torch

from trainer.adamw import AdamW
from trainer.checkpoint import frames
from trainer.checkpoint.arena import Arena
from trainer.checkpoint.capture import TrainingState, copy
from trainer.checkpoint.crypt import Keyring, KeyTrouble
from trainer.checkpoint.layout import generations, manifest_key
from trainer.checkpoint.manifest import BadManifest, root_from_bytes, root_to_bytes
from trainer.checkpoint.ranks import Alone
from trainer.checkpoint.reading import read_root
from trainer.checkpoint.restore import restore
from trainer.checkpoint.saver import Saver
from trainer.checkpoint.saves import Save
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.errors import FencedOut, NoValidCheckpoint, OtherTraining

KEY = bytes(range(32))


class Counter:
    """A part with a state that is easy to tell apart."""

    def __init__(self, value=0):
        self.value = value

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state_dict):
        self.value = state_dict["value"]


@pytest.fixture(params=["sealed", "open"])
def keyring(request):
    return Keyring([KEY]) if request.param == "sealed" else None


@pytest.fixture
def root(tmp_path):
    return tmp_path / "checkpoints"


@pytest.fixture
def store(root):
    return open_store(str(root))


def a_state(model=None, config=None, optimizer=None):
    torch.manual_seed(0)
    parts = {"optimizer": optimizer or Counter()}
    return TrainingState(model=model or torch.nn.Linear(40, 40), parts=parts, config=config or {"seed": 0})


@pytest.fixture
def state():
    return a_state()


def a_saver(store, keyring, *, epoch=1):
    return Saver(store, run_id="run-1", epoch=epoch, keyring=keyring)


def order(captured, saver, state, tier="F"):
    return Save(
        save_id=f"{os.urandom(6).hex()}",
        step=captured.step,
        tier=tier,
        exact=captured.rung == "exact",
        config_digest=state.config_digest,
        payload_bytes=captured.payload_bytes,
        header_bytes=len(captured.header),
        cuts=captured.cuts,
    )


def commit(saver, state, step, *, tier="F"):
    """Commit a state whose weights are all `step`."""
    with torch.no_grad():
        for parameter in state.model.parameters():
            parameter.fill_(step)
    state.parts["optimizer"].value = step
    arena = Arena()
    captured = state.capture(step, arena, "bf16_weights" if tier == "W" else "exact")
    copy(captured)
    save = order(captured, saver, state, tier)
    entry = saver.write(save, arena.memory[: captured.bytes])
    return saver.commit(save.save_id, (entry,))


def back(store, state, keyring, *, run_id="run-1", **more):
    """Return the step restored, having checked that the whole state is of that step."""
    stores = store if isinstance(store, list) else [store]
    found = restore(stores, state, Alone(), run_id=run_id, keyring=keyring, **more)
    if found is None:
        return 0
    step = found.manifest.step
    assert all((parameter == step).all() for parameter in state.model.parameters())
    if found.manifest.exact:
        assert state.parts["optimizer"].value == step
    return step


def file_of(root, kind, generation):
    """One of the files a checkpoint is made of."""
    manifest = root / manifest_key(generation)
    if kind == "root":
        return manifest
    entry = root_from_bytes(manifest.read_bytes()).manifest.ranks[0]
    save_id = entry.key.split("/")[1]
    return root / entry.key if kind == "rank" else root / "blobs" / f"{save_id}-00000.blob"


def flip(path, at):
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def swap_pages(path):
    raw = path.read_bytes()
    half = len(raw) // 2
    path.write_bytes(raw[half:] + raw[:half])


DAMAGES = {
    "absent": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "one byte short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "first bit flipped": lambda path: flip(path, 0),
    "middle bit flipped": lambda path: flip(path, path.stat().st_size // 2),
    "last bit flipped": lambda path: flip(path, -1),
    "halves swapped": swap_pages,
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}
KINDS = ("root", "rank", "blob")


def test_what_was_committed_comes_back(store, state, keyring):
    saver = a_saver(store, keyring)
    commit(saver, state, 7)
    commit(saver, state, 9)
    assert back(store, state, keyring) == 9


def test_no_checkpoint_yet_means_step_0(store, state, keyring):
    assert back(store, state, keyring) == 0


def test_a_save_that_was_written_and_not_committed_is_no_checkpoint(store, state, keyring):
    saver, arena = a_saver(store, keyring), Arena()
    captured = state.capture(7, arena)
    copy(captured)
    saver.write(order(captured, saver, state), arena.memory[: captured.bytes])
    assert back(store, state, keyring) == 0


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_damage_to_any_file_is_noticed_and_the_one_before_is_taken(
    root, store, state, keyring, kind, damage, capsys
):
    saver = a_saver(store, keyring)
    commit(saver, state, 7)
    commit(saver, state, 9)
    DAMAGES[damage](file_of(root, kind, 2))
    assert back(store, state, keyring) == 7
    assert generations(store) == [1]
    if (kind, damage) != ("root", "absent"):  # Then it never existed.
        assert generations(store, "quarantine/") == [2]
        reason = (root / "quarantine" / "000000002.json.reason").read_text().strip()
        assert reason
        assert reason in capsys.readouterr().err


def test_a_manifest_under_another_generations_name_is_noticed(root, store, state, keyring):
    saver = a_saver(store, keyring)
    commit(saver, state, 7)
    commit(saver, state, 9)
    os.replace(root / manifest_key(1), root / manifest_key(5))
    assert back(store, state, keyring) == 9


def test_a_frame_does_not_open_in_another_ones_place(root, store, state):
    # Two saves under one key; the blob of the second is put in the place of the first.
    saver = a_saver(store, Keyring([KEY]))
    commit(saver, state, 7)
    commit(saver, state, 9)
    file_of(root, "blob", 2).write_bytes(file_of(root, "blob", 1).read_bytes())
    assert back(store, state, Keyring([KEY])) == 7


@pytest.mark.parametrize("kind", KINDS)
def test_checkpoints_of_which_none_is_valid_are_an_error_and_stay_one(root, store, state, keyring, kind):
    saver = a_saver(store, keyring)
    for step in (7, 9):
        commit(saver, state, step)
    for generation in (1, 2):
        flip(file_of(root, kind, generation), 20)
    for _ in range(2):  # The second time all of them are in quarantine already.
        with pytest.raises(NoValidCheckpoint, match="2 checkpoints were committed"):
            back(store, state, keyring)


def test_a_generation_that_was_put_aside_is_not_numbered_again(root, store, state, keyring):
    saver = a_saver(store, keyring)
    commit(saver, state, 7)
    commit(saver, state, 9)
    flip(file_of(root, "blob", 2), 0)
    back(store, state, keyring)
    assert commit(a_saver(store, keyring), state, 9).manifest.generation == 3


def test_a_block_that_is_bad_in_one_store_is_taken_from_the_next(tmp_path, root, store, state, keyring):
    saver = a_saver(store, keyring)
    commit(saver, state, 7)
    replica = tmp_path / "replica"
    shutil.copytree(root, replica)
    flip(file_of(root, "blob", 1), 3)
    stores = [store, open_store(str(replica))]
    assert back(stores, state, keyring) == 7
    assert generations(store) == [1]  # It was not given up.


def test_a_checkpoint_that_only_a_replica_holds_is_taken_from_there(tmp_path, root, store, state, keyring):
    commit(a_saver(store, keyring), state, 7)
    os.rename(root, tmp_path / "replica")
    assert back([store, open_store(str(tmp_path / "replica"))], state, keyring) == 7


def test_a_state_larger_than_a_block_is_cut_and_joined(store, state, keyring, monkeypatch):
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1000)
    monkeypatch.setattr("trainer.checkpoint.scatter.BLOCK_BYTES", 1000)
    commit(a_saver(store, keyring), state, 7)
    assert back(store, state, keyring) == 7


@pytest.mark.parametrize("kind", ["ranks", "blobs"])
def test_what_was_swept_away_before_the_commit_is_not_committed(root, store, state, keyring, kind):
    saver, arena = a_saver(store, keyring), Arena()
    captured = state.capture(7, arena)
    copy(captured)
    save = order(captured, saver, state)
    entry = saver.write(save, arena.memory[: captured.bytes])
    shutil.rmtree(root / kind)
    with pytest.raises(BadManifest, match="is gone before the commit"):
        saver.commit(save.save_id, (entry,))
    assert back(store, state, keyring) == 0


def test_a_manifest_names_where_it_came_from(store, state, keyring):
    saver = a_saver(store, keyring)
    first = commit(saver, state, 7)
    second = commit(saver, state, 9)
    assert first.manifest.parent is None
    assert second.manifest.parent.sha256 == first.sha256


def test_a_manifest_that_is_not_canonical_is_refused(root, store, state):
    done = commit(a_saver(store, None), state, 7)
    raw = root_to_bytes(done.manifest, None, None)
    assert root_from_bytes(raw).manifest == done.manifest
    assert (root / done.key).read_bytes() == raw
    with pytest.raises(BadManifest):
        root_from_bytes(raw + b" ")


def test_manifests_differ_where_anything_differs(store, state):
    manifest = commit(a_saver(store, None), state, 7).manifest
    assert root_to_bytes(manifest, None, None) != root_to_bytes(replace(manifest, step=8), None, None)


def test_a_zombie_may_not_commit_after_a_newer_attempt(store, state, keyring):
    zombie = a_saver(store, keyring)
    commit(zombie, state, 7)
    commit(a_saver(store, keyring, epoch=2), state, 9)
    with pytest.raises(FencedOut, match="this is attempt 1"):
        commit(zombie, state, 11)
    assert back(store, state, keyring) == 9


def test_a_zombie_that_looked_too_early_is_stopped_by_the_creation_itself(store, state, keyring, monkeypatch):
    zombie, arena = a_saver(store, keyring), Arena()
    captured = state.capture(7, arena)
    copy(captured)
    save = order(captured, zombie, state)
    entry = zombie.write(save, arena.memory[: captured.bytes])
    commit(a_saver(store, keyring, epoch=2), state, 9)  # Between its looking and its creating.
    monkeypatch.setattr("trainer.checkpoint.saver.next_generation", lambda _: 1)
    with pytest.raises(FencedOut):
        zombie.commit(save.save_id, (entry,))
    assert [row.epoch for row in list_checkpoints(store, keyring)] == [2]


def test_a_listing_says_what_is_valid_and_changes_nothing(root, store, state, keyring):
    saver = a_saver(store, keyring)
    for step in (3, 5):
        commit(saver, state, step)
    flip(file_of(root, "blob", 1), -1)
    (root / manifest_key(3)).write_bytes(b"{")
    rows = list_checkpoints(store, keyring)
    assert [(row.generation, row.step, row.valid) for row in rows] == [
        (3, None, False),
        (2, 5, True),
        (1, 3, False),
    ]
    assert "block" in rows[2].reason
    assert generations(store, "quarantine/") == []


def test_a_folder_of_another_run_is_refused_and_left_alone(store, state, keyring):
    commit(a_saver(store, keyring), state, 7)
    with pytest.raises(OtherTraining, match="belongs to run 'run-1'; the plan is of run 'run-2'"):
        back(store, state, keyring, run_id="run-2")
    assert generations(store) == [1]


def test_another_configuration_or_model_is_refused_by_its_difference(store, state):
    commit(a_saver(store, None), state, 7)
    with pytest.raises(OtherTraining, match="seed was 0, now 1"):
        back(store, a_state(config={"seed": 1}), None)
    with pytest.raises(OtherTraining, match="other parameters"):
        back(store, a_state(torch.nn.Linear(41, 40)), None)
    with pytest.raises(OtherTraining, match="another optimizer"):
        back(store, a_state(optimizer=torch.nn.Identity()), None)


def test_a_full_disk_harms_no_checkpoint(store, state, keyring, monkeypatch):
    saver = a_saver(store, keyring)
    commit(saver, state, 7)

    def full(*_):
        raise OSError(28, "No space left on device")

    for name in ("write", "pwrite", "writev", "pwritev"):
        monkeypatch.setattr(os, name, full)
    with pytest.raises(Exception, match=r"No space left|full"):
        commit(saver, state, 9)
    monkeypatch.undo()
    assert back(store, state, keyring) == 7


def test_frozen_layers_are_written_once(root, store, keyring):
    # 4 MiB frozen and 64 bytes trained: the second save adds little more than those and its header.
    base = torch.nn.Linear(1024, 1024, bias=False).requires_grad_(False)
    state = a_state(torch.nn.ModuleList([base, torch.nn.Linear(4, 4, bias=False)]))
    saver = a_saver(store, keyring)

    def commit_one(step):
        arena = Arena()
        captured = state.capture(step, arena)
        copy(captured)
        save = order(captured, saver, state)
        return saver.commit(save.save_id, (saver.write(save, arena.memory[: captured.bytes]),))

    first = commit_one(1)
    with torch.no_grad():
        state.model[1].weight.fill_(3)
    second = commit_one(2)
    assert first.stored_bytes > 4 << 20
    assert second.stored_bytes < 1 << 17
    assert all(row.valid for row in list_checkpoints(store, keyring))


def test_tied_weights_are_written_once_and_stay_tied(store, keyring):
    model = torch.nn.ModuleList([torch.nn.Linear(8, 8, bias=False), torch.nn.Linear(8, 8, bias=False)])
    model[1].weight = model[0].weight
    state = a_state(model)
    commit(a_saver(store, keyring), state, 5)
    with torch.no_grad():
        model[0].weight.zero_()
    assert back(store, state, keyring) == 5
    assert model[0].weight is model[1].weight


def test_without_the_key_nothing_is_read_and_nothing_is_put_aside(store, state):
    commit(a_saver(store, Keyring([KEY])), state, 7)
    with pytest.raises(KeyTrouble, match="the plan names no key"):
        back(store, state, None)
    with pytest.raises(KeyTrouble, match="the keyring holds"):
        back(store, state, Keyring([bytes(32)]))
    assert generations(store) == [1]


def test_who_has_no_key_cannot_write_for_one_who_has(store, state):
    commit(a_saver(store, Keyring([KEY])), state, 7)
    commit(a_saver(store, None), state, 9)  # In the open, as somebody with the bucket's credentials could.
    assert back(store, state, Keyring([KEY])) == 7


def test_a_rotated_key_reads_the_old_and_seals_the_new(store, state):
    commit(a_saver(store, Keyring([KEY])), state, 7)
    both = Keyring([KEY, bytes(32)])
    saver = a_saver(store, both, epoch=2)
    saver.adopt(1)
    commit(saver, state, 9)
    assert back(store, state, both) == 9
    assert read_root(store, 2, Keyring([bytes(32)])).manifest.step == 9  # The old key is not needed for it.


def test_a_key_that_was_rotated_away_and_back_is_the_newest():
    other = bytes(32)
    assert Keyring([KEY, other, KEY]).newest == Keyring([KEY]).newest
    assert Keyring([KEY, other]).newest == Keyring([other]).newest


def test_a_light_save_is_taken_only_where_the_plan_allows_it(store, state, keyring):
    saver = a_saver(store, keyring)
    commit(saver, state, 7)
    commit(saver, state, 9, tier="W")
    assert back(store, state, keyring) == 7
    assert back(store, state, keyring, allow_inexact=True) == 9


def test_where_only_light_saves_are_left_that_is_said(store, state, keyring):
    commit(a_saver(store, keyring), state, 9, tier="W")
    with pytest.raises(NoValidCheckpoint, match="1 are inexact, and the plan's allow_inexact is false"):
        back(store, state, keyring)


def test_light_saves_after_the_first_are_deltas_and_come_back(root, store, keyring):
    state = a_state(torch.nn.Linear(700, 700))
    saver = a_saver(store, keyring)
    torch.manual_seed(3)
    weights = torch.randn(700, 700)
    arena = Arena()
    stored = []
    for step in (1, 2, 3):
        with torch.no_grad():
            state.model.weight.copy_(weights + step * 1e-5)
        captured = state.capture(step, arena, "bf16_weights")
        copy(captured)
        save = order(captured, saver, state, "W")
        entry = saver.write(save, arena.memory[: captured.bytes])
        stored.append(saver.commit(save.save_id, (entry,)).stored_bytes)
    assert stored[1] < stored[0] / 3
    found = restore([store], state, Alone(), run_id="run-1", keyring=keyring, allow_inexact=True)
    assert found.manifest.keyframe.generation == 1
    assert torch.equal(state.model.weight, (weights + 3e-5).bfloat16().float())
    flip(file_of(root, "blob", 1), -1)  # The keyframe's: the deltas are lost with it.
    assert not any(row.valid for row in list_checkpoints(store, keyring))


@pytest.mark.parametrize("kind", [AdamW, torch.optim.SGD, torch.optim.Adagrad])
def test_a_light_save_taken_after_a_damaged_full_one_starts_from_a_fresh_optimizer(
    root, store, keyring, kind, monkeypatch
):
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1 << 16)

    def a_training():
        torch.manual_seed(0)
        model = torch.nn.Linear(200, 200)
        return a_state(model, optimizer=kind(model) if kind is AdamW else kind(model.parameters(), lr=0.1))

    def moments(state):
        return state.gather()[0]["optimizer"], [
            each.clone() for name, each in state.gather()[1].items if name.startswith("optimizer.")
        ]

    state, saver = a_training(), a_saver(store, keyring)
    for step, rung in ((1, "bf16_weights"), (2, "exact")):
        state.model(torch.ones(200)).sum().backward()
        state.parts["optimizer"].step()
        captured = state.capture(step, arena := Arena(), rung)
        copy(captured)
        save = order(captured, saver, state, "W" if step == 1 else "F")
        saver.commit(save.save_id, (saver.write(save, arena.memory[: captured.bytes]),))
    flip(file_of(root, "blob", 2), -1000)
    begun = a_training()
    tree, fresh = moments(begun)
    found = restore([store], begun, Alone(), run_id="run-1", keyring=keyring, allow_inexact=True)
    assert found.manifest.step == 1
    assert moments(begun)[0] == tree
    assert all(torch.equal(one, two) for one, two in zip(moments(begun)[1], fresh, strict=True))
