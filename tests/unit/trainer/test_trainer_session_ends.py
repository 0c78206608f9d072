"""What comes after the last step, and loops of other kinds: notices are obeyed there too."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from trainer.checkpoint import saving
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.errors import EventError, NotCapturable
from trainer.leaving import Words
from trainer.runlog import RunLog, read_spool
from trainer.session import SpotSession


@pytest.fixture
def session_of():
    """Make a session on one weight, with a node's own notices."""

    def make(plan, **parts):
        model = torch.nn.Linear(1, 1)
        return SpotSession(plan, model=model, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), **parts)

    return make


@pytest.fixture
def steps_saved(tmp_path):
    return lambda: [row.step for row in list_checkpoints(open_store(str(tmp_path / "checkpoints")))]


@pytest.fixture
def events(tmp_path):
    def read(kind):
        found = read_spool(tmp_path / "checkpoints" / "spool" / "attempt-1-node-0.jsonl")
        return [event for event in found if event["event"] == kind]

    return read


def test_the_last_step_is_saved_before_what_comes_after_the_loop_and_only_once(
    session_of, make_plan, steps_saved, events
):
    with session_of(make_plan()) as session:
        for _ in session.steps(3):
            session.tick(loss=0.0, tokens=1)
        assert steps_saved() == [3]  # An evaluation may be cut off here.
    assert steps_saved() == [3]
    assert [event["step"] for event in events("committed")] == [3]


class Owing:
    """Copies that are made as soon as a notice was sent, or never."""

    def __init__(self, monkeypatch, *, are_made):
        self.is_sent, self._are_made = threading.Event(), are_made
        monkeypatch.setattr(saving.Saving, "drain", self.drain)

    def drain(self, within_s):
        if not self.is_sent.is_set():
            os.kill(os.getpid(), signal.SIGTERM)
            self.is_sent.set()
            return False
        return self._are_made or bool(threading.Event().wait(within_s))


@pytest.fixture
def train_owing(session_of, make_plan):
    def train(notice_s=0.8):
        plan = make_plan()
        plan = replace(plan, notice=replace(plan.notice, assumed_s=notice_s, nominal_s=notice_s))
        with session_of(plan) as session:
            for _ in session.steps(2):
                session.tick(loss=0.0, tokens=1)

    return train


def test_a_notice_while_copies_are_waited_for_ends_the_wait_with_75(train_owing, monkeypatch, events):
    Owing(monkeypatch, are_made=False)
    with pytest.raises(SystemExit) as left:
        train_owing()  # 0.8 s less twice a quarter: 0.4 s are waited, of an hour.
    assert left.value.code == 75
    assert [event["source"] for event in events("notice")] == ["SIGTERM"]
    assert events("ended")[0]["reason"] == "preempted"


def test_copies_that_are_made_within_the_notice_end_a_run_as_done(train_owing, monkeypatch, events):
    Owing(monkeypatch, are_made=True)
    train_owing()
    assert events("ended")[0]["reason"] == "done"


def test_a_loop_that_ticks_without_asking_for_steps_is_saved_by_its_cadence(
    session_of, make_plan, steps_saved, events
):
    with session_of(make_plan(full_every_s=1e-9)) as session:
        for _ in range(session.step, 3):
            session.tick(loss=0.0, tokens=1)
        assert steps_saved() == [3, 2, 1]
    first = events("step")[0]
    assert first["seconds"] < 60  # Since the session was entered, not since the machine was started.
    assert events("planned") == []


@pytest.mark.parametrize("asks_for_steps", [False, True])
def test_a_loop_without_a_known_end_hears_notices(session_of, make_plan, steps_saved, asks_for_steps):
    def train():
        with session_of(make_plan()) as session:
            for step in session.steps(None) if asks_for_steps else range(9):
                if step == 1:
                    os.kill(os.getpid(), signal.SIGTERM)
                session.tick(loss=0.0, tokens=1)

    with pytest.raises(SystemExit):
        train()
    assert steps_saved() == [2]


@pytest.mark.parametrize("tokens", [np.int64(512), 512.0, torch.tensor(512), np.array(512)])
@pytest.mark.parametrize("loss", [0.5, np.float32(0.5), torch.tensor(0.5), np.array(0.5)])
def test_numbers_of_a_step_may_be_of_torch_or_numpy(tmp_path, make_plan, tokens, loss):
    log = RunLog(tmp_path, "run", 1, "0")
    Words(make_plan(), log).stepped(1, 0.1, loss, tokens)
    (event,) = read_spool(log.path)
    assert (event["loss"], event["tokens"]) == (0.5, 512)


@pytest.mark.parametrize("tokens", [512.5, float("nan"), "512", None])
def test_tokens_that_are_no_whole_number_are_refused_by_name(tmp_path, make_plan, tokens):
    with pytest.raises(EventError, match=r"step\.tokens"):
        Words(make_plan(), RunLog(tmp_path, "run", 1, "0")).stepped(1, 0.1, 0.5, tokens)


@pytest.mark.parametrize("value", [Path("/data"), float("inf"), {"deep": [float("nan")]}, np.int64(1)])
def test_a_config_that_is_not_json_is_refused_at_once_and_by_its_key(session_of, make_plan, value):
    with pytest.raises(NotCapturable, match=r"config\.clip"):
        session_of(make_plan(), config={"seed": 1, "clip": value})


class At:
    """A data cursor."""

    def __init__(self, at):
        self.at = at

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state_dict):
        self.at = state_dict["at"]


def test_a_data_cursor_may_count_in_numpy(session_of, make_plan):
    for attempt, at in ((1, np.int64(5)), (2, np.int64(0))):
        cursor = At(at)
        with session_of(make_plan(attempt=attempt), data=cursor) as session:
            for _ in session.steps(1):
                session.tick(loss=0.0, tokens=1)
    assert cursor.at == 5


def test_what_cannot_be_saved_is_refused_at_the_first_step(session_of, make_plan):
    session = session_of(make_plan(), data=At(np.arange(5)))

    def train():
        with session:
            for _ in session.steps(30):
                session.tick(loss=0.0, tokens=1)

    with pytest.raises(NotCapturable, match=r"data\.at is a ndarray"):
        train()
    assert session.step == 1


def test_a_part_that_the_checkpoint_does_not_have_is_named(session_of, make_plan, capsys):
    for attempt, parts in ((1, {"scaler": At(1)}), (2, {"scaler": At(1), "data": At(7)})):
        with session_of(make_plan(attempt=attempt), **parts) as session:
            for _ in session.steps(2 * attempt):
                session.tick(loss=0.0, tokens=1)
    said = capsys.readouterr().err
    assert said.count("the checkpoint has no data: it begins anew") == 1
    assert "no scaler" not in said
