"""A checkpoint exists if and only if its manifest exists and every block it names verifies."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
import torch

from trainer.checkpoint import chunks
from trainer.checkpoint.arena import Arena
from trainer.checkpoint.capture import TrainingState
from trainer.checkpoint.folder import CheckpointFolder
from trainer.checkpoint.manifest import BadManifest, from_bytes, to_bytes
from trainer.checkpoint.restore import list_checkpoints, newest_valid
from trainer.checkpoint.retention import keep_newest, sweep_leftovers
from trainer.checkpoint.writer import Writer
from trainer.errors import FencedOut, NoValidCheckpoint, OtherTraining


class Counter:
    """A part with a state that is easy to tell apart."""

    def __init__(self, value=0):
        self.value = value

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state_dict):
        self.value = state_dict["value"]


@pytest.fixture
def folder(tmp_path):
    made = CheckpointFolder(tmp_path / "checkpoints")
    made.make()
    return made


@pytest.fixture
def state():
    torch.manual_seed(0)
    return TrainingState(model=torch.nn.Linear(40, 40), optimizer=Counter(), data=None, config={"seed": 0})


def commit(folder, state, step, *, epoch=1, writer=None):
    """Commit a state whose weights are all `step`."""
    with torch.no_grad():
        for parameter in state.model.parameters():
            parameter.fill_(step)
    state.optimizer.value = step
    writer = writer or Writer(folder, run_id="run-1", epoch=epoch)
    return writer.save(state.capture(step, Arena()))


def restore(folder, state):
    """Return the step restored, having checked that the whole state is of that step."""
    arena = Arena()
    found = newest_valid(folder, arena, run_id="run-1")
    if found is None:
        return 0
    state.apply(found.header, arena)
    step = found.checkpoint.manifest.step
    assert state.optimizer.value == step
    assert all((parameter == step).all() for parameter in state.model.parameters())
    return step


def files_of(folder, generation):
    """The files one checkpoint is made of."""
    checkpoint = folder.read(generation)
    header, payload = checkpoint.manifest.header, checkpoint.manifest.payload
    return {
        "manifest": checkpoint.path,
        "header": folder.blocks.path(header[0]),
        "payload": folder.blocks.path(payload[0]),
    }


def flip(path, at):
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


DAMAGES = {
    "absent": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "one byte short": lambda path: os.truncate(path, path.stat().st_size - 1),
    "one byte long": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "first bit flipped": lambda path: flip(path, 0),
    "middle bit flipped": lambda path: flip(path, path.stat().st_size // 2),
    "last bit flipped": lambda path: flip(path, -1),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}


def test_what_was_committed_comes_back(folder, state):
    commit(folder, state, 7)
    commit(folder, state, 9)
    assert restore(folder, state) == 9


def test_no_checkpoint_yet_means_step_0(folder, state):
    assert restore(folder, state) == 0


def test_blocks_without_a_manifest_are_no_checkpoint(folder, state):
    folder.blocks.write(b"a save cut short")
    assert restore(folder, state) == 0


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", ["manifest", "header", "payload"])
def test_damage_to_any_file_is_noticed_and_the_one_before_is_taken(folder, state, kind, damage):
    commit(folder, state, 7)
    commit(folder, state, 9)
    DAMAGES[damage](files_of(folder, 2)[kind])
    assert restore(folder, state) == 7
    assert folder.generations() == [1]
    if (kind, damage) != ("manifest", "absent"):  # Then it never existed.
        assert folder.quarantined() == [2]
        assert (folder.quarantine / "000000002.json.reason").read_text().strip()


def test_two_blocks_that_changed_places_are_noticed(folder, state):
    commit(folder, state, 7)
    commit(folder, state, 9)
    one, other = files_of(folder, 2)["header"], files_of(folder, 2)["payload"]
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    assert restore(folder, state) == 7


def test_a_manifest_under_another_generations_name_is_noticed(folder, state):
    commit(folder, state, 7)
    commit(folder, state, 9)
    os.replace(folder.manifest_path(1), folder.manifest_path(5))
    assert restore(folder, state) == 9


@pytest.mark.parametrize("kind", ["manifest", "header", "payload"])
def test_checkpoints_of_which_none_is_valid_are_an_error_and_stay_one(folder, state, kind):
    for step in (7, 9):
        commit(folder, state, step)
    for generation in (1, 2):
        flip(files_of(folder, generation)[kind], 20)
    for _ in range(2):  # The second time all of them are in quarantine already.
        with pytest.raises(NoValidCheckpoint, match="2 checkpoints were committed"):
            restore(folder, state)


def test_a_generation_that_was_put_aside_is_not_numbered_again(folder, state):
    commit(folder, state, 7)
    commit(folder, state, 9)
    flip(files_of(folder, 2)["payload"], 0)
    restore(folder, state)
    assert commit(folder, state, 9).manifest.generation == 3


def test_saving_the_same_content_heals_a_damaged_block(folder, state):
    commit(folder, state, 7)
    flip(files_of(folder, 1)["payload"], 0)
    commit(folder, state, 7)
    assert [row.valid for row in list_checkpoints(folder.root)] == [True, True]


def test_a_state_larger_than_a_block_is_cut_and_joined(folder, state, monkeypatch):
    monkeypatch.setattr(chunks, "BLOCK_BYTES", 1000)
    # 40 × 40 + 40 parameters of 4 bytes are 6560, and torch's own generator adds 5056.
    checkpoint = commit(folder, state, 7)
    assert len(checkpoint.manifest.payload) == 12
    assert restore(folder, state) == 7


def test_a_manifest_is_never_overwritten(folder, state):
    first = commit(folder, state, 7)
    before = first.path.read_bytes()
    commit(folder, state, 9)
    assert first.path.read_bytes() == before
    assert folder.generations() == [2, 1]


def test_a_manifest_names_where_it_came_from(folder, state):
    writer = Writer(folder, run_id="run-1", epoch=1)
    first = commit(folder, state, 7, writer=writer)
    second = commit(folder, state, 9, writer=writer)
    assert first.manifest.parent is None
    assert second.manifest.parent.sha256 == first.sha256


def test_a_manifest_that_is_not_canonical_is_refused(folder, state):
    raw = to_bytes(commit(folder, state, 7).manifest)
    assert to_bytes(from_bytes(raw)) == raw
    with pytest.raises(BadManifest):
        from_bytes(raw + b" ")


def test_a_zombie_may_not_commit_after_a_newer_attempt(folder, state):
    zombie = Writer(folder, run_id="run-1", epoch=1)
    commit(folder, state, 7, writer=zombie)
    commit(folder, state, 9, epoch=2)
    with pytest.raises(FencedOut, match="Attempt 2 has committed generation 2; this is attempt 1"):
        commit(folder, state, 11, writer=zombie)
    assert restore(folder, state) == 9


class LateNewcomer(CheckpointFolder):
    """Lets a newer attempt commit just after the zombie has looked and counted."""

    newcomer = None

    def next_generation(self):
        number = super().next_generation()
        if self.newcomer is not None:
            newcomer, self.newcomer = self.newcomer, None
            newcomer()
        return number


def test_a_zombie_that_looked_too_early_is_stopped_by_the_creation_itself(folder, state):
    late = LateNewcomer(folder.root)
    late.newcomer = lambda: commit(folder, state, 9, epoch=2)
    with pytest.raises(FencedOut):
        commit(late, state, 7, epoch=1)
    assert [row.epoch for row in list_checkpoints(folder.root)] == [2]
    assert restore(folder, state) == 9


def test_the_newest_are_kept_and_their_blocks_with_them(folder, state):
    for step in range(1, 6):
        commit(folder, state, step)
    assert keep_newest(folder, 2) == [3, 2, 1]
    rows = list_checkpoints(folder.root)
    assert [(row.generation, row.step, row.valid) for row in rows] == [(5, 5, True), (4, 4, True)]
    assert len(list(folder.blocks.folder.iterdir())) == 4  # A header and a payload each.


def test_nothing_is_removed_while_the_newest_does_not_verify(folder, state):
    for step in range(1, 4):
        commit(folder, state, step)
    flip(files_of(folder, 3)["payload"], 0)
    assert keep_newest(folder, 1) == []
    assert restore(folder, state) == 2


def test_leftovers_are_swept_when_they_are_old_and_nobody_names_them(folder, state):
    commit(folder, state, 7)
    old = folder.blocks.path(folder.blocks.write(b"a save cut short")[0])
    torn = folder.manifests / "000000002.json.tmp-0"
    torn.touch()
    assert sweep_leftovers(folder) == []
    assert sorted(sweep_leftovers(folder, older_than_s=-60.0)) == sorted([old, torn])
    assert restore(folder, state) == 7


def test_a_listing_says_what_is_valid_and_changes_nothing(folder, state):
    for step in (3, 5):
        commit(folder, state, step)
    flip(files_of(folder, 1)["payload"], 0)
    folder.manifest_path(3).write_bytes(b"{")
    rows = list_checkpoints(folder.root)
    assert [(row.generation, row.step, row.valid) for row in rows] == [
        (3, None, False),
        (2, 5, True),
        (1, 3, False),
    ]
    assert "changed content" in rows[2].reason
    assert folder.quarantined() == []


def test_a_folder_of_another_run_is_refused_and_left_alone(folder, state):
    commit(folder, state, 7)
    with pytest.raises(OtherTraining, match="belongs to run 'run-1'; the plan is of run 'run-2'"):
        newest_valid(folder, Arena(), run_id="run-2")
    assert folder.generations() == [1]


def test_another_configuration_or_model_is_refused_by_its_difference(folder, state):
    checkpoint = commit(folder, state, 7)
    header = newest_valid(folder, Arena(), run_id="run-1").header
    digest = checkpoint.manifest.config_digest
    state.refuse_other(digest, header)
    reseeded = TrainingState(model=state.model, optimizer=Counter(), data=None, config={"seed": 1})
    with pytest.raises(OtherTraining, match="seed was 0, now 1"):
        reseeded.refuse_other(digest, header)
    grown = TrainingState(model=torch.nn.Linear(41, 40), optimizer=Counter(), data=None, config={"seed": 0})
    with pytest.raises(OtherTraining, match="other parameters"):
        grown.refuse_other(digest, header)
    steered = TrainingState(model=state.model, optimizer=torch.nn.Identity(), data=None, config={"seed": 0})
    with pytest.raises(OtherTraining, match="another optimizer"):
        steered.refuse_other(digest, header)


def test_a_full_disk_harms_no_checkpoint(folder, state, monkeypatch):
    commit(folder, state, 7)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        commit(folder, state, 9)
    monkeypatch.undo()
    assert restore(folder, state) == 7


def test_manifests_differ_where_anything_differs(folder, state):
    manifest = commit(folder, state, 7).manifest
    assert to_bytes(manifest) != to_bytes(replace(manifest, step=8))
