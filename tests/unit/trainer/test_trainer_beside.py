"""Saves beside the training: no memory grows, no file stays open, a lost writer is replaced or said."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
import torch

from trainer.checkpoint.capture import TrainingState
from trainer.checkpoint.keeper import Keeper
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.checkpoint.writing import WriterLost
from trainer.errors import FencedOut
from trainer.runlog import RunLog

STATE_BYTES = 3 * 4 * 3_000_000  # Weights and two moments of three million float32.


@pytest.fixture
def training():
    model = torch.nn.Linear(3000, 1000, bias=False)
    optimizer = torch.optim.AdamW(model.parameters())
    model.weight.grad = torch.ones_like(model.weight)
    optimizer.step()
    return model, optimizer


@pytest.fixture
def keeper(tmp_path, make_plan, training):
    plan = make_plan(asynchronous=True, retention=2)
    model, optimizer = training
    state = TrainingState(model=model, parts={"optimizer": optimizer}, config={})
    made = Keeper(plan, state, RunLog(tmp_path / "spool", plan.run_id, 1, "0"))
    made.restore()
    yield made
    made.close()


def memory_of(pid) -> int:
    """What is a process's own: the share of library pages it is charged changes with who else runs."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = [line.split()[1] for line in told if line.startswith(("Pss_Anon:", "Pss_Shmem:"))]
    return 1024 * sum(map(int, own))


def save(keeper, step) -> None:
    assert keeper.begin(step, "F")
    keeper.finish()


def test_fifty_saves_more_take_no_more_memory_and_no_more_files(keeper):
    def seen():
        pids = os.getpid(), keeper._scribe.writing.pid
        files = [len(os.listdir(f"/proc/{pid}/fd")) for pid in pids]
        return sum(map(memory_of, pids)), files

    for step in range(1, 61):  # Until both processes' heaps have found their size.
        save(keeper, step)
    memory, files = seen()
    for step in range(61, 111):
        save(keeper, step)
    memory_then, files_then = seen()
    assert files_then == files
    assert memory_then - memory < 0.05 * STATE_BYTES


def test_a_save_that_falls_due_while_one_is_on_its_way_does_not_begin(keeper):
    os.kill(keeper._scribe.writing.pid, signal.SIGSTOP)
    assert keeper.begin(1, "F")
    assert not keeper.begin(2, "F")
    os.kill(keeper._scribe.writing.pid, signal.SIGCONT)
    keeper.finish()
    assert keeper.saved_step == 1


def test_a_writer_that_is_killed_in_a_save_is_replaced_and_the_save_made(tmp_path, keeper):
    save(keeper, 1)
    os.kill(keeper._scribe.writing.pid, signal.SIGSTOP)
    assert keeper.begin(2, "F")
    os.kill(keeper._scribe.writing.pid, signal.SIGKILL)
    keeper.finish()
    assert keeper.saved_step == 2
    rows = list_checkpoints(open_store(str(tmp_path / "checkpoints")))
    assert [(row.step, row.valid) for row in rows] == [(2, True), (1, True)]


def test_a_writer_that_cannot_live_is_said_and_what_was_committed_stands(tmp_path, keeper, monkeypatch):
    save(keeper, 1)
    monkeypatch.setattr("trainer.checkpoint.writing.BOOT", Path("/nowhere"))
    os.kill(keeper._scribe.writing.pid, signal.SIGKILL)
    with pytest.raises(WriterLost, match="the last committed checkpoint stands"):
        keeper.save(2)
    assert [row.step for row in list_checkpoints(open_store(str(tmp_path / "checkpoints")))] == [1]


def test_what_the_writer_refuses_is_raised_in_the_training(tmp_path, keeper, make_plan, training):
    save(keeper, 1)
    model, optimizer = training
    newer = Keeper(
        make_plan(attempt=2),
        TrainingState(model=model, parts={"optimizer": optimizer}, config={}),
        RunLog(tmp_path / "spool", "run", 2, "0"),
    )
    newer.restore()
    keeper.begin(2, "F")
    with pytest.raises(FencedOut, match="Attempt 2 holds the lease"):
        keeper.finish()
    newer.close()
