"""A bucket behind a network that fails: no wrong content, no lost creation, nothing left behind."""

from __future__ import annotations

import os
import random
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from checkpoint_stage import KEYRING, commit, payload_of, saver
from faulty_proxy import FaultyProxy

from trainer.checkpoint.layout import generations
from trainer.checkpoint.replicate import Replicator
from trainer.checkpoint.stores import Absent, DeleteRefused, StoreTrouble, open_store

MIB = 1 << 20
KEYS = {"access_key_id": "a", "secret_access_key": "s"}
BEFORE = ("500", "503", "reset")
AFTER = ("lost", "truncated", "drip")


@pytest.fixture
def behind(proxy, s3_store):
    """Open a store behind the proxy; `beside` opens the same folder past it."""

    def make(folder="behind", **options):
        return s3_store(folder, **{"endpoint": proxy.url, "part_bytes": 5 * MIB, **options})

    return make


@pytest.fixture
def folder(request):
    return f"fault-{abs(hash(request.node.nodeid))}"


def pending_uploads(s3, folder):
    return [
        each["Key"]
        for each in s3[1].list_multipart_uploads(Bucket="checkpoints").get("Uploads", [])
        if each["Key"].startswith(folder)
    ]


@pytest.mark.parametrize("fault", [*BEFORE, "409", *AFTER])
def test_a_creation_struck_by_a_fault_is_done_once_and_acknowledged(proxy, behind, s3_store, folder, fault):
    proxy.queue = [(fault, "^PUT")]
    assert behind(folder).create("manifests/1", b"mine")
    assert s3_store(folder).read("manifests/1") == b"mine"
    assert proxy.injected[fault] == 1
    assert not behind(folder).create("manifests/1", b"mine")  # Without a fault, what was there is not ours.


@pytest.mark.parametrize("fault", [*BEFORE, "409", *AFTER])
def test_a_creation_struck_by_a_fault_never_claims_anothers_object(proxy, behind, s3_store, folder, fault):
    s3_store(folder).create("manifests/1", b"another's")
    proxy.queue = [(fault, "^PUT")]
    assert not behind(folder).create("manifests/1", b"mine")
    assert s3_store(folder).read("manifests/1") == b"another's"


@pytest.mark.parametrize("fault", [*BEFORE, "409", *AFTER])
def test_a_swap_struck_by_a_fault_is_done_once_and_acknowledged(proxy, behind, s3_store, folder, fault):
    store = behind(folder)
    assert store.swap("lease.json", b"1", None)
    tag = store.read_tagged("lease.json")[1]
    proxy.queue = [(fault, "^PUT")]
    assert store.swap("lease.json", b"2", tag)
    proxy.queue = [(fault, "^PUT")]
    assert not store.swap("lease.json", b"3", tag)
    assert s3_store(folder).read("lease.json") == b"2"


@pytest.mark.parametrize("fault", [*BEFORE, *AFTER])
@pytest.mark.parametrize("act", ["read", "range", "head", "list"])
def test_a_read_struck_by_a_fault_gives_the_content(proxy, behind, folder, fault, act):
    store, content = behind(folder), os.urandom(MIB)
    store.create("blobs/x", content)
    proxy.queue = [(fault, "^HEAD" if act == "head" else "^GET")]
    if act == "read":
        assert store.read("blobs/x") == content
    elif act == "range":
        assert store.read("blobs/x", 1000, MIB - 1000) == content[1000:]
    elif act == "head":
        assert store.head("blobs/x").bytes == MIB
    else:
        assert [found.key for found in store.list("blobs/")] == ["blobs/x"]


def upload(store, key, content):
    """Upload as the transfers do: one that fails is begun anew. Return whether the object was made."""
    for _ in range(20):
        under_way = store.begin(key)
        try:
            for start in range(0, len(content), 4 * MIB):
                under_way.write(memoryview(content)[start : start + 4 * MIB])
            return under_way.commit()
        except StoreTrouble:
            under_way.abort()
    raise AssertionError("twenty uploads failed")


@pytest.mark.parametrize("fault", [*BEFORE, "409", *AFTER])
@pytest.mark.parametrize("step", [r"^POST .*\?uploads", "^PUT .*partNumber=2", r"^POST .*\?uploadId"])
def test_an_upload_in_parts_struck_by_a_fault_stands_whole(proxy, behind, s3_store, folder, fault, step):
    proxy.queue, content = [(fault, step)], os.urandom(17 * MIB)
    assert upload(behind(folder), "blobs/x", content)
    assert proxy.injected[fault] == 1
    assert s3_store(folder).read("blobs/x") == content


