"""A backup is the whole store and nothing else; a restore gives it back to the last digit, or refuses."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from collector import backup_file
from collector.backup import stored_tables, tables_of
from collector.backup_file import BackupUnreadable, open_backup
from collector.database import StoreLocked, StoreUnreadable
from collector.ingest import ingest
from collector.restore import restore
from collector.sources.base import Batch
from collector.store import Store
from model.errors import EnvironmentTrouble, ImpossibleInput
from model.market import Pool

NOW = datetime(2026, 1, 31, tzinfo=UTC)
T0 = NOW - timedelta(days=10)
EAST = "aws/us-east-1/use1-az1/p3.2xlarge/spot"
WEST = "aws/us-west-2/usw2-az1/p3.2xlarge/spot"
TICK = timedelta(minutes=10)
WINDOW = timedelta(days=30)


class Market:
    """Prices that change and repeat in three passes, probes, lives, and one row that is turned away."""

    source_id, kind, licence, note, origin = "märket", "recorded", "none", "it's made up", "memory"

    def batches(self) -> Iterator[Batch]:
        for number in range(3):
            seen = T0 + number * timedelta(days=1) + timedelta(microseconds=123456)
            rows = [
                (EAST, T0, "0.918000001"), (WEST, T0, "1.02"),
                (EAST, T0 + number * timedelta(hours=3), f"0.{number + 1}23456789"),
            ]  # fmt: skip
            yield Batch(prices=pd.DataFrame(
                {"pool_id": key, "effective_at": pd.Timestamp(at), "observed_at": pd.Timestamp(seen),
                 "price_usd_per_hour": usd, "kind": "recorded"} for key, at, usd in rows))  # fmt: skip
        at = pd.Series(pd.date_range(T0, NOW - timedelta(days=1), freq="10min"))
        yield Batch(probes=pd.DataFrame(
            {"pool_id": EAST, "effective_at": at, "observed_at": at, "wanted": 1,
             "obtainable": (at.dt.hour != 5).astype(int), "holds_s": 600.0}))  # fmt: skip
        yield Batch(
            tenures=pd.DataFrame([
                {"pool_id": EAST, "instance_ref": "i-1", "began_at": T0, "ended_at": T0 + timedelta(hours=5),
                 "end_cause": "preempted", "began_before": False, "observed_at": T0 + timedelta(hours=5)},
                {"pool_id": EAST, "instance_ref": "i-2", "began_at": T0, "ended_at": None, "end_cause": None,
                 "began_before": True, "observed_at": T0 + timedelta(hours=7)}]),
            rejected=pd.DataFrame({"reason": ["no sense"], "content": ['{"a": "\\"\\u0000"}']}),
        )  # fmt: skip


def filled(path: Path) -> Store:
    """A store with facts of every awkward type, a run, and passes of a live source."""
    store = Store.open(path, clock=lambda: NOW)
    ingest(store, Market())
    store.save_recommendation("rec-1", as_of=NOW, request=b"\x00\xff", body=bytes(range(256)))
    store.open_run(
        "run-1", recommendation_id="rec-1", opened_at=NOW, clock={"compression": 60.0}, predicted=b"{}"
    )
    store.issue_attempt("run-1", pool_key=EAST, issued_at=NOW, plan=b"\xf0\x9f")
    event = {"attempt": 1, "node": "0", "seq": 1, "at": NOW.isoformat(), "event": "step", "loss": 0.1}
    store.append_events("run-1", [event])
    known = {"source_id": "lambda", "cadence_s": 300.0, "history_s": 0.0, "started_at": T0}
    store.begin_pass("pass-1", job_id="lambda", feed="lambda", stale_after_s=3600.0, **known)
    counts = {"rows_in": 1, "rows_new": 1, "rows_duplicate": 0, "rows_quarantined": 0}
    store.end_pass("pass-1", outcome="ok", trouble=None, finished_at=T0, ingest_run_id=1, **counts, **known)
    return store


def answers(store: Store) -> dict[str, object]:
    """What a store says to everybody who asks."""
    pools = [pool for pool, _ in store.pools(NOW)]
    span = {"from_at": T0, "until_at": NOW, "as_of": NOW}
    return {
        "histories": [store.pool_histories(as_of=NOW - timedelta(days=d), window=WINDOW) for d in range(10)],
        "pools": store.pools(NOW), "watched": store.watched_pools(NOW),
        "prices": [store.price_steps(pool, **span) for pool in pools],
        "price": [store.price_at(pool, NOW) for pool in pools],
        "probes": [store.probes(pool, **span) for pool in pools],
        "tenures": [store.tenures(pool, **span) for pool in pools],
        "quality": store.quality(NOW), "span": store.span(), "newest": store.newest_observed_at(NOW),
        "runs": store.runs(), "attempts": store.attempts("run-1"), "events": store.events("run-1"),
        "recommendation": store.recommendation("rec-1"),
        "sources": store.source_states(NOW), "gaps": store.source_gaps(NOW),
        "listings": store.first_seen(NOW), "signals": store.interruption_signals(NOW),
        "verify": store.verify(),
    }  # fmt: skip


def contents(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table, as text so that no type hides a difference, in the order stored."""
    with duckdb.connect(str(path)) as raw:
        raw.execute("SET TimeZone = 'UTC'")
        return {
            table: raw.execute(f'SELECT COLUMNS(*)::VARCHAR FROM "{table}"').fetchall()
            for table in stored_tables(lambda: NOW)
        }


