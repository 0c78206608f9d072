"""A store that shows less than it is known to have held is noticed before training goes on from it."""

from __future__ import annotations

import pytest

from trainer.checkpoint.layout import manifest_key
from trainer.checkpoint.stores import open_store
from trainer.errors import RolledBack
from trainer.known import newest_by_store, parse, refuse_rolled_back


def holding(url, *generations):
    store = open_store(url)
    for generation in generations:
        store.create(manifest_key(generation), b"{}")
    return store


def test_the_newest_is_known_by_store_from_commits_and_copies():
    answer = {
        "checkpoints": [
            {"generation": 7, "manifest_url": "file:///nvme/run/manifests/000000007.json"},
            {"generation": 6, "manifest_url": "file:///nvme/run/manifests/000000006.json"},
        ],
        "copies": [{"generation": 5, "url": "s3://bucket/run/manifests/000000005.json"}],
    }
    assert parse(answer) == {"file:///nvme/run": 7, "s3://bucket/run": 5}


@pytest.mark.parametrize("answer", [{}, {"checkpoints": 3}, {"checkpoints": [None, {"generation": "7"}, {}]}])
def test_what_is_not_understood_is_left_out(answer):
    assert parse(answer) == {}


def test_a_store_that_holds_what_it_should_is_accepted(tmp_path):
    store = holding(str(tmp_path / "run"), 5, 7)
    refuse_rolled_back([store], {store.url: 7})


def test_a_store_that_shows_only_older_ones_is_refused(tmp_path):
    store = holding(str(tmp_path / "run"), 5)
    with pytest.raises(RolledBack, match="held generation 7, as the service was told, and now shows 5"):
        refuse_rolled_back([store], {store.url: 7})


def test_an_empty_folder_is_a_new_machines_and_an_empty_bucket_is_not_right(tmp_path):
    refuse_rolled_back([holding(str(tmp_path / "run"))], {(tmp_path / "run").as_uri(): 7})
    bucket = holding("memory://rolled-back")
    with pytest.raises(RolledBack, match="shows none"):
        refuse_rolled_back([bucket], {bucket.url: 7})


def test_a_folder_of_another_machine_is_accepted_where_a_further_store_holds_the_rest(tmp_path):
    store, bucket = holding(str(tmp_path / "run"), 1), holding("memory://has-the-rest", 1, 7)
    refuse_rolled_back([store, bucket], {store.url: 7, bucket.url: 7})
    with pytest.raises(RolledBack, match="held generation 8"):  # Nobody shows it.
        refuse_rolled_back([store, bucket], {store.url: 8, bucket.url: 7})


def test_a_bucket_that_shows_only_older_ones_is_refused_whatever_a_folder_holds(tmp_path):
    store, bucket = holding(str(tmp_path / "run"), 7), holding("memory://older", 5)
    with pytest.raises(RolledBack, match="memory://older held generation 7"):
        refuse_rolled_back([store, bucket], {store.url: 7, bucket.url: 7})


def test_what_was_put_aside_counts_as_shown(tmp_path):
    store = holding(str(tmp_path / "run"), 5)
    store.create("quarantine/000000007.json", b"{}")
    refuse_rolled_back([store], {store.url: 7})


def test_without_a_service_nobody_remembers(make_plan):
    assert newest_by_store(make_plan(), None) == {}