def test_an_upload_in_parts_that_is_given_up_leaves_no_hidden_parts(behind, s3, folder):
    upload = behind(folder).begin("blobs/x")
    for _ in range(5):
        upload.write(os.urandom(4 * MIB))
    upload.abort()
    assert pending_uploads(s3, folder) == []
    assert list(behind(folder).list("")) == []


def test_an_upload_to_a_name_that_is_taken_changes_nothing_and_leaves_no_parts(behind, s3, folder):
    behind(folder).create("blobs/x", b"first")
    upload = behind(folder).begin("blobs/x")
    upload.write(os.urandom(12 * MIB))
    assert not upload.commit()
    assert behind(folder).read("blobs/x") == b"first"
    assert pending_uploads(s3, folder) == []


def write_much(upload):
    for _ in range(60):
        upload.write(bytes(4 * MIB))


def test_an_upload_whose_parts_are_refused_fails_leaves_nothing_and_says_so(proxy, behind, s3, folder):
    proxy.forbidden = "^PUT .*partNumber"
    upload = behind(folder).begin("blobs/x")
    with pytest.raises(StoreTrouble, match="did not take blobs/x"):
        write_much(upload)
    upload.abort()
    assert pending_uploads(s3, folder) == []


def test_patience_ends_and_says_what_was_tried(proxy, behind, folder):
    proxy.queue = [("503", "PUT")] * 1000
    store = behind(folder, patience_s=1)
    began = time.monotonic()
    with pytest.raises(StoreTrouble, match="did not create manifests/1 within 1 s") as trouble:
        store.create("manifests/1", b"x")
    assert trouble.value.exit_code == 4
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    "act",
    [
        lambda store: list(store.list("manifests/")),
        lambda store: store.read("x"),
        lambda store: store.create("x", b"1"),
        lambda store: store.read_tagged("lease.json"),
    ],
)
def test_a_bucket_that_does_not_exist_is_told_at_once_and_not_waited_for(s3, act):
    keys = {"access_key_id": "test", "secret_access_key": "test", "region": "us-east-1"}
    store = open_store("s3://no-such-bucket/run", endpoint=s3[0], patience_s=3600, **keys)
    with pytest.raises(StoreTrouble, match="there is no such bucket"):
        act(store)


def test_a_node_that_may_not_delete_is_told_so_and_nothing_else_happens(proxy, behind, folder):
    store = behind(folder)
    store.create("blobs/x", b"x")
    proxy.forbidden = "^DELETE"
    with pytest.raises(DeleteRefused, match="refuses to delete blobs/x"):
        store.delete("blobs/x")
    assert store.read("blobs/x") == b"x"


class Tokens:
    """Hands out tokens t1, t2, …; the server takes the newest, or one that was not handed out yet."""

    def __init__(self, proxy: FaultyProxy, lasts: timedelta | None) -> None:
        self.proxy, self.lasts, self.given = proxy, lasts, 0

    def __call__(self):
        self.given += 1
        self.proxy.valid_tokens = {f"t{self.given - before}" for before in range(8)}  # Of requests under way.
        expires_at = None if self.lasts is None else datetime.now(UTC) + self.lasts
        return {**KEYS, "token": f"t{self.given}", "expires_at": expires_at}


def test_a_token_that_is_refused_is_renewed_and_the_request_sent_again(proxy, behind, folder):
    tokens = Tokens(proxy, None)
    store = behind(folder, credentials=tokens)
    assert store.create("a", b"1")
    assert tokens.given == 1
    for act in (
        lambda: store.create("b", b"2"),
        lambda: store.read("a"),
        lambda: list(store.list("")),
        lambda: store.swap("lease.json", b"1", None),
        lambda: store.delete("a"),
    ):
        given, proxy.valid_tokens = tokens.given, {"all others were revoked"}
        act()
        assert tokens.given == given + 1
    assert store.read("b") == b"2"


def test_a_token_about_to_expire_is_renewed_before_it_does(proxy, behind, folder):
    tokens = Tokens(proxy, timedelta(minutes=4))  # We renew five minutes ahead.
    store = behind(folder, credentials=tokens)
    store.create("a", b"1")
    store.read("a")
    assert tokens.given >= 2
    assert proxy.injected["expired"] == 0


