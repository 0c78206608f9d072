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
