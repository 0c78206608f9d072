"""Ranks that wait for a lost one: not longer than stated, and not at all once training knows."""

from __future__ import annotations

import threading
import time

import pytest
from torch.distributed import HashStore

from trainer.checkpoint import ranks
from trainer.checkpoint.ranks import RankLost, Together


@pytest.fixture
def first(monkeypatch):
    """Rank 0 of two; rank 1 never says a word."""
    monkeypatch.setattr(ranks, "SLICE_S", 0.02)
    return Together(HashStore(), 0, 2, "life")


def test_a_silent_rank_is_waited_for_as_long_as_stated(first):
    with pytest.raises(RankLost, match=r"Not every rank gave blobs within 0\.1 s"):
        first.gather("blobs", 1, within_s=0.1)


def test_a_save_under_way_stops_waiting_when_training_loses_a_rank(first):
    said = []

    def save():
        with pytest.raises(RankLost):
            first.gather("blobs", 1, within_s=600)
        said.append("given up")

    saving = threading.Thread(target=save)
    saving.start()
    time.sleep(0.05)
    first.give_up()
    saving.join(30)
    assert said == ["given up"]
