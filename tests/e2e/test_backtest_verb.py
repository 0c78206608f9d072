"""`lowtide backtest` as it is typed: on a small generated history in a store of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from collector.ingest import ingest
from collector.sources.base import Batch
from collector.store import Store

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 18
EAST = "aws/us-east-1/name:us-east-1a/p3.2xlarge/spot"
WEST = "aws/us-west-2/name:us-west-2a/p3.2xlarge/spot"
OD = "aws/us-east-1/-/p3.2xlarge/on_demand"
PRICES = ((EAST, "0.92"), (WEST, "1.00"), (OD, "3.06"))
JOB = """
[job]
name = "eight-hours"
gpus = 1
useful_hours = 8.0
state_bytes = 6e9
[job.throughput]
"V100-16GB" = 1.0
[overheads]
pause_s = 8.0
save_lag_s = 0.0
boot_s = 180.0
restore_s = 30.0
warmup_s = 30.0
"""


class Generated:
    """Two pools that come and go by a seeded chain: synthetic, nobody's market."""

    source_id, kind, licence, note, origin = "generated", "synthetic", "none", "made from a seed", "memory"

    def batches(self):
        at = pd.date_range(BEGIN, periods=DAYS * 144, freq="10min")
        for number, key in enumerate((EAST, WEST)):
            turns = np.random.default_rng(number).random(len(at)) < 0.03 * (number + 1)
            up = (np.cumsum(turns) % 2 == 0).astype(int)
            yield Batch(probes=pd.DataFrame(
                {"pool_id": key, "effective_at": at, "observed_at": at, "wanted": 1, "obtainable": up,
                 "holds_s": 600.0}))  # fmt: skip
        yield Batch(prices=pd.DataFrame(
            {"pool_id": key, "effective_at": BEGIN, "observed_at": BEGIN, "price_usd_per_hour": usd,
             "kind": "synthetic"} for key, usd in PRICES))  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("backtest") / "store.duckdb"
    with Store.open(path, clock=lambda: BEGIN + timedelta(days=DAYS)) as opened:
        ingest(opened, Generated())
    return path


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("job") / "job.toml"
    path.write_text(JOB)
    return path


def lowtide(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "advisor.cli", *map(str, words)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, env=env, timeout=240, check=False)


def test_the_figures_are_printed_and_kept_and_do_not_depend_on_the_number_of_workers(store, job):
    one = lowtide("backtest", "--store", store, "--job", job, "--jobs", 2, "--json")
    assert one.returncode == 0, one.stderr
    told = json.loads(one.stdout)
    assert told["backtest_id"].startswith("bt-synthetic-")
    assert told["synthetic"] is True
    figures = {figure["figure"] for figure in told["figures"]}
    assert figures >= {"brier", "life_crps_24h", "finish_crps", "regret_usd"}
    other = lowtide("backtest", "--store", store, "--job", job, "--jobs", 1)
    assert other.returncode == 0, other.stderr
    assert "eight-hours: 8 origins 24 h apart on 2 pools" in other.stdout
    assert "synthetic" in other.stdout
    with Store.open(store, clock=lambda: datetime.now(UTC)) as opened:
        newest = opened.newest_backtest(datetime.now(UTC))
        assert newest is not None
        assert newest.backtest_id != told["backtest_id"]
        assert opened.backtest_figures(newest.backtest_id) == told["figures"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--from", "2026-01-10", "--until", "2026-01-05"], 2, "--from is not before --until"),
        (["--from", "2026-01-17"], 3, "are missing"),
        (["--from", "yesterday"], 2, "is not an instant"),
        (["--every", "never"], 2, "is not a length of time"),
        (["--jobs", "0"], 2, "--jobs"),
        (["--job", "/no/such/job.toml"], 4, "cannot be read"),
        (["--engine", "ray"], 4, "lowtide[ray]"),
    ],
)
def test_wrong_input_is_one_sentence_and_a_code(store, words, code, said):
    if "ray" in words and find_spec("ray"):
        pytest.skip("ray is installed here")
    done = lowtide("backtest", "--store", store, *words)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_store_without_probes_says_what_to_collect(tmp_path):
    done = lowtide("backtest", "--store", tmp_path / "empty.duckdb")
    assert done.returncode == 3
    assert "0 probes" in done.stderr
    assert "lowtide collect" in done.stderr


def test_help_loads_nothing_heavy():
    code = (
        "from advisor.cli import run; run(['backtest', '--help']); import sys; print(' '.join(sys.modules))"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.splitlines()[-1].split()}
    assert loaded.isdisjoint({"numpy", "scipy", "pandas", "duckdb", "pydantic", "fastapi", "httpx", "ray"})
