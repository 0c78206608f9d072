"""Real ranks, joined by gloo: what some number of them saved comes back on any other number."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from gang import Gang


@pytest.fixture(scope="module")
def gang():
    """Ranks without the wait for torch."""
    warm = Gang()
    yield warm
    warm.close()


def test_one_to_four_ranks_save_and_one_to_four_restore(gang):
    answers = gang.run("reshard_every_pair", 4)
    assert [answer["wrong"] for answer in answers] == [[]] * 4
    # up 10 × 6 + 10, down 3 × 10 + 3, norm 3 + 3: 109 numbers, three times (weights and two moments) of 4
    # bytes, and the buffer's 8 on every rank. Four ranks read each slice once, not the whole four times.
    read = [answer["bytes_read"]["3>4"] for answer in answers]
    assert sum(read) == 109 * 3 * 4 + 4 * 8
    assert answers[0]["bytes_read"]["4>1"] == 109 * 3 * 4 + 8


def test_tensor_parallel_and_replicated_layouts_turn_into_each_other(gang):
    assert gang.run("reshard_layouts", 4) == [[]] * 4


def test_ranks_that_hold_the_same_share_the_writing(gang):
    # Eight layers of 16 · 16 + 16 float32: 8704 bytes, a quarter each, give or take a bias.
    written = gang.run("share_the_writing", 4)
    assert sum(written) == 8704
    assert max(written) - min(written) <= 64


STEPS = 12
TEXT = {"global_batch": 12, "until": STEPS}


@pytest.fixture(scope="module")
def alone(gang):
    """Twelve steps on one rank: what every other way must come to."""
    return gang.run("train", 1, **TEXT)[0]


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_the_losses_agree_on_any_number_of_ranks(gang, alone, parallel):
    for world_size in (2, 3, 4):
        answers = gang.run("train", world_size, parallel=parallel, **TEXT)
        assert all(answer == answers[0] for answer in answers)
        assert answers[0]["losses"] == pytest.approx(alone["losses"], rel=1e-4)
        assert answers[0]["next"] == alone["next"] == STEPS * 12


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_on_the_same_number_of_ranks_a_restart_changes_no_bit(gang, parallel, tmp_path):
    once = gang.run("train", 3, parallel=parallel, **TEXT)[0]
    where = str(tmp_path / "saved")
    before = gang.run("train", 3, parallel=parallel, global_batch=12, until=5, goes_to=where)[0]
    after = gang.run("train", 3, parallel=parallel, **TEXT, first=5, came_from=where)[0]
    assert before["losses"] + after["losses"] == once["losses"]
    assert after["weights"] == once["weights"]


def test_ranks_come_and_go_and_the_losses_stay_the_same(gang, alone, tmp_path):
    losses, came_from = [], None
    for life, (world_size, parallel) in enumerate([(4, "fsdp"), (1, "auto"), (3, "fsdp"), (2, "ddp")]):
        goes_to, first = str(tmp_path / str(life)), life * 3
        part = {"first": first, "until": first + 3, "came_from": came_from, "goes_to": goes_to}
        answer = gang.run("train", world_size, parallel=parallel, global_batch=12, **part)[0]
        losses += answer["losses"]
        came_from = goes_to
    assert losses == pytest.approx(alone["losses"], rel=1e-4)
    assert answer["next"] == alone["next"]


@pytest.mark.parametrize("parallel", ["ddp", "fsdp"])
def test_half_precision_trains_the_same_on_two_ranks_within_its_rounding(gang, alone, parallel):
    # bfloat16 keeps 8 bits: 2**-8 = 0.4 %.
    answer = gang.run("train", 2, parallel=parallel, precision="bf16", **TEXT)[0]
    assert answer["losses"] == pytest.approx(alone["losses"], rel=4e-3)
    assert answer["losses"] != alone["losses"]


def test_a_batch_that_does_not_divide_is_refused_on_every_rank(gang):
    for said in gang.run("unequal", 3):
        assert said.startswith("PlanError: A global batch of 4 samples in micro-batches of 1 does not divide")
        assert said.endswith("pass a --global-batch that 3 divides.")