def test_tokens_change_in_the_middle_of_an_upload_in_parts(proxy, behind, s3_store, folder):
    tokens, content = Tokens(proxy, timedelta(minutes=4)), os.urandom(32 * MIB)
    upload = behind(folder, credentials=tokens).begin("blobs/x")
    for start in range(0, len(content), MIB):
        upload.write(content[start : start + MIB])
    assert upload.commit()
    assert tokens.given > 3
    assert s3_store(folder).read("blobs/x") == content


def test_fresh_credentials_that_are_refused_as_well_end_it_at_once(proxy, behind, folder):
    store = behind(folder, credentials=lambda: {**KEYS, "token": "no"})
    proxy.valid_tokens = {"another"}
    with pytest.raises(StoreTrouble, match="refuses to create a"):
        store.create("a", b"1")


@pytest.mark.parametrize("seed", range(6))
def test_of_hundreds_of_random_faults_none_loses_or_changes_anything(s3, s3_store, folder, seed):
    chance, proxy = random.Random(seed), FaultyProxy(s3[0], seed=seed, share=0.3)
    store, expected = s3_store(folder, endpoint=proxy.url, part_bytes=5 * MIB, patience_s=60), {}
    for number in range(60):
        key, content = f"blobs/{chance.randrange(12)}", f"{seed} {number} ".encode() * chance.randrange(1, 50)
        act = chance.choice(["create", "upload", "read", "delete", "swap"])
        if act == "create":
            assert store.create(key, content) == (key not in expected)
            expected.setdefault(key, content)
        elif act == "upload" and number % 4 == 0:
            content = chance.randbytes(11 * MIB)
            assert upload(store, key, content) == (key not in expected)
            expected.setdefault(key, content)
        elif act == "swap":
            found = store.read_tagged("lease.json")
            assert (found and found[0]) == expected.get("lease.json")
            assert store.swap("lease.json", content, found and found[1])
            expected["lease.json"] = content
        elif act == "delete":
            store.delete(key)
            expected.pop(key, None)
        elif key in expected:
            assert store.read(key) == expected[key]
        else:
            with pytest.raises(Absent):
                store.read(key)
    proxy.close()
    beside = s3_store(folder)
    assert {found.key: beside.read(found.key) for found in beside.list("")} == expected
    assert sum(proxy.injected.values()) > 10


@pytest.mark.parametrize("seed", range(3))
def test_replicas_behind_random_faults_get_every_checkpoint_whole(s3, s3_store, folder, tmp_path, seed):
    proxy, told = FaultyProxy(s3[0], seed=seed, share=0.25), []
    here = open_store(str(tmp_path))
    there = s3_store(folder, endpoint=proxy.url, part_bytes=5 * MIB, patience_s=60)
    replicator = Replicator(here, [there], keyring=KEYRING, epoch=1, done=told.append, first_pause_s=0.05)
    writer, payloads = saver(here), {}
    for step in range(1, 5):
        payload = random.Random(step).randbytes(3_000 if step % 2 else 12 * MIB)
        payloads[commit(writer, payload, step=step).manifest.generation] = payload
        replicator.put(step)
    assert replicator.close(within_s=100)
    proxy.close()
    beside = s3_store(folder)
    assert {n: payload_of(beside, n) for n in generations(beside)} == payloads
    assert sorted(each.generation for each in told) == [1, 2, 3, 4]
    assert sum(proxy.injected.values()) >= 5


def test_a_stale_listing_neither_loses_a_commit_nor_hangs_one(proxy, behind, s3_store, folder):
    store = behind(folder)
    first, second = saver(store), saver(store)
    commit(first, b"first")
    proxy.queue = [("empty_list", r"^GET .*list-type")] * 100  # It seems that nothing was ever committed.
    done = commit(second, b"second", step=2)
    assert done.manifest.generation == 2
    beside = s3_store(folder)
    assert [payload_of(beside, n) for n in (1, 2)] == [b"first", b"second"]


def test_of_two_writers_behind_faults_one_creates_each_name(s3, s3_store, folder):
    won, threads = {}, []

    def write(number):
        proxy = FaultyProxy(s3[0], seed=number, share=0.3)
        store = s3_store(folder, endpoint=proxy.url, patience_s=60)
        won[number] = {key for key in range(15) if store.create(f"manifests/{key}", f"{number}".encode())}
        proxy.close()

    for number in range(2):
        threads.append(threading.Thread(target=write, args=(number,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert won[0] | won[1] == set(range(15))
    assert not won[0] & won[1]
    for number, keys in won.items():
        assert all(s3_store(folder).read(f"manifests/{key}") == f"{number}".encode() for key in keys)
