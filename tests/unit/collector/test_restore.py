"""A restore loses nothing that is there, and takes nothing that is not what was backed up."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from backed_up import NOW, back, contents, filled, rewritten, told

from collector.backup import tables_of
from collector.backup_file import BackupUnreadable
from collector.database import StoreLocked, StoreUnreadable
from collector.migrations import known_migrations
from collector.restore import restore
from collector.store import Store
from model.errors import ImpossibleInput


@pytest.fixture
def saved(tmp_path) -> Path:
    """The backup of a filled store that stands beside it."""
    with filled(tmp_path / "store.duckdb") as store:
        store.backup(tmp_path / "b.tar", program="1.2.3")
    return tmp_path / "b.tar"


def test_a_store_with_facts_is_never_restored_over(tmp_path, saved):
    before = contents(tmp_path / "store.duckdb")
    with pytest.raises(ImpossibleInput, match=r"holds attempt, backtest, backtest_bin…") as refusal:
        restore(saved, tmp_path / "store.duckdb", clock=lambda: NOW)
    assert "--store" in refusal.value.fix
    assert contents(tmp_path / "store.duckdb") == before


def test_a_store_that_holds_nothing_may_be_filled(tmp_path, saved):
    Store.open(back(saved), clock=lambda: NOW).close()
    restore(saved, back(saved), clock=lambda: NOW)
    assert contents(back(saved)) == contents(tmp_path / "store.duckdb")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.tar", "restored.duckdb", "store.duckdb"]


def test_the_holder_of_the_store_is_named(saved):
    script = (
        "import duckdb, sys; held = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, back(saved)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLocked, match=f"held by process {holder.pid}"):
            restore(saved, back(saved), clock=lambda: NOW)
        holder.stdin.close()


def test_a_file_of_another_program_in_its_place_is_left_alone(saved):
    back(saved).write_text("my notes")
    with pytest.raises(StoreUnreadable):
        restore(saved, back(saved), clock=lambda: NOW)
    assert back(saved).read_text() == "my notes"


def test_the_log_of_a_store_that_is_gone_is_not_replayed_into_the_new_one(saved):
    log = back(saved).with_name("restored.duckdb.wal")
    log.write_bytes(b"old")
    with pytest.raises(ImpossibleInput, match="the store it belongs to is not"):
        restore(saved, back(saved), clock=lambda: NOW)


def drop(table):
    def change(manifest):
        manifest["tables"] = [piece for piece in manifest["tables"] if piece["table"] != table]

    return change


def set_in(of, **what):
    def change(manifest):
        for piece in manifest["tables"]:
            if piece["table"] == of:
                piece.update(what)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: m.update(version=2), "has form 2; this program knows forms up to 1"),
        (lambda m: m.update(format="invoices"), "manifest is none of ours"),
        (lambda m: m["migrations"].update({"9999": "ab"}), "schema version 9999; this program knows"),
        (lambda m: m["migrations"].update({"1": "tampered"}), "Schema version 1 .* differs"),
        (lambda m: m.pop("migrations"), "manifest is none of ours"),
        (lambda m: m.update(tables=[1]), "manifest is none of ours"),
        (drop("price_change"), "differ by price_change"),
        (set_in("price_change", rows=1), "holds 5 rows, and the manifest says 1"),
        (set_in("price_change", sha256="ab"), "checksum of tables/price_change.parquet is not"),
        (set_in("price_change", table='x"; DROP'), "has no tables/x"),
        (set_in("price_change", table="../../evil"), "has no tables/../../evil.parquet"),
    ],
)  # fmt: skip
def test_a_backup_whose_manifest_is_not_ours_is_refused(saved, change, words):
    other = rewritten(saved, "manifest.json", told(change))
    with pytest.raises(BackupUnreadable, match=words) as refusal:
        restore(other, back(saved), clock=lambda: NOW)
    assert refusal.value.exit_code == 2
    assert not back(saved).exists()
    assert not list(saved.parent.glob("*.part*"))


@pytest.mark.parametrize("name", ["tables/run.parquet", "manifest.json", "manifest.sha256"])
def test_a_backup_without_one_of_its_files_is_refused(saved, name):
    with pytest.raises(BackupUnreadable, match=f"it has no {name}"):
        restore(rewritten(saved, name, lambda _: None), back(saved), clock=lambda: NOW)


def test_a_table_that_is_no_parquet_is_refused(saved):
    sha256 = hashlib.sha256(b"abc").hexdigest()
    other = rewritten(saved, "tables/run.parquet", lambda _: b"abc")
    with pytest.raises(BackupUnreadable, match="checksum"):
        restore(other, back(saved), clock=lambda: NOW)
    forged = rewritten(other, "manifest.json", told(set_in("run", sha256=sha256)))
    with pytest.raises(BackupUnreadable, match="no Parquet file"):
        restore(forged, back(saved), clock=lambda: NOW)


@pytest.mark.parametrize("content", [b"", b"my notes", bytes(20_000), b"PK\x03\x04" + bytes(600)])
def test_a_file_that_is_no_backup_is_refused(saved, content):
    saved.write_bytes(content)
    with pytest.raises(BackupUnreadable, match="cannot be restored"):
        restore(saved, back(saved), clock=lambda: NOW)


def test_a_backup_cut_short_anywhere_is_refused(saved):
    whole = saved.read_bytes()
    end = whole.rstrip(b"\0")  # After the last member there is only padding.
    for length in [*range(0, len(end), 997), len(end) - 1]:
        saved.write_bytes(whole[:length])
        with pytest.raises(BackupUnreadable):
            restore(saved, back(saved), clock=lambda: NOW)


def test_a_flipped_bit_is_refused_or_makes_no_difference(tmp_path, saved):
    whole, before = saved.read_bytes(), contents(tmp_path / "store.duckdb")
    taken = 0
    for place in range(11, len(whole), 1499):
        damaged = bytearray(whole)
        damaged[place] ^= 0x10
        saved.write_bytes(damaged)
        try:
            restore(saved, back(saved), clock=lambda: NOW)
        except BackupUnreadable:
            continue
        taken += 1
        assert contents(back(saved)) == before  # Padding, or a date in a header.
        back(saved).unlink()
    assert taken < len(whole) / 1499 / 2


def test_a_backup_of_an_older_schema_becomes_a_store_of_this_one(saved, tmp_path):
    # As a program without the newest migration would have taken it.
    known = known_migrations()
    newest = known[-1]
    with duckdb.connect() as raw:
        raw.execute(newest.script)
        new_tables = tables_of(raw)

    def older(manifest):
        del manifest["migrations"][str(newest.version)]
        manifest["tables"] = [piece for piece in manifest["tables"] if piece["table"] not in new_tables]

    with filled(tmp_path / "older.duckdb") as store:
        with store.transaction() as cursor:
            cursor.execute("DELETE FROM schema_migration WHERE version = $1", [newest.version])
        store.backup(tmp_path / "older.tar", program="0.0.9")
    restore(rewritten(tmp_path / "older.tar", "manifest.json", told(older)), back(saved), clock=lambda: NOW)
    with Store.open(back(saved), clock=lambda: NOW) as store:
        assert store.pools(NOW)
        with store.transaction() as cursor:
            versions = cursor.execute("SELECT version FROM schema_migration ORDER BY 1").fetchall()
    assert versions == [(step.version,) for step in known]
