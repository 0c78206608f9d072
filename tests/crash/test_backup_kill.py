"""A backup or a restore killed at any instant leaves nothing of its name, or all of it."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from collector.backup_file import open_backup
from collector.ingest import ingest
from collector.restore import restore
from collector.sources.base import Batch
from collector.store import Store

NOW = datetime(2026, 1, 31, tzinfo=UTC)
POOL = "aws/us-east-1/use1-az1/p3.2xlarge/spot"
ROWS = 20_000

# Kills itself where a call to a function begins (before) or has ended (after), the nth time.
DYING = """
import importlib, os, signal, sys
from datetime import UTC, datetime
from pathlib import Path

def die_at(place, nth, when):
    module, _, name = place.rpartition(".")
    holder, _, cls = module.partition(":")
    owner = importlib.import_module(holder)
    owner = getattr(owner, cls) if cls else owner
    whole, calls = getattr(owner, name), []
    def dying(*args, **kwargs):
        calls.append(1)
        last = len(calls) == nth
        if last and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        found = whole(*args, **kwargs)
        if last:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    setattr(owner, name, dying)

what, source, target, place, nth, when = sys.argv[1:]
from collector.restore import restore
from collector.store import Store
if place != "-":
    die_at(place, int(nth), when)
clock = lambda: datetime(2026, 1, 31, tzinfo=UTC)
print("ready", flush=True)
if what == "backup":
    with Store.open(Path(source), clock=clock) as store:
        store.backup(Path(target), program="1")
else:
    restore(Path(source), Path(target), clock=clock)
print("done", flush=True)
"""
WRITER = "collector.backup_file:BackupWriter"
READER = "collector.backup_file:BackupReader"
IN_BACKUP = [
    ("collector.backup.run_on_table", 1, "before"), ("collector.backup.run_on_table", 5, "after"),
    (f"{WRITER}.add_table", 1, "after"), (f"{WRITER}.add_table", 12, "before"),
    (f"{WRITER}.close", 1, "before"), (f"{WRITER}.close", 1, "after"),
    ("collector.whole_file.sync", 1, "after"), ("os.link", 1, "before"), ("os.link", 1, "after"),
    ("collector.whole_file.sync", 2, "after"),
]  # fmt: skip
IN_RESTORE = [
    (f"{READER}.check", 1, "after"), (f"{READER}.extract", 3, "after"),
    ("collector.restore.run_on_table", 1, "before"), ("collector.restore.run_on_table", 9, "after"),
    ("collector.restore._load", 1, "after"), ("collector.restore._finish", 1, "after"),
    ("os.link", 1, "before"), ("os.link", 1, "after"), ("collector.whole_file.sync", 2, "after"),
]  # fmt: skip


class Much:
    """Enough rows that writing them takes a while."""

    source_id, kind, licence, note, origin = "much", "recorded", "", "", "memory"

    def batches(self):
        at = pd.date_range("2025-01-01", periods=ROWS, freq="10s", tz="UTC")
        usd = pd.Series(np.random.default_rng(1).uniform(1, 3, ROWS)).map("{:.9f}".format)
        yield Batch(prices=pd.DataFrame({"pool_id": POOL, "kind": "recorded", "effective_at": at,
                                         "observed_at": at, "price_usd_per_hour": usd}))  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A folder with a store and its backup."""
    folder = tmp_path_factory.mktemp("whole")
    with Store.open(folder / "a.duckdb", clock=lambda: NOW) as store:
        ingest(store, Much())
        store.backup(folder / "a.tar", program="1")
    return folder


def started(what: str, source: Path, target: Path, place="-", nth=1, when="before"):
    words = [sys.executable, "-c", DYING, what, *map(str, (source, target, place, nth, when))]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def killed_at(*words) -> None:
    with started(*words) as process:
        assert process.stdout.read() == "ready\n"
    assert process.returncode == -signal.SIGKILL


