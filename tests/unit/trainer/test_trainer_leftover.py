"""What was local on every node when they went is finished at the next start, or was left behind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trainer.checkpoint.carrying import carry_part
from trainer.checkpoint.fence import Fence
from trainer.checkpoint.frame_index import FrameIndex
from trainer.checkpoint.layout import generations, manifest_key
from trainer.checkpoint.lease import take
from trainer.checkpoint.leftover import Finishing, finish_leftover
from trainer.checkpoint.local_store import LocalStore
from trainer.checkpoint.manifest import root_from_bytes
from trainer.checkpoint.node_saver import NodeSaver
from trainer.checkpoint.ranks import Alone
from trainer.checkpoint.saves import Save
from trainer.checkpoint.verify import list_checkpoints
from trainer.errors import FencedOut

SIZE = 100_000


class Node:
    """One rank with its disk, in one life of an attempt."""

    def __init__(self, disks, life: str, epoch: int = 1) -> None:
        self.near, self.shared = disks
        self.life, self.epoch = life, epoch
        who = {"run_id": "run", "epoch": epoch, "keyring": None, "rank": 0, "world_size": 1}
        self.saver = NodeSaver(*disks, retention=3, **who)

    def write(self, step: int, *, exact: bool = True) -> Save:
        """Write a save to the disk, and its draft."""
        save = Save(
            save_id=f"{self.epoch:06d}-{step:09d}-{'F' if exact else 'E'}-{self.life}-0001",
            step=step,
            tier="F" if exact else "E",
            exact=exact,
            config_digest="c",
            payload_bytes=SIZE,
            header_bytes=2,
        )
        self.entries = [self.saver.write(save, memoryview(bytearray(bytes([step]) * (SIZE + 2))))]
        self.saver.draft(save.save_id, self.entries)
        return save

    def commit(self, save: Save) -> None:
        """Carry and commit it."""
        carry_part(self.near, self.shared, self.entries[0], FrameIndex(), run_id="run", secret=None)
        self.saver.commit(save.save_id)

    def finish(self, epoch: int = 2, **more):
        """What the next start finishes."""
        who = Finishing(
            near=self.near,
            shared=self.shared,
            ranks=Alone(),
            run_id="run",
            fence=Fence(self.shared, epoch, "next"),
            epoch=epoch,
            keyring=None,
            allow_inexact=False,
        )
        return finish_leftover(replace(who, **more))


@pytest.fixture
def disks(tmp_path):
    return LocalStore(tmp_path / "near"), LocalStore(tmp_path / "shared")


def steps(shared) -> list[int]:
    rows = list_checkpoints(shared)
    assert all(row.valid for row in rows)
    return [row.step for row in rows]


def test_the_newest_save_that_was_local_is_committed_by_the_attempt_that_starts(disks):
    node = Node(disks, "life")
    node.commit(node.write(1))
    node.write(2)
    done, _ = node.finish()
    assert (done.manifest.step, done.manifest.epoch) == (2, 2)
    assert steps(disks[1]) == [2, 1]
    assert node.finish() is None  # Once.


def test_a_save_that_was_drafted_before_the_one_before_it_was_committed_goes_on_from_it_too(disks):
    node = Node(disks, "life")
    first = node.write(1)
    entries = node.entries
    node.write(2)
    node.entries = entries
    node.commit(first)
    assert node.finish()[0].manifest.step == 2


def test_what_the_run_has_left_behind_is_not_finished(disks, tmp_path):
    here = Node(disks, "life")
    here.commit(here.write(1))
    here.write(5)  # And its machine goes. The run goes on elsewhere, from step 1.
    elsewhere = Node((LocalStore(tmp_path / "other"), disks[1]), "other", epoch=2)
    elsewhere.saver.adopt(1)
    elsewhere.commit(elsewhere.write(3))
    assert here.finish(epoch=3) is None
    assert steps(disks[1]) == [3, 1]


def test_a_save_that_lacks_a_part_or_has_a_spoilt_one_stays_what_it_is(disks):
    node = Node(disks, "life")
    save = node.write(1)
    [blob] = (disks[0].root / "blobs").iterdir()
    whole = blob.read_bytes()
    blob.write_bytes(whole[:-1] + b"x")
    assert node.finish() is None
    blob.write_bytes(whole)
    part = disks[0].path(f"ranks/{save.save_id}/00000.json")
    part.rename(part.with_suffix(".away"))
    assert node.finish() is None
    part.with_suffix(".away").rename(part)
    assert node.finish()[0].manifest.step == 1


def test_an_inexact_save_is_finished_only_where_it_may_be_restored(disks):
    node = Node(disks, "life")
    node.write(1, exact=False)
    assert node.finish() is None
    assert node.finish(allow_inexact=True)[0].manifest.tier == "E"


def test_whom_a_newer_attempt_has_replaced_finishes_nothing(disks):
    node = Node(disks, "life")
    node.write(1)
    take(disks[1], 3, "newer")
    with pytest.raises(FencedOut, match="Attempt 3 holds the lease"):
        node.finish()
    assert generations(disks[1]) == []


def test_what_is_finished_names_the_one_it_goes_on_from(disks):
    node = Node(disks, "life")
    node.commit(node.write(1))
    node.write(2)
    node.finish()
    first, second = (root_from_bytes(disks[1].read(manifest_key(number))) for number in (1, 2))
    assert second.manifest.parent.sha256 == first.sha256
