"""The list of checkpoints over several stores, and a sweep's many runs in one."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from checkpoint_stage import KEYRING, commit, payload_of, saver

from trainer.checkpoint.catalogue import catalogue
from trainer.checkpoint.collection import CollectedRun, collect, runs_in
from trainer.checkpoint.layout import manifest_key
from trainer.checkpoint.retention import Retention, pin, sweep
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.transfer import copy_checkpoint

BLOCK = 4 << 20


def memory():
    return open_store(f"memory://{uuid4().hex}", patience_s=2)


def states(row):
    return [each.state for each in row.stores]


def test_the_catalogue_says_how_each_checkpoint_stands_in_each_store(tmp_path):
    here, there = open_store(str(tmp_path)), memory()
    writer = saver(here)
    for step in (1, 2, 3):
        commit(writer, os.urandom(500), step=step)
    copy_checkpoint(here, there, 2, keyring=KEYRING)
    there.create(manifest_key(1), b"torn")
    pin(here, 1)
    rows = catalogue([here, there], keyring=KEYRING)
    assert [row.generation for row in rows] == [3, 2, 1]
    assert [states(row) for row in rows] == [
        ["committed", "absent"],
        ["committed"] * 2,
        ["committed", "damaged"],
    ]
    assert [row.pinned for row in rows] == [False, False, True]
    assert rows[1].to_json()["step"] == 2


def test_a_thorough_catalogue_reads_every_block_back():
    here, there = memory(), memory()
    commit(saver(here), os.urandom(5000))
    copy_checkpoint(here, there, 1)
    blob = next(there.list("blobs/")).key
    content = there.read(blob)
    there.delete(blob)
    there.create(blob, content[:-1] + bytes([content[-1] ^ 1]))
    (row,) = catalogue([here, there], keyring=KEYRING, thoroughly=True)
    assert states(row) == ["verified", "damaged"]
    assert "does not open" in row.stores[1].reason
    assert row.is_good


def test_another_checkpoint_of_the_same_number_is_told_apart():
    here, there = memory(), memory()
    commit(saver(here), b"1")
    commit(saver(there), b"2")
    (row,) = catalogue([here, there], keyring=KEYRING)
    assert states(row) == ["committed", "another"]


@pytest.mark.parametrize("keyring", [None, KEYRING], ids=["open", "sealed"])
def test_a_sweeps_common_base_is_kept_once_where_the_key_allows(keyring):
    base, sources, collection = os.urandom(2 * BLOCK), [], memory()
    for number in range(4):
        sources.append(memory())
        writer = saver(sources[-1], run_id=f"lr-{number}", keyring=keyring)
        commit(writer, base + b"adapter %d" % number)
    moved = collect(sources, collection, keyring=keyring)
    kept = sum(found.bytes for found in collection.list("blobs/"))
    times = 1 if keyring is None else 4
    assert times * len(base) < kept < times * len(base) + 4 * 200
    assert sum(each.copied_bytes for each in moved) == kept
    assert runs_in(collection) == ["lr-0", "lr-1", "lr-2", "lr-3"]
    for number in range(4):
        run = CollectedRun(collection, f"lr-{number}")
        assert payload_of(run, 1, keyring) == base + b"adapter %d" % number


def test_collecting_again_sends_nothing():
    source, collection = memory(), memory()
    commit(saver(source), os.urandom(1000))
    collect([source], collection, keyring=KEYRING)
    assert [each.was_there for each in collect([source], collection, keyring=KEYRING)] == [True]


def test_no_run_of_a_collection_sweeps_anothers_blocks():
    base, collection, sources = os.urandom(BLOCK), memory(), []
    for number in range(2):
        sources.append(memory())
        writer = saver(sources[-1], run_id=f"run-{number}", keyring=None)
        for step in (1, 2):
            commit(writer, base + b"%d %d" % (number, step), step=step)
    collect(sources, collection)
    blobs = list(collection.list("blobs/"))
    sweep(
        CollectedRun(collection, "run-0"),
        Retention(newest=1),
        grace_s=0,
        now=datetime.now(UTC) + timedelta(days=9),
    )
    assert list(collection.list("blobs/")) == blobs
    assert payload_of(CollectedRun(collection, "run-1"), 1, None) == base + b"1 1"
    assert payload_of(CollectedRun(collection, "run-0"), 2, None) == base + b"0 2"
