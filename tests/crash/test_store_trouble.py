"""The world around the store: another holder, a full disk. Real processes, one sentence each."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import pytest

from collector.database import StoreLocked
from collector.store import Store

NOW = datetime(2026, 1, 31, tzinfo=UTC)

HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from collector.store import Store
with Store.open(Path(sys.argv[1]), clock=lambda: datetime(2026, 1, 31, tzinfo=UTC)):
    print("holding", flush=True)
    sys.stdin.read()
"""

FULL_DISK = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
import numpy as np, pandas as pd
from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store
from model.errors import LowtideError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # A write beyond the limit fails, as on a full disk.

class Much:
    source_id, kind, licence, note, origin = "much", "recorded", "", "", "memory"
    def batches(self):
        for year in range(2000, 2020):
            at = pd.date_range(f"{year}-01-01", periods=100_000, freq="s", tz="UTC")
            usd = pd.Series(np.random.default_rng(year).uniform(1, 3, len(at))).map("{:.9f}".format)
            yield Batch(prices=pd.DataFrame({
                "pool_id": "aws/us-east-1/use1-az1/p3.2xlarge/spot", "kind": "recorded", "effective_at": at,
                "observed_at": at, "price_usd_per_hour": usd}))

path = Path(sys.argv[1])
with Store.open(path, clock=lambda: datetime(2026, 1, 31, tzinfo=UTC)) as store:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, resource.RLIM_INFINITY))
    try:
        ingest(store, Much(), progress=lambda report: print(report.rows_new, flush=True))
    except LowtideError as trouble:
        print(f"{trouble.exit_code} {type(trouble).__name__} {trouble.seen} {trouble.fix}", flush=True)
"""


def test_a_locked_store_names_its_holder_and_what_to_type(tmp_path):
    path = tmp_path / "a.duckdb"
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(StoreLocked) as refusal:
            Store.open(path, clock=lambda: NOW)
        holder.stdin.close()
    assert f"held by process {holder.pid}" in refusal.value.seen
    assert "sys.stdin.read()" in refusal.value.seen  # The holder's command line.
    assert f"kill {holder.pid}" in refusal.value.fix
    assert refusal.value.exit_code == 4
    Store.open(path, clock=lambda: NOW).close()  # Free again once the holder has gone.


def test_a_full_disk_is_said_in_one_sentence_and_keeps_what_was_acknowledged(tmp_path):
    path = tmp_path / "a.duckdb"
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert "Traceback" not in done.stderr, done.stderr
    assert lines[-1].startswith("4 StoreFull Writing to"), done.stdout + done.stderr
    assert "Free disk space" in lines[-1]
    acknowledged = int(lines[-2]) if len(lines) > 1 else 0
    with Store.open(path, clock=lambda: NOW) as store:
        kept = sum(quality.rows for quality in store.quality(NOW))
        assert kept >= acknowledged
        assert kept % 100_000 == 0
        assert store.verify() == []
