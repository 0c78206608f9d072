"""What a restore cannot know is no damage: good checkpoints stay, and nothing starts at step 0."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from trainer.adamw import AdamW
from trainer.checkpoint.addresses import open_stores
from trainer.checkpoint.aside import put_aside
from trainer.checkpoint.layout import QUARANTINE, generations, manifest_key
from trainer.checkpoint.local_store import LocalStore
from trainer.checkpoint.manifest import canonical, sha256_of
from trainer.checkpoint.stores import StoreTrouble, open_store
from trainer.errors import NotSealed, OtherSchema
from trainer.runlog import RunLog
from trainer.session import SpotSession


@pytest.fixture
def run(tmp_path, make_plan):
    """Train until a step and return the one it began with, of attempt after attempt."""
    attempts = iter(range(1, 100))

    def run_to(total, *, replicas=(), key_ref=None, **more):
        plan = make_plan(attempt=next(attempts), **more)
        stores = replace(plan.stores, replica_urls=tuple(map(str, replicas)), key_ref=key_ref)
        torch.manual_seed(0)
        model = torch.nn.Linear(8, 8)
        log = RunLog(tmp_path / "spool", plan.run_id, plan.attempt, "0")
        plan = replace(plan, stores=stores, nodes=replace(plan.nodes, count=1))
        with SpotSession(plan, model=model, optimizer=AdamW(model), log=log) as session:
            began = session.step
            for _ in session.steps(total):
                session.tick(loss=1.0, tokens=1)
        return began

    return run_to


@pytest.fixture
def store(tmp_path):
    return open_store(str(tmp_path / "checkpoints"))


def numbers(store):
    """The checkpoints that stand, and those that were put aside."""
    return generations(store), generations(store, QUARANTINE)


@pytest.fixture
def failing(monkeypatch):
    """Let the next reads of a folder's objects fail with a trouble that passes."""

    def fail(folder, times, within=""):
        opened, left = LocalStore._opened, [times]

        @contextmanager
        def one(self, key):
            if key.startswith(folder) and within in self.url and left[0]:
                left[0] -= 1
                raise StoreTrouble("EIO", fix="Wait.")
            with opened(self, key) as file:
                yield file

        monkeypatch.setattr(LocalStore, "_opened", one)

    return fail


@pytest.mark.parametrize("folder", ["blobs/", "ranks/", "manifests/"])
def test_a_store_that_fails_for_a_while_has_no_good_checkpoint_put_aside(run, store, failing, folder):
    run(5), run(10)
    failing(folder, times=1)
    with pytest.raises(StoreTrouble, match="EIO") as refusal:
        run(10)
    assert refusal.value.exit_code == 4
    assert numbers(store) == ([2, 1], [])
    assert run(10) == 10


def test_a_block_that_is_damaged_here_and_cannot_be_read_there_is_not_given_up(run, store, failing, tmp_path):
    replica = tmp_path / "replica"
    run(5, replicas=[replica]), run(10, replicas=[replica])
    for blob in (tmp_path / "checkpoints" / "blobs").iterdir():
        blob.write_bytes(bytes(blob.stat().st_size))
    failing("blobs/", times=99, within="replica")
    with pytest.raises(StoreTrouble):
        run(10, replicas=[replica])
    assert numbers(store) == ([2, 1], [])


def test_a_block_one_store_cannot_give_is_taken_from_another(run, store, failing, tmp_path):
    replica = tmp_path / "replica"
    run(5, replicas=[replica])
    failing("blobs/", times=1, within="checkpoints")
    assert run(5, replicas=[replica]) == 5


def test_a_key_that_is_named_for_a_run_in_the_open_is_refused_and_nothing_is_put_aside(
    run, store, monkeypatch
):
    monkeypatch.setenv("A_KEY", "ab" * 32)
    run(5)
    with pytest.raises(NotSealed, match="and the plan names a key") as refusal:
        run(10, key_ref="env:A_KEY")
    assert refusal.value.exit_code == 2
    assert numbers(store) == ([1], [])
    assert run(10) == 5


def test_a_checkpoint_of_a_newer_schema_is_refused_and_not_put_aside(run, store, tmp_path):
    run(5), run(10)
    path = tmp_path / "checkpoints" / "manifests" / "000000002.json"
    value = json.loads(path.read_bytes())
    value["manifest"]["schema_version"] = 3
    path.write_bytes(canonical({**value, "sha256": sha256_of(canonical(value["manifest"]))}))
    with pytest.raises(OtherSchema, match="schema version 3; this version reads 2") as refusal:
        run(10)
    assert refusal.value.exit_code == 2
    assert numbers(store) == ([2, 1], [])


def test_two_roots_of_one_number_are_put_aside_beside_each_other(store):
    for content in (b"one", b"two", b"two"):  # The last again, as where it could not be deleted.
        store.create(manifest_key(7), content)
        put_aside(store, 7, f"bad {content.decode()}")
    aside = {found.key.removeprefix(QUARANTINE): store.read(found.key) for found in store.list(QUARANTINE)}
    assert aside == {
        "000000007.json": b"one",
        "000000007.json.reason": b"bad one\n",
        "000000007-2.json": b"two",
        "000000007-2.json.reason": b"bad two\n",
    }
    assert numbers(store) == ([], [7])


def test_a_folder_with_a_hash_in_its_name_is_one_runs_and_no_collection(tmp_path, make_plan):
    plan = make_plan(nodes=replace(make_plan().nodes, count=1, min=1))
    plan = replace(plan, stores=replace(plan.stores, local_dir=str(tmp_path / "run#3"), replica_urls=()))
    store = open_stores(plan)[0]
    store.create("lease.json", b"{}")
    assert (tmp_path / "run#3" / "lease.json").is_file()
    assert open_store(str(tmp_path / "run#3")).url == open_store(store.url).url == store.url
    assert open_store(str(tmp_path / "run#4")).url.endswith("/run#4")  # No such folder: a collection's run.
