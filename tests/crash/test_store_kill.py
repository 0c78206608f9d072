"""A process killed in the middle: acknowledged batches stay, half a batch never does."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from collector.database import sql
from collector.migrations import known_migrations
from collector.store import Store

NOW = datetime(2026, 1, 31, tzinfo=UTC)
BATCH_ROWS = 500

WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
import pandas as pd
from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store

ROWS = int(sys.argv[2])

class Endless:
    source_id, kind, licence, note, origin = "endless", "recorded", "", "", "memory"
    def batches(self):
        start = pd.Timestamp("2025-01-01", tz="UTC")
        for number in range(100_000):
            at = start + pd.to_timedelta(range(number * ROWS, (number + 1) * ROWS), unit="s")
            yield Batch(probes=pd.DataFrame({
                "pool_id": "aws/us-east-1/use1-az1/p3.2xlarge/spot", "effective_at": at, "observed_at": at,
                "wanted": 1, "obtainable": 1, "holds_s": 1.0}))

store = Store.open(Path(sys.argv[1]), clock=lambda: datetime(2026, 1, 31, tzinfo=UTC))
ingest(store, Endless(), progress=lambda report: print(report.rows_new, flush=True))
"""

MIGRATOR = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from collector.store import Store

class Clock:
    asked = 0
    def __call__(self):
        self.asked += 1
        if self.asked == int(sys.argv[2]):  # Asked once per migration, after its statements ran.
            os.kill(os.getpid(), signal.SIGKILL)
        return datetime(2026, 1, 31, tzinfo=UTC)

Store.open(Path(sys.argv[1]), clock=Clock())
"""


def reopened(path: Path) -> Store:
    return Store.open(path, clock=lambda: NOW)


@pytest.mark.parametrize("acknowledged_batches", [1, 4])
def test_a_killed_ingest_loses_no_acknowledged_row_and_keeps_no_half_batch(tmp_path, acknowledged_batches):
    path = tmp_path / "a.duckdb"
    command = [sys.executable, "-c", WRITER, str(path), str(BATCH_ROWS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        acknowledged = [int(writer.stdout.readline()) for _ in range(acknowledged_batches)]
        writer.send_signal(signal.SIGKILL)
        rest = [int(line) for line in writer.stdout.read().split()]
    assert writer.returncode == -signal.SIGKILL
    promised = (acknowledged + rest)[-1]
    with reopened(path) as store:
        (quality,) = store.quality(NOW)
        assert quality.rows >= promised
        assert quality.rows % BATCH_ROWS == 0
        assert store.verify() == []


def test_after_a_kill_the_same_ingest_completes_without_doubles(tmp_path):
    path = tmp_path / "a.duckdb"
    command = [sys.executable, "-c", WRITER, str(path), str(BATCH_ROWS)]
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            writer.stdout.readline()
            writer.kill()
    with reopened(path) as store:
        assert store.verify() == []


@pytest.mark.parametrize("step", range(1, len(known_migrations()) + 1))
def test_a_migration_killed_in_the_middle_runs_again(tmp_path, step):
    path = tmp_path / "a.duckdb"
    killed = subprocess.run([sys.executable, "-c", MIGRATOR, str(path), str(step)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with duckdb.connect(str(path)) as raw:
        applied = raw.execute(sql("schema/applied")).fetchall()
    assert len(applied) == step - 1
    with reopened(path) as store:
        assert store.pools(NOW) == []
        assert store.verify() == []
