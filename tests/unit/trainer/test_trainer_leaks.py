"""A session that is over holds nothing: no hook in the optimizer, no open file, no memory."""

from __future__ import annotations

import gc
import os
import threading
import weakref
from dataclasses import replace

import pytest
import torch

from trainer.checkpoint.arena import Arena
from trainer.runlog import RunLog
from trainer.session import SpotSession


@pytest.mark.parametrize("asynchronous", [False, True])
def test_sessions_over_one_model_leave_no_hook_no_file_no_thread_and_no_arena(
    tmp_path, make_plan, asynchronous
):
    model = torch.nn.Linear(8, 8)
    optimizer = torch.optim.AdamW(model.parameters())
    arenas, seen = [], []
    for attempt in range(1, 4):
        plan = make_plan(attempt=attempt, asynchronous=asynchronous)
        stores = replace(plan.stores, primary_url=str(tmp_path / "primary"))
        plan = replace(plan, stores=stores, nodes=replace(plan.nodes, count=1, min=1))
        session = SpotSession(plan, model=model, optimizer=optimizer)
        with session:
            for _ in session.steps(2 * attempt):
                model(torch.ones(1, 8)).sum().backward()
                optimizer.step()
                session.tick(loss=1.0, tokens=1)
        arenas.append(weakref.ref(session._keeper._arena))
        del session
        for thread in threading.enumerate():
            if thread.name in ("replicate", "writer"):
                thread.join(5.0)
        gc.collect()
        names = sorted(each.name for each in threading.enumerate())
        seen.append((len(optimizer._optimizer_step_pre_hooks), len(os.listdir("/proc/self/fd")), names))
    assert seen[0][0] == 0
    assert seen[1:] == seen[:-1]
    assert [arena() for arena in arenas] == [None] * 3


def test_a_closed_arena_holds_no_memory_though_somebody_holds_the_arena():
    arena = Arena()
    arena.reserve(1 << 20)
    stretch = weakref.ref(arena._whole)
    arena.close()
    assert stretch() is None
    assert len(arena.memory) == 0


def test_a_closed_run_log_writes_into_nobody_elses_file(tmp_path):
    log = RunLog(tmp_path, "run", 1, "0")
    log.close()
    other = os.open(tmp_path / "other", os.O_WRONLY | os.O_CREAT)  # Takes the number of the closed file.
    with pytest.raises(OSError, match="Bad file descriptor"):
        log.write("planned", steps=1)
    log.close()
    os.write(other, b"still open")
    os.close(other)
    assert (tmp_path / "other").read_bytes() == b"still open"
