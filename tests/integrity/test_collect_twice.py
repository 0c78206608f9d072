"""`lowtide collect recorded`, typed twice at the same folder: the second time adds nothing and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collector.store import Store

pytestmark = pytest.mark.recorded
FACTS = ("price_point", "price_repeat", "probe", "tenure", "tariff_point", "interruption_band", "quarantine")


def collect(folder: Path, room: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "advisor.cli", "collect", "recorded", str(folder), *words],
        cwd=room,
        env={
            **os.environ,
            "LOWTIDE_STORE": str(room / "store.duckdb"),
            "LOWTIDE_URL": "http://127.0.0.1:9",
            "COLUMNS": "160",
        },
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    return done.stdout


def counts(room: Path) -> dict[str, int]:
    opened = Store.open(room / "store.duckdb", clock=lambda: datetime.now(UTC))
    with opened as store, store.transaction() as cursor:
        return {t: cursor.sql(f"SELECT count(*) FROM {t}").fetchall()[0][0] for t in FACTS}


def test_the_same_folder_twice_adds_nothing_and_every_row_is_known(recorded_data, tmp_path):
    folder = recorded_data / "gcp-pricing-weekly"
    first = json.loads(collect(folder, tmp_path, "--json"))
    stored = counts(tmp_path)
    again = json.loads(collect(folder, tmp_path, "--json"))
    assert counts(tmp_path) == stored
    assert [r["source_id"] for r in again] == ["gcp-pricing-weekly", "gcp-storage-egress", "catalog"]
    for before, after in zip(first, again, strict=True):
        assert before["rows_new"] > 0
        assert after["rows_new"] == 0
        assert after["rows_duplicate"] == before["rows_new"]
        assert (after["rows_in"], after["reasons"]) == (before["rows_in"], before["reasons"])
    # Files are known by their bytes and not opened again; the catalogue is no file and is met row by row.
    assert [r["run_id"] == 0 for r in again] == [True, True, False]


def test_a_person_reads_that_all_of_it_was_known_already(recorded_data, tmp_path):
    folder = recorded_data / "azure-spot-snapshot-2024"
    collect(folder, tmp_path)
    told = collect(folder, tmp_path)
    # 94 rows: 46 known, 47 meters of Windows and one size of no catalogue in quarantine.
    assert "Known already" in told
    (line,) = (line for line in told.splitlines() if line.startswith("azure-spot-snapshot"))
    assert line.split()[1:5] == ["94", "0", "46", "48"]
