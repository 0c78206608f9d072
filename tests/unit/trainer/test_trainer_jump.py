"""A machine that slept is noticed by its clocks, and stops at once if its run went on elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.checkpoint.lease import take
from trainer.checkpoint.stores import open_store
from trainer.errors import FencedOut
from trainer.jump import LEAST_S, Clocks, JumpWatch, read_clocks
from trainer.runlog import read_spool
from trainer.session import SpotSession

START = Clocks(monotonic_s=1000.0, boot_s=5000.0, wall_s=1.8e9)


def later(*, ran=60.0, slept_by_boot=0.0, slept_by_wall=0.0):
    return Clocks(
        monotonic_s=START.monotonic_s + ran,
        boot_s=START.boot_s + ran + slept_by_boot,
        wall_s=START.wall_s + ran + slept_by_wall,
    )


def test_a_system_that_slept_is_told_by_its_boot_clock():
    assert JumpWatch(START).slept_s(later(slept_by_boot=3600, slept_by_wall=3600)) == pytest.approx(3600)


def test_a_machine_that_was_stopped_whole_is_told_by_the_walls_clock():
    assert JumpWatch(START).slept_s(later(slept_by_wall=900)) == pytest.approx(900)


def test_a_jump_is_told_once():
    watch = JumpWatch(START)
    assert watch.slept_s(later(slept_by_wall=900))
    assert watch.slept_s(later(ran=120.0, slept_by_wall=900)) is None


def test_a_clock_set_back_is_no_sleep():
    assert JumpWatch(START).slept_s(later(slept_by_wall=-7200)) is None


def test_a_process_that_alone_was_stopped_is_told_by_the_time_between_two_looks():
    assert JumpWatch(START).slept_s(later(ran=600)) is None
    assert JumpWatch(START, longest_s=300).slept_s(later(ran=600)) == 600


@given(st.floats(0, 1e6), st.floats(0, LEAST_S - 0.01), st.floats(-LEAST_S, LEAST_S - 0.01))
def test_however_long_a_step_takes_drift_alone_is_no_sleep(ran, boot_drift, wall_drift):
    seen = later(ran=ran, slept_by_boot=boot_drift, slept_by_wall=wall_drift)
    assert JumpWatch(START).slept_s(seen) is None


@given(st.floats(0, 1e6), st.floats(LEAST_S + 0.01, 1e7), st.booleans())
def test_every_sleep_is_seen_by_one_clock_or_the_other(ran, slept, by_boot):
    seen = later(ran=ran, slept_by_boot=slept * by_boot, slept_by_wall=slept * (not by_boot))
    assert JumpWatch(START).slept_s(seen) == pytest.approx(slept, rel=1e-3, abs=1e-3)


def test_this_machines_clocks_agree_while_it_is_awake():
    watch = JumpWatch(read_clocks())
    assert watch.slept_s(read_clocks()) is None


@pytest.mark.parametrize("is_replaced", [True, False])
def test_a_session_that_slept_asks_whether_it_is_still_wanted(tmp_path, make_plan, monkeypatch, is_replaced):
    import torch

    slept = {"s": 0.0}

    def clocks():
        now = read_clocks()
        return Clocks(monotonic_s=now.monotonic_s, boot_s=now.boot_s + slept["s"], wall_s=now.wall_s)

    monkeypatch.setattr("trainer.jump.read_clocks", clocks)
    model = torch.nn.Linear(2, 2)
    session = SpotSession(make_plan(), model=model, optimizer=torch.optim.AdamW(model.parameters()))
    done = []

    def train():
        with session:
            for step in session.steps(6):
                if step == 2:
                    slept["s"] = 3600.0
                    if is_replaced:
                        take(open_store(str(tmp_path / "checkpoints")), 2)
                session.tick(loss=1.0, tokens=1)
                done.append(step)

    if is_replaced:
        with pytest.raises(FencedOut):
            train()
        assert done == [0, 1]  # It did not train on in vain.
        spool = read_spool(tmp_path / "checkpoints" / "spool" / "attempt-1-node-0.jsonl")
        assert [event["event"] for event in spool if event["event"] == "committed"] == []
    else:
        train()
        assert done == [0, 1, 2, 3, 4, 5]
