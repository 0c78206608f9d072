"""What a person may get wrong, typed at the real command: a sentence, the next step, the exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = (ROOT / "examples" / "llm-30b.toml").read_text()
PLAN = json.loads((ROOT / "examples" / "plan.json").read_text())


def typed(*words: str | Path, cwd: Path, module: str = "advisor.cli") -> subprocess.CompletedProcess[str]:
    """Type a command in a folder, with a store of its own there."""
    return subprocess.run(
        [sys.executable, "-P", "-m", module, *map(str, words)],
        cwd=cwd,
        env={**os.environ, "LOWTIDE_STORE": str(cwd / "store.duckdb"), "LOWTIDE_URL": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def refused(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """Check a refusal: its exit code, its words, and that no traceback shows."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def job(folder: Path, text: str) -> Path:
    path = folder / "job.toml"
    path.write_text(text)
    return path


def test_an_unknown_field_is_named_with_the_nearest_known_one(tmp_path):
    path = job(tmp_path, GOOD.replace("useful_hours", "usefull_hours"))
    refused(typed("estimate", path, cwd=tmp_path), 2, "usefull_hours", "useful_hours")


def test_a_negative_price(tmp_path):
    article = (ROOT / "examples" / "article.toml").read_text().replace("price_spot = 6", "price_spot = -6")
    refused(typed("estimate", job(tmp_path, article), cwd=tmp_path), 2, "price_spot", "-6")


def test_a_deadline_in_the_past(tmp_path):
    past = "\n".join(
        'deadline_at = "2020-01-01T00:00:00Z"' if line.startswith("deadline_hours") else line
        for line in GOOD.splitlines()
    )
    refused(typed("estimate", job(tmp_path, past), "--sample", "1", cwd=tmp_path), 2, "2020-01-01")


def test_a_gpu_nobody_sells(tmp_path):
    path = job(tmp_path, GOOD.replace("H100-80GB", "H1000-80GB"))
    refused(typed("estimate", path, "--sample", "1", cwd=tmp_path), 2, "H1000-80GB", "H100-80GB")


def test_an_empty_history(tmp_path):
    done = typed("estimate", ROOT / "examples" / "llm-30b.toml", cwd=tmp_path)
    refused(done, 3, "lowtide collect")


def test_a_job_file_that_is_not_there(tmp_path):
    refused(typed("estimate", "no-such-job.toml", cwd=tmp_path), 4, "no-such-job.toml")


def test_a_truncated_trace(tmp_path):
    trace = tmp_path / "spot-traces/availability/1-node/aws-02-15-2023/us-east-1a_v100_1.json"
    trace.parent.mkdir(parents=True)
    trace.write_text('{"metadata":{"gap_seconds":195},"data":[0,0,1,1,')
    refused(typed("collect", "recorded", trace, cwd=tmp_path), 2, "us-east-1a_v100_1.json")


def test_a_foreign_file(tmp_path):
    foreign = tmp_path / "holiday.csv"
    foreign.write_text("beach,sunshine_hours\nnorth,7\n")
    refused(typed("collect", "recorded", foreign, cwd=tmp_path), 2, "holiday.csv")