def nothing_or_whole(target: Path) -> bool:
    """Whether the file is there; if so, all of it is."""
    if not target.exists():
        return False
    if target.suffix == ".tar":
        with open_backup(target) as found:
            found.check()
            assert found.manifest.rows > ROWS
    else:
        with Store.open(target, clock=lambda: NOW) as store:
            assert store.quality(NOW)[0].rows == ROWS
            assert store.verify() == []
    return True


@pytest.mark.parametrize("point", IN_BACKUP, ids=lambda point: f"{point[2]} {point[0].rpartition('.')[2]}")
def test_a_backup_killed_at_any_step_is_whole_or_absent_and_can_be_taken_again(whole, tmp_path, point):
    target = tmp_path / "b.tar"
    killed_at("backup", whole / "a.duckdb", target, *point)
    if not nothing_or_whole(target):
        with Store.open(whole / "a.duckdb", clock=lambda: NOW) as store:
            store.backup(target, program="1")
        assert nothing_or_whole(target)
        assert [path.name for path in tmp_path.iterdir()] == ["b.tar"]  # What was left is gone.


@pytest.mark.parametrize("point", IN_RESTORE, ids=lambda point: f"{point[2]} {point[0].rpartition('.')[2]}")
def test_a_restore_killed_at_any_step_is_whole_or_absent_and_can_be_done_again(whole, tmp_path, point):
    target = tmp_path / "b.duckdb"
    killed_at("restore", whole / "a.tar", target, *point)
    if not nothing_or_whole(target):
        restore(whole / "a.tar", target, clock=lambda: NOW)
        assert nothing_or_whole(target)
        assert [path.name for path in tmp_path.iterdir()] == ["b.duckdb"]


@pytest.mark.parametrize("what", ["backup", "restore"])
def test_a_kill_out_of_the_blue_leaves_nothing_or_all(whole, tmp_path, what):
    source = whole / ("a.duckdb" if what == "backup" else "a.tar")
    chance = random.Random(7)
    for number in range(6):
        target = tmp_path / f"{number}{'.tar' if what == 'backup' else '.duckdb'}"
        with started(what, source, target) as process:
            process.stdout.readline()
            time.sleep(chance.uniform(0, 0.4))
            os.kill(process.pid, signal.SIGKILL)
        nothing_or_whole(target)


def test_a_restore_killed_while_it_replaces_an_empty_store_leaves_one_of_the_two(whole, tmp_path):
    target = tmp_path / "b.duckdb"
    for when in ("before", "after"):
        Store.open(target, clock=lambda: NOW).close()
        killed_at("restore", whole / "a.tar", target, "os.replace", 1, when)
        with Store.open(target, clock=lambda: NOW) as store:
            assert store.verify() == []
            assert bool(store.pools(NOW)) == (when == "after")


FULL_DISK = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from collector.restore import restore
from collector.store import Store
from model.errors import LowtideError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # A write beyond the limit fails, as on a full disk.
what, source, target, limit = sys.argv[1:]
clock = lambda: datetime(2026, 1, 31, tzinfo=UTC)
try:
    if what == "backup":
        with Store.open(Path(source), clock=clock) as store:
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
            store.backup(Path(target), program="1")
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
        restore(Path(source), Path(target), clock=clock)
except LowtideError as trouble:
    print(trouble.exit_code, trouble.seen, trouble.fix)
"""


@pytest.mark.parametrize("what", ["backup", "restore"])
@pytest.mark.parametrize("limit", [2_000, 60_000, 150_000])
def test_a_full_disk_is_said_in_one_sentence_and_leaves_nothing(whole, tmp_path, what, limit):
    source, target = ("a.duckdb", "b.tar") if what == "backup" else ("a.tar", "b.duckdb")
    words = [sys.executable, "-c", FULL_DISK, what, whole / source, tmp_path / target, str(limit)]
    done = subprocess.run([*map(str, words)], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("4 "), done.stdout + done.stderr
    assert "File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []
