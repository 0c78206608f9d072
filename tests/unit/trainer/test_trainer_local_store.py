"""A folder as a store when the disk or the filesystem does not do what one hopes."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta

import pytest

from trainer.checkpoint import blob_file, local_store
from trainer.checkpoint.lease import holder, refuse_zombie, take
from trainer.checkpoint.local_store import LocalStore
from trainer.checkpoint.stores import DeleteRefused, StoreTrouble
from trainer.errors import FencedOut

PIECES = [os.urandom(4 << 20), os.urandom(5000), os.urandom(4 << 20), os.urandom(1)]


def upload(store, key="blobs/x"):
    under_way = store.begin(key)
    for piece in PIECES:
        under_way.write(piece)
    return under_way.commit()


def files(store):
    return sorted(path.name for path in store.root.rglob("*") if path.is_file())


def test_where_direct_writes_are_unknown_plain_ones_do(tmp_path, monkeypatch):
    monkeypatch.setattr(blob_file, "set_direct", lambda file, wanted: not wanted)
    store = LocalStore(tmp_path, direct=True)
    assert upload(store)
    assert store.read("blobs/x") == b"".join(PIECES)


@pytest.mark.parametrize("nth", [1, 2])
def test_where_a_direct_write_is_refused_after_all_plain_ones_go_on(tmp_path, monkeypatch, nth):
    write_all, calls = blob_file.write_all, []

    def refusing(file, data):
        calls.append(len(data))
        if len(calls) == nth:
            os.write(file, data[:4096])  # Some of it was written before.
            raise OSError(errno.EINVAL, "not aligned")
        write_all(file, data)

    monkeypatch.setattr(blob_file, "write_all", refusing)
    store = LocalStore(tmp_path, direct=True)
    assert upload(store)
    assert store.read("blobs/x") == b"".join(PIECES)


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_told_and_leaves_nothing_behind(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    assert upload(store, "blobs/before")
    monkeypatch.setattr(blob_file, "write_all", full_disk)
    monkeypatch.setattr(local_store, "write_all", full_disk)
    under_way = store.begin("blobs/x")
    with pytest.raises(StoreTrouble, match="No space left on device") as trouble:
        under_way.write(b"x" * 100)
    under_way.abort()
    with pytest.raises(StoreTrouble):
        store.create("manifests/000000001.json", b"x")
    with pytest.raises(StoreTrouble):
        store.swap("lease.json", b"x", None)
    assert trouble.value.exit_code == 4
    assert files(store) == [".lock", "before"]


def test_what_may_not_be_removed_is_told_as_such(tmp_path, monkeypatch):
    store = LocalStore(tmp_path)
    store.create("blobs/x", b"x")

    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "no")

    monkeypatch.setattr(local_store.Path, "unlink", refuse)
    with pytest.raises(DeleteRefused, match="may not be removed"):
        store.delete("blobs/x")


def test_leftovers_of_killed_writers_are_swept_when_they_are_old(tmp_path):
    store = LocalStore(tmp_path)
    under_way = store.begin("blobs/x")
    under_way.write(b"half")
    now = datetime.now(UTC)
    assert store.sweep_temporaries(now - timedelta(hours=1)) == ()
    assert list(store.list("")) == []
    (left,) = store.sweep_temporaries(now + timedelta(hours=1))
    assert left.startswith("blobs/x.tmp-")
    assert files(store) == []


def test_a_newer_attempt_takes_the_lease_and_an_older_one_never_gets_it_back(tmp_path):
    store = LocalStore(tmp_path)
    assert holder(store) == 0
    refuse_zombie(store, 1)  # Nobody's lease refuses nobody.
    take(store, 1)
    take(store, 5)
    take(store, 5)
    for act in (take, refuse_zombie):
        with pytest.raises(FencedOut, match="Attempt 5 holds the lease; this is attempt 4"):
            act(store, 4)
    assert holder(store) == 5


def test_of_two_lives_of_one_attempt_the_second_fences_the_first(tmp_path):
    store = LocalStore(tmp_path)
    take(store, 2, "first")
    refuse_zombie(store, 2, "first")
    take(store, 2, "second")
    take(store, 2, "second")
    refuse_zombie(store, 2, "second")
    with pytest.raises(FencedOut, match="life second"):
        refuse_zombie(store, 2, "first")
    take(store, 2)  # A migration, which is no life: it fences nobody and takes nothing away.
    refuse_zombie(store, 2, "second")
    refuse_zombie(store, 2)
    with pytest.raises(FencedOut, match="Attempt 2 holds"):
        take(store, 1, "second")


@pytest.mark.parametrize("content", [b"{}", b'{"epoch": true}', b'{"epoch": "1"}', b"torn"])
def test_a_lease_that_says_nothing_stops_everybody(tmp_path, content):
    store = LocalStore(tmp_path)
    store.create("lease.json", content)
    with pytest.raises(StoreTrouble):
        refuse_zombie(store, 1)


@pytest.mark.parametrize("kind", [errno.ESTALE, errno.EIO, errno.EACCES])
def test_a_folder_that_cannot_be_listed_is_trouble_and_not_empty(tmp_path, monkeypatch, kind):
    store = LocalStore(tmp_path)
    store.create("manifests/000000001.json", b"{}")
    scandir = os.scandir

    def failing(path="."):
        if str(path).endswith("manifests"):
            raise OSError(kind, os.strerror(kind), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    for prefix in ("manifests/", ""):  # Itself, or below what is listed.
        with pytest.raises(StoreTrouble, match=os.strerror(kind)):
            store.list(prefix)


def test_a_folder_that_is_absent_or_no_folder_lists_nothing(tmp_path):
    (tmp_path / "blobs").write_bytes(b"")
    assert [*LocalStore(tmp_path).list("manifests/"), *LocalStore(tmp_path).list("blobs/")] == []
