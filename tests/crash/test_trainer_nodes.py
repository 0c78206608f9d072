"""Two nodes with a disk each and a slow bucket: saves are local first, and exist when all of it is there."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from trainer.checkpoint.crypt import Keyring
from trainer.checkpoint.layout import generations, manifest_key
from trainer.checkpoint.manifest import rank_from_bytes, root_from_bytes
from trainer.checkpoint.stores import open_store
from trainer.checkpoint.verify import list_checkpoints
from trainer.runlog import read_spool, spool_path

sys.path.insert(0, str(Path(__file__).parents[1] / "contract" / "trainer"))
from faulty_proxy import FaultyProxy
from gang import Gang

pytestmark = pytest.mark.slow
BUCKET, KEYS = "nodes", {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
BLOBS = r"(PUT|POST) \S*/blobs/"
PATIENCE_S = 60


@pytest.fixture(scope="module")
def s3():
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    how = {"endpoint_url": url, "region_name": "us-east-1", "config": Config(proxies={}), **KEYS}
    boto3.client("s3", **how).create_bucket(Bucket=BUCKET)
    yield url
    server.stop()


class Nodes:
    """Two nodes in a room of their own; each reaches the bucket through a proxy that sees all it does."""

    def __init__(self, gang: Gang, s3: str, room: Path) -> None:
        self.gang, self.room, self.primary = gang, room, f"s3://{BUCKET}/{room.name}"
        (room / "key").write_text("11" * 32 + "\n")
        self.proxies = [FaultyProxy(s3), FaultyProxy(s3)]
        self._store = open_store(
            self.primary, endpoint=s3, region="us-east-1", access_key_id="test", secret_access_key="test"
        )

    def words(self, attempt: int, **more) -> dict:
        common = {"AWS_REGION": "us-east-1", **{name.upper(): value for name, value in KEYS.items()}}
        environments = [{**common, "AWS_ENDPOINT_URL": proxy.url} for proxy in self.proxies]
        return {
            "room": self.room,
            "attempt": attempt,
            "primary": self.primary,
            "environments": environments,
            **more,
        }

    def run(self, attempt: int, **more) -> list:
        return self.gang.run("nodes", 2, **self.words(attempt, **more))

    def local(self, node: int, what: str) -> list[Path]:
        return sorted(self.room.glob(f"node-{node}/{what}"))

    def valid_steps(self) -> list[int]:
        """The steps of the checkpoints there are, the newest first; none may be partial."""
        rows = list_checkpoints(self._store, Keyring.read(f"file:{self.room}/key"))
        assert [row.reason for row in rows if not row.valid] == []
        return [row.step for row in rows]

    def events(self, kind: str, attempt: int, rank: int = 0) -> list[dict]:
        return [
            e for e in read_spool(spool_path(self.room / "spool", attempt, str(rank))) if e["event"] == kind
        ]

    def parts(self) -> list:
        """The rank manifests of the newest checkpoint."""
        root = root_from_bytes(self._store.read(manifest_key(generations(self._store)[0]))).manifest
        return [rank_from_bytes(self._store.read(entry.key), entry.sha256) for entry in root.ranks]

    def read_blob_bytes(self, node: int) -> int:
        """What a node has read of blobs in the bucket."""
        return sum(size for path, size in self.proxies[node].read_bytes.items() if "/blobs/" in path)

    def close(self) -> None:
        for proxy in self.proxies:
            proxy.held = None
            proxy.close()


@pytest.fixture
def nodes(gang, s3, tmp_path):
    made = Nodes(gang, s3, tmp_path)
    yield made
    made.close()


def until(condition, words):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, words
        time.sleep(0.02)


def stored(blocks) -> int:
    return sum(block.stored_bytes for block in blocks)


def test_training_and_saves_go_on_while_the_bucket_takes_nothing_and_nothing_exists_before_it_is_there(nodes):
    for proxy in nodes.proxies:
        proxy.held = BLOBS
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(nodes.run, 1, until=8, hold_at=6)
        until(lambda: len(nodes.events("step", 1)) == 6, "both train on")
        until(lambda: len(nodes.local(0, "drafts/*")) > 1, "more than one save is local on both nodes")
        for node in (0, 1):
            assert len(nodes.local(node, "blobs/*.blob")) > 1
            assert len(nodes.events("captured", 1, node)) > 1
        assert nodes.valid_steps() == []
        nodes.proxies[0].held = None  # One node's part is not a checkpoint either.
        until(lambda: "list-type" in [*nodes.proxies[0].seen][-1], "rank 0 waits for the other's part")
        assert nodes.valid_steps() == []
        nodes.proxies[1].held = None
        (nodes.room / "go").touch()
        assert [answer["left"] for answer in running.result(PATIENCE_S)] == [None, None]
    assert nodes.valid_steps()[0] == 8
    committed = [event["step"] for event in nodes.events("committed", 1)]
    assert committed == sorted(set(nodes.valid_steps()))
    newest = {part.save_id for part in nodes.parts()}
    for node in (0, 1):
        assert [path.parent.name for path in nodes.local(node, "ranks/*/*")][-1:] == [*newest]
        assert nodes.local(node, "manifests/*") == []  # No node holds a whole checkpoint.


@pytest.mark.parametrize(("rank", "at"), [(1, "carry.before_part:2"), (0, "carry.after_part:2")])
def test_killed_between_disk_and_bucket_the_save_is_finished_where_both_disks_are_back(nodes, rank, at):
    words = nodes.words(1, until=12)
    assert nodes.gang.strike("nodes", 2, rank=rank, at=at, **words)
    [before] = nodes.valid_steps()
    local = max(int(path.name.split("-")[1]) for path in nodes.local(0, "drafts/*"))
    assert local > before
    answers = nodes.run(2, until=local + 1)
    assert [answer["began"] for answer in answers] == [local, local]
    assert nodes.valid_steps()[:2] == [local + 1, local]


def test_a_node_with_an_empty_disk_reads_all_from_the_bucket_and_the_other_only_what_it_lacks(nodes):
    words = nodes.words(1, until=12)
    assert nodes.gang.strike("nodes", 2, rank=1, at="carry.before_part:2", **words)
    [before] = nodes.valid_steps()  # Of the second save a blob stands there; it is no checkpoint.
    shutil.rmtree(nodes.room / "node-1")
    own, other = nodes.parts()
    at_first = [nodes.read_blob_bytes(node) for node in (0, 1)]
    answers = nodes.run(2, until=before + 1)
    assert [answer["began"] for answer in answers] == [before, before]
    read = [nodes.read_blob_bytes(node) - first for node, first in zip((0, 1), at_first, strict=True)]
    # Every rank reads all headers, and of the payload its own slices.
    assert read == [stored(other.header), stored(own.header) + stored(other.blocks)]
    assert nodes.valid_steps()[0] == before + 1
