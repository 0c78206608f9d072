"""How ranks talk: a slow one misses nothing, a seed gives no two jobs one name, and nothing piles up."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import torch
from torch.distributed import HashStore, distributed_c10d

from trainer.adapters.driving import ranks_here
from trainer.checkpoint import ranks
from trainer.checkpoint.manifest import Manifest, RankEntry
from trainer.checkpoint.ranks import Together
from trainer.checkpoint.saves import Committed
from trainer.checkpoint.telling import Telling
from trainer.runlog import RunLog, read_spool


@pytest.fixture
def pair(monkeypatch):
    """Two ranks on one store, the store with them."""
    monkeypatch.setattr(ranks, "PATIENCE_S", 1.0)
    store = HashStore()
    return Together(store, 0, 2, "life"), Together(store, 1, 2, "life"), store


def test_a_rank_that_is_many_turns_behind_reads_every_order(pair):
    first, slow, _ = pair
    for turn in range(6):
        assert first.follow(turn, {"turn": turn}) == {"turn": turn}
    assert [slow.follow(turn, None) for turn in range(6)] == [{"turn": turn} for turn in range(6)]


def test_orders_that_all_have_read_do_not_pile_up(pair):
    first, second, store = pair
    for turn in range(50):
        first.follow(turn, turn)
        second.follow(turn, None)
    assert store.num_keys() <= 6  # An order and a count of each of the newest three turns at most.


def test_the_name_of_a_job_comes_from_no_generator_of_the_training(monkeypatch):
    distributed = torch.distributed
    monkeypatch.setattr(distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(distributed, "broadcast_object_list", lambda _: None)
    monkeypatch.setattr(distributed_c10d, "_get_default_store", HashStore)
    lives = []
    for _ in range(2):
        torch.manual_seed(0)
        before = torch.get_rng_state()
        lives.append(ranks_here()._life)
        assert torch.equal(torch.get_rng_state(), before)
    assert lives[0] != lives[1]


def test_a_commit_is_told_with_the_bytes_of_all_ranks(tmp_path):
    parts = tuple(RankEntry(rank=n, key=f"ranks/a/{n}", sha256="0" * 64, bytes=100 + n) for n in range(2))
    manifest = Manifest(
        run_id="run",
        generation=1,
        epoch=1,
        step=3,
        tier="F",
        exact=True,
        parent=None,
        keyframe=None,
        committed_at=datetime(2026, 1, 1, tzinfo=UTC),
        config_digest="c",
        world_size=2,
        ranks=parts,
    )
    done = Committed(manifest=manifest, sha256="0" * 64, key="manifests/1", stored_bytes=5, commit_s=0.1)
    log = RunLog(tmp_path, "run", 1, "0")
    Telling(log, "file:///store").committed(done, 1.5)
    log.close()
    [told] = read_spool(log.path)
    assert told["bytes"] == 100 + 101
