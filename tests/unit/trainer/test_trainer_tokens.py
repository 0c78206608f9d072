"""Token data on disk, its index, and how a batch is cut."""

from __future__ import annotations

import json

import numpy as np
import pytest

from trainer.errors import OtherTraining, PlanError
from trainer.loader import BatchShare, Loader
from trainer.permutation import Permutation
from trainer.tokens import DataError, TokenSamples, main, read_index, write_tokens


@pytest.fixture
def folder(tmp_path):
    """Ten tokens in files of four: 0 1 2 3 | 4 5 6 7 | 8 9."""
    write_tokens(tmp_path / "data", [np.arange(10)], vocabulary=10, file_tokens=4)
    return tmp_path / "data"


def test_samples_overlap_by_one_token_and_stay_in_their_file(folder):
    # A context of 2 takes 3 tokens: 0 1 2, then 2 3 and no more; the last file holds too few.
    assert TokenSamples(folder, 2).read([0, 1]).tolist() == [[0, 1, 2], [4, 5, 6]]
    assert len(TokenSamples(folder, 2)) == 2
    assert len(TokenSamples(folder, 1)) == 7
    with pytest.raises(IndexError):
        TokenSamples(folder, 2).read([2])


def test_a_large_vocabulary_takes_four_bytes(tmp_path):
    index = write_tokens(tmp_path, [np.array([0, 70_000])], vocabulary=100_000)
    assert (index.dtype, (tmp_path / "000000.bin").stat().st_size) == ("uint32", 8)
    assert TokenSamples(tmp_path, 1).read([0]).tolist() == [[0, 70_000]]


def test_the_same_data_has_the_same_name_and_other_data_another(folder, tmp_path):
    other = write_tokens(tmp_path / "other", [np.arange(10)], vocabulary=10, file_tokens=5)
    assert read_index(folder).sha256 == read_index(folder).sha256 != other.sha256


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "tokens.json").unlink(), "cannot be read: No such file"),
        (lambda folder: (folder / "000001.bin").unlink(), r"000001.bin is absent; its index says 8 bytes"),
        (lambda folder: (folder / "000001.bin").write_bytes(b"\0" * 6), "is 6 bytes; its index says 8"),
        (
            lambda folder: (folder / "tokens.json").write_text('{"schema_version": 2}'),
            "unknown|lacks|must be",
        ),
    ],
)
def test_damaged_data_is_refused_before_training_begins(folder, spoil, words):
    spoil(folder)
    with pytest.raises(DataError, match=words):
        TokenSamples(folder, 2)


def test_a_token_outside_the_vocabulary_is_refused(folder):
    index = json.loads((folder / "tokens.json").read_text())
    (folder / "tokens.json").write_text(json.dumps({**index, "vocabulary": 5}))
    with pytest.raises(DataError, match=r"Token 6 stands in .*, of vocabulary 5"):
        TokenSamples(folder, 2).read([1])


def test_too_little_data_is_refused(folder):
    with pytest.raises(DataError, match="10 tokens; a sample takes 5 of one file"):
        TokenSamples(folder, 4)


def test_text_becomes_tokens_by_the_command(tmp_path, capsys):
    (tmp_path / "a.txt").write_text("tide ")
    (tmp_path / "b.txt").write_text("low")
    words = [str(tmp_path / name) for name in ("data", "a.txt", "b.txt")]
    assert main(["make", *words]) == 0
    assert capsys.readouterr().out == "8 tokens of 256 in 1 files of uint16\n"
    assert bytes(TokenSamples(words[0], 7).read([0])[0].tolist()) == b"tide low"
    assert main(["make", *words]) == 4  # Nothing is written over.
    assert main(["show", str(tmp_path)]) == 2


def test_each_place_is_as_likely_as_another():
    # 4000 seeds, 10 numbers: each stands at each place about 400 times. Over 100 cells the sum of
    # (count - 400)² / 400 has 81 degrees of freedom: above 150 once in 200,000 tries.
    counts = np.zeros((10, 10))
    for seed in range(4000):
        counts[np.arange(10), Permutation(10, seed)(np.arange(10))] += 1
    assert ((counts - 400) ** 2 / 400).sum() < 150


def test_a_trillion_samples_need_no_memory():
    found = Permutation(10**12, 7, 0)(np.array([0, 1, 10**12 - 1]))
    assert len(set(found.tolist())) == 3


def test_more_ranks_compute_fewer_micro_batches_each():
    shares = [BatchShare(global_batch=12, micro_batch=2, world_size=n) for n in (1, 2, 3)]
    assert [share.rounds for share in shares] == [6, 3, 2]


def test_micro_batches_are_dealt_out_in_turn():
    share = BatchShare(global_batch=8, micro_batch=2, rank=1, world_size=2)
    assert [batch.number for batch in Loader(100, seed=0, share=share).step()] == [1, 3]


def test_a_batch_that_does_not_divide_is_refused_with_what_would():
    with pytest.raises(
        PlanError, match=r"8 samples .* of 2 does not divide over 3 ranks\. .*1, 2 or 4 ranks"
    ):
        BatchShare(global_batch=8, micro_batch=2, world_size=3)


@pytest.mark.parametrize("changes", [{"samples": 11}, {"seed": 1}])
def test_a_cursor_of_other_data_is_refused(changes):
    loader = Loader(10, seed=0, share=BatchShare(global_batch=2, micro_batch=1))
    with pytest.raises(OtherTraining, match="The data cursor is of"):
        loader.load_state_dict({**loader.state_dict(), **changes})
