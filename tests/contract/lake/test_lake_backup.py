"""A lake is backed up as a file is, and its backup becomes a file that answers alike."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from collector.ingest import ingest
from collector.restore import restore
from collector.sources.base import Batch
from collector.store import Store

T0 = datetime(2026, 1, 1, tzinfo=UTC)
FAR = T0 + timedelta(days=30)
KEY = "aws/us-east-1/use1-az1/p3.2xlarge/spot"


class Market:
    """Prices that change and repeat, and probes."""

    source_id, kind, licence, note, origin = "market", "recorded", "", "", "memory"

    def batches(self):
        at = pd.Series(pd.date_range(T0, periods=50, freq="h"))
        usd = [f"{1 + hour // 7}.000000001" for hour in range(50)]
        common = {"pool_id": KEY, "effective_at": at, "observed_at": at}
        yield Batch(
            prices=pd.DataFrame({**common, "price_usd_per_hour": usd, "kind": "recorded"}),
            probes=pd.DataFrame({**common, "wanted": 1, "obtainable": at.dt.hour % 2, "holds_s": 3600.0}),
        )


@pytest.fixture
def saved(lake, tmp_path) -> Path:
    with Store.open(lake, clock=lambda: FAR) as store:
        ingest(store, Market())
        store.save_recommendation("rec-1", as_of=T0, request=b"\x00", body=bytes(range(256)))
        store.backup(tmp_path / "b.tar", program="1")
    return tmp_path / "b.tar"


def told(store: Store) -> list[object]:
    histories = store.pool_histories(as_of=FAR, window=timedelta(days=60))
    kept = store.recommendation("rec-1")
    return [histories, store.quality(FAR), store.pools(FAR), store.span(), kept, store.verify()]


def test_the_backup_of_a_lake_becomes_a_file_that_answers_alike(lake, saved, tmp_path):
    made = restore(saved, tmp_path / "file.duckdb", clock=lambda: FAR)
    assert (made.problems, made.manifest.store) == ([], str(lake))
    with Store.open(lake, clock=lambda: FAR) as one:
        answers = told(one)
    with Store.open(tmp_path / "file.duckdb", clock=lambda: FAR) as other:
        assert told(other) == answers


def test_a_backup_is_not_restored_into_a_lake(setting, saved, tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "advisor.cli", "store", "restore", str(saved)],
        env={**os.environ, "LOWTIDE_STORE": setting},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "the store is a lake" in done.stderr
