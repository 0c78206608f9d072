"""Opening, copying and refusing files."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

from collector.database import StoreUnreadable, sql
from collector.migrations import known_migrations
from collector.store import Store
from model.errors import ImpossibleInput

T0 = datetime(2026, 1, 31, tzinfo=UTC)


def opened(path: Path) -> Store:
    return Store.open(path, clock=lambda: T0)


def test_migrations_are_numbered_upwards_and_recorded(tmp_path):
    known = known_migrations()
    numbers = [step.version for step in known]
    assert numbers == sorted(set(numbers))  # A number that was never given out is no fault.
    assert numbers[0] == 1
    opened(tmp_path / "a.duckdb").close()
    with duckdb.connect(str(tmp_path / "a.duckdb")) as raw:
        assert raw.execute(sql("schema/applied")).fetchall() == [(s.version, s.checksum) for s in known]


def test_a_file_of_another_program_is_refused(tmp_path):
    with duckdb.connect(str(tmp_path / "other.duckdb")) as raw:
        raw.execute("CREATE TABLE invoices (id INTEGER)")
    with pytest.raises(StoreUnreadable, match="belongs to another program") as refusal:
        opened(tmp_path / "other.duckdb")
    assert "--store" in refusal.value.fix
    assert refusal.value.exit_code == 4


def test_a_store_from_a_newer_program_is_refused(tmp_path):
    opened(tmp_path / "a.duckdb").close()
    with duckdb.connect(str(tmp_path / "a.duckdb")) as raw:
        raw.execute("INSERT INTO schema_migration VALUES (9999, 'future', 'abc', now())")
    with pytest.raises(StoreUnreadable, match="schema version 9999; this program knows versions up to"):
        opened(tmp_path / "a.duckdb")


def test_a_store_whose_migration_differs_is_refused(tmp_path):
    opened(tmp_path / "a.duckdb").close()
    with duckdb.connect(str(tmp_path / "a.duckdb")) as raw:
        raw.execute("UPDATE schema_migration SET checksum = 'tampered' WHERE version = 1")
    with pytest.raises(StoreUnreadable, match="differs from this program's: checksum tampered"):
        opened(tmp_path / "a.duckdb")


@pytest.mark.parametrize("content", [b"not a database at all, but text", b"x" * 20_000])
def test_a_file_that_is_no_database_is_refused(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreUnreadable, match="not a valid DuckDB database"):
        opened(path)
    assert path.read_bytes() == content


def test_a_damaged_store_is_refused(tmp_path):
    path = tmp_path / "a.duckdb"
    opened(path).close()
    damaged = bytearray(path.read_bytes())
    damaged[4096:12288] = bytes(8192)
    path.write_bytes(damaged)
    with pytest.raises(StoreUnreadable, match=r"Corrupt database file|cannot be used"):
        opened(path)


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(StoreUnreadable, match="No such file or directory"):
        opened(tmp_path / "nowhere" / "a.duckdb")


def test_a_snapshot_is_a_whole_store_and_the_original_stays_locked(tmp_path, give, store):
    give(prices=[("aws/us-east-1/use1-az1/p3.2xlarge/spot", T0, T0, "0.918")])
    store.snapshot(tmp_path / "copy.duckdb")
    with opened(tmp_path / "copy.duckdb") as copy:
        assert copy.pools(T0) == store.pools(T0)
        assert copy.verify() == []
    with pytest.raises(ImpossibleInput, match="exists already"):
        store.snapshot(tmp_path / "copy.duckdb")


def test_a_snapshot_with_a_quote_in_its_name_is_a_file_of_that_name(tmp_path, store):
    path = tmp_path / "it's.duckdb"
    store.snapshot(path)
    assert path.is_file()


def test_verify_names_what_is_wrong(store, give):
    give(prices=[("aws/us-east-1/use1-az1/p3.2xlarge/spot", T0, T0, "0.918")])
    assert store.verify() == []
    with store.transaction() as cursor:
        cursor.execute("UPDATE price_change SET price_usd_per_hour = -1, series_no = 99")
    assert store.verify() == ["prices of unknown series: 1 rows", "prices that are not positive: 1 rows"]


def test_threads_read_while_another_writes(tmp_path):
    troubles: list[BaseException] = []
    with opened(tmp_path / "a.duckdb") as store:

        def read() -> None:
            try:
                for _ in range(20):
                    store.pool_histories(as_of=T0, window=timedelta(days=1))
            except BaseException as trouble:
                troubles.append(trouble)

        def write(name: str) -> None:
            try:
                for i in range(10):
                    store.save_recommendation(f"{name}-{i}", as_of=T0, request=b"", body=name.encode())
            except BaseException as trouble:
                troubles.append(trouble)

        threads = [threading.Thread(target=read) for _ in range(2)]
        threads += [threading.Thread(target=write, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert troubles == []
        assert store.recommendation("b-9") == b"b"


def test_a_failed_write_leaves_nothing_behind(store, give):
    def write_and_fail() -> None:
        with store.transaction():
            give(prices=[("aws/us-east-1/use1-az1/p3.2xlarge/spot", T0, T0, "0.918")])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()
    assert store.pools(T0) == []
    give(prices=[("aws/us-east-1/use1-az1/p3.2xlarge/spot", T0, T0, "0.918")])
    assert len(store.pools(T0)) == 1


def test_the_store_answers_in_utc_whatever_it_was_given(store, give):
    east = T0.astimezone(timezone(timedelta(hours=9)))
    give(prices=[("aws/us-east-1/use1-az1/p3.2xlarge/spot", east, east, "0.918")])
    first, last = store.span()
    assert first.utcoffset() == timedelta(0)
    assert first == last == T0


def test_closing_gives_the_file_back_although_another_thread_still_reads(tmp_path):
    store = opened(tmp_path / "store.duckdb")
    has_read, may_go = threading.Event(), threading.Event()

    def read() -> None:
        store.span()
        has_read.set()
        may_go.wait()

    reader = threading.Thread(target=read)
    reader.start()
    has_read.wait()
    store.close()
    # A cursor left open would hold the file: another process could not take it.
    script = "import duckdb, sys; duckdb.connect(sys.argv[1]).close()"
    taken = subprocess.run([sys.executable, "-c", script, tmp_path / "store.duckdb"], check=False)
    may_go.set()
    reader.join()
    assert taken.returncode == 0


def test_the_cursors_of_threads_that_are_gone_are_let_go(tmp_path):
    with opened(tmp_path / "store.duckdb") as store:
        for _ in range(5):
            reader = threading.Thread(target=store.span)
            reader.start()
            reader.join()
        assert len(store._cursors) <= 2