@pytest.fixture
def held_store(tmp_path) -> Iterator[int]:
    """The process ID of a service that holds the store of this folder."""
    ready = tmp_path / "ready"
    words = ["serve", "--port", "0", "--store", str(tmp_path / "store.duckdb"), "--ready-file", str(ready)]
    command = [sys.executable, "-P", "-m", "advisor.cli", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as service:
        assert service.stdout is not None
        assert "listening on" in service.stdout.readline()
        yield service.pid
        service.send_signal(signal.SIGKILL)


def test_a_database_locked_by_another_process_names_the_holder(tmp_path, held_store):
    done = typed("store", "verify", "--store", tmp_path / "store.duckdb", cwd=tmp_path)
    refused(done, 4, str(held_store))


def test_a_running_service_writes_the_snapshot_of_the_store_it_holds(tmp_path, held_store):
    url = (tmp_path / "ready").read_text().strip()
    copy = tmp_path / "copy.duckdb"
    done = typed("store", "snapshot", copy, "--url", url, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    again = typed("store", "snapshot", copy, "--url", url, cwd=tmp_path)
    refused(again, 2, "copy.duckdb", "exists already")
    assert typed("store", "verify", "--store", copy, cwd=tmp_path).returncode == 0


def test_a_running_service_backs_its_store_up_and_a_restore_of_it_refuses_what_is_there(tmp_path, held_store):
    url = (tmp_path / "ready").read_text().strip()
    backup, new = tmp_path / "b.tar", tmp_path / "new" / "store.duckdb"
    done = typed("store", "backup", backup, "--url", url, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["tables"]["run"] == 0
    refused(typed("store", "backup", backup, "--url", url, cwd=tmp_path), 2, "b.tar", "exists already")
    refused(typed("store", "restore", backup, cwd=tmp_path), 4, "held by process", str(held_store))
    assert typed("store", "restore", backup, "--store", new, cwd=tmp_path).returncode == 0
    done = typed("store", "verify", "--store", new, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "The store keeps all its rules.\n")


def test_a_restore_of_what_is_no_whole_backup(tmp_path):
    assert typed("store", "backup", tmp_path / "b.tar", cwd=tmp_path).returncode == 0
    whole = (tmp_path / "b.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) // 2])
    new = tmp_path / "new.duckdb"
    refused(typed("store", "restore", tmp_path / "cut.tar", "--store", new, cwd=tmp_path), 2, "cut.tar")
    refused(typed("store", "restore", ROOT / "README.md", "--store", new, cwd=tmp_path), 2, "README.md")
    refused(typed("store", "restore", tmp_path / "none.tar", "--store", new, cwd=tmp_path), 2, "none.tar")
    assert not new.exists()
    done = typed("store", "restore", tmp_path / "cut.tar", "--store", new, "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["error"] == "BackupUnreadable"


def test_a_restore_never_takes_the_place_of_facts(tmp_path):
    assert typed("collect", "sample", cwd=tmp_path).returncode == 0
    assert typed("store", "backup", "b.tar", cwd=tmp_path).returncode == 0
    refused(
        typed("store", "restore", "b.tar", cwd=tmp_path), 2, "store.duckdb", "never restored over", "--store"
    )
    done = typed("store", "restore", "b.tar", "--store", "new.duckdb", "--json", cwd=tmp_path)
    told = json.loads(done.stdout)
    assert (done.returncode, told["problems"]) == (0, [])
    assert told["tables"]["price_change"] > 0


def test_listings_since_a_window_or_an_instant(tmp_path):
    done = typed("collect", "listings", "--since", "7d", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["listings"] == []
    done = typed("collect", "listings", "--since", "2026-01-01", cwd=tmp_path)
    assert done.stdout == "No machine was first listed since 2026-01-01 00:00 UTC.\n"
    refused(typed("collect", "listings", "--since", "lately", cwd=tmp_path), 2, "lately")
    refused(typed("collect", "listings", "--region", "us-east-1", cwd=tmp_path), 2, "--region")


def test_a_plan_from_a_newer_schema(tmp_path):
    plan = tmp_path / "plan.json"
    plan.write_text(json.dumps({**PLAN, "schema_version": 99}))
    done = typed("--plan", plan, "--spool", tmp_path, cwd=tmp_path, module="trainer.launch")
    refused(done, 2, "99")


@pytest.mark.parametrize("shadow", ["model.py", "trainer.py", "advisor.py", "model/", "collector/"])
def test_a_users_own_modules_do_not_shadow_ours(shadow, tmp_path):
    if shadow.endswith("/"):
        (tmp_path / shadow).mkdir()
    else:
        (tmp_path / shadow).write_text("raise SystemExit('the wrong module was loaded')\n")
    script = Path(sys.executable).with_name("lowtide")
    words = [script, "estimate", ROOT / "examples" / "article.toml"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "61.67" in done.stdout


def test_the_worked_example_of_the_article(tmp_path):
    # 24 h x $6 + 2 h x $20 = $184 against 24 h x $20 = $480; on spot 24 x 6 + 2 x 6 = $156.
    shown = typed("estimate", ROOT / "examples" / "article.toml", cwd=tmp_path).stdout
    for figure in ("$480", "$184", "61.67", "$156", "67.5", "16.8", "56"):
        assert figure in shown, shown


def test_a_soft_deadline_without_what_lateness_costs(tmp_path):
    soft = GOOD.replace("value_of_time_usd_per_hour = 0.0", 'deadline_kind = "soft"')
    done = typed("plan", job(tmp_path, soft), "--sample", "1", cwd=tmp_path)
    refused(done, 2, "deadline_kind = soft", "value_of_time_usd_per_hour", "leave deadline_kind out")
    assert not (tmp_path / "plan.json").exists()
