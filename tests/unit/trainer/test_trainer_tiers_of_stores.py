"""Checkpoints go to the disk first, then to the primary store, then to replicas; and come back from any."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace

import pytest
import torch

from trainer.checkpoint.replicate import Replicator
from trainer.checkpoint.scribe import Scribe
from trainer.checkpoint.stores import StoreTrouble, open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.errors import FencedOut
from trainer.notice import NoticeWatch
from trainer.runlog import RunLog, read_spool
from trainer.session import SpotSession


@pytest.fixture
def run(tmp_path, make_plan):
    """Train to a step under a plan with a primary store and a replica; return the weights."""

    def train(attempt, until, *, die_at=None, **checkpoint):
        torch.manual_seed(attempt)
        plan = make_plan(attempt=attempt, full_every_s=1e-9, **checkpoint)
        stores = replace(
            plan.stores,
            primary_url=str(tmp_path / "primary"),
            replica_urls=((tmp_path / "replica").as_uri(),),
        )
        plan = replace(plan, stores=stores, nodes=replace(plan.nodes, count=1, min=1))
        model = torch.nn.Linear(4, 4)
        optimizer = torch.optim.AdamW(model.parameters())
        log = RunLog(tmp_path / "spool", plan.run_id, attempt, "0")
        session = SpotSession(plan, model=model, optimizer=optimizer, log=log, notice=NoticeWatch())
        with session:
            for step in session.steps(until):
                if step == die_at:
                    raise ZeroDivisionError
                model(torch.ones(1, 4)).sum().backward()
                optimizer.step()
                optimizer.zero_grad()
                session.tick(loss=0.0, tokens=1)
        return model.weight.detach().clone()

    return train


def steps(tmp_path, where):
    return [row.step for row in list_checkpoints(open_store(str(tmp_path / where))) if row.valid]


def events(tmp_path, attempt, kind):
    spool = read_spool(tmp_path / "spool" / f"attempt-{attempt}-node-0.jsonl")
    return [event for event in spool if event["event"] == kind]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_newest_stands_everywhere_when_the_run_is_done(tmp_path, run, asynchronous):
    run(1, 5, asynchronous=asynchronous)
    for where in ("checkpoints", "primary", "replica"):
        assert max(steps(tmp_path, where)) == 5
    copies = events(tmp_path, 1, "replicated")
    newest = events(tmp_path, 1, "committed")[-1]["generation"]
    assert {copy["url"].split("/manifests")[0] for copy in copies if copy["generation"] == newest} == {
        (tmp_path / "primary").as_uri(),
        (tmp_path / "replica").as_uri(),
    }


@pytest.mark.parametrize("lost", [("checkpoints",), ("checkpoints", "primary"), ("primary", "replica")])
def test_a_run_goes_on_from_whatever_is_left(tmp_path, run, lost):
    weights = run(1, 5)
    for where in lost:
        shutil.rmtree(tmp_path / where)
    assert torch.equal(run(2, 5), weights)
    [restored] = events(tmp_path, 2, "restored")
    assert restored["step"] == 5
    run(3, 7)
    assert {max(steps(tmp_path, where)) for where in ("checkpoints", "primary", "replica")} == {7}


def test_after_its_disk_is_lost_a_run_numbers_on(tmp_path, run):
    run(1, 3)
    shutil.rmtree(tmp_path / "checkpoints")
    run(2, 5)
    first = events(tmp_path, 1, "committed")[-1]["generation"]
    assert events(tmp_path, 2, "committed")[0]["generation"] > first


def test_a_zombie_on_another_machine_is_fenced_by_the_store_they_share(tmp_path, run):
    run(2, 3)
    shutil.move(tmp_path / "checkpoints", tmp_path / "of-the-new-machine")
    with pytest.raises(FencedOut, match="Attempt 2 holds the lease"):
        run(1, 5)


def test_a_primary_store_that_cannot_be_reached_is_no_reason_to_begin_anew(tmp_path, run, monkeypatch):
    run(1, 3)
    shutil.rmtree(tmp_path / "checkpoints")
    (tmp_path / "primary").rename(tmp_path / "away")
    (tmp_path / "primary").write_text("not a folder: every access fails")
    with pytest.raises(StoreTrouble):
        run(2, 5)
    assert steps(tmp_path, "replica") != []


def test_what_retention_lets_go_of_leaves_the_other_stores_too_when_its_grace_is_over(
    tmp_path, run, monkeypatch
):
    monkeypatch.setattr("trainer.checkpoint.shelf.SWEEP_REPLICAS_EVERY_S", 0.0)
    run(1, 6, retention=2)
    until(lambda: len(steps(tmp_path, "primary")) <= 3)
    assert max(steps(tmp_path, "primary")) == 6
    assert len(list((tmp_path / "primary" / "blobs").iterdir())) > 3  # Their blocks stay for an hour.


def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_run_that_goes_on_from_an_older_checkpoint_takes_no_number_that_a_newer_one_has(tmp_path, run):
    run(1, 3)
    taken = events(tmp_path, 1, "committed")[-1]["generation"]
    shutil.rmtree(tmp_path / "checkpoints")
    for where in ("primary", "replica"):
        newest = max((tmp_path / where / "blobs").iterdir(), key=lambda each: each.name)
        newest.write_bytes(bytes(newest.stat().st_size))
    run(2, 5)
    [restored] = events(tmp_path, 2, "restored")
    assert restored["step"] == 2
    assert events(tmp_path, 2, "committed")[0]["generation"] > taken
    assert {max(steps(tmp_path, where)) for where in ("checkpoints", "primary", "replica")} == {5}


def test_a_copy_whose_number_another_checkpoint_has_is_said_and_not_tried_for_ever(tmp_path, run):
    run(1, 2)
    roots = tmp_path / "replica" / "manifests"
    (roots / "000000001.json").write_bytes((roots / "000000002.json").read_bytes())
    stores = [open_store(str(tmp_path / where)) for where in ("checkpoints", "replica")]
    said: list[str] = []
    replicator = Replicator(stores[0], stores[1:], trouble=said.append)
    replicator.put(1)
    assert replicator.close(5.0)
    assert len(said) == 1
    assert "generation 1 does not go to" in said[0]


def test_a_writer_lost_before_the_first_commit_of_a_restored_run_makes_it_begin_no_new_numbering(
    tmp_path, run, monkeypatch
):
    run(1, 3)
    taken = events(tmp_path, 1, "committed")[-1]["generation"]
    shutil.rmtree(tmp_path / "checkpoints")
    real = Scribe.commit

    def lose_writer_first(self, *asked):
        monkeypatch.setattr(Scribe, "commit", real)
        self.writing.kill()
        return self.commit(*asked)

    monkeypatch.setattr(Scribe, "commit", lose_writer_first)
    run(2, 4, asynchronous=True)
    assert events(tmp_path, 2, "committed")[0]["generation"] == taken + 1
