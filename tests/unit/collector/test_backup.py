"""A backup is the whole store and nothing else; a restore gives it back to the last digit."""

from __future__ import annotations

import hashlib
import tarfile
import threading
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from backed_up import EAST, NOW, answers, back, contents, filled

from collector import whole_file
from collector.backup import stored_tables
from collector.backup_file import open_backup
from collector.restore import restore
from collector.store import Store
from model.errors import EnvironmentTrouble, ImpossibleInput
from model.market import Pool


@pytest.fixture
def saved(tmp_path) -> Path:
    """The backup of a filled store that stands beside it."""
    with filled(tmp_path / "store.duckdb") as store:
        store.backup(tmp_path / "b.tar", program="1.2.3")
    return tmp_path / "b.tar"


def test_a_restored_store_answers_every_question_as_the_one_backed_up(tmp_path, saved):
    with Store.open(tmp_path / "store.duckdb", clock=lambda: NOW) as store:
        before = answers(store)
    made = restore(saved, back(saved), clock=lambda: NOW)
    with Store.open(back(saved), clock=lambda: NOW) as store:
        assert answers(store) == before
    assert before["verify"] == made.problems == []
    assert before["recommendation"] == bytes(range(256))


def test_every_row_of_every_table_comes_back_in_its_place_and_to_the_last_digit(tmp_path, saved):
    restore(saved, back(saved), clock=lambda: NOW + timedelta(days=1))
    before, after = contents(tmp_path / "store.duckdb"), contents(back(saved))
    assert after == before
    assert {"price_confirmed", "recommendation", "tenure_seen", "quarantine"} <= {
        t for t in before if before[t]
    }


def test_parquet_has_the_very_type_of_every_column_that_is_stored(tmp_path, saved):
    with tarfile.open(saved) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    with duckdb.connect(str(tmp_path / "store.duckdb")) as raw:
        for table in stored_tables(lambda: NOW):
            kept = {(row[0], row[1]) for row in raw.execute(f"DESCRIBE {table}").fetchall()}
            file = tmp_path / "out" / "tables" / f"{table}.parquet"
            assert {(r[0], r[1]) for r in raw.execute(f"DESCRIBE FROM '{file}'").fetchall()} == kept, table


def test_the_manifest_says_what_was_backed_up_by_what_and_as_of_when(tmp_path, saved):
    with open_backup(saved) as found:
        manifest = found.manifest
    assert (manifest.program, manifest.as_of, manifest.store) == (
        "1.2.3",
        NOW,
        str(tmp_path / "store.duckdb"),
    )
    pieces = {piece.table: piece for piece in manifest.pieces}
    assert pieces["run_event"].rows == 1
    with tarfile.open(saved) as tar:
        written = tar.extractfile("tables/run_event.parquet").read()
        names = tar.getnames()
    assert hashlib.sha256(written).hexdigest() == pieces["run_event"].sha256
    assert names[-2:] == ["manifest.json", "manifest.sha256"]


def test_two_backups_of_one_store_are_the_same_bytes(tmp_path, saved):
    with Store.open(tmp_path / "store.duckdb", clock=lambda: NOW) as store:
        store.backup(tmp_path / "again.tar", program="1.2.3")
    assert (tmp_path / "again.tar").read_bytes() == saved.read_bytes()


def test_a_backup_of_a_restored_store_holds_the_same_tables(saved):
    restore(saved, back(saved), clock=lambda: NOW)
    with Store.open(back(saved), clock=lambda: NOW) as store:
        again = store.backup(saved.with_name("again.tar"), program="1.2.3")
    with open_backup(saved) as found:
        assert again.pieces == found.manifest.pieces


def test_the_day_ledger_is_left_out_and_made_again(tmp_path):
    with filled(tmp_path / "store.duckdb") as store:
        store.add_up_days()
        before = answers(store)
        manifest = store.backup(tmp_path / "b.tar", program="1")
    assert manifest.keeps_days
    assert not {piece.table for piece in manifest.pieces} & {"price_day", "probe_day", "ledger_state"}
    restore(tmp_path / "b.tar", tmp_path / "new.duckdb", clock=lambda: NOW)
    with Store.open(tmp_path / "new.duckdb", clock=lambda: NOW) as store:
        assert store.keeps_days
        assert answers(store) == before


def test_a_backup_is_of_one_instant_although_others_write_meanwhile(tmp_path):
    # Runs and attempts are written together; tables read at two instants would count one more of either.
    with filled(tmp_path / "store.duckdb") as store:
        stop, written = threading.Event(), []

        def write() -> None:
            while not stop.is_set():
                name = f"run-{len(written) + 2}"
                with store.transaction():
                    store.open_run(name, recommendation_id="rec-1", opened_at=NOW, clock=None, predicted=b"")
                    store.issue_attempt(name, pool_key=EAST, issued_at=NOW, plan=b"")
                written.append(name)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            found = [store.backup(tmp_path / f"{number}.tar", program="1") for number in range(5)]
        finally:
            stop.set()
            writer.join()
    counted = [{piece.table: piece.rows for piece in manifest.pieces} for manifest in found]
    assert all(rows["run"] == rows["attempt"] for rows in counted)
    assert counted[0]["run"] < counted[-1]["run"]  # The writer was not held up.


def test_a_backup_is_never_written_over_a_file(saved, tmp_path):
    with (
        Store.open(tmp_path / "store.duckdb", clock=lambda: NOW) as store,
        pytest.raises(ImpossibleInput, match="exists already"),
    ):
        store.backup(saved, program="1")


def test_a_backup_into_a_folder_that_is_not_there_is_refused_in_words(tmp_path):
    with (
        Store.open(None, clock=lambda: NOW) as store,
        pytest.raises(EnvironmentTrouble, match="No such file or directory"),
    ):
        store.backup(tmp_path / "nowhere" / "b.tar", program="1")


def test_names_with_quotes_are_names(tmp_path):
    with filled(tmp_path / "it's.duckdb") as store:
        store.backup(tmp_path / 'it\'s a "backup".tar', program="1")
    restore(tmp_path / 'it\'s a "backup".tar', tmp_path / "it's new.duckdb", clock=lambda: NOW)
    assert (tmp_path / "it's new.duckdb").is_file()


def test_a_file_system_without_links_gets_its_backup_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(whole_file.os, "link", refuse)
    with filled(tmp_path / "store.duckdb") as store:
        store.backup(tmp_path / "b.tar", program="1")
        with pytest.raises(ImpossibleInput, match="exists already"):
            store.backup(tmp_path / "b.tar", program="1")
    restore(tmp_path / "b.tar", tmp_path / "new.duckdb", clock=lambda: NOW)
    assert Pool.parse(EAST) in [
        pool for pool, _ in Store.open(tmp_path / "new.duckdb", clock=lambda: NOW).pools(NOW)
    ]
