"""Copies of checkpoints: the same name, the same bytes, no byte sent twice, never half there."""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from checkpoint_stage import KEYRING, commit, payload_of, saver

from trainer.checkpoint.frame_index import FrameIndex
from trainer.checkpoint.frames import BadBlock
from trainer.checkpoint.layout import generations, manifest_key
from trainer.checkpoint.lease import refuse_zombie, take
from trainer.checkpoint.replicate import Replicator
from trainer.checkpoint.retention import Retention, sweep
from trainer.checkpoint.stores import StoreTrouble, open_store
from trainer.checkpoint.transfer import TransferConflict, copy_checkpoint, migrate
from trainer.checkpoint.verify import list_checkpoints
from trainer.errors import FencedOut

BLOCK = 4 << 20
TAG = 16
OPEN = pytest.mark.parametrize("keyring", [KEYRING, None], ids=["sealed", "open"])


def memory():
    return open_store(f"memory://{uuid4().hex}", patience_s=2)


def blob_bytes(store):
    return sum(found.bytes for found in store.list("blobs/"))


@OPEN
def test_a_copy_has_the_same_name_and_the_same_bytes(tmp_path, keyring):
    here, there, payload = open_store(str(tmp_path)), memory(), os.urandom(BLOCK + 5000)
    done = commit(saver(here, keyring=keyring), payload)
    moved = copy_checkpoint(here, there, 1, keyring=keyring)
    assert there.read(manifest_key(1)) == here.read(manifest_key(1))
    assert payload_of(there, 1, keyring) == payload
    assert [row.sha256 for row in list_checkpoints(there, keyring)] == [done.sha256]
    # By hand: the header and two blocks of payload, each with a tag of 16 bytes where it is sealed.
    expected = len(payload) + len(b'{"step":1}') + (3 * TAG if keyring else 0)
    assert moved.copied_bytes == blob_bytes(there) == expected


@OPEN
def test_only_the_blocks_that_the_other_lacks_are_sent(keyring):
    here, there = memory(), memory()
    base, writer = os.urandom(3 * BLOCK), saver(here, keyring=keyring)
    for step in range(1, 4):
        commit(writer, base + b"adapter %d" % step, step=step)
    first, second, third = migrate(here, there, keyring=keyring)
    per_save = len(b"adapter 1") + len(b'{"step":1}') + (2 * TAG if keyring else 0)
    assert first.copied_bytes == 3 * BLOCK + (3 * TAG if keyring else 0) + per_save
    assert (second.copied_bytes, third.copied_bytes) == (per_save, per_save)
    assert second.kept_bytes == first.copied_bytes - per_save
    assert blob_bytes(there) == blob_bytes(here)
    assert all(payload_of(there, n, keyring) == base + b"adapter %d" % n for n in (1, 2, 3))


def test_a_move_done_again_sends_nothing():
    here, there = memory(), memory()
    commit(saver(here), os.urandom(1000))
    migrate(here, there, keyring=KEYRING)
    (again,) = migrate(here, there, keyring=KEYRING)
    assert (again.was_there, again.copied_bytes) == (True, 0)


def test_one_checkpoint_of_many_leaves_the_blocks_behind_that_it_does_not_name():
    here, there = memory(), memory()
    writer = saver(here)
    for step in range(1, 5):
        commit(writer, os.urandom(10_000), step=step)
    (moved,) = migrate(here, there, keyring=KEYRING, only=[3])
    assert generations(there) == [3]
    assert moved.copied_bytes < 10_100
    assert payload_of(there, 3) == payload_of(here, 3)


def test_a_delta_brings_its_keyframe():
    here, there = memory(), memory()
    writer = saver(here)
    for step in range(1, 4):
        commit(writer, bytes(2000) + bytes([step]) * 8, step=step, tier="W")
    copy_checkpoint(here, there, 3, keyring=KEYRING)
    assert generations(there) == [3, 1]
    assert payload_of(there, 3) == bytes(2000) + bytes([3]) * 8


def test_whoever_has_no_key_can_move_what_is_sealed():
    here, there, payload = memory(), memory(), os.urandom(9000)
    commit(saver(here), payload)
    copy_checkpoint(here, there, 1)
    assert payload_of(there, 1) == payload


