"""A file that was read to its end before is known again by its bytes, and by how it is read."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector import fingerprint
from collector.catalog import load_catalog
from collector.ingest import ingest
from collector.sources.recorded import open_recorded
from collector.store import Store

NOW = datetime(2026, 1, 31, tzinfo=UTC)
HEADER = "observed_at_utc,region,instance_type,on_demand_usd_per_hour\n"
ROWS = "2024-01-01T00:00:00Z,us-east-1,p5.48xlarge,98.32\n2024-01-08T00:00:00Z,us-east-1,p5.48xlarge,-1\n"


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "aws.csv"
    path.write_text(HEADER + ROWS)
    return path


def read(store: Store, path: Path):
    return ingest(store, *open_recorded(path))


def runs(store: Store) -> int:
    with store.transaction() as cursor:
        return cursor.sql("SELECT count(*) FROM ingest_run").fetchone()[0]


def test_the_same_bytes_are_not_read_again_and_the_report_says_what_they_held(store, table):
    first, again = read(store, table), read(store, table)
    assert (first.rows_in, first.rows_new, first.rows_quarantined) == (2, 1, 1)
    assert (again.rows_in, again.rows_new, again.rows_duplicate, again.rows_quarantined) == (2, 0, 1, 1)
    assert again.reasons == first.reasons == {"price is not positive": 1}
    assert (again.from_at, again.until_at) == (first.from_at, first.until_at)
    assert runs(store) == 1


def test_a_file_that_grew_is_read(store, table):
    read(store, table)
    table.write_text(HEADER + ROWS + "2024-01-15T00:00:00Z,us-east-1,p5.48xlarge,55.04\n")
    assert read(store, table).rows_new == 1
    assert runs(store) == 2


def test_a_program_that_reads_otherwise_reads_it_again(store, table, monkeypatch):
    read(store, table)
    monkeypatch.setattr(fingerprint, "_program", lambda: "a later version")
    assert read(store, table).rows_new == 0
    assert runs(store) == 2


def test_a_file_whose_reading_broke_off_is_read_again(store, table, monkeypatch):
    (source,) = open_recorded(table)
    mark = fingerprint.fingerprint_of(source, load_catalog())
    store.begin_ingest(source, mark)  # And never ended.
    assert read(store, table).rows_new == 1
