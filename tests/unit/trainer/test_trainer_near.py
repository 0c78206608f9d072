"""A node of several: what it saves is on its own disk at once, and exists when all can read it."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from queue import SimpleQueue

import pytest
import torch

from trainer.adamw import AdamW
from trainer.checkpoint.carrying import Carrier, PartLost
from trainer.checkpoint.fence import Fence
from trainer.checkpoint.layout import failed_key, rank_key
from trainer.checkpoint.lease import take
from trainer.checkpoint.local_store import LocalStore
from trainer.checkpoint.manifest import Parent
from trainer.checkpoint.node_saver import NodeSaver
from trainer.checkpoint.relay import Local, Relay
from trainer.checkpoint.saves import Save
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.errors import FencedOut
from trainer.notice import NoticeWatch
from trainer.runlog import RunLog, read_spool
from trainer.session import SpotSession

SIZE = 3 << 20


@pytest.fixture
def train(tmp_path, make_plan):
    """Train to a step as the one rank there is of a run that may have several nodes."""

    def until(attempt, steps, *, at_step=None, do=None, **checkpoint):
        torch.manual_seed(attempt)
        plan = make_plan(attempt=attempt, **{"full_every_s": 1e-9, **checkpoint})
        stores = replace(
            plan.stores, primary_url=str(tmp_path / "primary"), replica_urls=(str(tmp_path / "replica"),)
        )
        plan = replace(plan, stores=stores, nodes=replace(plan.nodes, count=2, min=1))
        model = torch.nn.Linear(300, 200)
        optimizer = AdamW(model)
        optimizer.lr = 1e-5
        log = RunLog(tmp_path / "spool", plan.run_id, attempt, "0")
        with SpotSession(plan, model=model, optimizer=optimizer, log=log, notice=NoticeWatch()) as session:
            for step in session.steps(steps):
                if step == at_step:
                    do(session)
                model(torch.ones(1, 300)).pow(2).sum().backward()
                optimizer.step()
                optimizer.zero_grad()
                session.tick(loss=0.0, tokens=1)
        return model.weight.detach().clone()

    return until


def rows(tmp_path, where="primary"):
    found = list_checkpoints(open_store(str(tmp_path / where)))
    assert [row.reason for row in found if not row.valid] == []
    return [(row.step, row.tier) for row in found]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_newest_is_in_the_primary_and_the_replica_when_the_run_is_done(tmp_path, train, asynchronous):
    weights = train(1, 6, asynchronous=asynchronous)
    assert rows(tmp_path)[0] == rows(tmp_path, "replica")[0] == (6, "F")
    assert not (tmp_path / "checkpoints" / "manifests").exists()
    spool = read_spool(tmp_path / "spool" / "attempt-1-node-0.jsonl")
    committed = [event["step"] for event in spool if event["event"] == "committed"]
    assert committed == sorted(step for step, _ in rows(tmp_path))
    assert torch.equal(train(2, 6), weights)


def test_light_saves_are_carried_with_their_distances(tmp_path, train):
    # At step 5 it waits for what is on its way: a keyframe counts from its commit on.
    slowly = {"at_step": 5, "do": lambda session: session._keeper._relay.wait(time.monotonic() + 30)}
    train(1, 12, light_every_s=1e-9, full_every_s=1e9, allow_inexact=True, **slowly)
    tiers = dict(rows(tmp_path))
    assert tiers[12] == "F"  # The end.
    assert "W" in tiers.values()
    blobs = "".join(path.read_text() for path in (tmp_path / "primary" / "ranks").rglob("*.json"))
    assert '"d2z"' in blobs


def test_whose_lease_was_taken_meanwhile_stops_when_it_would_commit(tmp_path, train):
    def taken(_):
        take(open_store(str(tmp_path / "primary")), 2)

    with pytest.raises(FencedOut, match="Attempt 2 holds the lease"):
        train(1, 3, at_step=2, do=taken, full_every_s=1e9)
    assert rows(tmp_path) == []
    ended = read_spool(tmp_path / "spool" / "attempt-1-node-0.jsonl")[-1]
    assert (ended["event"], ended["exit_code"]) == ("ended", 5)


def order(number: int, *, tier="F") -> Save:
    return Save(
        save_id=f"000001-{number:09d}-{tier}-life-{number:04d}",
        step=number,
        tier=tier,
        exact=tier == "F",
        config_digest="c",
        payload_bytes=SIZE,
        header_bytes=2,
    )


@pytest.fixture
def disks(tmp_path):
    return LocalStore(tmp_path / "near"), LocalStore(tmp_path / "shared")


def saver_of(disks, rank=0, ranks=1) -> NodeSaver:
    who = {"run_id": "run", "epoch": 1, "keyring": None, "rank": rank, "world_size": ranks}
    return NodeSaver(*disks, retention=2, **who)


def write(saver: NodeSaver, number: int) -> tuple[Save, list]:
    save = order(number)
    memory = memoryview(bytearray(bytes([number]) * SIZE + f"{number:02d}".encode()))
    entries = [saver.write(save, memory)]
    saver.draft(save.save_id, entries)
    return save, entries


def carrier_of(saver: NodeSaver, rank=0) -> tuple[Carrier, SimpleQueue]:
    heard: SimpleQueue = SimpleQueue()
    fence = Fence(saver.store, 1, None)
    return Carrier(saver, run_id="run", rank=rank, fence=fence, told=heard.put, say=print), heard


def test_a_part_that_its_disk_has_spoilt_is_never_committed(disks):
    saver = saver_of(disks)
    save, entries = write(saver, 1)
    [blob] = (disks[0].root / "blobs").iterdir()
    blob.write_bytes(b"x" + blob.read_bytes()[1:])
    carrier, heard = carrier_of(saver)
    carrier.put(save.save_id, entries)
    carried = heard.get(timeout=30)
    assert isinstance(carried.trouble, PartLost)
    assert [found.key for found in disks[1].list("")] == [failed_key(save.save_id, 0)]
    save, entries = write(saver, 2)
    carrier.put(save.save_id, entries)
    assert heard.get(timeout=30).committed.manifest.step == 2


def test_rank_0_does_not_wait_for_a_part_that_cannot_come(disks):
    saver = saver_of(disks, ranks=2)
    save, entries = write(saver, 1)
    missing = replace(entries[0], rank=1, key=rank_key(save.save_id, 1))
    disks[1].create(failed_key(save.save_id, 1), b"")
    carrier, heard = carrier_of(saver)
    carrier.put(save.save_id, [*entries, missing])
    assert "Rank 1 cannot carry its part" in str(heard.get(timeout=30).trouble)


def test_however_long_nothing_can_be_carried_a_disk_holds_few_saves(disks):
    saver = saver_of(disks)
    for number in range(1, 10):
        write(saver, number)
    # Three that may be carried yet.
    assert [each.key.split("-")[1] for each in disks[0].list("blobs/")] == [f"{n:09d}" for n in (7, 8, 9)]
    assert len(list(disks[0].list("drafts/"))) == len(list(disks[0].list("ranks/"))) == 3


def test_a_block_the_primary_has_is_not_sent_again(disks):
    saver = saver_of(disks)
    carrier, heard = carrier_of(saver)
    sent = []
    for number, content in ((1, 7), (2, 7)):
        save = replace(order(number))
        entries = [saver.write(save, memoryview(bytearray(bytes([content]) * SIZE + b"{}")))]
        saver.draft(save.save_id, entries)
        carrier.put(save.save_id, entries)
        done = heard.get(timeout=30)
        sent.append(done.bytes)
        root = done.committed
        committed = Parent(generation=root.manifest.generation, sha256=root.sha256)
        carrier.learn(save.save_id, committed)
        saver.committed_elsewhere(save.save_id, committed)
    assert sent == [SIZE + 2, 0]


def test_the_newest_exact_save_goes_first_and_older_ones_not_any_more():
    relay, sent = Relay(lambda *_: None), []

    class Heard:
        def learn(self, save_id, committed):
            sent.append(("learn", save_id))

        def carry(self, save_id, entries):
            sent.append(("carry", save_id))

    for number, tier in ((1, "F"), (2, "F"), (3, "W")):
        relay.written(Local(save=order(number, tier=tier), entries=[], bytes=1, began=0.0))
    news = relay.news()
    relay.hear(json.loads(json.dumps(news)), Heard())
    assert sent == [("carry", order(2).save_id)]
    assert relay.news() is None  # One at a time.
    assert list(relay._waiting) == [order(3, tier="W").save_id]


def test_at_the_end_the_newest_save_goes_whatever_it_is():
    relay = Relay(lambda *_: None)
    for number, tier in ((1, "F"), (2, "W")):
        relay.written(Local(save=order(number, tier=tier), entries=[], bytes=1, began=0.0))
    assert relay.news(is_last=True)["carry"] == order(2, tier="W").save_id
