"""What every store must do, folder or bucket: one class, run against all of them."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta

import pytest

from trainer.checkpoint.stores import Absent, BadRange

MIB = 1 << 20


def upload(store, key, *pieces):
    """Write an object in pieces and return whether it was made."""
    under_way = store.begin(key)
    for piece in pieces:
        under_way.write(piece)
    return under_way.commit()


class TestAnyStore:
    def test_what_was_created_is_read_back_whole_and_in_parts(self, store):
        assert store.create("manifests/000000001.json", b"0123456789")
        assert store.read("manifests/000000001.json") == b"0123456789"
        assert store.read("manifests/000000001.json", 3, 4) == b"3456"
        assert store.read("manifests/000000001.json", 8) == b"89"
        buffer = bytearray(4)
        store.read_into("manifests/000000001.json", 6, memoryview(buffer))
        assert buffer == b"6789"

    def test_a_name_once_taken_keeps_its_content(self, store):
        assert store.create("a/b", b"first")
        assert not store.create("a/b", b"second")
        assert not upload(store, "a/b", b"third")
        assert store.read("a/b") == b"first"

    def test_an_empty_object_is_an_object(self, store):
        assert store.create("empty", b"")
        assert store.read("empty") == b""
        assert store.head("empty").bytes == 0

    def test_what_is_not_there_is_absent(self, store):
        with pytest.raises(Absent):
            store.read("nothing")
        with pytest.raises(Absent):
            store.read_into("nothing/at/all", 0, memoryview(bytearray(1)))
        assert store.head("nothing") is None
        assert store.read_tagged("nothing") is None
        assert list(store.list("nothing/")) == []

    def test_a_range_past_the_end_is_told_and_not_cut_short(self, store):
        store.create("ten", b"0123456789")
        for start, size in ((8, 3), (10, 1), (11, 1), (500, 2)):
            with pytest.raises(BadRange):
                store.read("ten", start, size)
            with pytest.raises(BadRange):
                store.read_into("ten", start, memoryview(bytearray(size)))
        assert store.read("ten", 10, 0) == b""

    def test_a_listing_is_sorted_and_knows_sizes_and_ages(self, store):
        for key in ("b/2", "b/10", "a/1", "bb/1", "b/x/y"):
            store.create(key, key.encode())
        assert [found.key for found in store.list("b/")] == ["b/10", "b/2", "b/x/y"]
        assert [found.key for found in store.list("b")] == ["b/10", "b/2", "b/x/y", "bb/1"]
        assert [found.key for found in store.list("b/1")] == ["b/10"]
        assert len(list(store.list(""))) == 5
        found = next(iter(store.list("b/x/")))
        assert found.bytes == 5
        assert abs(datetime.now(UTC) - found.modified_at) < timedelta(minutes=1)
        assert store.head("b/x/y") == found

    def test_deleting_is_idempotent(self, store):
        store.create("a/b/c", b"x")
        store.delete("a/b/c")
        store.delete("a/b/c")
        assert store.head("a/b/c") is None
        assert store.create("a/b/c", b"y")

    def test_an_upload_is_nothing_before_its_commit(self, store):
        under_way = store.begin("blobs/one.blob")
        under_way.write(b"part one, ")
        assert store.head("blobs/one.blob") is None
        assert list(store.list("blobs/")) == []
        under_way.write(memoryview(b"part two"))
        assert under_way.commit()
        assert store.read("blobs/one.blob") == b"part one, part two"

    def test_an_aborted_upload_leaves_nothing(self, store):
        under_way = store.begin("blobs/one.blob")
        under_way.write(b"x" * MIB)
        under_way.abort()
        under_way.abort()
        assert list(store.list("")) == []
        assert upload(store, "blobs/one.blob", b"another")

    def test_an_upload_does_not_mind_what_becomes_of_its_callers_buffer(self, store):
        buffer, under_way = bytearray(b"a" * MIB), store.begin("blobs/one.blob")
        under_way.write(memoryview(buffer))
        buffer[:] = b"b" * MIB
        under_way.write(memoryview(buffer))
        buffer[:] = b"c" * MIB
        assert under_way.commit()
        assert store.read("blobs/one.blob") == b"a" * MIB + b"b" * MIB

    @pytest.mark.parametrize(
        "sizes", [[0], [1], [4096], [4 * MIB, 4 * MIB, 5], [3 * MIB + 1] * 5, [70 * MIB]]
    )
    def test_an_upload_of_any_size_comes_back(self, store, sizes):
        whole = os.urandom(sum(sizes))
        left, pieces = memoryview(whole), []
        for size in sizes:
            pieces.append(left[:size])
            left = left[size:]
        assert upload(store, "blobs/one.blob", *pieces)
        assert store.read("blobs/one.blob") == whole
        assert store.head("blobs/one.blob").bytes == len(whole)

    def test_swap_replaces_what_was_read_and_nothing_else(self, store):
        assert store.swap("lease.json", b"1", None)
        assert not store.swap("lease.json", b"9", None)
        content, tag = store.read_tagged("lease.json")
        assert content == b"1"
        assert store.swap("lease.json", b"2", tag)
        assert not store.swap("lease.json", b"3", tag)
        assert store.read("lease.json") == b"2"
        assert not store.swap("nothing.json", b"1", tag)

    def test_of_many_who_create_or_swap_at_once_one_wins(self, store):
        store.swap("lease.json", b"0", None)
        tag, won, made = store.read_tagged("lease.json")[1], [], []

        def contend(number):
            word = f"contender {number}".encode()
            made.append((store.create("manifests/1", word), word))
            won.append((store.swap("lease.json", word, tag), word))

        threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [word for did, word in made if did] == [store.read("manifests/1")]
        assert [word for did, word in won if did] == [store.read("lease.json")]

    @pytest.mark.parametrize("key", ["", "/a", "a//b", "../a", "a/../b", "a/.", "a\0b", "a\\b"])
    def test_a_key_that_could_leave_the_store_is_refused(self, store, key):
        with pytest.raises(ValueError, match="not a key"):
            store.create(key, b"x")
        with pytest.raises(ValueError, match="not a key"):
            store.read(key)