@pytest.fixture
def saved(tmp_path) -> Path:
    with filled(tmp_path / "store.duckdb") as store:
        store.backup(tmp_path / "b.tar", program="1.2.3")
    return tmp_path / "b.tar"


def back(saved: Path) -> Path:
    return saved.with_name("restored.duckdb")


def rewritten(saved: Path, name: str, change) -> Path:
    """The same backup with one member changed and, where it is the manifest, sealed again."""
    with tarfile.open(saved) as tar:
        members = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}
    members[name] = change(members[name])
    if name == "manifest.json" and members[name] is not None:
        seal = hashlib.sha256(members[name]).hexdigest()
        members["manifest.sha256"] = f"{seal}  manifest.json\n".encode()
    other = saved.with_name("other.tar")
    with tarfile.open(other, "w") as tar:
        for each, content in members.items():
            if content is not None:
                info = tarfile.TarInfo(each)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return other


def told(change):
    """A change of the manifest."""

    def of(written: bytes) -> bytes:
        manifest = json.loads(written)
        change(manifest)
        return json.dumps(manifest).encode()

    return of


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


def test_a_store_with_facts_is_never_restored_over(tmp_path, saved):
    before = contents(tmp_path / "store.duckdb")
    with pytest.raises(ImpossibleInput, match=r"holds attempt, collect_outcome, collect_pass…") as refusal:
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


def test_a_flipped_bit_is_refused_or_makes_no_difference(tmp_path, saved, monkeypatch):
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


def test_a_backup_of_an_older_schema_becomes_a_store_of_this_one(saved, monkeypatch, tmp_path):
    # As a program without the newest migration would have taken it.
    from collector import migrations
    from collector import restore as module

    known = migrations.known_migrations()
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
    assert module.known_migrations() == known


def test_a_file_system_without_links_gets_its_backup_too(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(backup_file.os, "link", refuse)
    with filled(tmp_path / "store.duckdb") as store:
        store.backup(tmp_path / "b.tar", program="1")
        with pytest.raises(ImpossibleInput, match="exists already"):
            store.backup(tmp_path / "b.tar", program="1")
    restore(tmp_path / "b.tar", tmp_path / "new.duckdb", clock=lambda: NOW)
    assert Pool.parse(EAST) in [
        pool for pool, _ in Store.open(tmp_path / "new.duckdb", clock=lambda: NOW).pools(NOW)
    ]