def damage(store, key):
    content = bytearray(store.read(key))
    content[len(content) // 2] ^= 1
    store.delete(key)
    store.create(key, bytes(content))


@OPEN
def test_a_damaged_original_gets_no_copy(keyring):
    here, there = memory(), memory()
    commit(saver(here, keyring=keyring), os.urandom(9000))
    damage(here, next(here.list("blobs/")).key)
    with pytest.raises(BadBlock):
        copy_checkpoint(here, there, 1, keyring=keyring)
    assert generations(there) == []


@pytest.mark.parametrize("opens", [KEYRING, None], ids=["with the key", "without"])
def test_a_damaged_block_in_the_other_store_is_sent_anew(opens):
    here, there, base = memory(), memory(), os.urandom(BLOCK)
    writer = saver(here)
    commit(writer, base + b"1", step=1)
    copy_checkpoint(here, there, 1, keyring=opens)
    damage(there, next(there.list("blobs/")).key)
    commit(writer, base + b"2", step=2)
    copy_checkpoint(here, there, 2, keyring=opens)
    assert payload_of(there, 2) == base + b"2"


def test_another_checkpoint_of_the_same_number_is_not_overwritten():
    here, there = memory(), memory()
    commit(saver(here), os.urandom(100))
    commit(saver(there), os.urandom(100))
    before = there.read(manifest_key(1))
    with pytest.raises(TransferConflict, match="another generation 1"):
        copy_checkpoint(here, there, 1, keyring=KEYRING)
    assert there.read(manifest_key(1)) == before


def test_a_move_brings_the_lease_so_that_a_zombie_stays_fenced():
    here, there = memory(), memory()
    take(here, 7)
    commit(saver(here, epoch=7), os.urandom(100))
    migrate(here, there, keyring=KEYRING)
    with pytest.raises(FencedOut, match="Attempt 7 holds the lease"):
        refuse_zombie(there, 6)


def test_the_run_goes_on_from_its_copy_and_names_the_blocks_there():
    here, there, base = memory(), memory(), os.urandom(BLOCK)
    commit(saver(here), base + b"1")
    migrate(here, there, keyring=KEYRING)
    writer = saver(there, epoch=2)
    writer.adopt(1)
    done = commit(writer, base + b"2", step=2)
    assert done.stored_bytes < 1000
    assert payload_of(there, 2) == base + b"2"


def test_a_copy_may_be_swept_around():
    here, there = memory(), memory()
    writer = saver(here)
    base = os.urandom(BLOCK)
    for step in range(1, 4):
        commit(writer, base + b"%d" % step, step=step)
    migrate(here, there, keyring=KEYRING)
    for hours in (10, 20):
        now = datetime.now(UTC) + timedelta(hours=hours)
        sweep(there, Retention(newest=1), keyring=KEYRING, now=now)
    assert generations(there) == [3]
    assert payload_of(there, 3) == base + b"3"


def test_a_frame_whose_checkpoint_was_removed_there_is_sent_again_though_it_was_sent_before():
    here, there, base = memory(), memory(), os.urandom(BLOCK)
    writer, index = saver(here), FrameIndex(there)
    commit(writer, base + b"1", step=1)
    copy_checkpoint(here, there, 1, keyring=KEYRING, index=index)
    there.delete(manifest_key(1))
    old = [found.key for found in there.list("blobs/")]  # May be swept at any moment.
    commit(writer, base + b"2", step=2)
    moved = copy_checkpoint(here, there, 2, keyring=KEYRING, index=index)
    assert moved.copied_bytes > BLOCK
    for key in old:
        there.delete(key)
    assert payload_of(there, 2) == base + b"2"


class Broken:
    """A store that fails until it is mended."""

    def __init__(self, store):
        self._store, self.mended = store, threading.Event()

    def __getattr__(self, name):
        if name not in ("url",) and not self.mended.is_set():
            raise StoreTrouble("It is down.", fix="Wait.")
        return getattr(self._store, name)


def test_replicas_get_every_checkpoint_and_say_so(tmp_path):
    here, replicas, told = open_store(str(tmp_path)), [memory(), memory()], []
    writer = saver(here)
    replicator = Replicator(here, replicas, keyring=KEYRING, done=told.append)
    payloads = {step: os.urandom(2000) for step in range(1, 6)}
    for step, payload in payloads.items():
        replicator.put(commit(writer, payload, step=step).manifest.generation)
    assert replicator.close(within_s=20)
    for replica in replicas:
        assert {n: payload_of(replica, n) for n in generations(replica)} == payloads
    assert sorted((each.generation, each.url) for each in told) == sorted(
        (n, f"{replica.url}/{manifest_key(n)}") for replica in replicas for n in payloads
    )
    assert all(each.bytes > 2000 for each in told)


def test_a_replica_that_is_down_delays_nothing_and_is_served_when_it_is_back():
    here, good, broken, troubles = memory(), memory(), Broken(memory()), []
    replicator = Replicator(
        here, [broken, good], keyring=KEYRING, trouble=troubles.append, first_pause_s=0.01
    )
    writer = saver(here)
    for step in (1, 2):
        replicator.put(commit(writer, os.urandom(500), step=step).manifest.generation)
    assert not replicator.drain(0.5)
    assert generations(good) == [2, 1]
    assert "is not in memory://" in troubles[0]
    broken.mended.set()
    assert replicator.drain(20)
    assert payload_of(broken, 2) == payload_of(here, 2)
    replicator.close()


def test_a_zombie_copies_nothing_into_a_replica_whose_lease_is_another_attempts():
    here, there, troubles = memory(), memory(), []
    replicator = Replicator(here, [there], keyring=KEYRING, epoch=1, trouble=troubles.append)
    writer = saver(here)
    take(there, 1)
    replicator.put(commit(writer, b"first").manifest.generation)
    assert replicator.drain(10)
    take(there, 2)  # The next attempt, on another machine with another disk.
    replicator.put(commit(writer, b"second", step=2).manifest.generation)
    assert replicator.close(within_s=10)
    assert generations(there) == [1]
    assert "Attempt 2 holds the lease" in troubles[0]


def test_what_retention_removed_before_it_was_copied_is_not_missed():
    here, there = memory(), memory()
    writer = saver(here)
    for step in (1, 2):
        commit(writer, os.urandom(500), step=step)
    sweep(here, Retention(newest=1), keyring=KEYRING, grace_s=0)
    replicator = Replicator(here, [there], keyring=KEYRING)
    replicator.put(1)
    replicator.put(2)
    assert replicator.close(within_s=10)
    assert generations(there) == [2]


def test_the_placement_is_no_part_of_a_ranks_name():
    here, there = memory(), memory()
    writer = saver(here)
    commit(writer, b"x" * 10, step=1)
    commit(writer, b"x" * 10, step=2)
    copy_checkpoint(here, there, 2, keyring=KEYRING)
    key = json.loads(here.read(manifest_key(2)))["manifest"]["ranks"][0]["key"]
    ours, theirs = json.loads(here.read(key)), json.loads(there.read(key))
    assert ours["sha256"] == theirs["sha256"]
    assert ours["placement"] != theirs["placement"]
