"""What is left of a notice goes to the best that fits; and of two lives of an attempt one saves."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace

import pytest
import torch

from trainer.checkpoint.capture import TrainingState
from trainer.checkpoint.keeper import Keeper
from trainer.checkpoint.ledger import Ledger
from trainer.checkpoint.local_store import FileUpload, LocalStore
from trainer.checkpoint.replicate import Replicated
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.errors import FencedOut
from trainer.notice import NoticeWatch
from trainer.runlog import RunLog, read_spool
from trainer.session import SpotSession

SLOW_BYTES_PER_S = 400_000


class SlowUpload(FileUpload):
    def write(self, data):
        time.sleep(len(data) / SLOW_BYTES_PER_S)
        super().write(data)


class SlowStore(LocalStore):
    def begin(self, key):
        return SlowUpload(self.path(key), direct=False)


def training():
    """60 000 weights: 720 kB with their moments, 120 kB of weights in bf16."""
    torch.manual_seed(0)
    model = torch.nn.Linear(300, 200, bias=False)
    optimizer = torch.optim.AdamW(model.parameters())
    model.weight.grad = torch.randn_like(model.weight)
    optimizer.step()
    return model, optimizer


@pytest.fixture
def keeper_of(tmp_path, make_plan):
    made = []

    def make(*, primary=False, **checkpoint):
        plan = make_plan(retention=9, **checkpoint)
        if primary:
            stores = replace(plan.stores, primary_url=str(tmp_path / "primary"))
            plan = replace(plan, stores=stores, nodes=replace(plan.nodes, count=1, min=1))
        model, optimizer = training()
        state = TrainingState(model=model, parts={"optimizer": optimizer}, config={})
        keeper = Keeper(plan, state, RunLog(tmp_path / "spool", plan.run_id, 1, str(len(made))))
        keeper.restore()
        keeper.model = model
        made.append(keeper)
        return keeper

    yield make
    for keeper in made:
        keeper.close()


def change(keeper):
    with torch.no_grad():
        keeper.model.weight.mul_(1.001)


def rows(tmp_path, where="checkpoints"):
    return [(row.step, row.tier) for row in list_checkpoints(open_store(str(tmp_path / where))) if row.valid]


def test_through_a_throttled_store_the_weights_are_committed_before_the_deadline(
    tmp_path, keeper_of, monkeypatch
):
    monkeypatch.setattr("trainer.checkpoint.shelf.open_store", lambda url: SlowStore(open_store(url).root))
    keeper = keeper_of(allow_inexact=True)
    keeper.save(1)  # 1.8 s of sleep: what an exact save would take again.
    change(keeper)
    left_s, began = 1.6, time.monotonic()  # 1.2 s may be used; bf16 weights sleep 0.3 s.
    choice = keeper.emergency(2, left_s)
    assert time.monotonic() - began < left_s
    assert choice.rung == "bf16_weights"
    assert rows(tmp_path) == [(2, "E"), (1, "F")]


def test_where_bf16_weights_do_not_fit_either_their_distance_from_the_keyframe_does(tmp_path, keeper_of):
    keeper = keeper_of(allow_inexact=True)
    keeper.save(1, "W")
    change(keeper)
    keeper.ledger.took("F", 1000, 1.0)  # 120 kB at 1 kB/s; light saves were measured at far more.
    choice = keeper.emergency(2, 60.0)
    assert choice.rung == "delta"
    assert rows(tmp_path)[0] == (2, "W")
    manifest = list_checkpoints(open_store(str(tmp_path / "checkpoints")))[0]
    assert manifest.tier == "W"


def test_a_checkpoint_that_stands_here_alone_gets_the_way_where_no_new_one_could_be_copied(
    tmp_path, keeper_of
):
    keeper = keeper_of(primary=True)
    keeper.save(1)
    assert keeper._scribe.writing.drain(30.0)
    ledger = keeper.ledger
    ledger._copied.clear()
    ledger._copied.append(100_000.0)  # A new save of 725 kB would be there in 7.3 s, behind one of 50 kB.
    ledger._unsent[1] = 50_000
    change(keeper)
    choice = keeper.emergency(2, 6.0)
    assert choice.rung == "flush", choice.reason
    assert rows(tmp_path) == [(1, "F")]
    assert keeper.emergency(2, 60.0).rung == "exact"
    assert rows(tmp_path)[0] == (2, "F")


def test_what_was_copied_is_no_longer_here_alone():
    ledger = Ledger("file:///far", retention=3)
    ledger._unsent = {1: 10, 2: 20}
    ledger.copied(Replicated(generation=2, url="file:///else/manifests/2", seconds=1.0, bytes=100))
    assert ledger.unsent_bytes == 20
    ledger.copied(Replicated(generation=2, url="file:///far/manifests/2", seconds=2.0, bytes=100))
    assert (ledger.unsent_bytes, ledger.copy_bytes_per_s(1), ledger.copy_bytes_per_s(2)) == (10, 50.0, 25.0)
    # A save of 100 bytes on each of 2 ranks, behind the copy on its way.
    assert ledger.copied_bytes("F", 100, ranks=2) == 210


def test_a_save_that_cannot_be_finished_is_given_up_for_a_smaller_one(tmp_path, keeper_of):
    keeper = keeper_of(allow_inexact=True, asynchronous=True)
    keeper.save(1)
    change(keeper)
    writer = keeper._scribe.writing.pid
    os.kill(writer, signal.SIGSTOP)  # It stands still in the middle of the next save.
    assert keeper.begin(2, "F")
    keeper.ledger._taken.clear()
    keeper.ledger.took("F", 10_000, 1.0)  # 725 kB take 72 s, 125 kB 12.5 s and 2 for a new writer.
    choice = keeper.emergency(2, 25.0)
    assert choice.rung == "bf16_weights", choice.reason
    assert keeper._scribe.writing.pid != writer
    assert rows(tmp_path) == [(2, "E"), (1, "F")]


def test_a_group_that_was_started_again_in_the_same_attempt_fences_the_one_before(tmp_path, keeper_of):
    first = keeper_of()
    first.save(1)
    second = keeper_of()
    assert second.saved_step == 1
    change(first)
    with pytest.raises(FencedOut, match="started again elsewhere"):
        first.save(2)
    with pytest.raises(FencedOut):
        first.refuse_zombie()
    second.save(3)
    assert rows(tmp_path) == [(3, "F"), (1, "F")]


def test_a_hint_makes_a_save_and_training_goes_on(tmp_path, make_plan):
    class Hinted(NoticeWatch):
        def listen(self, signals=()):
            pass

    notice, plan = Hinted(), make_plan()
    model, optimizer = training()
    log = RunLog(tmp_path / "spool", plan.run_id, 1, "0")
    session = SpotSession(plan, model=model, optimizer=optimizer, log=log, notice=notice)
    with session:
        for step in session.steps(4):
            if step == 1:
                notice._hint("aws rebalance", "now")
            session.tick(loss=0.0, tokens=1)
    assert [e["step"] for e in read_spool(log.path) if e["event"] == "committed"] == [2, 4]
