"""A save that fails for a reason that may pass is said and passed over; the one that must be made is made."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from trainer.adamw import AdamW
from trainer.checkpoint.capture import TrainingState
from trainer.checkpoint.committing import commit_together
from trainer.checkpoint.failing import NotSaved
from trainer.checkpoint.keeper import Keeper
from trainer.checkpoint.manifest import RankEntry
from trainer.checkpoint.ranks import Alone, RankLost
from trainer.checkpoint.scribe import Scribe
from trainer.checkpoint.stores import StoreTrouble, open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.errors import FencedOut
from trainer.leaving import StoppedOnPurpose
from trainer.runlog import RunLog
from trainer.session import SpotSession


@pytest.fixture
def failing(monkeypatch):
    """Errors that the next saves meet, first come first served."""
    errors, real = [], Scribe.commit

    def commit(self, *asked):
        if errors:
            raise errors.pop(0)
        return real(self, *asked)

    monkeypatch.setattr(Scribe, "commit", commit)
    return errors


@pytest.fixture
def keeper(tmp_path, make_plan):
    model = torch.nn.Linear(8, 8)
    state = TrainingState(model=model, parts={"optimizer": AdamW(model)}, config={})
    plan = make_plan(asynchronous=False)
    made = Keeper(plan, state, RunLog(tmp_path / "spool", plan.run_id, 1, "0"))
    made.restore()
    yield made
    made.close()


def away() -> StoreTrouble:
    return StoreTrouble("The bucket is away.", fix="Wait.")


def begin(keeper, step) -> None:
    assert keeper.begin(step, "F")
    keeper.finish()


def steps_in(folder) -> list[int]:
    return [row.step for row in list_checkpoints(open_store(str(folder)))]


def test_a_save_that_fails_is_said_and_the_next_one_is_made(tmp_path, keeper, failing, capsys):
    failing += [away(), OSError(28, "No space left on device")]
    begin(keeper, 1)
    begin(keeper, 2)
    begin(keeper, 3)
    said = capsys.readouterr().err
    assert said.count("did not come to be") == 2
    assert "The bucket is away." in said
    assert steps_in(tmp_path / "checkpoints") == [3]


def test_three_failed_saves_in_a_row_end_the_training_and_one_that_is_made_counts_anew(keeper, failing):
    failing += [away(), away()]
    for step in (1, 2, 3):
        begin(keeper, step)
        keeper.check()
    failing += [away(), away(), away()]
    for step in (4, 5):
        begin(keeper, step)
        keeper.check()
    begin(keeper, 6)
    with pytest.raises(StoreTrouble, match="away"):
        keeper.check()


@pytest.mark.parametrize("before", [1, 2, 3])
def test_an_emergency_saves_though_the_saves_before_it_failed(tmp_path, keeper, failing, before):
    failing += [away()] * before
    for step in range(1, before):
        begin(keeper, step)
    keeper.begin(before, "F")
    keeper.emergency(9, 30.0)
    assert steps_in(tmp_path / "checkpoints") == [9]


def test_the_last_save_is_made_though_the_one_before_failed_and_raises_its_own_failure(
    tmp_path, keeper, failing
):
    failing += [away()]
    keeper.begin(1, "F")
    keeper.save(2)
    assert steps_in(tmp_path / "checkpoints") == [2]
    failing += [away()]
    with pytest.raises(StoreTrouble, match="away"):
        keeper.save(3)


def test_a_newer_attempt_is_never_passed_over(keeper, failing):
    failing += [FencedOut("Attempt 2 holds the lease.", fix="Stop.")]
    with pytest.raises(FencedOut):
        begin(keeper, 1)


def session_of(tmp_path, plan) -> SpotSession:
    model = torch.nn.Linear(8, 8)
    log = RunLog(tmp_path / "spool", plan.run_id, 1, "0")
    return SpotSession(plan, model=model, optimizer=AdamW(model), log=log)


def test_a_training_that_stands_still_to_save_goes_on_after_a_failed_save(tmp_path, make_plan, failing):
    failing += [away()]
    plan = make_plan(asynchronous=False, full_every_s=1e-9)
    with session_of(tmp_path, plan) as session:
        for _ in session.steps(4):
            session.tick(loss=1.0, tokens=1)
    assert session.step == 4
    assert steps_in(tmp_path / "checkpoints")[0] == 4


def die_of(error, session) -> None:
    """Train one step, begin a save, and leave by an error."""
    with session:
        for step in session.steps(4):
            session._keeper.begin(step + 1, "F")
            raise error


def test_an_error_of_training_itself_is_not_replaced_by_one_of_a_save(tmp_path, make_plan, failing, capsys):
    failing += [RuntimeError("a defect of ours")]
    with pytest.raises(ZeroDivisionError):
        die_of(ZeroDivisionError(), session_of(tmp_path, make_plan(asynchronous=True)))
    assert "a defect of ours" in capsys.readouterr().err


def test_what_is_met_after_a_stop_on_purpose_is_raised(tmp_path, make_plan, failing):
    failing += [RuntimeError("a defect of ours")]
    with pytest.raises(RuntimeError, match="defect"):
        die_of(StoppedOnPurpose("stopped"), session_of(tmp_path, make_plan(asynchronous=False)))


class Second(Alone):
    """Rank 1 of two; rank 0 has met an error at the commit."""

    rank, world_size = 1, 2

    def __init__(self, told) -> None:
        super().__init__()
        self.told = told

    def gather(self, what, value, *, within_s=300.0):
        return [self.told if what.startswith("committed") else value, value]


class Writer:
    """Writes nothing and says it did."""

    def write(self, save):
        return RankEntry(rank=1, key="ranks/a/1", sha256="0" * 64, bytes=1)


class Order:
    save_id = "a"


@pytest.mark.parametrize("may_pass", [True, False])
def test_every_rank_passes_over_what_one_of_them_passes_over_and_nothing_else(may_pass):
    ranks = Second({"trouble": "The bucket is away.", "may_pass": may_pass})
    with pytest.raises(RankLost, match="away") as met:
        commit_together(ranks, Writer(), Order())
    assert isinstance(met.value, NotSaved) is may_pass


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_run_log_that_cannot_take_a_copy_is_said_and_nothing_waits_for_it(
    tmp_path, make_plan, monkeypatch, capsys, asynchronous
):
    plan = make_plan(asynchronous=asynchronous, full_every_s=1e-9)
    stores = replace(plan.stores, primary_url=str(tmp_path / "primary"))
    nodes = replace(plan.nodes, count=1, min=1)
    session = session_of(tmp_path, replace(plan, stores=stores, nodes=nodes))
    real, met = session._log.write, []

    def full_once(event, **fields):
        if event == "replicated" and not met:
            met.append(event)
            raise OSError(28, "No space left on device")
        return real(event, **fields)

    monkeypatch.setattr(session._log, "write", full_once)
    with session:
        for _ in session.steps(3):
            session.tick(loss=1.0, tokens=1)
            session._keeper.finish()
            assert session._keeper._scribe.writing.drain(10.0)
    assert "was not noted: [Errno 28]" in capsys.readouterr().err
    assert steps_in(tmp_path / "primary")[0] == 3
