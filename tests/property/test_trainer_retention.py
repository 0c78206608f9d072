"""What stays when old checkpoints are removed, and that nothing needed ever goes."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from checkpoint_stage import KEYRING, commit, payload_of, saver, written
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.checkpoint.layout import generations, manifest_key
from trainer.checkpoint.manifest import Manifest, Parent
from trainer.checkpoint.retention import Retention, chosen, pin, sweep, unpin
from trainer.checkpoint.stores import DeleteRefused, open_store

NOW = datetime.now(UTC)
HOUR = timedelta(hours=1)
BLOCK = 4 << 20


@pytest.fixture(params=["folder", "memory"])
def store(request, tmp_path):
    return open_store(str(tmp_path) if request.param == "folder" else f"memory://{uuid4().hex}")


def keys(store, folder):
    return [found.key for found in store.list(folder)]


def filled(store, *, tiers="FFFF"):
    """A store with one checkpoint per letter, each of its own bytes; return them by generation."""
    writer, payloads = saver(store), {}
    for step, tier in enumerate(tiers, 1):
        payload = os.urandom(3000) if tier == "F" else bytes(2000) + bytes([step]) * 8
        payloads[commit(writer, payload, step=step, tier=tier).manifest.generation] = payload
    return payloads


def test_the_newest_stay_and_the_rest_goes_with_its_blocks(store):
    payloads = filled(store)
    swept = sweep(store, Retention(newest=2), keyring=KEYRING, grace_s=0)
    assert (swept.kept, swept.dropped, swept.refused) == ((3, 4), (1, 2), None)
    assert len(keys(store, "blobs/")) == len(keys(store, "ranks/")) == 2
    assert swept.freed_bytes > 6000
    assert {number: payload_of(store, number) for number in (3, 4)} == {n: payloads[n] for n in (3, 4)}


def test_every_kth_and_pinned_ones_stay(store):
    filled(store, tiers="FFFFFFF")
    pin(store, 2)
    sweep(store, Retention(newest=1, every=3), keyring=KEYRING, grace_s=0)
    assert generations(store) == [7, 6, 3, 2]
    unpin(store, 2)
    sweep(store, Retention(newest=1, every=3), keyring=KEYRING, grace_s=0)
    assert generations(store) == [7, 6, 3]


def test_the_newest_exact_one_and_the_keyframe_of_the_newest_light_one_stay(store):
    payloads = filled(store, tiers="FWFWWW")  # 2 is the keyframe; 4, 5 and 6 are measured from it.
    sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=0)
    assert generations(store) == [6, 3, 2]
    assert all(payload_of(store, number) == payloads[number] for number in (2, 3, 6))


def test_blocks_that_a_newer_checkpoint_names_in_an_older_ones_blob_stay(store):
    base, writer = os.urandom(BLOCK), saver(store)
    for step in range(1, 6):
        commit(writer, base + b"adapter %d" % step, step=step)
    sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=0)
    assert generations(store) == [5]
    assert len(keys(store, "blobs/")) == 2  # The first one's, for the base, and its own.
    assert payload_of(store, 5) == base + b"adapter 5"


def test_nothing_goes_where_the_newest_does_not_verify(store):
    filled(store)
    blob = keys(store, "blobs/")
    damaged = store.read(manifest_key(4))
    by_blob = [key for key in blob if key.split("/")[1].split("-")[0].encode() in damaged]
    content = bytearray(store.read(by_blob[0]))
    store.delete(by_blob[0])
    content[100] ^= 1
    store.create(by_blob[0], bytes(content))
    swept = sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=0)
    assert "generation 4 is not verified" in swept.refused
    assert generations(store) == [4, 3, 2, 1]
    assert keys(store, "blobs/") == blob


@pytest.mark.parametrize("what", ["root", "rank", "key"])
def test_nothing_goes_where_something_cannot_be_read(store, what):
    filled(store)
    if what == "root":
        store.delete(manifest_key(2))
        store.create(manifest_key(2), b"torn")
    elif what == "rank":
        for key in keys(store, "ranks/"):
            store.delete(key)
    swept = sweep(store, Retention(newest=1), keyring=None if what == "key" else KEYRING, grace_s=0)
    assert swept.refused is not None
    assert len(generations(store)) == 4
    assert len(keys(store, "blobs/")) == 4


def test_with_a_grace_blocks_go_when_two_sweeps_that_far_apart_found_them_unneeded(store):
    filled(store)
    first = sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=7200, now=NOW + 10 * HOUR)
    assert first.dropped == (1, 2, 3)
    assert (first.marked, first.deleted) == (6, [])
    early = sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=7200, now=NOW + 11 * HOUR)
    assert (early.marked, early.deleted) == (6, [])
    late = sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=7200, now=NOW + 12.1 * HOUR)
    assert (late.marked, len(late.deleted)) == (0, 6)


def test_a_save_on_its_way_is_not_swept(store):
    writer = saver(store)
    commit(writer, os.urandom(100))
    save, entry = written(writer, b"on its way" * 100, step=2)
    sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=0)
    sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=1, now=NOW + timedelta(seconds=5))
    sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=1, now=NOW + timedelta(seconds=50))
    writer.commit(save.save_id, (entry,))
    assert payload_of(store, 2) == b"on its way" * 100


def test_what_a_killed_save_left_behind_goes_when_it_is_old(store):
    writer = saver(store)
    commit(writer, os.urandom(100))
    written(writer, b"never committed" * 100, step=2)
    assert sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=0).deleted == []
    swept = sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=0, now=NOW + 2 * HOUR)
    assert len(swept.deleted) == 2
    assert len(keys(store, "blobs/")) == 1


def test_credentials_that_cannot_delete_are_reported_and_nothing_is_lost(store, monkeypatch):
    payloads = filled(store)

    def refuse(key):
        raise DeleteRefused(f"{key} may not be removed.", fix="Use others.")

    monkeypatch.setattr(store, "delete", refuse, raising=False)
    swept = sweep(store, Retention(newest=1), keyring=KEYRING, grace_s=0)
    assert "may not be removed" in swept.refused
    assert all(payload_of(store, number) == payload for number, payload in payloads.items())


def test_a_listing_older_than_one_seen_before_removes_nothing(store, monkeypatch):
    filled(store)
    sweep(store, Retention(newest=9), keyring=KEYRING)
    whole = list(store.list("manifests/"))[:-1]
    monkeypatch.setattr(store, "list", lambda prefix: iter(whole if prefix == "manifests/" else []))
    swept = sweep(store, Retention(newest=1), keyring=KEYRING)
    assert "lacks generation 4" in swept.refused


def test_the_later_attempts_checkpoint_counts_as_the_newest_whatever_its_number():
    manifests = [replace(_manifest(1, "F", None), epoch=6), *(_manifest(n, "F", None) for n in (4, 5))]
    assert chosen(manifests, Retention(newest=1)) == {1}
    assert chosen(manifests, Retention(newest=2)) == {1, 5}


tiers = st.lists(st.sampled_from("FWE"), min_size=1, max_size=20)


@settings(max_examples=200, deadline=None)
@given(tiers, st.integers(1, 5), st.none() | st.integers(1, 5), st.frozensets(st.integers(1, 20), max_size=3))
def test_whatever_the_policy_the_newest_exact_one_and_all_needed_keyframes_stay(tiers, newest, every, pinned):
    manifests, keyframe = [], None
    for number, tier in enumerate(tiers, 1):
        base = keyframe if tier == "W" and number % 4 else None
        manifests.append(_manifest(number, tier, base))
        keyframe = number if tier == "W" and base is None else keyframe
    keep = chosen(manifests, Retention(newest=newest, every=every, pinned=pinned))
    by_number = {each.generation: each for each in manifests}
    assert set(range(max(1, len(tiers) - newest + 1), len(tiers) + 1)) <= keep <= set(by_number)
    assert pinned & set(by_number) <= keep
    for tier in "FW":
        assert {n for n, each in by_number.items() if each.tier == tier} == set() or (
            max(n for n, each in by_number.items() if each.tier == tier) in keep
        )
    assert all(by_number[n].keyframe is None or by_number[n].keyframe.generation in keep for n in keep)


def _manifest(number, tier, keyframe):
    return Manifest(
        run_id="r",
        generation=number,
        epoch=1,
        step=number,
        tier=tier,
        exact=tier == "F",
        parent=None,
        keyframe=None if keyframe is None else Parent(generation=keyframe, sha256="0" * 64),
        committed_at=NOW,
        config_digest="c",
        world_size=1,
        ranks=(),
    )
