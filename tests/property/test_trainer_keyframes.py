"""A keyframe that is damaged or gone costs no more than itself: the next light save is written whole."""

from __future__ import annotations

import io
import json
import os

import pytest
from checkpoint_stage import commit, payload_of, saver

from trainer.checkpoint.manifest import rank_from_bytes
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.worker import Worker


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "store"


def light(step):
    """Neighbouring bf16 numbers, which are worth measuring from each other."""
    return b"".join((0x3F80 + (7 * n) % 100 + step).to_bytes(2, "little") for n in range(4000))


def spoil(folder, how):
    [blob] = (folder / "blobs").iterdir()
    blob.write_bytes(os.urandom(blob.stat().st_size)) if how == "damaged" else blob.unlink()


@pytest.mark.parametrize("how", ["damaged", "gone"])
def test_after_its_keyframe_is_spoilt_a_light_save_is_whole_and_the_next_are_measured_from_it(
    folder, how, capsys
):
    store = open_store(str(folder))
    writer = saver(store)
    commit(writer, light(1), step=1, tier="W")
    spoil(folder, how)
    whole = commit(writer, light(2), step=2, tier="W").manifest
    after = commit(writer, light(3), step=3, tier="W").manifest
    assert whole.keyframe is None
    assert after.keyframe.generation == whole.generation
    assert [payload_of(store, each.generation) for each in (whole, after)] == [light(2), light(3)]
    assert capsys.readouterr().err.count("is spoilt") == 1


def test_one_rank_of_several_whose_keyframe_is_spoilt_stays_in_step_with_the_others(folder):
    store = open_store(str(folder))
    writer = saver(store)
    first = commit(writer, light(1), step=1, tier="W").manifest
    spoil(folder, "damaged")
    writer._world_size = 2
    later = [commit(writer, light(step), step=step, tier="W").manifest for step in (2, 3)]
    assert [each.keyframe.generation for each in later] == [first.generation] * 2
    parts = [rank_from_bytes(store.read(each.ranks[0].key), each.ranks[0].sha256) for each in later]
    assert [block.codec for part in parts for block in part.payload] == ["s2z", "s2z"]


def test_whatever_a_writer_meets_it_answers(capfd):
    answers = io.BytesIO()
    Worker(0, answers).obey({"do": "nothing of the kind"})
    told = json.loads(answers.getvalue())["trouble"]
    assert told["kind"] == "TrainerError"
    assert "AttributeError" in told["seen"]
    assert "Traceback" in capfd.readouterr().err
